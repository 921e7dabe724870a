/**
 * What all instances of a rule and source measured in the last windows, a column of numbers for each thing that is asked for,
 * and from it the value of each, at once.
 *
 *   window  | 12:00:10 | 12:00:20 | 12:00:30 |     `over` 30s: three of them; one without a point is empty
 *
 * Of a long time a cell is several windows.
 */
import { BinCells } from './bin-cells.ts';
import { Forecasts } from './forecast.ts';
import { LatestCells } from './latest.ts';
import type { MetricPoint } from './point.ts';
import { QuantileSides } from './quantile-sides.ts';
import type { Rule } from './rule.ts';
import { type Joining, SlidingColumn } from './sliding.ts';
import { widened } from './widened.ts';
import { workColumn } from './work-columns.ts';

/** A long time is told in so many steps. */
const MOST_CELLS = 120;
const FIRST_ROOM = 8;

/** How many windows of a source a rule's value is of. */
export function windowsOf({ value: { over } }: Pick<Rule, 'value'>, interval: number): number {
  return Math.max(1, Math.round((over ?? interval) / interval));
}

export class WindowTable {
  readonly #rule: Rule;
  readonly #interval: number;
  readonly #windows: number;
  readonly #each: number;
  readonly #size: number;
  /** Closed windows in the open cell. */
  #inCell = 0;
  /** The open cell, of `#past`. */
  #at = 0;
  #room = FIRST_ROOM;
  /** The number of the window that is open; windows are counted. */
  open = 0;
  /** By slot, in which window the latest point was; of what is new, the one before it came. */
  pointAt = new Int32Array(FIRST_ROOM);
  /** By slot, in which window it came. */
  #bornAt = new Int32Array(FIRST_ROOM);
  /** As it was evaluated last. */
  #values = workColumn('values', 0);
  /** Of what is last, or forecast. */
  readonly #latest: LatestCells | null;
  readonly #sum: SlidingColumn | null;
  readonly #count: SlidingColumn | null;
  readonly #low: SlidingColumn | null;
  readonly #high: SlidingColumn | null;
  readonly #counted: SlidingColumn | null;
  /** Of percentiles the weight of all, and where they are. */
  readonly #weight: SlidingColumn | null;
  readonly #sides: { fire: QuantileSides; clear: QuantileSides } | null;
  readonly #columns: readonly SlidingColumn[];
  readonly #bins: BinCells | null;
  readonly #forecasts: Forecasts | null;
  /** By cell: values of the time before, which are compared with; a row each. */
  #past: Float64Array;

