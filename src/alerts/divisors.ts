/** What ratios are divided by: the same of another metric, over the same time, by the labels of the instances. */
import { labelKey, MOST_INSTANCES_OF_RULE, OVERFLOW_LABELS } from './instance-labels.ts';
import type { MetricPoint } from './point.ts';
import type { Rule } from './rule.ts';
import { WindowTable } from './window-table.ts';

const OVERFLOW = labelKey(OVERFLOW_LABELS);

export class Divisors {
  readonly #rule: Rule;
  #table: WindowTable;
  readonly #slots = new Map<string, number>();
  readonly #free: number[] = [];
  #most = 0;
  /** By slot: it is a counter. */
  readonly #isSum: boolean[] = [];

  constructor(rule: Rule, interval: number) {
    this.#rule = rule;
    this.#table = new WindowTable(rule, interval);
  }

  retime(interval: number): void {
    this.#table = new WindowTable(this.#rule, interval);
    this.#slots.clear();
    this.#free.length = this.#most = 0;
  }

  add(key: string, point: MetricPoint): void {
    const slot = this.#slotOf(key) ?? this.#new(this.#slots.size < MOST_INSTANCES_OF_RULE ? key : OVERFLOW);
    this.#isSum[slot] = point.type === 'sum';
    this.#table.add(slot, point);
  }

  evaluate(): void {
    this.#table.evaluate(this.#most);
  }

  /** It counts, and did so in the open window: then what is divided and was not counted is none. */
  counts(key: string): boolean {
    const slot = this.#slotOf(key);
    return slot !== undefined && this.#isSum[slot]! && this.#table.points[slot]! > 0;
  }

  /** Null: it is not known, or what it is divided by is too small to say anything. */
  ratio(key: string, value: number | null): number | null {
    const slot = this.#slotOf(key);
    const by = slot === undefined ? null : this.#table.exact(slot);
    if (by === null || by < this.#rule.min || by === 0) return null;
    return value === null ? (this.counts(key) ? 0 : null) : value / by;
  }

  /** Closes the window; forgets those of which nothing is known any more. */
  next(): void {
    const table = this.#table;
    table.next(this.#most);
    for (const [key, slot] of this.#slots) {
      if (table.ages[slot]! < table.lasts) continue;
      this.#slots.delete(key);
      this.#free.push(slot);
    }
  }

  /** Keys that are too many are one. */
  #slotOf(key: string): number | undefined {
    return this.#slots.get(key) ?? (this.#slots.size < MOST_INSTANCES_OF_RULE ? undefined : this.#slots.get(OVERFLOW));
  }

  #new(key: string): number {
    const slot = this.#free.pop() ?? this.#most++;
    this.#table.clear(slot);
    this.#slots.set(key, slot);
    return slot;
  }
}
