/**
 * Writes into one stream: a bulk is open until it is full, `linger` is over, or somebody waits for it; then it waits for
 * its turn, and goes out until each of its items is settled.
 *
 *   append -> open -> | bulk | bulk | -> at most in_flight on their way -> settled
 *
 * A server that is too busy (429) gets fewer at a time: half as many, then one more a minute.
 */
import type { Arenas } from './arenas.ts';
import type { Bulk } from './bulk.ts';
import type { BulkDelivery } from './delivery.ts';
import type { PartitionProgress } from './progress.ts';

const MORE_MS = 60_000;

export interface StreamWriterOptions {
  arenas: Arenas;
  delivery: BulkDelivery;
  /** Milliseconds. */
  linger: number;
  in_flight: number;
  /** A fault for good. */
  failed(error: Error): void;
}

export class StreamWriter {
  readonly name: string;
  readonly #o: StreamWriterOptions;
  #open: Bulk | null = null;
  #timer: NodeJS.Timeout | undefined;
  readonly #waiting: Bulk[] = [];
  #inFlight = 0;
  #limit: number;
  /** When `#limit` was changed last; monotonic milliseconds. */
  #changed = Number.NEGATIVE_INFINITY;

  constructor(name: string, options: StreamWriterOptions) {
    this.name = name;
    this.#o = options;
    this.#limit = options.in_flight;
  }

  /** False: there is no memory; it is to be tried again when `arenas.given` rings. */
  append(owner: PartitionProgress, offset: number, bytes: Buffer, from: number, to: number): boolean {
    const { arenas } = this.#o;
    if (this.#open?.append(owner, offset, bytes, from, to)) {
      if (this.#open.bytes >= arenas.size) this.close();
      return true;
    }
    this.close();
    const bulk = arenas.take(to - from);
    if (!bulk) return false;
    this.#open = bulk;
    bulk.append(owner, offset, bytes, from, to);
    if (bulk.bytes >= arenas.size) this.close();
    else this.#timer = setTimeout(() => this.close(), this.#o.linger);
    return true;
  }

  /** What is open goes out. */
  close(): void {
    const bulk = this.#open;
    if (!bulk) return;
    clearTimeout(this.#timer);
    this.#open = null;
    for (const span of bulk.spans) span.owner.seal(span);
    this.#waiting.push(bulk);
    this.#look();
  }

  /** Something of it is on its way. */
  get isBusy(): boolean {
    return this.#inFlight > 0;
  }

  get status(): { stream: string; waiting: number; in_flight: number; limit: number } {
    return { stream: this.name, waiting: this.#waiting.length, in_flight: this.#inFlight, limit: this.#limit };
  }

  #look(): void {
    const now = performance.now();
    if (this.#limit < this.#o.in_flight && now - this.#changed > MORE_MS) {
      this.#limit++;
      this.#changed = now;
    }
    while (this.#inFlight < this.#limit && this.#waiting.length > 0) {
      this.#inFlight++;
      this.#deliver(this.#waiting.shift()!).catch(this.#o.failed);
    }
  }

  async #deliver(bulk: Bulk): Promise<void> {
    try {
      await this.#o.delivery.deliver(this.name, bulk, () => this.#busy());
    } finally {
      this.#inFlight--;
      this.#o.arenas.give(bulk);
      this.#look();
    }
  }

  #busy(): void {
    const now = performance.now();
    // Those that were on their way together are one sign.
    if (now - this.#changed < 1000) return;
    this.#changed = now;
    this.#limit = Math.max(1, this.#limit >>> 1);
  }
}
