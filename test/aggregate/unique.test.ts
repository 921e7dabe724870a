import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Arena, Region } from '../../src/aggregate/arena.ts';
import { EXACT, Uniques } from '../../src/aggregate/unique.ts';

function uniques(budget: number, series = 1): Uniques {
  return new Uniques(new Region(new Arena(budget)), series);
}

function add(sets: Uniques, number: number, member: string): boolean {
  const bytes = Buffer.from(`..${member}..`);
  return sets.add(number, bytes, 2, bytes.length - 2);
}

test('members are counted exactly up to the bound', () => {
  const sets = uniques(1 << 20);
  for (let i = 0; i < EXACT * 2; i++) {
    add(sets, 0, `user-${i % EXACT}`);
    assert.equal(sets.size(0), Math.min(i + 1, EXACT));
  }
  assert.equal(sets.approximate(0), false);
  assert.equal(sets.coarser, 0);
});

for (const members of [2000, 20_000, 50_000, 200_000]) {
  test(`${members} members are estimated within 3 %`, () => {
    const sets = uniques(1 << 20);
    for (let i = 0; i < members; i++) {
      add(sets, 0, `user-${i}`);
      add(sets, 0, `user-${i >> 1}`);
    }
    assert.equal(sets.approximate(0), true);
    assert.ok(Math.abs(sets.size(0) - members) < members * 0.03, `${sets.size(0)}`);
    assert.equal(sets.coarser, 0);
  });
}

test('sets of any size are neither over- nor underestimated on average', () => {
  const SETS = 24;
  for (const members of [2000, 15_000, 30_000, 40_000, 60_000, 120_000]) {
    const sets = uniques(1 << 20, SETS);
    let sum = 0;
    for (let s = 0; s < SETS; s++) {
      for (let i = 0; i < members; i++) add(sets, s, `${s}:${i}`);
      sum += sets.size(s);
    }
    // The standard error of the mean is 0.17 %.
    const error = sum / SETS / members - 1;
    assert.ok(Math.abs(error) < 0.006, `${members}: ${(error * 100).toFixed(2)} %`);
  }
});

test('a member is as large as its hash, however long it is', () => {
  const arena = new Arena(1 << 20);
  const sets = new Uniques(new Region(arena), 10);
  for (let i = 0; i < 100; i++) for (let s = 0; s < 10; s++) add(sets, s, `${i}`.padEnd(60_000, '.'));
  for (let s = 0; s < 10; s++) assert.equal(sets.size(s), 100);
  assert.ok(arena.used < 256 * 1024, `${arena.used}`);
});

test('without room sets are estimated from fewer registers, and new ones refused', () => {
  const arena = new Arena(1 << 20);
  const region = new Region(arena);
  const sets = new Uniques(region, 20_000);
  let opened = 0;
  for (let s = 0; s < 20_000; s++) if (add(sets, s, `first of ${s}`)) opened++;
  assert.ok(opened > 10_000 && opened < 20_000, `${opened}`);
  for (let i = 0; i < 500; i++) for (let s = 0; s < 20; s++) add(sets, s, `user ${i} of ${s}`);
  assert.equal(sets.coarser, 20);
  let sum = 0;
  for (let s = 0; s < 20; s++) {
    assert.equal(sets.approximate(s), true);
    // 64 registers: a standard error of 13 %.
    assert.ok(Math.abs(sets.size(s) - 501) < 300, `${sets.size(s)}`);
    sum += sets.size(s);
  }
  assert.ok(Math.abs(sum / 20 - 501) < 75, `${sum / 20}`);
  assert.ok(arena.used <= 1 << 20);
  sets.clear(20_000);
  region.clear();
  assert.equal(arena.used, 0);
  assert.ok(add(sets, 19_999, 'again'));
  assert.equal(sets.size(19_999), 1);
});
