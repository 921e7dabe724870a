import assert from 'node:assert/strict';
import { test } from 'node:test';
import { durationName } from '../../../src/consumers/topk/options.ts';
import {
  partsAt,
  planWindows,
  startOf,
  type TumblingWindow,
  usualKeep,
  WrittenWindow,
} from '../../../src/consumers/topk/windows.ts';

const plan = (lengths: number[], keep: [number, number][] = []): TumblingWindow[] =>
  planWindows(
    lengths.map((seconds) => ({ name: durationName(seconds), seconds })),
    new Map(keep),
  );

test('what is written, and what is made of that', () => {
  const check = (lengths: number[], expected: string) =>
    assert.equal(
      plan(lengths)
        .map(({ name, base }) => (base === null ? name : `${name}=${durationName(base)}`))
        .join(' '),
      expected,
    );
  check([60, 600, 3600, 86_400], '1m 10m=1m 1h 1d=1h');
  check([86_400, 60, 3600, 600], '1m 10m=1m 1h 1d=1h');
  check([600, 3600], '10m 1h=10m');
  check([60, 86_400], '1m 1d');
  check([60, 90], '1m 90s');
  check([10, 60, 300, 3600, 604_800], '10s 1m=10s 5m=10s 1h 7d');
});

test('the default of keep', () => {
  const check = (seconds: number, expected: string) => assert.equal(durationName(usualKeep(seconds)), expected);
  check(1, '2h');
  check(60, '2h');
  check(600, '12h');
  check(3600, '3d');
  check(86_400, '90d');
});

test('a record belongs to the window that its measurement ends in', () => {
  const check = (time: string, seconds: number, start: string) =>
    assert.equal(new Date(startOf(Date.parse(time), seconds) * 1000).toISOString(), start);
  check('2026-12-01T00:01:00.000Z', 60, '2026-12-01T00:00:00.000Z');
  check('2026-12-01T00:01:00.001Z', 60, '2026-12-01T00:01:00.000Z');
  check('2026-12-01T00:00:00.000Z', 86_400, '2026-11-30T00:00:00.000Z');
  check('1970-01-01T00:00:00.000Z', 60, '1969-12-31T23:59:00.000Z');
});

test('a key is kept as long as the last window that is made of it', () => {
  const windows = plan([60, 600, 3600, 86_400]);
  const day = 86_400 * 20_000;
  const check = (seconds: number, start: number, expires: number) =>
    assert.equal(new WrittenWindow(seconds, windows).expiresAt(start), expires);
  check(60, day, day + 600 + 12 * 3600);
  check(60, day + 540, day + 600 + 12 * 3600);
  check(3600, day + 3600, day + 86_400 + 90 * 86_400);
  // A short one that is kept longer than what is made of it.
  assert.equal(
    new WrittenWindow(
      60,
      plan(
        [60, 600],
        [
          [60, 90_000],
          [600, 60],
        ],
      ),
    ).expiresAt(day),
    day + 60 + 90_000,
  );
});

test('the parts of a union cover it', () => {
  const [, ten] = plan([60, 600]);
  assert.deepEqual(partsAt(ten!, 1200), [1200, 1260, 1320, 1380, 1440, 1500, 1560, 1620, 1680, 1740]);
});

test('a window that is a union is one of the same part whatever else is configured', () => {
  // Else keys that were written before a change would be counted twice after it.
  const lengths = [10, 60, 300, 600, 3600, 7200, 86_400];
  for (let a = 0; a < 1 << lengths.length; a++) {
    const windows = plan(lengths.filter((_, i) => a & (1 << i)));
    const written = windows.filter(({ base }) => base === null);
    for (const { seconds } of written) {
      for (const other of written) {
        const parts = seconds / other.seconds;
        assert.ok(parts <= 1 || !Number.isInteger(parts) || parts > 30, `${seconds} of ${other.seconds}`);
      }
    }
  }
});
