/**
 * What a check of the configuration finds in a run, and what its counters were in the run before. A series that a run does
 * not bring is forgotten after it, so memory is bounded by what one run may bring.
 */
import type { MetricFields, MetricType } from '../../aggregate/record.ts';
import { saturated } from '../../aggregate/saturated.ts';

export type SeriesLabels = Readonly<Record<string, string>>;

/** One metric as it goes out. */
export interface Found {
  name: string;
  type: MetricType;
  fields: MetricFields;
  unit: string;
  attributes: SeriesLabels;
}

/** Buckets: how many were at most `le`, ascending; all that there were is `count`. */
export interface HistogramTotals {
  count: number;
  sum: number;
  buckets: readonly (readonly [le: number, count: number])[];
}

type Totals = number | HistogramTotals;

export class Collector {
  /** Of the last run: series beyond the limit, and values that are no numbers; both are left out. */
  truncated = 0;
  notFinite = 0;
  /** Series in a run. */
  readonly most: number;
  #found: Found[] = [];
  #before = new Map<string, Totals>();
  #now = new Map<string, Totals>();

  constructor(most: number) {
    this.most = most;
  }

  begin(): void {
    this.#found = [];
    this.#now = new Map();
    this.truncated = 0;
    this.notFinite = 0;
  }

  gauge(name: string, value: number, attributes: SeriesLabels, unit = '1'): void {
    if (this.takes(value)) this.#found.push({ name, type: 'gauge', fields: { value }, unit, attributes });
  }

  /** What was counted since the last run. */
  count(name: string, value: number, attributes: SeriesLabels, unit = '1'): void {
    if (this.takes(value)) this.#found.push({ name, type: 'sum', fields: { value }, unit, attributes });
  }

  /**
   * A counter as its owner keeps it: its increase is told. The first time there is none; after a reset it is the new value.
   * `series`: what it is known by from run to run.
   */
  total(name: string, total: number, attributes: SeriesLabels, unit = '1', series = keyOf(name, attributes)): void {
    if (!this.takes(total)) return;
    const before = this.#exchange(series, total);
    if (typeof before !== 'number') return;
    const value = total < before ? total : saturated(total - before);
    this.#found.push({ name, type: 'sum', fields: { value }, unit, attributes });
  }

  histogram(name: string, total: HistogramTotals, attributes: SeriesLabels, unit = '1'): void {
    if (!this.takes(total.count) || !Number.isFinite(total.sum)) return;
    const before = this.#exchange(keyOf(name, attributes), total);
    if (typeof before !== 'object') return;
    const { count, sum, buckets } = total.count < before.count ? total : increase(total, before);
    const fields: MetricFields = { count, sum, avg: count === 0 ? 0 : sum / count, buckets };
    this.#found.push({ name, type: 'histogram', fields, unit, attributes });
  }

  /** What was observed in this run. */
  distribution(name: string, fields: MetricFields, attributes: SeriesLabels, unit: string): void {
    this.#found.push({ name, type: 'histogram', fields, unit, attributes });
  }

  /** `whole`: the run came to its end; otherwise counters that it did not reach keep what they were. */
  take(whole: boolean): Found[] {
    if (whole) this.#before = this.#now;
    else for (const [series, total] of this.#now) this.#before.set(series, total);
    return this.#found;
  }

  /** False: it is left out, and counted. */
  takes(value: number): boolean {
    if (!Number.isFinite(value)) this.notFinite++;
    else if (this.#found.length >= this.most || this.#now.size >= this.most) this.truncated++;
    else return true;
    return false;
  }

  /** What it was the last time. */
  #exchange(series: string, total: Totals): Totals | undefined {
    this.#now.set(series, total);
    return this.#before.get(series);
  }
}

function keyOf(name: string, attributes: SeriesLabels): string {
  return `${name} ${JSON.stringify(Object.entries(attributes).sort(([a], [b]) => (a < b ? -1 : 1)))}`;
}

function increase(total: HistogramTotals, before: HistogramTotals): HistogramTotals {
  const counts = new Map(before.buckets);
  const buckets = total.buckets.map(([le, count]) => [le, Math.max(0, count - (counts.get(le) ?? 0))] as const);
  return { count: total.count - before.count, sum: saturated(total.sum - before.sum), buckets };
}
