import assert from 'node:assert/strict';
import { test } from 'node:test';
import { EXACT, Unique } from '../../src/aggregate/unique.ts';

test('members are counted exactly up to the bound', () => {
  const set = new Unique();
  for (let i = 0; i < EXACT * 2; i++) set.add(`user-${i % EXACT}`);
  assert.equal(set.size, EXACT);
  assert.equal(set.approximate, false);
});

for (const members of [2000, 20_000, 50_000, 200_000]) {
  test(`${members} members are estimated within 3 %`, () => {
    const set = new Unique();
    for (let i = 0; i < members; i++) {
      set.add(`user-${i}`);
      set.add(`user-${i >> 1}`);
    }
    assert.equal(set.approximate, true);
    assert.ok(Math.abs(set.size - members) < members * 0.03, `${set.size}`);
  });
}
