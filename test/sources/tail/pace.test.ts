/** Work in steps. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Pace, sortInSteps } from '../../../src/sources/tail/pace.ts';

test('sorting in steps gives what sorting at once does, and keeps the order of equals', async () => {
  for (const count of [0, 1, 1023, 1024, 1025, 5000, 10_000]) {
    const items = Array.from({ length: count }, (_, i) => ({ key: (i * 7919) % 1000, i }));
    const compare = (a: { key: number }, b: { key: number }) => a.key - b.key;
    assert.deepEqual(await sortInSteps(items, compare, new Pace()), items.toSorted(compare));
  }
});
