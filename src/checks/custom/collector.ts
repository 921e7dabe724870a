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
  /** The attributes as the inside of a JSON object, where somebody has them so. */
  json?: string | undefined;
}

/** What a series is known by from run to run, and its labels as JSON. */
export interface SeriesKey {
  key: string;
  json?: string;
}

/** Buckets: how many were at most `le`, ascending; all that there were is `count`. */
export interface HistogramTotals {
  count: number;
  sum: number;
  buckets: readonly (readonly [le: number, count: number])[];
}

type Totals = number | HistogramTotals;

export class Collector {
  /** Of the last run: what is beyond the limit or there twice, and values that are no numbers; both are left out. */
  truncated = 0;
  notFinite = 0;
  /** Series in a run. */
  readonly most: number;
  #found: Found[] = [];
  #before = new Map<string, Totals>();
  #now = new Map<string, Totals>();
  /** Of parts that could not be read this time. */
  readonly #kept = new Map<string, Totals>();
  #taken = 0;

  constructor(most: number) {
    this.most = most;
  }

  begin(): void {
    this.#found = [];
    this.#now = new Map();
    this.#taken = 0;
    this.truncated = 0;
    this.notFinite = 0;
  }

  gauge(name: string, value: number, attributes: SeriesLabels, unit = '1', json?: string): void {
    if (this.takes(value)) this.#found.push({ name, type: 'gauge', fields: { value }, unit, attributes, json });
  }

  /** Of the check itself, such as `up`: the limit is that of what it measures. */
  fact(name: string, value: number, attributes: SeriesLabels = {}, unit = '1'): void {
    this.#found.push({ name, type: 'gauge', fields: { value }, unit, attributes });
  }

  /** What was counted since the last run. */
  count(name: string, value: number, attributes: SeriesLabels, unit = '1'): void {
    if (this.takes(value)) this.#found.push({ name, type: 'sum', fields: { value }, unit, attributes });
  }

  /**
   * A counter as its owner keeps it: its increase is told. The first time there is none; after a reset it is the new value.
   */
  total(name: string, total: number, attributes: SeriesLabels, unit = '1', series = keyOf(name, attributes)): void {
    const { key, json } = series;
    if (!this.takes(total)) return;
    if (!this.#isFirst(key)) return;
    const before = this.#exchange(key, total);
    if (typeof before !== 'number') return;
    const value = total < before ? total : saturated(total - before);
    this.#found.push({ name, type: 'sum', fields: { value }, unit, attributes, json });
  }

  histogram(
    name: string,
    total: HistogramTotals,
    attributes: SeriesLabels,
    unit = '1',
    series = keyOf(name, attributes),
  ): void {
    const { key, json } = series;
    if (!this.takes(total.count + total.sum)) return;
    if (!this.#isFirst(key)) return;
    const before = this.#exchange(key, total);
    if (typeof before !== 'object') return;
    const { count, sum, buckets } = total.count < before.count ? total : increase(total, before);
    const fields: MetricFields = { count, sum, avg: count === 0 ? 0 : sum / count, buckets };
    this.#found.push({ name, type: 'histogram', fields, unit, attributes, json });
  }

  /** What was observed in this run. */
  distribution(name: string, fields: MetricFields, attributes: SeriesLabels, unit: string): void {
    this.#found.push({ name, type: 'histogram', fields, unit, attributes });
  }

  /** What was found so far is half of it: counters keep what they were, so that the next whole run has all of the increase. */
  discard(): void {
    this.#found = [];
    this.#now = this.#before;
  }

  /** What `undo` goes back to. */
  mark(): readonly [found: number, series: number] {
    return [this.#found.length, this.#now.size];
  }

  /** Half of a part was found since then: as `discard`, of that part. */
  undo([found, series]: readonly [number, number]): void {
    this.#found.length = found;
    for (const name of [...this.#now.keys()].slice(series)) this.#now.delete(name);
    // It is not known which counters are of that part.
    for (const [name, total] of this.#before) if (!this.#now.has(name)) this.#kept.set(name, total);
  }

  /** Nothing is concluded from what came before. */
  forget(): void {
    this.#before = new Map();
  }

  take(): Found[] {
    for (const [name, total] of this.#kept)
      if (!this.#now.has(name) && this.#now.size < this.most) this.#now.set(name, total);
    this.#kept.clear();
    this.#before = this.#now;
    return this.#found;
  }

  /** False: it is left out, and counted. */
  takes(value: number): boolean {
    if (!Number.isFinite(value)) this.notFinite++;
    else if (this.#taken >= this.most) this.truncated++;
    else {
      this.#taken++;
      return true;
    }
    return false;
  }

  /** Of two counters of one name and labels nobody knows which goes on. */
  #isFirst(series: string): boolean {
    if (!this.#now.has(series)) return true;
    this.truncated++;
    return false;
  }

  /** What it was the last time. */
  #exchange(series: string, total: Totals): Totals | undefined {
    this.#now.set(series, total);
    return this.#before.get(series);
  }
}

function keyOf(name: string, attributes: SeriesLabels): SeriesKey {
  return { key: `${name} ${JSON.stringify(Object.entries(attributes).sort(([a], [b]) => (a < b ? -1 : 1)))}` };
}

function increase(total: HistogramTotals, before: HistogramTotals): HistogramTotals {
  const count = total.count - before.count;
  let at = 0;
  // Of a bucket that was not there the next smaller one says how many there were: some leave out those that are empty.
  const buckets = total.buckets.map(([le, now]) => {
    while (at < before.buckets.length && before.buckets[at]![0] <= le) at++;
    const had = at === 0 ? 0 : before.buckets[at - 1]![1];
    return [le, Math.min(count, Math.max(0, now - had))] as const;
  });
  return { count, sum: saturated(total.sum - before.sum), buckets };
}
