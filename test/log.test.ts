import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Said } from '../src/log.ts';

const HOUR = 3_600_000;

test('what was said is said again after its time, and not before', () => {
  const said = new Said();
  assert.equal(said.begin('it', HOUR, 0), true);
  assert.equal(said.begin('other', HOUR, 1), true);
  assert.equal(said.begin('it', HOUR, HOUR - 1), false);
  assert.equal(said.begin('it', HOUR, HOUR), true);
  assert.equal(said.begin('it', HOUR, HOUR + 1), false);
});

test('what is over is forgotten, however much there is to say', () => {
  const said = new Said();
  let most = 0;
  // A hundred an hour, for a month.
  for (let i = 0; i < 100 * 24 * 30; i++) {
    said.begin(`name ${i}`, HOUR, (i * HOUR) / 100);
    most = Math.max(most, said.bytes);
  }
  assert.ok(most <= 100_000, `${most} bytes`);
  said.begin('name', HOUR, 0);
  assert.equal(said.begin('name', HOUR, 1), false);
});

test('what is never to be said again takes so much memory at most, whoever makes it up', () => {
  for (const length of [1, 4000]) {
    const said = new Said();
    let most = 0;
    for (let i = 0; i < 10_000_000 / (100 + length); i++) {
      said.begin(`${i} ${'x'.repeat(length)}`, Number.POSITIVE_INFINITY, 0);
      most = Math.max(most, said.bytes);
    }
    assert.ok(most <= 4_000_000, `${most} bytes`);
  }
});
