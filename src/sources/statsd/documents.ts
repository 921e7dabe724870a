/** The metric records of series, from what a window holds of them. */
import { type MetricFields, type MetricRecords, percentileLabel } from '../../aggregate/record.ts';
import type { SeriesTable } from '../../aggregate/series.ts';
import { COUNTER, GAUGE, SET, TIMER } from '../../kernel/statsd.ts';
import type { Content } from './content.ts';

export class Documents {
  readonly #series: SeriesTable;
  readonly #percentiles: [label: string, quantile: number][];

  constructor(series: SeriesTable, percentiles: readonly number[]) {
    this.#series = series;
    this.#percentiles = percentiles.map((q) => [percentileLabel(q), q]);
  }

  make(records: MetricRecords, content: Content, number: number): string {
    const name = this.#series.name(number);
    const attributes = this.#series.attributes(number);
    const kind = this.#series.kind(number);
    const value = content.columns.sums[number]!;
    if (kind === COUNTER) return records.make(name, 'sum', { value }, '1', attributes);
    if (kind === GAUGE)
      return records.make(name, 'gauge', gaugeFields(value, content.messages.of(number)), '1', attributes);
    if (kind === SET) {
      const fields: MetricFields = { value: content.sets.size(number) };
      if (content.sets.approximate(number)) fields.approximate = 'true';
      return records.make(name, 'set', fields, '1', attributes);
    }
    const sketch = content.sketches.look(number)!;
    const { count, sum, min, max } = sketch;
    const fields: MetricFields = { count, sum, min, max, avg: sum / count };
    for (const [label, quantile] of this.#percentiles) fields[label] = sketch.quantile(quantile);
    fields.sketch = sketch.encode().toString('base64');
    return records.make(name, 'histogram', fields, kind === TIMER ? 'ms' : '1', attributes);
  }

  /** Of what came with a time of its own. */
  makeTimed(records: MetricRecords, { timed, messages }: Content, entry: number): string {
    const number = timed.series(entry);
    const type = this.#series.kind(number) === COUNTER ? 'sum' : 'gauge';
    const fields = gaugeFields(timed.value(entry), messages.of(number, timed.second(entry)));
    const attributes = this.#series.attributes(number);
    return records.make(this.#series.name(number), type, fields, '1', attributes, timed.second(entry));
  }
}

/** A check's status comes with what it says. */
function gaugeFields(value: number, message: string | undefined): MetricFields {
  return message === undefined ? { value } : { value, message };
}
