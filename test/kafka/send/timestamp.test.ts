import assert from 'node:assert/strict';
import { test } from 'node:test';
import { acceptableTime, ClockSkew } from '../../../src/kafka/send/timestamp.ts';

const HOUR = 3_600_000;
const within = (low: number, high: number) =>
  `Timestamp 1 of message with offset 0 is out of range. The timestamp should be within [${low}, ${high}]`;

test('the time that is sent instead lies in what the broker takes, near the broker', () => {
  const now = 1_800_000_000_000;
  // Ahead, where the broker takes an hour (its default), and where it takes less.
  assert.equal(acceptableTime(now + 24 * HOUR, within(0, now + HOUR)), now);
  assert.equal(acceptableTime(now + HOUR, within(now - 60_000, now + 60_000)), now + 60_000);
  // Behind.
  assert.equal(acceptableTime(now - 24 * HOUR, within(now - HOUR, now + HOUR)), now - HOUR + 60_000);
  assert.equal(acceptableTime(now + 24 * HOUR, within(-9e15, now + HOUR)), now);
});

test('without a range nothing is said', () => {
  assert.equal(acceptableTime(1, null), null);
  assert.equal(acceptableTime(1, 'One or more records have been rejected due to invalid timestamp'), null);
});

test('what was learned of a clock is believed for ten minutes, also when that clock is set back', (t) => {
  let [wall, monotonic] = [1_800_000_000_000, 0];
  t.mock.method(Date, 'now', () => wall);
  t.mock.method(performance, 'now', () => monotonic);
  const skew = new ClockSkew();
  const packet = { time: wall, tries: 1 };
  assert.ok(skew.learn(packet, wall, within(0, wall - 23 * HOUR)));
  assert.equal(skew.ms, -24 * HOUR);
  wall -= 24 * HOUR;
  monotonic += 599_000;
  assert.equal(skew.ms, -24 * HOUR);
  monotonic += 2000;
  assert.equal(skew.ms, 0);
});
