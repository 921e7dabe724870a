/** A partition that is chained: what is written together is on the medium together, or was never there. */
import assert from 'node:assert/strict';
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import type { SpoolPartition } from '../../src/spool/partition.ts';
import { directory } from '../support/directory.ts';
import { block, openSpool, readAll, streamOf, TOPIC, valuesOf } from '../support/spool-blocks.ts';

const CHAINED = { durable: true, chained: true, when_full: 'block', sync: 'always', group: 'audit' } as const;
const NEVER = new AbortController().signal;

async function stored(partition: SpoolPartition, from = 0): Promise<string[]> {
  const values: string[] = [];
  for await (const entry of partition.stored(from)) values.push(...(await valuesOf(entry)));
  return values;
}

test('blocks are written together, and what nobody needs any more goes', async (t) => {
  const dir = directory(t);
  const { spool } = await openSpool(dir, { ...CHAINED, max_size: 4096 });
  const partition = spool.partition(TOPIC);
  assert.equal(await partition.appendAll([await block(['a', 'b']), await block(['c'])], NEVER), 3);
  assert.deepEqual((await readAll(partition)).values, ['a', 'b', 'c']);
  for (let i = 0; i < 10; i++) await partition.appendAll([await block([`d${i}`.padEnd(300, '.')])], NEVER);
  const files = async () => (await readdir(join(dir, `${TOPIC}-0`))).filter((name) => name.endsWith('.log')).length;
  const before = await files();
  assert.ok(before > 3);
  // Kafka has all of it, and the chain is not written down elsewhere.
  for await (const entry of partition.read(0, { follow: false })) await partition.acknowledge(entry.nextOffset);
  assert.equal(await files(), before);
  assert.equal((await stored(partition)).length, 13);
  await partition.keepFrom(partition.committed);
  assert.equal(await files(), 1);
  await spool.close();
});

test('what cannot be synced is taken back: nobody reads it, and the same offsets are given again', async (t) => {
  const dir = directory(t);
  const stream = streamOf('audit', 'orders');
  const { spool } = await openSpool(dir, CHAINED);
  const partition = spool.partition(TOPIC);
  await partition.appendAll([await block(['a'], { stream })], NEVER);
  const any = await (await import('node:fs/promises')).open(import.meta.filename);
  const prototype = Object.getPrototypeOf(any);
  await any.close();
  const failing = t.mock.method(prototype, 'datasync', () =>
    Promise.reject(Object.assign(new Error('EIO'), { code: 'EIO' })),
  );
  await assert.rejects(
    partition.appendAll([await block(['b'], { stream }), await block(['c'], { stream })], NEVER),
    /EIO/,
  );
  assert.equal(partition.committed, 1);
  assert.deepEqual((await readAll(partition)).values, ['a']);
  assert.equal(stream.account.received, 1);
  assert.equal(partition.waiting().records, 1);
  failing.mock.restore();
  await partition.appendAll([await block(['d'], { stream })], NEVER);
  assert.deepEqual(await stored(partition), ['a', 'd']);
  assert.equal(stream.account.received, 2);
  await spool.close();
  const again = await openSpool(dir, CHAINED);
  assert.deepEqual(await stored(again.spool.partition(TOPIC)), ['a', 'd']);
  assert.equal(again.spool.waiting().weights.get('audit'), 2);
  await again.spool.close();
});

test('where it cannot even be cut off, the next file says what holds', async (t) => {
  const dir = directory(t);
  const { spool } = await openSpool(dir, CHAINED);
  const partition = spool.partition(TOPIC);
  await partition.appendAll([await block(['a'])], NEVER);
  const first = join(dir, `${TOPIC}-0`, '00000000000000000000.log');
  const { size } = await stat(first);
  const fs = await import('node:fs/promises');
  const any = await fs.open(import.meta.filename);
  const prototype = Object.getPrototypeOf(any);
  await any.close();
  // It is written and synced by one call, which fails when it has written.
  const { writev } = prototype;
  const failing = t.mock.method(prototype, 'writev', async function (this: unknown, ...args: unknown[]) {
    await writev.apply(this, args);
    throw Object.assign(new Error('EIO'), { code: 'EIO' });
  });
  await assert.rejects(partition.appendAll([await block(['b'])], NEVER), /EIO/);
  failing.mock.restore();
  assert.equal(partition.waiting().records, 1);
  assert.deepEqual((await readAll(partition)).values, ['a']);
  await partition.appendAll([await block(['c'])], NEVER);
  await spool.close();
  assert.equal((await stat(first)).size, size, 'it was cut off');
  // As if that had failed, too.
  const file = await fs.open(first, 'a');
  const whole = await fs.readFile(join(dir, `${TOPIC}-0`, '00000000000000000001.log'));
  await file.write(whole);
  await file.close();
  const again = await openSpool(dir, CHAINED);
  assert.deepEqual(await stored(again.spool.partition(TOPIC)), ['a', 'c']);
  assert.deepEqual((await readAll(again.spool.partition(TOPIC))).values, ['a', 'c']);
  await again.spool.close();
});
