/**
 * Calls, errors and durations of spans, by series, until their window ends.
 *
 *   seriesOf, add ... -> close: the next window begins -> documents
 *
 * What an SDK has sampled away is made up for: a span counts for as many as its threshold says.
 */
import { Arena, Region } from '../../../aggregate/arena.ts';
import { type MetricFields, type MetricOrigin, MetricRecords, type TimeWindow } from '../../../aggregate/record.ts';
import { Sketches } from '../../../aggregate/sketch.ts';
import type { OtlpSpans } from '../../../kernel/otlp/spans.ts';
import type { TracesOptions } from '../options.ts';
import type { Signature } from '../sampling/rules.ts';
import { SERIES_CAPACITY, SpanSeries } from './series.ts';

const CALLS = JSON.stringify('traces.span.metrics.calls');
const DURATION = JSON.stringify('traces.span.metrics.duration');
/** For the durations of two windows. */
const SKETCH_BYTES = 16 << 20;
/** Kinds of spans that answer others. */
const SERVER = 2;
const CONSUMER = 5;
/** So many operations are said to be the slowest. */
const MOST_SLOW = 10;
/** Spans without a series. */
export const NO_SERIES = 0xffff_ffff;

/** The slowest span of a series in one window. */
export interface SlowOperation {
  service: string;
  operation: string;
  kind: string;
  seconds: number;
  trace_id: string;
  /** Spans of the series in that window. */
  calls: number;
}

/** What one window holds, by series. */
interface Held {
  /** Weighted: spans that were sampled away count. */
  readonly calls: Float64Array;
  readonly slowest: Float64Array;
  readonly slowestTrace: string[];
  readonly region: Region;
  readonly sketches: Sketches;
}

export class Red {
  /** Spans that count under `_other`, and durations for which there was no room. */
  overflowed = 0;
  lost = 0;
  readonly #series: SpanSeries;
  readonly #answering: boolean;
  readonly #arena = new Arena(SKETCH_BYTES);
  #open = this.#held();
  #closed = this.#held();
  /** Of the last window, the slowest first. */
  slowest: readonly SlowOperation[] = [];
  /** Called when series are gone: what leads to them is to be forgotten. */
  onForget: (() => void) | null = null;

  constructor({ operations_per_service, attributes, server_and_consumer_only }: TracesOptions['metrics']) {
    this.#series = new SpanSeries(operations_per_service, attributes);
    this.#answering = server_and_consumer_only;
  }

  get live(): number {
    return this.#series.live;
  }

  seriesOf(signature: Signature): number {
    if (this.#answering && signature.kind !== SERVER && signature.kind !== CONSUMER) return NO_SERIES;
    return this.#series.numberOf(signature);
  }

  /** Span `i`, which counts for so many; its trace is asked for where it is the slowest. */
  add(spans: OtlpSpans, i: number, weight: number): void {
    const series = spans.series(i);
    if (series === NO_SERIES) return;
    const seconds = spans.nanoseconds(i) / 1e9;
    const { calls, sketches, slowest, slowestTrace } = this.#open;
    const isFirst = calls[series] === 0;
    calls[series]! += weight;
    const isOther = this.#series.isOther(series);
    if (isOther) this.overflowed++;
    if (!sketches.add(series, seconds, weight, isOther)) this.lost++;
    if (!isFirst && seconds <= slowest[series]!) return;
    slowest[series] = seconds;
    slowestTrace[series] = spans.traceId(i);
  }

  /** The window ends; what is added from now on is of the next. Only when all of the last one was given out. */
  close(): void {
    [this.#open, this.#closed] = [this.#closed, this.#open];
  }

  /** The documents of the window that was closed. */
  *documents(
    origin: MetricOrigin,
    window: TimeWindow,
    percentiles: readonly (readonly [label: string, quantile: number])[],
  ): Generator<string> {
    const records = new MetricRecords(origin, window);
    const { calls, sketches, slowest, slowestTrace } = this.#closed;
    this.slowest = this.#slowOperations();
    for (let number = 0; number < this.#series.size; number++) {
      if (calls[number] === 0) continue;
      const attributes = this.#series.attributes(number)!;
      yield records.make(CALLS, 'sum', { value: calls[number]! }, '1', attributes);
      const sketch = sketches.look(number);
      if (!sketch) continue;
      const { count, sum, min, max } = sketch;
      const fields: MetricFields = { count, sum, min, max, avg: sum / count };
      for (const [label, quantile] of percentiles) fields[label] = sketch.quantile(quantile);
      fields.sketch = sketch.encode().toString('base64');
      fields.exemplar = { trace_id: slowestTrace[number]!, value: slowest[number]! };
      yield records.make(DURATION, 'histogram', fields, 's', attributes);
    }
    this.#end();
  }

  #slowOperations(): SlowOperation[] {
    const { calls, slowest, slowestTrace } = this.#closed;
    const some: number[] = [];
    for (let number = 0; number < this.#series.size; number++) if (calls[number] !== 0) some.push(number);
    some.sort((a, b) => slowest[b]! - slowest[a]!).splice(MOST_SLOW);
    return some.map((number) => {
      const attributes = JSON.parse(`{${this.#series.attributes(number)}}`) as Record<string, string>;
      return {
        service: attributes['service.name']!,
        operation: attributes['span.name']!,
        kind: attributes['span.kind']!,
        seconds: slowest[number]!,
        trace_id: slowestTrace[number]!,
        calls: calls[number]!,
      };
    });
  }

  #end(): void {
    const { calls, sketches, region, slowestTrace } = this.#closed;
    this.#series.turn();
    let gone = false;
    for (let number = 0; number < this.#series.size; number++) {
      if (this.#series.attributes(number) === undefined) continue;
      if (calls[number] !== 0 || this.#open.calls[number] !== 0) this.#series.used(number);
      else if (this.#series.unused(number)) gone = true;
    }
    calls.fill(0);
    slowestTrace.length = 0;
    sketches.clear(this.#series.size);
    region.clear();
    if (gone) this.onForget?.();
  }

  #held(): Held {
    const region = new Region(this.#arena);
    return {
      calls: new Float64Array(SERIES_CAPACITY),
      slowest: new Float64Array(SERIES_CAPACITY),
      slowestTrace: [],
      region,
      sketches: new Sketches(region, SERIES_CAPACITY),
    };
  }
}
