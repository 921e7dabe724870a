import assert from 'node:assert/strict';
import { test } from 'node:test';
import { getHeapSpaceStatistics, setFlagsFromString } from 'node:v8';
import { MetricRecords } from '../../src/aggregate/record.ts';

/** Bytes of old objects. */
function old(): number {
  return getHeapSpaceStatistics().find(({ space_name }) => space_name === 'old_space')!.space_used_size;
}

test('a flush of many series leaves nothing among the old objects', () => {
  // Each collection of young objects is a look at what survives it.
  setFlagsFromString('--semi-space-growth-factor=1');
  const origin = { host: 'web-1', dataset: 'statsd', labels: {} };
  const records = new MetricRecords(origin, { start: 0, end: 10_000, id: 'a-1' });
  const make = (from: number, count: number) => {
    let bytes = 0;
    for (let i = from; i < from + count; i++)
      bytes += records.make('"a.b"', 'gauge', { value: i / 7 }, '1', '"k":"v"').length;
    return bytes;
  };
  make(0, 20_000);
  const before = old();
  let most = 0;
  for (let from = 20_000; from < 120_000; from += 5000) {
    make(from, 5000);
    most = Math.max(most, old() - before);
  }
  assert.ok(most < 1_000_000, `${most} bytes`);
});
