/**
 * On which side of a threshold a percentile lies, by weights alone: what lies in the bin of the threshold, and above it. Only
 * of one that is in that bin itself this is not known.
 */
import { keyOf } from '../aggregate/bins.ts';
import { rankOf } from './bin-cells.ts';
import type { SlidingColumn } from './sliding.ts';

/** `above` and `below` are infinite numbers, which compare as the percentile does. */
const ABOVE = Number.POSITIVE_INFINITY;
const BELOW = Number.NEGATIVE_INFINITY;

export class QuantileSides {
  readonly #bin: number;
  readonly #quantile: number;
  /** The weight in the bin of the threshold and above, and above it. */
  readonly #from: SlidingColumn;
  readonly #beyond: SlidingColumn;

  constructor(threshold: number, quantile: number, column: () => SlidingColumn) {
    this.#bin = keyOf(threshold);
    this.#quantile = quantile;
    this.#from = column();
    this.#beyond = column();
  }

  add(slot: number, bins: ReadonlyMap<number, number>): void {
    let [from, beyond] = [0, 0];
    for (const [key, weight] of bins) {
      if (key < this.#bin) continue;
      from += weight;
      if (key > this.#bin) beyond += weight;
    }
    this.#from.put(slot, from);
    this.#beyond.put(slot, beyond);
  }

  /** On which side it may be, where it may be on that of `isUp`, of the slots below `count`, into `to`; NaN: nothing is known. */
  all(isUp: boolean, totals: Float64Array, to: Float64Array, count: number): void {
    const quantile = this.#quantile;
    (isUp ? this.#from : this.#beyond).all(to, count);
    for (let slot = 0; slot < count; slot++) {
      const total = totals[slot]!;
      const side = total - to[slot]! <= rankOf(quantile, total) ? ABOVE : BELOW;
      to[slot] = total > 0 ? side : Number.NaN;
    }
  }

  /** NaN: it is not known, or nothing is. */
  of(slot: number, total: number): number {
    const rank = rankOf(this.#quantile, total);
    if (!(total > 0)) return Number.NaN;
    if (total - this.#from.of(slot) > rank) return BELOW;
    return total - this.#beyond.of(slot) <= rank ? ABOVE : Number.NaN;
  }
}
