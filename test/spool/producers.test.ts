import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Producers } from '../../src/spool/producers.ts';

const [ID, OTHER] = ['f0'.repeat(16), '0f'.repeat(16)];
const here = { cluster: 'here', topicId: ID };

test('producers hold in their own topic of their own cluster, also when they come back from the disk', () => {
  const made = Producers.in(here, 3);
  made.set(1, { producerId: 7n, epoch: 2, sequence: 5 });
  for (const producers of [made, Producers.decode(made.encode(1000))]) {
    assert.deepEqual([...producers.ids()], [7n]);
    assert.equal(producers.partitions, 3);
    const check = (topic: typeof here | { cluster: string; topicId: null }, holds: boolean) =>
      assert.equal(producers.holdIn(topic), holds, JSON.stringify(topic));
    check(here, true);
    check({ ...here, topicId: OTHER }, false);
    check({ ...here, cluster: 'there' }, false);
    // A broker that does not tell ids.
    check({ ...here, topicId: null }, true);
  }
});

test('a table that an earlier version wrote holds in its cluster, and learns which topic it is of', () => {
  const written = Producers.in({ ...here, topicId: null }, 1);
  written.set(0, { producerId: 7n, epoch: 0, sequence: 0 });
  const table = written.encode(1000);
  assert.equal(table.length, 8 + 18);
  const producers = Producers.decode(table);
  assert.equal(producers.holdIn({ ...here, topicId: OTHER }), true);
  producers.learn(here);
  assert.equal(Producers.decode(producers.encode(1000)).holdIn({ ...here, topicId: OTHER }), false);
});

test('what an earlier version reads of it is the same, and one producer that is never asked for', () => {
  const producers = Producers.in(here, 1);
  producers.set(0, { producerId: 7n, epoch: 2, sequence: 5 });
  const table = producers.encode(1000);
  const entries = [8, 8 + 18].map((at) => [
    table.readInt32BE(at),
    table.readInt16BE(at + 12),
    table.readInt32BE(at + 14),
  ]);
  assert.deepEqual(entries, [
    [-1, 0, 0],
    [0, 2, 5],
  ]);
  assert.equal(table.length, 8 + 2 * 18);
});
