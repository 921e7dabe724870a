/** The cases of other implementations' tests that concern a listener of etsy's dialect, through grammar and aggregation. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { explainStatsd } from '../../../src/cli/explain-statsd.ts';
import { Aggregator } from '../../../src/sources/statsd/aggregator.ts';
import type { Manner } from '../../../src/sources/statsd/manner.ts';
import { NO_NAMING, seriesLimits, unpacked } from '../../support/statsd.ts';

interface Case {
  id: string;
  set: string;
  in: string;
  out: Record<string, unknown>;
}

/** Where runnel means to differ from the implementation that the case was taken from. */
const DIFFERENT: Record<string, Record<string, unknown>> = {
  // A field of no known meaning is ignored, and counted: the sample is not lost for it (as Telegraf has it, TG026).
  ET007: { counters: { foo: 1 } },
  // etsy reads the rate 2e-1 as 2.
  ET008: { counters: { foo: 5 } },
  // Tags are attributes, not part of the name.
  ET019: { name: 'foo', type: 'c', value: 1, tags: { env: 'prod', b: '' } },
  ET020: { name: 'foo', type: 'c', value: 1, rate: 0.1, tags: { a: 'b' } },
  // What is no decimal number, and a rate outside of (0, 1], has no meaning.
  ET029: { error: true },
  ET030: { error: true },
  ET032: { error: true },
  SE018: { error: true },
  SE019: { error: true },
  // A sign is part of a member, and of a time.
  TG021: { sets: { invalid_plus_minus_non_gauge: 1 } },
  TG022: { name: 'invalid.plus.minus.non.gauge', type: 'ms', value: 10 },
  // DogStatsD's packing is taken.
  TG044: { counters: { a: 3 } },
  SE014: { counters: { foo_counter: 3120.5 } },
  OT007: { counters: { test_metric: 42 } },
  // Names are cleaned by etsy's rule.
  TG043: { name: 'regex.wow', type: 'c', value: 1 },
  TG041: { name: 'regex.ARP_flood_stats', type: 'c', value: 1 },
  SE008: { name: 'tag1=bartag2=bazfoo.test', type: 'c', value: 100 },
  // A histogram with a time of its own is understood; it is dropped, and counted, for that.
  OT015: { name: 'test.metric', type: 'h', value: 42, ts: 1656581400 },
  // Tags in names are read where that is asked for; then they are in names.
  TG039: { name: 'cpu.idle', type: 'c', value: 1, tags: { host: 'localhost', region: 'west' } },
  // No line is no error.
  OT001: {},
};

const WAYS: Record<string, Manner['nameTags']> = {
  TG039: ['influx'],
  TG040: ['influx'],
  SE005: ['librato'],
  SE006: ['signalfx'],
  SE011: ['librato'],
};

const cases = readFileSync(new URL('../../conformance/statsd.jsonl', import.meta.url), 'utf8')
  .trim()
  .split('\n')
  .map((line) => JSON.parse(line) as Case)
  .filter(({ set }) => set === 'statsd');

for (const { id, in: lines, out } of cases) {
  test(`${id}: ${JSON.stringify(lines)}`, () => {
    const expected = DIFFERENT[id] ?? out;
    const manner: Manner = { dialect: 'statsd', nameTags: WAYS[id] ?? [] };
    const said = explainStatsd(lines, manner);
    if (expected.error === true || expected.bad !== undefined) {
      assert.equal(said.errors.length, expected.bad ?? 1);
      assert.deepEqual(said.samples, []);
    } else if (expected.name !== undefined) {
      assert.deepEqual(said.errors, []);
      compareSample(said.samples[0]!, expected);
    } else compareWindow(lines, manner, expected);
  });
}

function compareSample(got: Record<string, unknown>, expected: Record<string, unknown>): void {
  for (const [key, value] of Object.entries(expected)) {
    if (key === 'tags') assert.deepEqual(got.tags ?? {}, tags(value as string[] | Record<string, string>));
    else if (key === 'ts') assert.equal(got.timestamp, value);
    else if (key === 'containerId') assert.equal(got.container, value);
    else if (key === 'delta') assert.equal(got.step, value);
    else assert.deepEqual(got[key], value, key);
  }
}

