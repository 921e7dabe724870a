/**
 * Prometheus's text format (version 0.0.4) and OpenMetrics 1.0, line by line:
 *
 *   # TYPE http_requests_total counter
 *   http_requests_total{code="200",path="/a \"b\""} 1027 1395066363000 # {trace_id="x"} 1.0
 *
 * Exemplars and timestamps are passed over. A line that is neither ends the reading: half an answer is none.
 */
import type { Collector, HistogramTotals } from './collector.ts';
import { histogramOf, type KnownHistogram, type KnownSeries, KnownSeriesList } from './known-series.ts';
import { Steps } from './steps.ts';

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
const NAME = /[a-zA-Z_:][a-zA-Z0-9_:.]*/y;
const NUMBER = /[^\s#]+/y;
const EXACT_DIGITS = 15;

export interface ExpositionRules {
  /** Null: it is left out. The name that the series goes by otherwise. */
  nameOf(name: string): string | null;
}

/** Of one series. */
interface HistogramParts {
  name: string;
  of: KnownHistogram;
  totals: HistogramTotals & { buckets: [number, number][] };
}

/** What the parts of one answer come to. */
interface Reading {
  types: Map<string, Type>;
  histograms: Map<string, HistogramParts>;
  to: Collector;
  rules: ExpositionRules;
}

/**
 * Throws where the text is none. What is long is read in pieces, and others go on between them. `known`: the series of the
 * last time, where it is read again and again.
 */
export async function readExposition(
  text: string,
  to: Collector,
  rules: ExpositionRules,
  signal?: AbortSignal,
  known = new KnownSeriesList(0),
): Promise<void> {
  const reading: Reading = { types: new Map(), histograms: new Map(), to, rules };
  known.begin();
  const steps = new Steps(signal);
  let number = 0;
  for (let at = 0; at < text.length; ) {
    let end = text.indexOf('\n', at);
    if (end < 0) end = text.length;
    number++;
    const pause = steps.step();
    if (pause) await pause;
    const from = at;
    at = end + 1;
    if (text.charCodeAt(from) === 35) {
      const type = text.startsWith('# TYPE ', from) ? /^# TYPE (\S+) (\w+)\s*$/.exec(text.slice(from, end)) : null;
      if (type) reading.types.set(type[1]!, TYPES[type[2]!] ?? 'untyped');
      if (text.startsWith('# EOF', from)) break;
      continue;
    }
    const expected = known.expected(text, from);
    const read = expected ? readValue(text, from + expected.written.length, end) : null;
    if (expected && typeof read === 'number') put(expected, read, reading);
    else if (readLine(text, from, end, known, reading) === 'wrong')
      throw new Error(`line ${number} is no metric: ${excerpt(text.slice(from, end))}`);
  }
  for (const { name, of, totals } of reading.histograms.values()) {
    totals.buckets.sort(([a], [b]) => a - b);
    to.histogram(name, totals, of.labels, '1', of);
  }
}

function put(known: KnownSeries, value: number, { types, histograms, to, rules }: Reading): void {
  const { name, suffix, labels, json, written } = known;
  const family = types.has(name) ? name : known.family;
  const type = types.get(name) ?? types.get(family) ?? 'untyped';
  if (suffix === '_created' && type !== 'gauge' && types.has(family)) return;
  const goesBy = rules.nameOf(type === 'histogram' ? family : name);
  if (goesBy === null) return;
  if (type === 'histogram') {
    const of = histogramOf(known);
    let found = histograms.get(of.key);
    if (!found) {
      found = { name: goesBy, of, totals: { count: Number.NaN, sum: 0, buckets: [] } };
      histograms.set(of.key, found);
    }
    const { le } = labels;
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
  if (isTotal) to.total(goesBy, value, labels, '1', { key: written, json });
  else to.gauge(goesBy, value, labels, '1', json);
}

function readLine(text: string, from: number, end: number, known: KnownSeriesList, reading: Reading): 'wrong' | null {
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
  const value = readValue(text, at, end);
  if (value === 'wrong') return 'wrong';
  put(known.read(text.slice(from, at), name, labels), value, reading);
  return null;
}

function readValue(text: string, from: number, end: number): number | 'wrong' {
  const at = blanks(text, from, end);
  const plain = readDigits(text, at, end);
  if (plain >= 0) return plain;
  NUMBER.lastIndex = at;
  const written = at < end ? NUMBER.exec(text)?.[0] : undefined;
  if (written === undefined) return 'wrong';
  const value = numberIn(written);
  return Number.isNaN(value) && !/^[+-]?nan$/i.test(written) ? 'wrong' : value;
}

/** Most are counters: digits up to the end or a blank, of which a double has every one. -1: another number, or none. */
function readDigits(text: string, from: number, end: number): number {
  let value = 0;
  let at = from;
  for (; at < end; at++) {
    const digit = text.charCodeAt(at) - 48;
    if (digit < 0 || digit > 9) break;
    value = value * 10 + digit;
  }
  const behind = at < end ? text[at] : ' ';
  const isWhole = at > from && at - from <= EXACT_DIGITS && (behind === ' ' || behind === '\t' || behind === '\r');
  return isWhole ? value : -1;
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
