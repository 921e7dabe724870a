/**
 * The last windows of one instance, each with what all of its points make together, and the value of all of them.
 *
 *   cell   | 12:00:10 | 12:00:20 | 12:00:30 |     `over` 30s: three of them; one without a point is empty
 *
 * Of a long time a cell is several windows.
 */
import { middleOf } from '../aggregate/bins.ts';
import { OneWindow } from './one-window.ts';
import type { MetricPoint } from './point.ts';
import type { Rule } from './rule.ts';
import type { ValueOf } from './value.ts';

/** Of a line through fewer nothing is concluded. */
const LEAST_CELLS = 6;
/** A long time is told in so many steps. */
const MOST_CELLS = 120;
/** Numbers of a cell in the table. */
const FIELDS = 6;
const POINTS = 0;
const COUNT = 1;
const SUM = 2;
const MIN = 3;
const MAX = 4;
/** What a counter counted, the samples of a histogram, the points of a gauge. */
const COUNTED = 5;

/** How many windows of a source a rule's value is of. */
export function windowsOf({ value: { over } }: Pick<Rule, 'value'>, interval: number): number {
  return Math.max(1, Math.round((over ?? interval) / interval));
}

/** Those of one instance. */
export function windowsFor(rule: Pick<Rule, 'value' | 'forecast'>, interval: number): Windows | OneWindow {
  const { reduction } = rule.value;
  const windows = windowsOf(rule, interval);
  const one = windows === 1 && rule.forecast === null && reduction !== 'change' && reduction !== 'quantile';
  return one ? new OneWindow() : new Windows(reduction === 'change' ? windows * 2 : windows);
}

export class Windows {
  readonly #cells: Float64Array;
  /** By window; where bins are asked for. */
  readonly #bins: (Map<number, number> | null)[];
  readonly #size: number;
  /** Windows of the source in a cell. */
  readonly #each: number;
  /** The cell that is filled, and how many windows it has. */
  #at = 0;
  #closed = 0;

  /** `windows`: how many of the source count, those of `change` that are compared with included. */
  constructor(windows: number) {
    this.#each = Math.ceil(windows / MOST_CELLS);
    this.#size = Math.ceil(windows / this.#each);
    this.#cells = new Float64Array(this.#size * FIELDS);
    this.#bins = new Array<null>(this.#size).fill(null);
  }

  /** Into the window that is open. */
  add({ type, value, count, min, max, bins }: MetricPoint, withBins: boolean): void {
    const cells = this.#cells;
    const at = this.#at * FIELDS;
    if (cells[at + POINTS] === 0) {
      cells[at + MIN] = min;
      cells[at + MAX] = max;
    } else {
      cells[at + MIN] = Math.min(cells[at + MIN]!, min);
      cells[at + MAX] = Math.max(cells[at + MAX]!, max);
    }
    cells[at + POINTS]! += 1;
    cells[at + COUNT]! += type === 'histogram' ? count : 1;
    cells[at + SUM]! += value;
    cells[at + COUNTED]! += type === 'sum' ? value : type === 'histogram' ? count : 1;
    if (!withBins || bins === null) return;
    const merged = this.#bins[this.#at] ?? new Map<number, number>();
    for (const [bin, weight] of bins) merged.set(bin, (merged.get(bin) ?? 0) + weight);
    this.#bins[this.#at] = merged;
  }

