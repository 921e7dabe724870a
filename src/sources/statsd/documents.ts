/** The metric records of series, from what a window holds of them. */
import type { Packing } from '../../aggregate/packing.ts';
import { type MetricFields, type MetricRecords, type MetricType, percentileLabel } from '../../aggregate/record.ts';
import type { SeriesTable } from '../../aggregate/series.ts';
import { COUNTER, GAUGE, SET, TIMER } from '../../kernel/statsd.ts';
import type { Content } from './content.ts';

export class Documents {
  readonly #series: SeriesTable;
  readonly #percentiles: [label: string, quantile: number][];
  readonly #to: Packing;

  constructor(series: SeriesTable, percentiles: readonly number[], to: Packing) {
    this.#series = series;
    this.#percentiles = percentiles.map((q) => [percentileLabel(q), q]);
    this.#to = to;
  }

  /** False: there is no room for it. */
  write(records: MetricRecords, content: Content, number: number): boolean {
    const kind = this.#series.kind(number);
    const value = content.columns.sums[number]!;
    const weight = content.columns.samples[number]!;
    const put = (type: MetricType, fields: MetricFields, unit: string) =>
      this.#put(records, number, { between: records.between(type, fields, unit), head: records.head(), weight });
    if (kind === COUNTER) return put('sum', { value }, '1');
    if (kind === GAUGE) return put('gauge', gaugeFields(value, content.messages.of(number)), '1');
    if (kind === SET) {
      const fields: MetricFields = { value: content.sets.size(number) };
      if (content.sets.approximate(number)) fields.approximate = 'true';
      return put('set', fields, '1');
    }
    const sketch = content.sketches.look(number)!;
    const { count, sum, min, max } = sketch;
    const fields: MetricFields = { count, sum, min, max, avg: sum / count };
    for (const [label, quantile] of this.#percentiles) fields[label] = sketch.quantile(quantile);
    fields.sketch = sketch.encode().toString('base64');
    return put('histogram', fields, kind === TIMER ? 'ms' : '1');
  }

  /** Of what came with a time of its own. */
  writeTimed(records: MetricRecords, { timed, messages }: Content, entry: number): boolean {
    const number = timed.series(entry);
    const second = timed.second(entry);
    const type = this.#series.kind(number) === COUNTER ? 'sum' : 'gauge';
    const between = records.between(type, gaugeFields(timed.value(entry), messages.of(number, second)), '1');
    return this.#put(records, number, { between, head: records.head(second), weight: timed.samples(entry) });
  }

  #put(
    records: MetricRecords,
    number: number,
    { head, between, weight }: { head: string; between: string; weight: number },
  ): boolean {
    const series = this.#series;
    const to = this.#to;
    const [from, end] = [series.from(number), series.to(number)];
    if (!to.fits(end - from + (head.length + between.length + records.tailLength) * 3)) return false;
    const nameEnd = from + series.nameLength(number);
    to.text(head);
    to.copy(series.bytes, from, nameEnd);
    to.text(between);
    to.copy(series.bytes, nameEnd, end);
    to.text(records.tail());
    to.end(weight);
    return true;
  }
}

/** A check's status comes with what it says. */
function gaugeFields(value: number, message: string | undefined): MetricFields {
  return message === undefined ? { value } : { value, message };
}
