/** What a window of StatsD holds, the simple way: the grammar line by line, and a map. */
import { attributesJson } from '../../src/aggregate/record.ts';
import type { Manner } from '../../src/sources/statsd/manner.ts';
import { type Metric, parseLine, type WireType } from '../../src/sources/statsd/parse.ts';
import { statusNumber } from '../../src/sources/statsd/parse-event.ts';
import { timestampFault } from '../../src/sources/statsd/timestamp.ts';

const TYPES: Record<WireType, string> = {
  c: 'sum',
  g: 'gauge',
  h: 'histogram',
  d: 'histogram',
  ms: 'histogram ms',
  s: 'set',
};

export interface ModelSeries {
  type: string;
  value: number;
  samples: number;
  /** Of histograms: values and weights. */
  values: [number, number][];
  members: Set<string>;
}

export class StatsdModel {
  /** By type, name, attributes and time. */
  series = new Map<string, ModelSeries>();
  events: string[] = [];
  readonly losses = new Map<string, number>();
  samples = 0;
  rejected = 0;
  readonly #levels = new Map<string, number>();

  take(datagram: Buffer, manner: Manner): void {
    for (let at = 0; at < datagram.length; ) {
      const found = datagram.indexOf(10, at);
      const end = found < 0 ? datagram.length : found;
      const line = datagram.subarray(at, end);
      if (line.length > 0 && !(line.length === 1 && line[0] === 13)) this.#line(line, manner);
      at = end + 1;
    }
  }

  /** The window ends. */
  end(): void {
    for (const [key, { type, value }] of this.series) if (type === 'gauge') this.#levels.set(key, value);
    this.series = new Map();
    this.events = [];
  }

  #line(line: Buffer, manner: Manner): void {
    for (const parsed of parseLine(line, manner)) {
      if (parsed.kind === 'metric') this.#metric(parsed, line);
      else if (parsed.kind === 'rejected') {
        this.rejected++;
        this.#lose(`malformed:${parsed.reason}`, 1);
      } else if (parsed.kind === 'event') {
        this.events.push(parsed.title);
        this.samples++;
      } else {
        const tags: [string, string][] = [
          ['check', parsed.name],
          ...parsed.tags.map((tag) => [...tag] as [string, string]),
        ];
        if (parsed.host) tags.push(['host', parsed.host]);
        const { timestamp } = parsed;
        this.#series('gauge', 'check.status', tags, timestamp).value = statusNumber(parsed);
      }
    }
  }

  #metric(metric: Metric, line: Buffer): void {
    const fault = timestampFault(metric, Date.now());
    if (fault) {
      this.#lose(fault, Math.max(1, metric.values.length));
      return;
    }
    const tags = metric.host ? [...metric.tags, ['host', metric.host] as const] : metric.tags;
    const { timestamp } = metric;
    const type = TYPES[metric.type];
    const key = keyOf(type, metric.name, tags, timestamp);
    const fresh = !this.series.has(key);
    const series = this.#series(type, metric.name, tags, timestamp, Math.max(1, metric.values.length));
    if (fresh && metric.steps && timestamp === undefined) series.value = this.#levels.get(key) ?? 0;
    const weight = 1 / (metric.rate ?? 1);
    for (const [i, value] of metric.values.entries()) {
      if (type === 'sum') series.value = finite(series.value + finite(value * weight));
      else if (type === 'gauge')
        series.value = metric.steps?.[i] && timestamp === undefined ? finite(series.value + value) : value;
      else series.values.push([value, weight]);
    }
    if (metric.member !== undefined) {
      // Bytes, where they are what the member was read from.
      const colon = line.indexOf(0x3a);
      const raw = line.subarray(colon + 1, line.indexOf(0x7c, colon));
      series.members.add((raw.toString() === metric.member ? raw : Buffer.from(metric.member)).toString('latin1'));
    }
  }

  #series(
    type: string,
    name: string,
    tags: readonly (readonly [string, string])[],
    second: number | undefined,
    samples = 1,
  ) {
    const key = keyOf(type, name, tags, second);
    const series = this.series.get(key) ?? { type, value: 0, samples: 0, values: [], members: new Set() };
    this.series.set(key, series);
    series.samples += samples;
    this.samples += samples;
    return series;
  }

  #lose(reason: string, samples: number): void {
    this.losses.set(reason, (this.losses.get(reason) ?? 0) + samples);
  }
}

function keyOf(type: string, name: string, tags: readonly (readonly [string, string])[], second?: number): string {
  const order = [...tags].sort(([a, x], [b, y]) => (a < b ? -1 : a > b ? 1 : x < y ? -1 : x > y ? 1 : 0));
  const once = order.filter(([key, value], i) => i === 0 || key !== order[i - 1]![0] || value !== order[i - 1]![1]);
  return JSON.stringify([type, name, JSON.parse(`{${attributesJson(once)}}`), second ?? null]);
}

function finite(value: number): number {
  return Math.max(-Number.MAX_VALUE, Math.min(Number.MAX_VALUE, value));
}