  constructor(rule: Rule, interval: number) {
    const { reduction, quantile } = rule.value;
    this.#rule = rule;
    this.#interval = interval;
    this.#windows = windowsOf(rule, interval);
    this.#each = Math.ceil(this.#windows / MOST_CELLS);
    this.#size = Math.ceil(this.#windows / this.#each);
    // What is forecast is so of the values of each cell.
    const cells = rule.forecast ? 1 : this.#size;
    const columns: SlidingColumn[] = [];
    const made = (joining: Joining) => {
      const column = new SlidingColumn(joining, cells, FIRST_ROOM);
      columns.push(column);
      return column;
    };
    const column = (joining: Joining, ...of: (typeof reduction)[]) => (of.includes(reduction) ? made(joining) : null);
    const isLatest = reduction === 'last' || (rule.forecast !== null && reduction === 'avg');
    this.#latest = isLatest ? new LatestCells(FIRST_ROOM) : null;
    this.#sum = isLatest ? null : column('sum', 'avg', 'sum', 'change');
    this.#count = isLatest ? null : column('sum', 'avg', 'change');
    this.#low = column('min', 'min');
    this.#high = column('max', 'max');
    this.#counted = column('sum', 'count', 'rate');
    this.#weight = column('sum', 'quantile');
    this.#bins = reduction === 'quantile' ? new BinCells(cells) : null;
    this.#sides = null;
    // Of a ratio, or what is compared for equality, no side says enough.
    if (this.#bins && rule.of === null && /[<>]/.test(rule.fire.operator)) {
      const side = (threshold: number) => new QuantileSides(threshold, quantile, () => made('sum'));
      const fire = side(rule.fire.threshold);
      this.#sides = { fire, clear: rule.clear.threshold === rule.fire.threshold ? fire : side(rule.clear.threshold) };
    }
    this.#columns = columns;
    this.#forecasts =
      rule.forecast && new Forecasts(this.#size, this.#each * interval, rule.forecast.reaches, FIRST_ROOM);
    this.#past = new Float64Array(reduction === 'change' ? this.#size * FIRST_ROOM : 0);
  }

  get room(): number {
    return this.#room;
  }

  /** So many windows without a point, and nothing is in it any more. */
  get lasts(): number {
    return this.#rule.value.reduction === 'change' ? 2 * this.#windows : this.#windows;
  }

  /** There is room for this slot, and nothing in it. */
  clear(slot: number): void {
    while (slot >= this.#room) this.#grow();
    for (const column of this.#columns) column.clear(slot);
    this.#bins?.clear(slot);
    this.#latest?.clear(slot);
    this.#forecasts?.clear(slot);
    this.pointAt[slot] = this.open - 1;
    this.#bornAt[slot] = this.open;
    for (let at = slot; at < this.#past.length; at += this.#room) this.#past[at] = Number.NaN;
  }

  /** Whether the open window has a point. */
  hasPoint(slot: number): boolean {
    return this.pointAt[slot] === this.open;
  }

  /** How many windows were closed since one had a point. */
  age(slot: number): number {
    return Math.max(0, this.open - 1 - this.pointAt[slot]!);
  }

  /** How many windows it was there for, the open one included. */
  seen(slot: number): number {
    return this.open - this.#bornAt[slot]! + 1;
  }

  /** Into the window that is open. */
  add(slot: number, { type, value, count, min, max, bins }: MetricPoint): void {
    const before = this.pointAt[slot]!;
    this.pointAt[slot] = this.open;
    // Of counters what a window has is one; of others what a sample has.
    const weight = type === 'histogram' ? count : type !== 'sum' || before !== this.open ? 1 : 0;
    this.#latest?.put(slot, value, weight, before < this.#cellFrom);
    this.#sum?.put(slot, value);
    this.#count?.put(slot, weight);
    this.#low?.put(slot, min);
    this.#high?.put(slot, max);
    this.#counted?.put(slot, type === 'sum' ? value : type === 'histogram' ? count : 1);
    if (!this.#bins) return;
    if (bins) {
      let weight = 0;
      for (const one of bins.values()) weight += one;
      this.#weight!.put(slot, weight);
      this.#sides?.fire.add(slot, bins);
      if (this.#sides && this.#sides.clear !== this.#sides.fire) this.#sides.clear.add(slot, bins);
    }
    this.#bins.add(slot, { min, max, bins });
  }

  /**
   * The values of the slots below `count`, into `to`, as they are compared; NaN: nothing is known. Of a percentile only whether
   * it may be beyond `fire`: `exact` says.
   */
  evaluate(count: number, to: Float64Array): void {
    this.#values = to;
    const { reduction } = this.#rule.value;
    if (this.#forecasts) {
      const closing = workColumn('closing', count);
      this.#ofCell(closing, count);
      this.#forecasts.all(closing, to, count);
    } else if (reduction === 'sum') this.#sum!.all(to, count);
    else if (reduction === 'count') this.#counted!.all(to, count);
    else if (reduction === 'rate') {
      this.#counted!.all(to, count);
      const seconds = (((this.#size - 1) * this.#each + this.#inCell + 1) * this.#interval) / 1000;
      for (let slot = 0; slot < count; slot++) to[slot]! /= seconds;
    } else if (reduction === 'quantile') this.#quantiles(to, count);
    else this.#ofCell(to, count);
    if (reduction === 'change') this.#change(to, count);
  }

  /** What is shown; null: nothing is known. After `evaluate`. */
  exact(slot: number): number | null {
    const value = this.#values[slot]!;
    if (Number.isNaN(value)) return null;
    return this.#sides ? this.#bins!.quantile(slot, this.#rule.value.quantile) : value;
  }

  /** How many numbers `exact` goes through, about; 0: it is there. */
  get exactCells(): number {
    return this.#sides ? this.#size : 0;
  }

  /** On which side of `fire` or `clear` it is, where that is seen without `exact`, as an infinite number; else NaN. */
  side(slot: number, of: 'fire' | 'clear'): number {
    return this.#sides ? this.#sides[of].of(slot, this.#weight!.of(slot)) : Number.NaN;
  }

  /** Closes the open window of the slots below `count`; after `evaluate`. */
  next(count: number): void {
    this.open++;
    if (++this.#inCell < this.#each) return;
    this.#inCell = 0;
    const closing = workColumn('closing', count);
    if (this.#past.length > 0) this.#past.set(closing.subarray(0, count), this.#at * this.#room);
    this.#at = (this.#at + 1) % this.#size;
    for (const column of this.#columns) column.next(count);
    this.#bins?.next();
    this.#forecasts?.next(closing, count);
  }

  /** The window with which what counts as the latest cell begins. */
  get #cellFrom(): number {
    return this.#forecasts ? this.open - this.#inCell : this.open;
  }

  /** avg, min or max of the cells that the columns have, or what is last, into `to`. */
  #ofCell(to: Float64Array, count: number): void {
    const { reduction } = this.#rule.value;
    if (this.#latest) {
      const from = this.#forecasts ? this.#cellFrom : this.open - this.#windows + 1;
      this.#latest.all(to, count, this.pointAt, from);
    } else if (reduction === 'min' || reduction === 'max') {
      (this.#low ?? this.#high)!.all(to, count);
      // Nothing is the least of nothing.
      for (let slot = 0; slot < count; slot++) if (!Number.isFinite(to[slot]!)) to[slot] = Number.NaN;
    } else {
      const weights = workColumn('weights', count);
      this.#sum!.all(to, count);
      this.#count!.all(weights, count);
      // 0 / 0: nothing is known.
      for (let slot = 0; slot < count; slot++) to[slot]! /= weights[slot]!;
    }
  }

  /** Percent, of the average against that of as long before. */
  #change(to: Float64Array, count: number): void {
    const closing = workColumn('closing', count);
    const past = this.#past;
    const row = this.#at * this.#room;
    for (let slot = 0; slot < count; slot++) {
      const now = to[slot]!;
      const before = past[row + slot]!;
      closing[slot] = now;
      to[slot] = before === 0 ? Number.NaN : ((now - before) / Math.abs(before)) * 100;
    }
  }

  #quantiles(to: Float64Array, count: number): void {
    const { value, fire } = this.#rule;
    if (this.#sides) {
      const weights = workColumn('weights', count);
      this.#weight!.all(weights, count);
      this.#sides.fire.all(fire.operator.startsWith('>'), weights, to, count);
    } else {
      for (let slot = 0; slot < count; slot++) to[slot] = this.#bins!.quantile(slot, value.quantile) ?? Number.NaN;
    }
  }

  #grow(): void {
    const [from, to] = [this.#room, this.#room * 2];
    for (const column of this.#columns) column.grow(to);
    this.#forecasts?.grow(to);
    this.#latest?.grow(to);
    [this.pointAt, this.#bornAt] = [widened(this.pointAt, to), widened(this.#bornAt, to)];
    const past = new Float64Array((this.#past.length / from) * to);
    for (let cell = 0; cell * from < this.#past.length; cell++) {
      past.set(this.#past.subarray(cell * from, (cell + 1) * from), cell * to);
    }
    this.#past = past;
    this.#room = to;
  }
}
