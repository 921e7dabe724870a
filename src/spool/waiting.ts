/** What waits in a spool partition: kept as sums, because a partition may hold a million blocks. */
import type { Weights } from './sidecar.ts';

export class Waiting {
  records = 0;
  bytes = 0;
  /** The time of the last block that was acknowledged: what waits is not older. */
  passedTime = 0;
  /** Since when something waits, by `performance.now()`. */
  #since = 0;
  readonly #weights = new Map<string, number>();

  get weights(): Weights {
    return this.#weights;
  }

  /** `since`: when the first of it was written, by `performance.now()`. */
  add(records: number, bytes: number, weights?: Weights, since = performance.now()): void {
    if (this.records === 0 && records > 0) this.#since = since;
    this.records += records;
    this.bytes += bytes;
    for (const [input, items] of weights ?? []) this.#weights.set(input, (this.#weights.get(input) ?? 0) + items);
  }

  /** Never below zero: where a sidecar is damaged, what was added at the start is an estimate. */
  subtract(records: number, bytes: number, weights?: Weights): void {
    this.records = Math.max(0, this.records - records);
    this.bytes = Math.max(0, this.bytes - bytes);
    for (const [input, items] of weights ?? []) {
      const rest = (this.#weights.get(input) ?? 0) - items;
      if (rest > 0) this.#weights.set(input, rest);
      else this.#weights.delete(input);
    }
  }

  /**
   * The age of what waits longest. `time` is when it was packed, by the time of day, which may have been set since: it is
   * not older than that something waits, and not younger than `written`, when its segment was written to last.
   */
  oldestSeconds(time: number, written = performance.now()): number {
    if (this.records === 0) return 0;
    const now = performance.now();
    return Math.max(0, Math.min(Math.max(Date.now() - time, now - written), now - this.#since)) / 1000;
  }

  clear(): void {
    this.records = 0;
    this.bytes = 0;
    this.#weights.clear();
  }
}
