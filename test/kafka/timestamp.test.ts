import assert from 'node:assert/strict';
import { test } from 'node:test';
import { acceptableTime } from '../../src/kafka/timestamp.ts';

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
