import assert from 'node:assert/strict';
import { test } from 'node:test';
import { cutAt, untilNext, windowAt } from '../../src/aggregate/window.ts';

test('the wait ends at a multiple of the interval, whatever the clock says', () => {
  const cases: [now: number, atLeast: number, wait: number][] = [
    [100_000, 5000, 10_000],
    [100_003, 5000, 9997],
    [99_999, 5000, 10_001],
    [95_001, 1000, 4999],
    [99_500, 1000, 10_500],
  ];
  for (const [now, atLeast, wait] of cases) assert.equal(untilNext(now, 10_000, atLeast), wait, String(now));
});

test('a window is as long as was measured, also when the clock was set', () => {
  const cases: [now: number, elapsed: number, start: number, end: number][] = [
    [100_002, 10_001.3, 90_000, 100_000],
    [99_999, 9998, 90_000, 100_000],
    [100_001, 4312.4, 95_688, 100_000],
    [140_000, 50_000, 90_000, 140_000],
    [120_003, 20_004.2, 100_000, 120_000],
    // The clock stepped back by an hour, or to somewhere between.
    [100_000 - 3_600_000, 10_000, 90_000 - 3_600_000, 100_000 - 3_600_000],
    [93_500, 10_000, 83_500, 93_500],
  ];
  for (const [now, elapsed, start, end] of cases) assert.deepEqual(windowAt(now, elapsed, 10_000), { start, end });
});

test('a window that is cut short ends now, and is never of no length', () => {
  assert.deepEqual(cutAt(99_990, 3210.4), { start: 96_780, end: 99_990 });
  assert.deepEqual(cutAt(99_990, 0.2), { start: 99_989, end: 99_990 });
});
