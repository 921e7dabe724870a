/**
 * Prometheus's text format (version 0.0.4) and OpenMetrics 1.0, line by line:
 *
 *   # TYPE http_requests_total counter
 *   http_requests_total{code="200",path="/a \"b\""} 1027 1395066363000 # {trace_id="x"} 1.0
 *
 * Exemplars and timestamps are passed over. A line that is neither ends the reading: half an answer is none.
 */
import { setImmediate } from 'node:timers/promises';
import type { Collector, HistogramTotals, SeriesLabels } from './collector.ts';

type Type = 'counter' | 'gauge' | 'histogram' | 'summary' | 'untyped';

const TYPES: Record<string, Type> = {
  counter: 'counter',
  gauge: 'gauge',
  histogram: 'histogram',
  gaugehistogram: 'untyped',
  summary: 'summary',
  info: 'gauge',
  stateset: 'gauge',
  untyped: 'untyped',
  unknown: 'untyped',
};
/** Of a sample that belongs to a family of another name. */
const SUFFIX = /_(?:bucket|sum|count|total|created|info)$/;
const NAME = /[a-zA-Z_:][a-zA-Z0-9_:.]*/y;
const NUMBER = /[^\s#]+/y;

export interface ExpositionRules {
  /** Null: it is left out. The name that the series goes by otherwise. */
  nameOf(name: string): string | null;
}

interface Sample {
  /** Name and labels as they are written. */
  series: string;
  name: string;
  labels: Record<string, string>;
  value: number;
}

/** Lines that are read in one go: some milliseconds. */
const AT_ONCE = 2000;

/** Throws where the text is none. What is long is read in pieces, and others go on between them. */
export async function readExposition(
  text: string,
  to: Collector,
  rules: ExpositionRules,
  signal?: AbortSignal,
): Promise<void> {
  const types = new Map<string, Type>();
  const histograms = new Map<
    string,
    { name: string; labels: SeriesLabels; totals: HistogramTotals & { buckets: [number, number][] } }
  >();
  let number = 0;
  for (let at = 0; at < text.length; ) {
    let end = text.indexOf('\n', at);
    if (end < 0) end = text.length;
    if (++number % AT_ONCE === 0) {
      await setImmediate();
      signal?.throwIfAborted();
    }
    const from = at;
    at = end + 1;
    if (text.charCodeAt(from) === 35) {
      const type = /^# TYPE (\S+) (\w+)\s*$/.exec(text.slice(from, end));
      if (type) types.set(type[1]!, TYPES[type[2]!] ?? 'untyped');
      if (text.startsWith('# EOF', from)) break;
      continue;
    }
    const sample = readSample(text, from, end);
    if (sample === null) continue;
    if (sample === 'wrong') throw new Error(`line ${number} is no metric: ${excerpt(text.slice(from, end))}`);
    put(sample, types, histograms, to, rules);
  }
  for (const { name, labels, totals } of histograms.values()) {
    totals.buckets.sort(([a], [b]) => a - b);
    to.histogram(name, totals, labels);
  }
}

function put(
  { series, name, labels, value }: Sample,
  types: ReadonlyMap<string, Type>,
  histograms: Map<
    string,
    { name: string; labels: SeriesLabels; totals: HistogramTotals & { buckets: [number, number][] } }
  >,
  to: Collector,
  rules: ExpositionRules,
): void {
  const suffix = SUFFIX.exec(name)?.[0] ?? '';
  const family = types.has(name) ? name : name.slice(0, name.length - suffix.length);
  const type = types.get(name) ?? types.get(family) ?? 'untyped';
  if (suffix === '_created' && type !== 'gauge' && types.has(family)) return;
  const goesBy = rules.nameOf(type === 'histogram' ? family : name);
  if (goesBy === null) return;
  if (type === 'histogram') {
    const { le, ...rest } = labels;
    const key = `${family} ${JSON.stringify(Object.entries(rest).sort())}`;
    let found = histograms.get(key);
    if (!found) {
      found = { name: goesBy, labels: rest, totals: { count: Number.NaN, sum: 0, buckets: [] } };
      histograms.set(key, found);
    }
    if (suffix === '_sum') found.totals.sum = value;
    else if (suffix === '_count') found.totals.count = value;
    else if (suffix === '_bucket' && le !== undefined) {
      const bound = numberIn(le);
      // What is in +Inf is the count.
      if (bound === Number.POSITIVE_INFINITY) found.totals.count = value;
      else found.totals.buckets.push([bound, value]);
    }
    return;
  }
  const isTotal = type === 'counter' || (type === 'summary' && (suffix === '_sum' || suffix === '_count'));
  if (isTotal) to.total(goesBy, value, labels, '1', series);
  else to.gauge(goesBy, value, labels);
}

/** Null: an empty line. */
function readSample(text: string, from: number, end: number): Sample | null | 'wrong' {
  let at = blanks(text, from, end);
  if (at === end) return null;
  NAME.lastIndex = at;
  const name = NAME.exec(text)?.[0];
  if (name === undefined) return 'wrong';
  at += name.length;
  const labels: Record<string, string> = {};
  if (text[at] === '{') {
    const behind = readLabels(text, at + 1, end, labels);
    if (behind < 0) return 'wrong';
    at = behind;
  }
  const series = text.slice(from, at);
  at = blanks(text, at, end);
  NUMBER.lastIndex = at;
  const written = at < end ? NUMBER.exec(text)?.[0] : undefined;
  if (written === undefined) return 'wrong';
  const value = numberIn(written);
  if (Number.isNaN(value) && !/^[+-]?nan$/i.test(written)) return 'wrong';
  return { series, name, labels, value };
}

/** Behind the `}`; -1: they are none. */
function readLabels(text: string, from: number, end: number, to: Record<string, string>): number {
  let at = from;
  for (;;) {
    at = blanks(text, at, end);
    if (text[at] === '}') return at + 1;
    NAME.lastIndex = at;
    const key = NAME.exec(text)?.[0];
    if (key === undefined) return -1;
    at = blanks(text, at + key.length, end);
    if (text[at] !== '=') return -1;
    at = blanks(text, at + 1, end);
    if (text[at] !== '"') return -1;
    let close = at + 1;
    while (close < end && text[close] !== '"') close += text[close] === '\\' ? 2 : 1;
    if (close >= end) return -1;
    const value = text.slice(at + 1, close);
    to[key] = value.includes('\\') ? value.replace(/\\(.)/g, (_, c) => (c === 'n' ? '\n' : c)) : value;
    at = blanks(text, close + 1, end);
    if (text[at] === ',') at++;
    else if (text[at] !== '}') return -1;
  }
}

function blanks(text: string, from: number, end: number): number {
  let at = from;
  while (at < end && (text[at] === ' ' || text[at] === '\t' || text[at] === '\r')) at++;
  return at;
}

function numberIn(text: string): number {
  if (/^[+-]?inf/i.test(text)) return text.startsWith('-') ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY;
  return /^[+-]?(\d|\.\d)/.test(text) ? Number(text) : Number.NaN;
}

function excerpt(line: string): string {
  return JSON.stringify(line.length > 80 ? `${line.slice(0, 80)}...` : line);
}
