/** What ratios are divided by: the same of another metric, over the same time, by the labels of the instances. */
import { labelKey, MOST_INSTANCES_OF_RULE, OVERFLOW_LABELS } from './instance-labels.ts';
import type { MetricPoint } from './point.ts';
import type { Rule } from './rule.ts';
import { widened } from './widened.ts';
import { WindowTable } from './window-table.ts';
import { workColumn } from './work-columns.ts';

const OVERFLOW = labelKey(OVERFLOW_LABELS);
const NOWHERE = -1;

export class Divisors {
  readonly #rule: Rule;
  /** Which instance has this key, by its slot; undefined: none. */
  readonly #instanceOf: (key: string) => number | undefined;
  #table: WindowTable;
  readonly #slots = new Map<string, number>();
  /** By slot; null: it is free. */
  readonly #keys: (string | null)[] = [];
  readonly #free: number[] = [];
  #most = 0;
  /** By slot: it is a counter. */
  #isSum = new Uint8Array(0);
  /** By slot of an instance: the slot of what it is divided by. */
  #of = new Int32Array(0);

  constructor(rule: Rule, interval: number, instanceOf: (key: string) => number | undefined) {
    this.#rule = rule;
    this.#instanceOf = instanceOf;
    this.#table = new WindowTable(rule, interval);
  }

  retime(interval: number): void {
    this.#table = new WindowTable(this.#rule, interval);
    this.#slots.clear();
    this.#of.fill(NOWHERE);
    this.#keys.length = this.#free.length = this.#most = 0;
  }

  /** An instance has this slot now. */
  instance(slot: number, key: string): void {
    if (slot >= this.#of.length) {
      const { length } = this.#of;
      this.#of = widened(this.#of, Math.max(slot + 1, length * 2)).fill(NOWHERE, length);
    }
    this.#of[slot] = this.#slots.get(key) ?? NOWHERE;
  }

  add(key: string, point: MetricPoint): void {
    const slot = this.#slots.get(key) ?? (this.#isFull ? (this.#overflow ?? this.#new(OVERFLOW)) : this.#new(key));
    this.#isSum[slot] = point.type === 'sum' ? 1 : 0;
    this.#table.add(slot, point);
  }

  /**
   * Divides the values of the slots of instances below `count`; NaN: it is not known, or what it is divided by is too small to
   * say anything. What was not counted while that was is none.
   */
  divide(values: Float64Array, count: number): void {
    const [table, of, isSum, { min }] = [this.#table, this.#of, this.#isSum, this.#rule];
    const by = workColumn('divisors', this.#most);
    table.evaluate(this.#most, by);
    const overflow = (this.#isFull ? this.#overflow : null) ?? NOWHERE;
    for (let slot = 0; slot < count; slot++) {
      const at = of[slot] === NOWHERE ? overflow : of[slot]!;
      const divisor = at === NOWHERE ? Number.NaN : by[at]!;
      const value = values[slot]!;
      if (!(divisor >= min) || divisor === 0) values[slot] = Number.NaN;
      else if (Number.isNaN(value)) values[slot] = isSum[at] && table.hasPoint(at) ? 0 : Number.NaN;
      else values[slot] = value / divisor;
    }
  }

  /** It counts, and did so in the open window: then what is divided and was not counted is none. */
  counts(slot: number): boolean {
    const at = this.#of[slot] === NOWHERE && this.#isFull ? this.#overflow : this.#of[slot];
    return at !== undefined && at !== NOWHERE && this.#isSum[at] === 1 && this.#table.hasPoint(at);
  }

  /** Closes the window; forgets those of which nothing is known any more. */
  next(): void {
    const table = this.#table;
    table.next(this.#most);
    const { pointAt } = table;
    const oldest = table.open - table.lasts;
    for (let slot = 0; slot < this.#most; slot++) {
      if (pointAt[slot]! >= oldest) continue;
      const key = this.#keys[slot]!;
      if (key === null) continue;
      this.#keys[slot] = null;
      this.#slots.delete(key);
      this.#free.push(slot);
      this.#tell(key, NOWHERE);
    }
  }

  /** Keys that are too many are one. */
  get #isFull(): boolean {
    return this.#slots.size >= MOST_INSTANCES_OF_RULE;
  }

  get #overflow(): number | undefined {
    return this.#slots.get(OVERFLOW);
  }

  #new(key: string): number {
    const slot = this.#free.pop() ?? this.#most++;
    this.#table.clear(slot);
    if (slot >= this.#isSum.length) this.#isSum = widened(this.#isSum, this.#table.room);
    this.#slots.set(key, slot);
    this.#keys[slot] = key;
    this.#tell(key, slot);
    return slot;
  }

  #tell(key: string, slot: number): void {
    const instance = this.#instanceOf(key);
    if (instance !== undefined) this.#of[instance] = slot;
  }
}
