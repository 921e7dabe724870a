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
import type { MetricPoint } from './point.ts';
import { QuantileSides } from './quantile-sides.ts';
import type { Rule } from './rule.ts';
import { type Joining, SlidingColumn } from './sliding.ts';
import { widened } from './widened.ts';

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
  /** Of percentiles the weight of all, and where they are. */
  readonly #weight: SlidingColumn | null;
  readonly #sides: { fire: QuantileSides; clear: QuantileSides } | null;
  readonly #columns: readonly SlidingColumn[];
  readonly #bins: BinCells | null;
  readonly #forecasts: Forecasts | null;
  /** By cell: values of the time before, which are compared with; a row each. */
  #past: Float64Array;
  #latest = new Float64Array(FIRST_ROOM);
  /** What an evaluation needs for a moment. */
  #scratch = new Float64Array(FIRST_ROOM);

  constructor(rule: Rule, interval: number) {
    const { reduction, quantile } = rule.value;
    this.#rule = rule;
    this.#interval = interval;
    this.#windows = windowsOf(rule, interval);
    this.#each = Math.ceil(this.#windows / MOST_CELLS);
    this.#size = Math.ceil(this.#windows / this.#each);
    // What is last is of one window; what is forecast, of the values of each cell.
    const cells = reduction === 'last' || rule.forecast ? 1 : this.#size;
    const columns: SlidingColumn[] = [];
    const made = (joining: Joining) => {
      const column = new SlidingColumn(joining, cells, FIRST_ROOM);
      columns.push(column);
      return column;
    };
    const column = (joining: Joining, ...of: (typeof reduction)[]) => (of.includes(reduction) ? made(joining) : null);
    this.#sum = column('sum', 'last', 'avg', 'sum', 'change');
    this.#count = column('sum', 'last', 'avg', 'change');
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
    this.#forecasts?.clear(slot);
    this.points[slot] = this.ages[slot] = this.seen[slot] = 0;
    this.values[slot] = this.#latest[slot] = Number.NaN;
    for (let at = slot; at < this.#past.length; at += this.#room) this.#past[at] = Number.NaN;
  }

  /** Into the window that is open. */
  add(slot: number, { type, value, count, min, max, bins }: MetricPoint): void {
    const first = this.points[slot]!++ === 0;
    this.#sum?.put(slot, value);
    // Of counters what a window has is one; of others what a sample has.
    this.#count?.put(slot, type === 'histogram' ? count : type !== 'sum' || first ? 1 : 0);
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

  /** The values of the slots below `count`. */
  evaluate(count: number): void {
    const { values, ages, points } = this;
    const { reduction } = this.#rule.value;
    if (this.#forecasts) {
      this.#ofCell(this.#latest, count);
      this.#forecasts.all(this.#latest, values, count);
    } else if (reduction === 'last') {
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
    } else if (reduction === 'quantile') this.#quantiles(count);
    else this.#ofCell(values, count);
    if (reduction === 'change') this.#change(count);
  }

  /** What is shown; null: nothing is known. After `evaluate`. */
  exact(slot: number): number | null {
    const value = this.values[slot]!;
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
    if (full && this.#past.length > 0) this.#past.set(this.#latest.subarray(0, count), this.#at * this.#room);
    if (full) this.#at = (this.#at + 1) % this.#size;
    if (full || !this.#forecasts) for (const column of this.#columns) column.next(count);
    if (full) {
      this.#bins?.next();
      this.#forecasts?.next(this.#latest, count);
    }
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
    const counts = this.#scratch;
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

  #quantiles(count: number): void {
    const { values } = this;
    const { value, fire } = this.#rule;
    const weights = this.#scratch;
    if (this.#sides) {
      this.#weight!.all(weights, count);
      this.#sides.fire.all(fire.operator.startsWith('>'), weights, values, count);
    } else {
      for (let slot = 0; slot < count; slot++) values[slot] = this.#bins!.quantile(slot, value.quantile) ?? Number.NaN;
    }
  }

  #grow(): void {
    const [from, to] = [this.#room, this.#room * 2];
    const wider = (old: Float64Array<ArrayBuffer>) => widened(old, to);
    const longer = (old: Uint32Array<ArrayBuffer>) => widened(old, to);
    for (const column of this.#columns) column.grow(to);
    this.#forecasts?.grow(to);
    [this.points, this.ages, this.seen] = [longer(this.points), longer(this.ages), longer(this.seen)];
    [this.values, this.#latest] = [wider(this.values), wider(this.#latest)];
    this.#scratch = new Float64Array(to);
    const past = new Float64Array((this.#past.length / from) * to);
    for (let cell = 0; cell * from < this.#past.length; cell++) {
      past.set(this.#past.subarray(cell * from, (cell + 1) * from), cell * to);
    }
    this.#past = past;
    this.#room = to;
  }
}
