/** What a source counts of what it reads. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Account } from '../../../src/core/account.ts';
import { Reading } from '../../../src/sources/tail/reading.ts';

test('while a batch is read another one may be taken back: each is counted by itself', () => {
  const account = new Account('logs.test');
  const reading = new Reading({ account } as never);
  const file = { truncated: 0, count: () => undefined };
  const count = (lines: number, truncated: number) => {
    reading.lines += lines;
    account.truncated += truncated;
    file.truncated += truncated;
  };
  const first = reading.counting();
  count(10, 2);
  const counted = first();
  const second = reading.counting();
  reading.uncount(file as never, counted);
  count(5, 1);
  assert.deepEqual(second(), { lines: 5, bytes: 0, truncated: 1, replaced: 0, malformed: 0 });
  reading.uncount(file as never, second());
  assert.deepEqual([reading.lines, account.truncated, file.truncated], [0, 0, 0]);
});
