/** What waits in a spool partition: kept as sums, because a partition may hold a million blocks. */
import type { Weights } from './sidecar.ts';

export class Waiting {
  records = 0;
  bytes = 0;
  /** The time of the last block that was acknowledged: what waits is not older. */
  passedTime = 0;
  readonly #weights = new Map<string, number>();

  get weights(): Weights {
    return this.#weights;
  }

  add(records: number, bytes: number, weights?: Weights): void {
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

  clear(): void {
    this.records = 0;
    this.bytes = 0;
    this.#weights.clear();
  }
}