  /** Closes the open window. */
  next(): void {
    if (++this.#closed < this.#each) return;
    this.#closed = 0;
    this.#at = (this.#at + 1) % this.#size;
    this.#cells.fill(0, this.#at * FIELDS, (this.#at + 1) * FIELDS);
    this.#bins[this.#at] = null;
  }

  /** Whether none of the windows has a point. */
  get isEmpty(): boolean {
    return this.#of(POINTS, 0, this.#size) === 0;
  }

  /** Null: there is none. `isSum`: the points are of counters. `windowMs`: how long one of them is. */
  value({ reduction, quantile }: ValueOf, isSum: boolean, windowMs: number): number | null {
    const size = this.#size;
    const points = this.#of(POINTS, 0, size);
    switch (reduction) {
      case 'sum':
        return this.#of(SUM, 0, size);
      case 'count':
        return this.#of(COUNTED, 0, size);
      case 'rate':
        return this.#of(COUNTED, 0, size) / ((size * this.#each * windowMs) / 1000);
      case 'change':
        return this.#change(isSum);
    }
    if (points === 0) return null;
    switch (reduction) {
      case 'min':
        return this.#extreme(MIN, Math.min);
      case 'max':
        return this.#extreme(MAX, Math.max);
      case 'avg':
        return this.#average(0, size, isSum);
      case 'last':
        return this.#average(0, 1, isSum) ?? this.#latest(isSum);
      case 'quantile':
        return this.#quantile(quantile);
    }
  }

  /**
   * Milliseconds until the value is `reaches`, as it went: a straight line through the cells' values. 0: it is there;
   * infinite: not as it goes; null: there are not enough to tell.
   */
  until(reaches: number, { reduction }: ValueOf, windowMs: number): number | null {
    const cellMs = this.#each * windowMs;
    let [n, sumX, sumY, sumXX, sumXY] = [0, 0, 0, 0, 0];
    for (let back = 0; back < this.#size; back++) {
      const y = this.#cellValue(back, reduction);
      if (y === null) continue;
      const x = -back * cellMs;
      n++;
      sumX += x;
      sumY += y;
      sumXX += x * x;
      sumXY += x * y;
    }
    if (n < LEAST_CELLS) return null;
    const spread = n * sumXX - sumX * sumX;
    const slope = (n * sumXY - sumX * sumY) / spread;
    const now = (sumY - slope * sumX) / n;
    if (now === reaches || (now > reaches && slope > 0)) return 0;
    return slope === 0 || (reaches - now) / slope < 0 ? Number.POSITIVE_INFINITY : (reaches - now) / slope;
  }

  #cellValue(back: number, reduction: ValueOf['reduction']): number | null {
    const at = this.#place(back);
    if (this.#cells[at + POINTS] === 0) return null;
    if (reduction === 'min') return this.#cells[at + MIN]!;
    if (reduction === 'max') return this.#cells[at + MAX]!;
    return this.#cells[at + SUM]! / this.#cells[at + COUNT]!;
  }

  /** Over windows `from` to `to` back from the open one. */
  #of(field: number, from: number, to: number): number {
    const cells = this.#cells;
    let sum = 0;
    // Of all of them the order does not matter.
    if (to - from === this.#size) for (let at = field; at < cells.length; at += FIELDS) sum += cells[at]!;
    else for (let i = from; i < to; i++) sum += cells[this.#place(i) + field]!;
    return sum;
  }

  /** Of `back` windows ago. */
  #place(back: number): number {
    return ((this.#at - back + this.#size) % this.#size) * FIELDS;
  }

  /** Of counters what a window has; of others what a sample has. */
  #average(from: number, to: number, isSum: boolean): number | null {
    const sum = this.#of(SUM, from, to);
    const count = isSum ? this.#filled(from, to) : this.#of(COUNT, from, to);
    return count === 0 ? null : sum / count;
  }

  #filled(from: number, to: number): number {
    let filled = 0;
    for (let i = from; i < to; i++) if (this.#cells[this.#place(i) + POINTS]! > 0) filled++;
    return filled;
  }

  #latest(isSum: boolean): number | null {
    for (let i = 1; i < this.#size; i++) {
      const value = this.#average(i, i + 1, isSum);
      if (value !== null) return value;
    }
    return null;
  }

  #extreme(field: number, of: (a: number, b: number) => number): number | null {
    let result: number | null = null;
    for (let i = 0; i < this.#size; i++) {
      const at = this.#place(i);
      if (this.#cells[at + POINTS]! === 0) continue;
      const value = this.#cells[at + field]!;
      result = result === null ? value : of(result, value);
    }
    return result;
  }

  /** Percent, of the younger half against the older one; null: one of them has nothing, or there is nothing to compare with. */
  #change(isSum: boolean): number | null {
    const half = this.#size / 2;
    if (this.#filled(half, this.#size) === 0 || this.#filled(0, half) === 0) return null;
    const before = this.#average(half, this.#size, isSum)!;
    const now = this.#average(0, half, isSum)!;
    return before === 0 ? null : ((now - before) / Math.abs(before)) * 100;
  }

  #quantile(quantile: number): number | null {
    const merged = new Map<number, number>();
    for (const bins of this.#bins) {
      for (const [bin, weight] of bins ?? []) merged.set(bin, (merged.get(bin) ?? 0) + weight);
    }
    const sorted = [...merged].sort(([a], [b]) => a - b);
    const total = sorted.reduce((sum, [, weight]) => sum + weight, 0);
    if (total === 0) return null;
    const rank = quantile * (total - 1);
    let running = 0;
    for (const [bin, weight] of sorted) {
      running += weight;
      if (running > rank) {
        const [low, high] = [this.#extreme(MIN, Math.min)!, this.#extreme(MAX, Math.max)!];
        return Math.min(high, Math.max(low, middleOf(bin)));
      }
    }
    return this.#extreme(MAX, Math.max);
  }
}
