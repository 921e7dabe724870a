/** The bytes that a reader may hold: bounded, and shared so that nobody starves. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ReadBudget } from '../../../src/kafka/read/budget.ts';

test('one batch is opened however large it is; then none until it is released', () => {
  const budget = new ReadBudget(1000);
  assert.equal(budget.mayOpen(0, 5000), true);
  budget.open(5000);
  assert.equal(budget.mayOpen(0, 1), false);
  let looked = 0;
  budget.whenFreed(() => looked++);
  budget.open(-5000);
  assert.equal(looked, 1);
  assert.equal(budget.mayOpen(0, 5000), true);
});

test('whoever holds what it can leaves room for each of the others', () => {
  const budget = new ReadBudget(4000);
  budget.sharers = 10;
  const own = Array.from({ length: 10 }, () => 0);
  for (let i = 0; i < 9; i++) {
    while (budget.mayFetch(own[i]!)) {
      own[i]! += 10;
      budget.fetch(10);
    }
  }
  assert.ok(own[0]! >= budget.fetchedMost / 2, 'the first may have half');
  assert.equal(budget.mayFetch(own[9]!), true);
  assert.ok(budget.fetched <= budget.fetchedMost);
});

test('what is opened stays within three quarters, and each has a part', () => {
  const budget = new ReadBudget(4000);
  budget.sharers = 4;
  const own = [0, 0, 0, 0];
  for (let i = 0; i < 3; i++) {
    while (budget.mayOpen(own[i]!, 100)) {
      own[i]! += 100;
      budget.open(100);
    }
  }
  assert.equal(budget.mayOpen(own[3]!, 100), true);
  assert.ok(budget.opened <= 3000);
});
