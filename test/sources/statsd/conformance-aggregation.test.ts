/**
 * The cases of other implementations' tests that concern what is made of samples. They are told in words: here stands what
 * runnel makes of the same samples, and where that is something else, why.
 */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { untilNext, windowAt } from '../../../src/aggregate/window.ts';
import { Aggregator } from '../../../src/sources/statsd/aggregator.ts';
import { NO_NAMING, seriesLimits, unpacked } from '../../support/statsd.ts';

type Fields = Record<string, number>;

const LIMITS = { naming: NO_NAMING, memory: 1 << 20, arenaBytes: 1 << 20 };

/** What each window has of its series: the fields that are numbers, by name. */
function windowsOf(percentiles: number[], ...windows: string[]): Record<string, Fields>[] {
  const origin = { host: 'web-1', dataset: 'statsd', labels: {} };
  const aggregator = new Aggregator({ ...LIMITS, limits: seriesLimits(100), percentiles, origin });
  const { kernel } = aggregator;
  return windows.map((lines) => {
    aggregator.take(kernel.arenaAt, kernel.arenaAt + kernel.bytes.write(lines, kernel.arenaAt));
    if (!aggregator.close()) return {};
    aggregator.begin({ start: 0, end: 10_000, id: 'a-1' });
    const { documents } = unpacked(aggregator.piece(100, 1000));
    return Object.fromEntries(
      documents.map((document) => {
        const { name, interval: _, ...fields } = JSON.parse(document) as Fields & { name: string };
        return [name, Object.fromEntries(Object.entries(fields).filter(([, value]) => typeof value === 'number'))];
      }),
    );
  });
}

/** As exact as a sketch is of the values that it has bins for. */
function near(got: Fields, expected: Fields): void {
  for (const [field, value] of Object.entries(expected)) {
    const within = /^p\d/.test(field) ? Math.abs(value) / 128 : 0;
    assert.ok(Math.abs(got[field]! - value) <= within, `${field} is ${got[field]}, not ${value}`);
  }
}

const numbers = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, i) => from + i);
const one = (percentiles: number[], lines: string) => windowsOf(percentiles, lines)[0]!;

const CASES: Record<string, () => void> = {
  // A count, not a rate; where a percentile is between two values it is the lower one, as DDSketch has it.
  AG001: () => near(one([0.5, 0.95], 'a:1:10:4:5:2:2|h').a!, { max: 10, p50: 2, avg: 4, count: 6, p95: 5 }),
  AG003: () => {
    const lines = Array.from({ length: 20 }, () => `a:${numbers(1, 100).join(':')}|h`).join('\n');
    const expected = { max: 100, p50: 50, avg: 50.5, count: 2000, min: 1, p80: 80, p95: 95 };
    near(one([0.5, 0.8, 0.95], lines).a!, expected);
  },
  AG007: () => {
    const end = 123_456_500 + untilNext(123_456_500, 10_000, 0);
    assert.equal(windowAt(end, 10_000, 10_000).start, 123_450_000);
  },
  AG008: () => {
    const windows = windowsOf([], 'a:1|g', 'a:1|g', '');
    assert.deepEqual(windows, [{ a: { value: 1 } }, { a: { value: 1 } }, {}]);
  },
  // Nothing is made up where nothing was sent.
  AG010: () => {
    const windows = windowsOf([], 'counter1:1|c', 'counter2:2|c', 'counter2:2|c');
    assert.deepEqual(windows, [{ counter1: { value: 1 } }, { counter2: { value: 2 } }, { counter2: { value: 2 } }]);
  },
  AG015: () => {
    for (const { a } of windowsOf([], 'a:1:2|d', 'a:1|d\na:2|d')) near(a!, { count: 2, sum: 3, min: 1, max: 2 });
  },
  // Percentiles of all samples; etsy's are the greatest, and others, of a part of them.
  AG018: () => near(one([0.9, 0.999], `a:${numbers(1, 10).join(':')}|ms`).a!, { p90: 9, p99_9: 9, count: 10 }),
  AG019: () => near(one([0], 'a:1:2:3|ms').a!, { p0: 1, avg: 2 }),
  // A sample stands for as many as it was taken from in all that is made of it.
  AG020: () => near(one([], 'a:100|ms|@0.02').a!, { count: 50, sum: 5000, avg: 100 }),
};

/** What there is nothing of here: percentiles that are none are refused, counters of checks, bins that are listed. */
const NOT_HERE = ['AG004', 'AG016', 'AG021'];

const cases = readFileSync(new URL('../../conformance/statsd.jsonl', import.meta.url), 'utf8')
  .trim()
  .split('\n')
  .map((line) => JSON.parse(line) as { id: string; set: string; in: string })
  .filter(({ set }) => set === 'aggregation');

for (const { id, in: told } of cases) {
  if (!NOT_HERE.includes(id)) test(`${id}: ${told}`, () => CASES[id]!());
}

test('each of the cases is here, or is said not to be', () => {
  assert.deepEqual(
    [...Object.keys(CASES), ...NOT_HERE].sort(),
    cases.map(({ id }) => id),
  );
});
