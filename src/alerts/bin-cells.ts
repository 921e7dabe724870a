/**
 * The bins of histograms in the last cells of many instances, for percentiles.
 *
 *   cell    a chunk of an instance with its bins, another one with what came later and was in none, ...
 *   chunk   keys     bins   before   key      key      ...       before: the chunk of this instance before it; -1: none
 *           weights  least  greatest weight   weight   ...
 *
 * That a percentile is not beyond a threshold is seen without them: by the weight above it.
 */
import { middleOf } from '../aggregate/bins.ts';
import { release } from '../core/free.ts';
import type { MetricPoint } from './point.ts';
import { widened } from './widened.ts';

/** Keys are from -KEYS to KEYS. */
const KEYS = 1 << 17;
const HEAD = 2;
const NONE = -1;
const FIRST_ROOM = 1024;
/** A cell that was so much larger gives back what it does not need. */
const MOST_SPARE = 4;

/** All that are merged, by key, and which these are: made when the first is asked for. */
let merged: { weights: Float64Array; keys: Int32Array } | null = null;
/** By key, where it is in the cell that something is added to; 0: nowhere. */
let places: Int32Array | null = null;

export class BinCells {
  readonly #cells: Cell[];
  /** The open one. */
  #at = 0;

  constructor(size: number) {
    this.#cells = Array.from({ length: size }, () => new Cell());
  }

  clear(slot: number): void {
    for (const { heads } of this.#cells) if (slot < heads.length) heads[slot] = NONE;
  }

  /** `bins` null: there are none, only the least and the greatest. */
  add(slot: number, point: Pick<MetricPoint, 'min' | 'max' | 'bins'>): void {
    this.#cells[this.#at]!.add(slot, point);
  }

  /** Closes the open cell. */
  next(): void {
    this.#at = (this.#at + 1) % this.#cells.length;
    this.#cells[this.#at]!.empty();
  }

  /** The middle of the bin in which a quantile lies, where that is between the least and the greatest; null: there are none. */
  quantile(slot: number, quantile: number): number | null {
    merged ??= { weights: new Float64Array(2 * KEYS + 1), keys: new Int32Array(2 * KEYS + 1) };
    const all = merged;
    let [count, total] = [0, 0];
    let [least, greatest] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
    for (const { heads, keys, weights } of this.#cells) {
      for (let head = slot < heads.length ? heads[slot]! : NONE; head !== NONE; head = keys[head + 1]!) {
        least = Math.min(least, weights[head]!);
        greatest = Math.max(greatest, weights[head + 1]!);
        for (let i = head + HEAD, end = i + keys[head]!; i < end; i++) {
          const key = keys[i]!;
          const weight = weights[i]!;
          if (all.weights[key + KEYS] === 0) {
            // Ascending; nearly always it is at the end.
            let at = count++;
            for (; at > 0 && all.keys[at - 1]! > key; at--) all.keys[at] = all.keys[at - 1]!;
            all.keys[at] = key;
          }
          all.weights[key + KEYS]! += weight;
          total += weight;
        }
      }
    }
    if (count === 0) return null;
    const rank = rankOf(quantile, total);
    let [at, running] = [0, all.weights[all.keys[0]! + KEYS]!];
    while (running <= rank && at < count - 1) running += all.weights[all.keys[++at]! + KEYS]!;
    const found = all.keys[at]!;
    for (let i = 0; i < count; i++) all.weights[all.keys[i]! + KEYS] = 0;
    return Math.min(greatest, Math.max(least, middleOf(found)));
  }
}

class Cell {
  keys = new Int32Array(FIRST_ROOM);
  weights = new Float64Array(FIRST_ROOM);
  /** By slot: its latest chunk. */
  heads = new Int32Array(0);
  #used = 0;

  add(slot: number, { min, max, bins }: Pick<MetricPoint, 'min' | 'max' | 'bins'>): void {
    if (slot >= this.heads.length) this.#widen(slot + 1);
    const before = this.heads[slot]!;
    const head = this.#used;
    this.#reserve(head + HEAD + (bins?.size ?? 0));
    const { keys, weights } = this;
    let to = head + HEAD;
    if (before === NONE) {
      for (const [key, weight] of bins ?? []) {
        keys[to] = key;
        weights[to++] = weight;
      }
    } else {
      if (min < weights[before]!) weights[before] = min;
      if (max > weights[before + 1]!) weights[before + 1] = max;
      const known = this.#find(before);
      for (const [key, weight] of bins ?? []) {
        const at = known[key + KEYS]!;
        if (at > 0) weights[at]! += weight;
        else {
          keys[to] = key;
          weights[to++] = weight;
        }
      }
      this.#unfind(before);
      if (to === head + HEAD) return;
    }
    keys[head] = to - head - HEAD;
    keys[head + 1] = before;
    weights[head] = min;
    weights[head + 1] = max;
    this.heads[slot] = head;
    this.#used = to;
  }

  empty(): void {
    const { length } = this.keys;
    if (length > FIRST_ROOM && this.#used * MOST_SPARE < length) {
      release(this.keys);
      release(this.weights);
      this.keys = new Int32Array(length / 2);
      this.weights = new Float64Array(length / 2);
    }
    this.heads.fill(NONE);
    this.#used = 0;
  }

  /** Where the keys of these chunks are. */
  #find(head: number): Int32Array {
    places ??= new Int32Array(2 * KEYS + 1);
    this.#each(head, places, true);
    return places;
  }

  #unfind(head: number): void {
    this.#each(head, places!, false);
  }

  #each(first: number, to: Int32Array, is: boolean): void {
    const { keys } = this;
    for (let head = first; head !== NONE; head = keys[head + 1]!) {
      for (let i = head + HEAD, end = i + keys[head]!; i < end; i++) to[keys[i]! + KEYS] = is ? i : 0;
    }
  }

  #reserve(needed: number): void {
    let { length } = this.keys;
    if (needed <= length) return;
    while (length < needed) length *= 2;
    const [keys, weights] = [widened(this.keys, length), widened(this.weights, length)];
    release(this.keys);
    release(this.weights);
    this.keys = keys;
    this.weights = weights;
  }

  #widen(slots: number): void {
    const { length } = this.heads;
    this.heads = widened(this.heads, Math.max(slots, length * 2)).fill(NONE, length);
  }
}

/** What must lie below a quantile of so many. */
export function rankOf(quantile: number, total: number): number {
  return quantile * (total - 1);
}
