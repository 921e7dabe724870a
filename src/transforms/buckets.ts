/** At most so many a second of each key: what is left over of a second is not kept. */

/** Keys that are told apart; the others share one. */
const MOST_KEYS = 10_000;
/** Looking for keys that nobody asks for any more goes over all of them: so often at most, milliseconds. */
const SWEEP_MS = 1000;

interface Bucket {
  left: number;
  /** By the clock that is asked with. */
  at: number;
}

export class Buckets {
  readonly #limit: number;
  readonly #buckets = new Map<string, Bucket>();
  readonly #others: Bucket;
  #swept = Number.NEGATIVE_INFINITY;

  constructor(limit: number) {
    this.#limit = limit;
    this.#others = { left: limit, at: 0 };
  }

  /** How many of so many it gives. `now` in milliseconds, never less than before. */
  take(key: string, wanted: number, now: number): number {
    const bucket = this.#buckets.get(key) ?? this.#add(key, now);
    bucket.left = Math.min(this.#limit, bucket.left + ((now - bucket.at) * this.#limit) / 1000);
    bucket.at = now;
    const taken = Math.min(wanted, Math.floor(bucket.left));
    bucket.left -= taken;
    return taken;
  }

  get keys(): number {
    return this.#buckets.size;
  }

  #add(key: string, now: number): Bucket {
    if (this.#buckets.size >= MOST_KEYS && now - this.#swept >= SWEEP_MS) {
      this.#swept = now;
      // One that is full again is as good as a new one.
      for (const [key, { at }] of this.#buckets) if (now - at >= 1000) this.#buckets.delete(key);
    }
    if (this.#buckets.size >= MOST_KEYS) return this.#others;
    const bucket = { left: this.#limit, at: now };
    this.#buckets.set(key, bucket);
    return bucket;
  }
}
