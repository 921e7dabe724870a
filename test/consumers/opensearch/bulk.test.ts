import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Arenas } from '../../../src/consumers/opensearch/arenas.ts';
import { Bulk } from '../../../src/consumers/opensearch/bulk.ts';
import { documentId } from '../../../src/consumers/opensearch/document-id.ts';
import { nextNote } from '../../../src/consumers/opensearch/note.ts';
import { PartitionProgress } from '../../../src/consumers/opensearch/progress.ts';
import type { GroupPartition } from '../../../src/kafka/read/partition.ts';

const turns = { streams: 1, turn: 1000 };

function progress(partition: number, { suspectTo = 0 } = {}): PartitionProgress {
  const of = { topic: 'logs', partition, topicId: null, position: 0, limit: 0 } as unknown as GroupPartition;
  const note = nextNote(null, { topic: 'logs', topicId: null, offset: 0, turns, window: 100 });
  return new PartitionProgress(of, note, 0, suspectTo, false);
}

function append(bulk: Bulk, owner: PartitionProgress, offset: number, value: string): boolean {
  const bytes = Buffer.from(`..${value}..`);
  owner.unsettled++;
  return bulk.append(owner, offset, bytes, 2, bytes.length - 2);
}

const idOf = (owner: PartitionProgress, offset: number) => {
  const number = nextNote(null, { topic: 'logs', topicId: null, offset: 0, turns, window: 1 }).number;
  return documentId({ number, partition: owner.partition.partition, offset });
};

const line = (owner: PartitionProgress, offset: number, value: string) =>
  `{"create":{"_id":"${idOf(owner, offset)}"}}\n${value}\n`;

test('a body is an action and a value a record, byte for byte', () => {
  const bulk = new Bulk(10_000);
  const [a, b] = [progress(0), progress(1)];
  assert.ok(append(bulk, a, 7, '{"x":1}'));
  assert.ok(append(bulk, b, 0, '{"y":"\u00e9"}'));
  const expected = line(a, 7, '{"x":1}') + line(b, 0, '{"y":"\u00e9"}');
  assert.equal(bulk.body().toString(), expected);
  assert.equal(bulk.body(1).toString(), line(a, 7, '{"x":1}'));
  assert.deepEqual(bulk.ids(), [idOf(a, 7), idOf(b, 0)]);
  assert.equal(bulk.bytes, Buffer.byteLength(expected));
});

test('a line feed in a value is no other action, and comes back in its dead letter', () => {
  const bulk = new Bulk(10_000);
  const a = progress(0);
  const value = '{"x":1\n}\n{"delete":{"_id":"1"}}\n';
  append(bulk, a, 0, value);
  append(bulk, a, 1, '{}');
  assert.equal(bulk.body().toString(), line(a, 0, value.replaceAll('\n', ' ')) + line(a, 1, '{}'));
  assert.equal(bulk.value(0).toString(), value);
  bulk.settle((item) => (item === 1 ? 'written' : null));
  assert.equal(bulk.value(0).toString(), value);
});

test('what does not fit is not begun', () => {
  const bulk = new Bulk(100);
  const a = progress(0);
  assert.ok(append(bulk, a, 0, '{}'));
  assert.ok(!append(bulk, a, 1, `{"x":"${'x'.repeat(50)}"}`));
  assert.equal(bulk.body().toString(), line(a, 0, '{}'));
});

test('what is settled is taken out, in whatever places, and counted for those who have it', () => {
  const bulk = new Bulk(100_000);
  const owners = [progress(0), progress(1), progress(0)];
  for (let i = 0; i < 60; i++) append(bulk, owners[Math.floor(i / 10) % 3]!, i, `{"i":${i}}`);
  owners[2]!.lost = true;
  const counts = bulk.settle((item) => (item % 3 === 0 ? 'written' : item % 3 === 1 ? 'present' : null));
  const of = (n: number) =>
    owners.map((_, o) => [...Array(60).keys()].filter((i) => Math.floor(i / 10) % 3 === o && i % 3 === n).length);
  assert.deepEqual(counts, { written: of(0)[0]! + of(0)[1]!, present: of(1)[0]! + of(1)[1]!, refused: 0 });
  assert.deepEqual(
    owners.map(({ unsettled }) => unsettled),
    [of(2)[0], of(2)[1], 20],
  );
  const left = [...Array(60).keys()].filter((i) => i % 3 === 2);
  const expected = left.map((i) => line(owners[Math.floor(i / 10) % 3]!, i, `{"i":${i}}`)).join('');
  assert.equal(bulk.body().toString(), expected);
  bulk.dropLost();
  const kept = left.filter((i) => Math.floor(i / 10) % 3 !== 2);
  assert.equal(
    bulk.body().toString(),
    kept.map((i) => line(owners[Math.floor(i / 10) % 3]!, i, `{"i":${i}}`)).join(''),
  );
  assert.deepEqual(
    bulk.ids().map((_, item) => bulk.offset(item)),
    kept,
  );
});

test('only what may have been sent is suspect', () => {
  const bulk = new Bulk(1000);
  const a = progress(0, { suspectTo: 5 });
  append(bulk, a, 5, '{}');
  assert.ok(!bulk.suspect);
  append(bulk, a, 4, '{}');
  assert.ok(bulk.suspect);
});

test('a position moves over what is settled from the beginning', () => {
  const a = progress(0);
  const spans = [a.open(0, 0), a.open(10, 0), a.open(20, 0)];
  a.takenTo(30);
  assert.equal(a.position, 0);
  a.settle(spans[1]!);
  assert.equal(a.position, 0);
  a.settle(spans[0]!);
  assert.equal(a.position, 20);
  a.settle(spans[2]!);
  assert.equal(a.position, 30);
});

test('memory is bounded, and what is larger than all of it goes alone', () => {
  const arenas = new Arenas(100_000, 400_000);
  const [one, two] = [arenas.take(10), arenas.take(10)];
  assert.ok(one && two);
  assert.equal(arenas.take(10), null);
  assert.equal(arenas.take(1_000_000), null);
  arenas.give(one);
  assert.equal(arenas.take(10), one);
  arenas.give(one);
  arenas.give(two);
  assert.ok(arenas.take(1_000_000)!.room > 1_000_000);
  assert.equal(arenas.take(10), null);
});
