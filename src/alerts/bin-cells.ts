/**
 * The bins of histograms in the last cells of many instances, for percentiles.
 *
 *   cell   [key, weight, key, weight, ...]      of one instance
 *
 * Whether a percentile is beyond a threshold is seen without them: by the weight above it (`firstAbove`).
 */
import { middleOf } from '../aggregate/bins.ts';

type Packed = number[] | null;

/** Keys are from -KEYS to KEYS. */
const KEYS = 1 << 17;

/** All that are merged, by key, and which these are: made when the first is asked for. */
let merged: { weights: Float64Array; keys: Int32Array } | null = null;

export class BinCells {
  /** By cell, then by slot. */
  readonly #cells: Packed[][];
  /** The open one. */
  #at = 0;

  constructor(size: number) {
    this.#cells = Array.from({ length: size }, () => []);
  }

  clear(slot: number): void {
    for (const cell of this.#cells) cell[slot] = null;
  }

  add(slot: number, bins: ReadonlyMap<number, number>): void {
    const open = this.#cells[this.#at]!;
    const had = open[slot];
    const packed: number[] = [];
    if (had == null) for (const [key, weight] of bins) packed.push(key, weight);
    else {
      const all = new Map(bins);
      for (let i = 0; i < had.length; i += 2) all.set(had[i]!, (all.get(had[i]!) ?? 0) + had[i + 1]!);
      for (const [key, weight] of all) packed.push(key, weight);
    }
    open[slot] = packed;
  }

  /** Closes the open cell. */
  next(): void {
    this.#at = (this.#at + 1) % this.#cells.length;
    this.#cells[this.#at]!.fill(null);
  }

  /** The middle of the bin in which a quantile lies; null: there are none. */
  quantile(slot: number, quantile: number): number | null {
    merged ??= { weights: new Float64Array(2 * KEYS + 1), keys: new Int32Array(2 * KEYS + 1) };
    const { weights, keys } = merged;
    let [count, total] = [0, 0];
    for (const row of this.#cells) {
      const cell = row[slot];
      if (cell == null) continue;
      for (let i = 0; i < cell.length; i += 2) {
        const key = cell[i]!;
        if (weights[key + KEYS] === 0) keys[count++] = key;
        weights[key + KEYS]! += cell[i + 1]!;
        total += cell[i + 1]!;
      }
    }
    if (count === 0) return null;
    const sorted = keys.subarray(0, count).sort();
    const rank = rankOf(quantile, total);
    let [running, found] = [0, sorted[count - 1]!];
    for (const key of sorted) {
      running += weights[key + KEYS]!;
      if (running <= rank) continue;
      found = key;
      break;
    }
    for (const key of sorted) weights[key + KEYS] = 0;
    return middleOf(found);
  }
}

/** What must lie below a quantile of so many. */
export function rankOf(quantile: number, total: number): number {
  return quantile * (total - 1);
}

/** The first key whose bin's middle is above a threshold, or also at it. */
export function firstAbove(threshold: number, alsoAt: boolean): number {
  let [low, high] = [-KEYS, KEYS];
  while (low < high) {
    const middle = Math.floor((low + high) / 2);
    const value = middleOf(middle);
    if (value > threshold || (alsoAt && value === threshold)) high = middle;
    else low = middle + 1;
  }
  return low;
}