function tags(list: string[] | Record<string, string>): Record<string, string> {
  if (!Array.isArray(list)) return list;
  return Object.fromEntries(list.map((tag) => (tag.includes(':') ? tag.split(/:(.*)/s).slice(0, 2) : [tag, ''])));
}

interface Document {
  name: string;
  type: string;
  value: number;
  count: number;
  sum: number;
  min: number;
  max: number;
}

function compareWindow(lines: string, manner: Manner, expected: Record<string, unknown>): void {
  const documents = windowOf(lines, manner);
  // Telegraf puts `_` for `.`.
  const of = (type: string) =>
    Object.fromEntries(documents.filter((d) => d.type === type).map((d) => [d.name.replaceAll('.', '_'), d]));
  for (const [key, type] of [
    ['counters', 'sum'],
    ['gauges', 'gauge'],
    ['sets', 'set'],
  ] as const) {
    const wanted = expected[key] ?? {};
    const got = Object.fromEntries(Object.entries(of(type)).map(([name, { value }]) => [name, value]));
    assert.deepEqual(got, Object.fromEntries(Object.entries(wanted).map(([n, v]) => [n.replaceAll('.', '_'), v])));
  }
  for (const [name, values] of Object.entries((expected.timers ?? {}) as Record<string, number[]>)) {
    const counted = ((expected.timer_counters ?? {}) as Record<string, number>)[name] ?? values.length;
    const { count, min, max } = of('histogram')[name]!;
    assert.deepEqual([count, min, max], [counted, Math.min(...values), Math.max(...values)]);
  }
  const timing = expected.timing as { count?: number; upper?: number; lower?: number; sum?: number } | undefined;
  if (!timing) return;
  const [got] = documents as [Document];
  assert.equal(got.count, timing.count);
  assert.equal(got.max, timing.upper);
  if (timing.lower !== undefined) assert.deepEqual([got.min, got.sum], [timing.lower, timing.sum]);
}

function windowOf(lines: string, manner: Manner): Document[] {
  const origin = { host: 'web-1', dataset: 'statsd', labels: {} };
  const memory = 1 << 20;
  const aggregator = new Aggregator({
    limits: seriesLimits(100),
    naming: NO_NAMING,
    memory,
    percentiles: [],
    origin,
    arenaBytes: 65_536,
  });
  const { kernel } = aggregator;
  // Line by line, so that known spellings are met.
  for (const line of lines.split('\n')) {
    const length = kernel.bytes.write(line, kernel.arenaAt);
    aggregator.take(kernel.arenaAt, kernel.arenaAt + length, manner);
  }
  if (!aggregator.close()) return [];
  aggregator.begin({ start: 0, end: 10_000, id: 'a-1' });
  return unpacked(aggregator.piece(100, 1000)).documents.map((document) => JSON.parse(document) as Document);
}

test('a gauge stands where it was left: steps of a later window begin there, also where the kernel knows the spelling', () => {
  const origin = { host: 'web-1', dataset: 'statsd', labels: {} };
  const aggregator = new Aggregator({
    limits: seriesLimits(10),
    naming: NO_NAMING,
    memory: 1 << 20,
    percentiles: [],
    origin,
    arenaBytes: 65_536,
  });
  const { kernel } = aggregator;
  const statsd: Manner = { dialect: 'statsd', nameTags: [] };
  const dogstatsd: Manner = { dialect: 'dogstatsd', nameTags: [] };
  const take = (text: string, manner: Manner) => {
    const length = kernel.bytes.write(text, kernel.arenaAt);
    aggregator.take(kernel.arenaAt, kernel.arenaAt + length, manner);
  };
  const window = () => {
    aggregator.close();
    aggregator.begin({ start: 0, end: 10_000, id: 'a' });
    return unpacked(aggregator.piece(10, 1000)).documents.map((text) => (JSON.parse(text) as Document).value);
  };
  take('g:10|g\ng:+5|g\ng:20|g\ng:-1|g\ng:+2:3:-4|g', statsd);
  assert.deepEqual(window(), [-1]);
  take('g:+11|g', statsd);
  assert.deepEqual(window(), [10]);
  // Of a listener of the other dialect it is a value, of the same series.
  take('g:+5|g', dogstatsd);
  take('g:-1|g', statsd);
  assert.deepEqual(window(), [4]);
});
