/** What another process had acknowledged of a spool partition, and this one learns at its start. */
import assert from 'node:assert/strict';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import type { SpoolPartition } from '../../src/spool/partition.ts';
import { directory } from '../support/directory.ts';
import { block, openSpool, readAll, TOPIC } from '../support/spool-blocks.ts';

/** Three blocks of two, each of which weighs ten, and the partition's id. */
async function filled(dir: string): Promise<string> {
  const { spool } = await openSpool(dir);
  const partition = spool.partition(TOPIC);
  for (const values of [
    ['0', '1'],
    ['2', '3'],
    ['4', '5'],
  ])
    await partition.append(await block(values, { weight: 10 }));
  const id = await partition.id();
  assert.equal(await partition.id(), id);
  await spool.close();
  return id;
}

async function forwarded(partition: SpoolPartition, id: string, offset: number): Promise<[string, number][]> {
  let passed: [string, number][] = [];
  await partition.forward(id, offset, (weights) => {
    passed = [...weights].filter(([, items]) => items > 0);
  });
  return passed;
}

test('what was acknowledged elsewhere does not wait any more, and is not read', async (t) => {
  const dir = directory(t);
  const id = await filled(dir);
  const { spool } = await openSpool(dir);
  const partition = spool.partition(TOPIC);
  assert.equal(await partition.id(), id);
  await partition.append(await block(['6'], { weight: 10 }));
  assert.deepEqual(await forwarded(partition, id, 4), [['statsd', 40]]);
  assert.deepEqual([...partition.waiting().weights], [['statsd', 30]]);
  assert.equal(partition.waiting().records, 3);
  assert.deepEqual((await readAll(partition, partition.acknowledged)).values, ['4', '5', '6']);
  // Told again, or less: nothing changes.
  assert.deepEqual(await forwarded(partition, id, 2), []);
  assert.equal(partition.acknowledged, 4);
  await spool.close();
});

test('offsets of a partition that is gone mean nothing to the one that began anew', async (t) => {
  const dir = directory(t);
  const id = await filled(dir);
  await rm(join(dir, `${TOPIC}-0`), { recursive: true });
  await filled(dir);
  const { spool } = await openSpool(dir);
  const partition = spool.partition(TOPIC);
  assert.notEqual(await partition.id(), id);
  assert.deepEqual(await forwarded(partition, id, 4), []);
  assert.equal(partition.acknowledged, 0);
  await spool.close();
});

test('an offset that was lost with the power is not taken for the one that was given again', async (t) => {
  const dir = directory(t);
  const id = await filled(dir);
  const { spool } = await openSpool(dir);
  const partition = spool.partition(TOPIC);
  // The other process had sent eight records; two of them never reached the disk.
  await partition.append(await block(['6', '7'], { weight: 10 }));
  assert.deepEqual(await forwarded(partition, id, 8), []);
  assert.equal(partition.acknowledged, 0);
  assert.notEqual(await partition.id(), id);
  assert.equal((await readAll(partition)).values.length, 8);
  await spool.close();
});
