/**
 * The bins of histograms in the last cells of many instances, for percentiles.
 *
 *   cell   [least, greatest, key, weight, key, weight, ...]      of one instance
 *
 * That a percentile is not beyond a threshold is seen without them: by the weight above it.
 */
import { middleOf } from '../aggregate/bins.ts';
import type { MetricPoint } from './point.ts';

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

  /** `bins` null: there are none, only the least and the greatest. */
  add(slot: number, { min, max, bins }: Pick<MetricPoint, 'min' | 'max' | 'bins'>): void {
    const open = this.#cells[this.#at]!;
    const had = open[slot];
    const packed = had == null ? [min, max] : [Math.min(min, had[0]!), Math.max(max, had[1]!)];
    if (had == null) for (const [key, weight] of bins ?? []) packed.push(key, weight);
    else {
      const all = new Map(bins);
      for (let i = 2; i < had.length; i += 2) all.set(had[i]!, (all.get(had[i]!) ?? 0) + had[i + 1]!);
      for (const [key, weight] of all) packed.push(key, weight);
    }
    open[slot] = packed;
  }

  /** Closes the open cell. */
  next(): void {
    this.#at = (this.#at + 1) % this.#cells.length;
    this.#cells[this.#at]!.fill(null);
  }

  /** The middle of the bin in which a quantile lies, where that is between the least and the greatest; null: there are none. */
  quantile(slot: number, quantile: number): number | null {
    merged ??= { weights: new Float64Array(2 * KEYS + 1), keys: new Int32Array(2 * KEYS + 1) };
    const { weights, keys } = merged;
    let [count, total] = [0, 0];
    let [least, greatest] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
    for (const row of this.#cells) {
      const cell = row[slot];
      if (cell == null) continue;
      least = Math.min(least, cell[0]!);
      greatest = Math.max(greatest, cell[1]!);
      for (let i = 2; i < cell.length; i += 2) {
        const key = cell[i]!;
        const weight = cell[i + 1]!;
        if (weights[key + KEYS] === 0) {
          // Ascending; nearly always it is at the end.
          let at = count++;
          for (; at > 0 && keys[at - 1]! > key; at--) keys[at] = keys[at - 1]!;
          keys[at] = key;
        }
        weights[key + KEYS]! += weight;
        total += weight;
      }
    }
    if (count === 0) return null;
    const rank = rankOf(quantile, total);
    let [at, running] = [0, weights[keys[0]! + KEYS]!];
    while (running <= rank && at < count - 1) running += weights[keys[++at]! + KEYS]!;
    const found = keys[at]!;
    for (let i = 0; i < count; i++) weights[keys[i]! + KEYS] = 0;
    return Math.min(greatest, Math.max(least, middleOf(found)));
  }
}

/** What must lie below a quantile of so many. */
export function rankOf(quantile: number, total: number): number {
  return quantile * (total - 1);
}
