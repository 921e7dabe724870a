import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Arena } from '../../src/aggregate/arena.ts';
import { Timed } from '../../src/aggregate/timed.ts';

test('each series and second has one entry: a sum, or the last value', () => {
  const timed = new Timed(new Arena(4 << 20));
  const expected = new Map<string, number>();
  let seed = 5;
  const next = (below: number) => {
    seed = (seed * 48_271) % 2_147_483_647;
    return seed % below;
  };
  for (let i = 0; i < 50_000; i++) {
    const [series, second, value] = [next(100), 1_700_000_000 + next(200), next(1000)];
    const last = series % 2 === 1;
    assert.ok(timed.add(series, second, value, last));
    const key = `${series} ${second}`;
    expected.set(key, last ? value : (expected.get(key) ?? 0) + value);
  }
  assert.equal(timed.size, expected.size);
  let samples = 0;
  for (let entry = 0; entry < timed.size; entry++) {
    assert.equal(timed.value(entry), expected.get(`${timed.series(entry)} ${timed.second(entry)}`));
    samples += timed.samples(entry);
  }
  assert.equal(samples, 50_000);
});

test('entries take of the budget, half of it at most, and give it back', () => {
  const budget = new Arena(1 << 20);
  const timed = new Timed(budget);
  let taken = 0;
  for (let i = 0; i < 50_000; i++) if (timed.add(1, 1_700_000_000 + i, 1, false)) taken++;
  assert.equal(taken, 16_384);
  assert.ok(budget.used <= 512 * 1024);
  // What is there already needs no room.
  assert.ok(timed.add(1, 1_700_000_000, 1, false));
  assert.equal(timed.value(0), 2);
  timed.clear();
  assert.equal(timed.size, 0);
  assert.ok(budget.used < 4096, `${budget.used}`);
  assert.ok(timed.add(2, 1_700_000_000, 7, false));
  assert.deepEqual([timed.size, timed.value(0), timed.samples(0)], [1, 7, 1]);
});
