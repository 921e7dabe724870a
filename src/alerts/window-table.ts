/**
 * What all instances of a rule and source measured in the last windows, a column of numbers for each thing that is asked for,
 * and from it the value of each, at once.
 *
 *   window  | 12:00:10 | 12:00:20 | 12:00:30 |     `over` 30s: three of them; one without a point is empty
 *
 * Of a long time a cell is several windows.
 */
import { keyOf } from '../aggregate/bins.ts';
import { BinCells, rankOf } from './bin-cells.ts';
import { straightLine } from './forecast.ts';
import type { MetricPoint } from './point.ts';
import type { Rule } from './rule.ts';
import { SlidingColumn } from './sliding.ts';

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
  /** How many points the open window has; since how many windows there was none; how many were closed, to the most that count. */
  points = new Uint32Array(FIRST_ROOM);
  ages = new Uint32Array(FIRST_ROOM);
  seen = new Uint32Array(FIRST_ROOM);
  /** As it is compared; NaN: nothing is known. Of a percentile only whether it may be beyond `fire`: `exact` says. */
  values = new Float64Array(FIRST_ROOM);
  readonly #sum: SlidingColumn | null;
  readonly #count: SlidingColumn | null;
  readonly #low: SlidingColumn | null;
  readonly #high: SlidingColumn | null;
  readonly #counted: SlidingColumn | null;
  /** Of percentiles: the weight of all, and of what is above the threshold. */
  readonly #weight: SlidingColumn | null;
  readonly #above: SlidingColumn | null;
  readonly #columns: readonly SlidingColumn[];
  readonly #bins: BinCells | null;
  readonly #firstAbove: number;
  /** By cell: values of the time before, which are compared with; a row each. */
  #past: Float64Array;
  #latest = new Float64Array(FIRST_ROOM);
  #scratches = scratches(FIRST_ROOM);

  constructor(rule: Rule, interval: number) {
    const { reduction } = rule.value;
    this.#rule = rule;
    this.#interval = interval;
    this.#windows = windowsOf(rule, interval);
    this.#each = Math.ceil(this.#windows / MOST_CELLS);
    this.#size = Math.ceil(this.#windows / this.#each);
    // What is last is of one window; what is forecast, of the values of each cell.
    const cells = reduction === 'last' || rule.forecast ? 1 : this.#size;
    const column = (joining: 'sum' | 'min' | 'max', ...of: (typeof reduction)[]) =>
      of.includes(reduction) ? new SlidingColumn(joining, cells, FIRST_ROOM) : null;
    this.#sum = column('sum', 'last', 'avg', 'sum', 'change');
    this.#count = column('sum', 'last', 'avg', 'change');
    this.#low = column('min', 'min');
    this.#high = column('max', 'max');
    this.#counted = column('sum', 'count', 'rate');
    this.#weight = column('sum', 'quantile');
    this.#above = column('sum', 'quantile');
    this.#columns = [this.#sum, this.#count, this.#low, this.#high, this.#counted, this.#weight, this.#above].filter(
      (one) => one !== null,
    );
    this.#bins = reduction === 'quantile' ? new BinCells(cells) : null;
    // A value in the bin of the threshold may be on either side of it.
    const bin = keyOf(rule.fire.threshold);
    this.#firstAbove = rule.fire.operator.startsWith('<') ? bin + 1 : bin;
    this.#past = new Float64Array(this.#keepsPast ? this.#size * FIRST_ROOM : 0);
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
    this.points[slot] = this.ages[slot] = this.seen[slot] = 0;
    this.values[slot] = this.#latest[slot] = Number.NaN;
    for (let at = slot; at < this.#past.length; at += this.#room) this.#past[at] = Number.NaN;
  }

  /** Into the window that is open. */
  add(slot: number, { type, value, count, min, max, bins }: MetricPoint): void {
    const first = this.points[slot]!++ === 0;
    if (this.#sum) this.#sum.open[slot]! += value;
    // Of counters what a window has is one; of others what a sample has.
    if (this.#count) this.#count.open[slot]! += type === 'histogram' ? count : type !== 'sum' || first ? 1 : 0;
    if (this.#low) this.#low.open[slot] = Math.min(this.#low.open[slot]!, min);
    if (this.#high) this.#high.open[slot] = Math.max(this.#high.open[slot]!, max);
    if (this.#counted) this.#counted.open[slot]! += type === 'sum' ? value : type === 'histogram' ? count : 1;
    if (!this.#bins) return;
    let [weight, above] = [0, 0];
    for (const [key, one] of bins ?? []) {
      weight += one;
      if (key >= this.#firstAbove) above += one;
    }
    this.#weight!.open[slot]! += weight;
    this.#above!.open[slot]! += above;
    this.#bins.add(slot, { min, max, bins });
  }

  /** The values of the slots below `count`. */
  evaluate(count: number): void {
    const { values, ages, points } = this;
    const { reduction } = this.#rule.value;
    if (this.#rule.forecast) this.#ofCell(values, count);
    else if (reduction === 'last') {
      this.#ofCell(values, count);
      for (let slot = 0; slot < count; slot++) {
        if (points[slot]! > 0) this.#latest[slot] = values[slot]!;
        else if (ages[slot]! + 1 < this.#windows) values[slot] = this.#latest[slot]!;
      }
    } else if (reduction === 'sum') this.#sum!.all(values, count);
    else if (reduction === 'count') this.#counted!.all(values, count);
    else if (reduction === 'rate') {
      this.#counted!.all(values, count);
      const seconds = (((this.#size - 1) * this.#each + this.#inCell + 1) * this.#interval) / 1000;
      for (let slot = 0; slot < count; slot++) values[slot]! /= seconds;
    } else if (reduction === 'quantile') this.#sides(count);
    else this.#ofCell(values, count);
    if (reduction === 'change' && !this.#rule.forecast) this.#change(count);
  }

  /** What is shown, and compared where it is looked at closely; null: nothing is known. After `evaluate`. */
  exact(slot: number): number | null {
    const value = this.values[slot]!;
    if (Number.isNaN(value)) return null;
    if (!this.#bins) return value;
    return this.#bins.quantile(slot, this.#rule.value.quantile);
  }

  /** Milliseconds until the value is `reaches`, as straightLine says; of a forecast. After `evaluate`. */
  until(slot: number, reaches: number): number | null {
    const [past, room, size, at] = [this.#past, this.#room, this.#size, this.#at];
    const values = new Float64Array(size);
    for (let back = 1; back < size; back++) values[back] = past[((at - back + size) % size) * room + slot]!;
    values[0] = this.values[slot]!;
    return straightLine(values, this.#each * this.#interval, reaches);
  }

  /** Closes the open window of the slots below `count`. */
  next(count: number): void {
    const { points, ages, seen } = this;
    const windows = this.#windows;
    for (let slot = 0; slot < count; slot++) {
      ages[slot] = points[slot]! > 0 ? 0 : ages[slot]! + 1;
      if (seen[slot]! < windows) seen[slot]!++;
    }
    points.fill(0, 0, count);
    const full = ++this.#inCell >= this.#each;
    if (full) this.#inCell = 0;
    // What is last is so of a window, whatever a cell is.
    if (!full && this.#rule.value.reduction !== 'last') return;
    if (full && this.#keepsPast) {
      if (this.#rule.forecast) this.#past.set(this.values.subarray(0, count), this.#at * this.#room);
      else this.#past.set(this.#latest.subarray(0, count), this.#at * this.#room);
    }
    if (full) this.#at = (this.#at + 1) % this.#size;
    if (full || !this.#rule.forecast) for (const column of this.#columns) column.next(count);
    if (full) this.#bins?.next();
  }

  get #keepsPast(): boolean {
    return this.#rule.forecast !== null || this.#rule.value.reduction === 'change';
  }

  /** avg, min or max of the cells that the columns have, into `to`. */
  #ofCell(to: Float64Array, count: number): void {
    const { reduction } = this.#rule.value;
    if (reduction === 'min' || reduction === 'max') {
      (this.#low ?? this.#high)!.all(to, count);
      // Nothing is the least of nothing.
      for (let slot = 0; slot < count; slot++) if (!Number.isFinite(to[slot]!)) to[slot] = Number.NaN;
      return;
    }
    const [counts] = this.#scratches;
    this.#sum!.all(to, count);
    this.#count!.all(counts, count);
    // 0 / 0: nothing is known.
    for (let slot = 0; slot < count; slot++) to[slot]! /= counts[slot]!;
  }

  /** Percent, of the average against that of as long before. */
  #change(count: number): void {
    const { values } = this;
    const row = this.#at * this.#room;
    for (let slot = 0; slot < count; slot++) {
      const now = values[slot]!;
      const before = this.#past[row + slot]!;
      this.#latest[slot] = now;
      values[slot] = before === 0 ? Number.NaN : ((now - before) / Math.abs(before)) * 100;
    }
  }

  /** Whether a percentile may be beyond the threshold: infinite, above or below. */
  #sides(count: number): void {
    const { values } = this;
    const { quantile } = this.#rule.value;
    const [weight, above] = this.#scratches;
    this.#weight!.all(weight, count);
    this.#above!.all(above, count);
    for (let slot = 0; slot < count; slot++) {
      const total = weight[slot]!;
      if (!(total > 0)) values[slot] = Number.NaN;
      else {
        const is = total - above[slot]! <= rankOf(quantile, total);
        values[slot] = is ? Number.POSITIVE_INFINITY : Number.NEGATIVE_INFINITY;
      }
    }
  }

  #grow(): void {
    const [from, to] = [this.#room, this.#room * 2];
    const wider = (old: Float64Array) => {
      const made = new Float64Array(to);
      made.set(old);
      return made;
    };
    const longer = (old: Uint32Array) => {
      const made = new Uint32Array(to);
      made.set(old);
      return made;
    };
    for (const column of this.#columns) column.grow(to);
    [this.points, this.ages, this.seen] = [longer(this.points), longer(this.ages), longer(this.seen)];
    [this.values, this.#latest] = [wider(this.values), wider(this.#latest)];
    this.#scratches = scratches(to);
    const past = new Float64Array((this.#past.length / from) * to);
    for (let cell = 0; cell * from < this.#past.length; cell++) {
      past.set(this.#past.subarray(cell * from, (cell + 1) * from), cell * to);
    }
    this.#past = past;
    this.#room = to;
  }
}

/** What an evaluation needs for a moment. */
function scratches(room: number): [Float64Array, Float64Array] {
  return [new Float64Array(room), new Float64Array(room)];
}
