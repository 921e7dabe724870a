import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Placement } from '../../../src/consumers/opensearch/placement.ts';

test('a stream is (partition + floor(offset / turn)) mod streams, in whatever order it is asked', () => {
  const placement = new Placement(5, { streams: 4, turn: 1000 });
  const offsets = Array.from({ length: 5000 }, (_, i) => (i * 7919) % 20_000);
  for (const offset of [...offsets, 999, 1000, 0, 2 ** 40]) {
    assert.equal(placement.streamOf(offset), (5 + Math.floor(offset / 1000)) % 4, `offset ${offset}`);
  }
});

test('a change holds from its offset on, and not before', () => {
  const placement = new Placement(2, { streams: 3, turn: 500 }, { from: 1250, turns: { streams: 5, turn: 300 } });
  const expected = (offset: number) =>
    offset < 1250 ? (2 + Math.floor(offset / 500)) % 3 : (2 + Math.floor(offset / 300)) % 5;
  for (let offset = 0; offset < 4000; offset++) assert.equal(placement.streamOf(offset), expected(offset));
  for (let offset = 4000; offset >= 0; offset--) assert.equal(placement.streamOf(offset), expected(offset));
});
