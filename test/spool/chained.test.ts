/** A partition that is chained: what is written together is on the medium together, or was never there. */
import assert from 'node:assert/strict';
import promises, { readdir } from 'node:fs/promises';
import { syncBuiltinESMExports } from 'node:module';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import type { SpoolPartition } from '../../src/spool/partition.ts';
import { aroundWrites } from '../support/around-writes.ts';
import { directory } from '../support/directory.ts';
import { block, openSpool, readAll, streamOf, TOPIC, valuesOf } from '../support/spool-blocks.ts';

const CHAINED = { durable: true, chained: true, when_full: 'block', sync: 'always', group: 'audit' } as const;
const NEVER = new AbortController().signal;

async function stored(partition: SpoolPartition, from = 0): Promise<string[]> {
  const values: string[] = [];
  for await (const entry of partition.stored(from)) values.push(...(await valuesOf(entry)));
  return values;
}

const EIO = () => Object.assign(new Error('EIO'), { code: 'EIO' });

/** Until it is called these functions of the disk fail, of writes and syncs after the work is done. */
async function failing(
  t: TestContext,
  names: readonly ('datasync' | 'writev' | 'truncate' | 'rm')[],
): Promise<() => void> {
  const any = await promises.open(import.meta.filename);
  const prototype = Object.getPrototypeOf(any);
  await any.close();
  const mended = names.map((name) => {
    if (name === 'writev') {
      return aroundWrites(t, async (_, write) => {
        await write();
        throw EIO();
      });
    }
    const object = name === 'datasync' ? prototype : promises;
    const original = object[name];
    const { mock } = t.mock.method(object, name, async function (this: unknown, ...args: unknown[]) {
      if (name === 'datasync') await original.apply(this, args);
      throw EIO();
    });
    return () => mock.restore();
  });
  syncBuiltinESMExports();
  return () => {
    for (const mend of mended) mend();
    syncBuiltinESMExports();
  };
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
  const mended = await failing(t, ['datasync']);
  await assert.rejects(
    partition.appendAll([await block(['b'], { stream }), await block(['c'], { stream })], NEVER),
    /EIO/,
  );
  assert.equal(partition.committed, 1);
  assert.deepEqual((await readAll(partition)).values, ['a']);
  assert.equal(stream.account.received, 1);
  assert.equal(partition.waiting().records, 1);
  mended();
  await partition.appendAll([await block(['d'], { stream })], NEVER);
  assert.deepEqual(await stored(partition), ['a', 'd']);
  assert.equal(stream.account.received, 2);
  await spool.close();
  const again = await openSpool(dir, CHAINED);
  assert.deepEqual(await stored(again.spool.partition(TOPIC)), ['a', 'd']);
  assert.equal(again.spool.waiting().weights.get('audit'), 2);
  await again.spool.close();
});

test('where it cannot even be cut off, the next file says what holds, and the next process sees that', async (t) => {
  const dir = directory(t);
  const stream = streamOf('audit', 'orders');
  const { spool } = await openSpool(dir, CHAINED);
  const partition = spool.partition(TOPIC);
  await partition.appendAll([await block(['a'], { stream })], NEVER);
  const mended = await failing(t, ['writev', 'truncate']);
  // It is written and synced by one call, which fails when it has written.
  await assert.rejects(partition.appendAll([await block(['b'], { stream })], NEVER), /EIO/);
  mended();
  assert.equal(partition.waiting().records, 1);
  assert.deepEqual((await readAll(partition)).values, ['a']);
  // As after a kill: nothing is written since.
  for (let i = 0; i < 2; i++) {
    const copy = join(directory(t), 'copy');
    await promises.cp(dir, copy, { recursive: true });
    const next = await openSpool(copy, CHAINED);
    assert.deepEqual(await stored(next.spool.partition(TOPIC)), i === 0 ? ['a'] : ['a', 'c']);
    assert.deepEqual((await readAll(next.spool.partition(TOPIC))).values, i === 0 ? ['a'] : ['a', 'c']);
    assert.equal(next.spool.waiting().weights.get('audit'), i + 1);
    assert.equal(next.spool.partition(TOPIC).committed, i + 1);
    await next.spool.close();
    if (i === 0) assert.equal(await partition.appendAll([await block(['c'], { stream })], NEVER), 2);
  }
  await spool.close();
});

test('files that were begun and cannot be removed are, before anything else is written', async (t) => {
  const dir = directory(t);
  const { spool } = await openSpool(dir, { ...CHAINED, max_size: 4096 });
  const partition = spool.partition(TOPIC);
  const long = (name: string) => block([name.padEnd(300, '.')]);
  await partition.appendAll([await long('a')], NEVER);
  const mended = await failing(t, ['datasync', 'rm']);
  await assert.rejects(partition.appendAll([await long('b'), await long('c'), await long('d')], NEVER), /EIO/);
  const patience = AbortSignal.timeout(100);
  await assert.rejects(partition.appendAll([await block(['e', 'f', 'g', 'h'])], patience));
  mended();
  await partition.appendAll([await block(['e', 'f', 'g', 'h'])], NEVER);
  await spool.close();
  const again = await openSpool(dir, CHAINED);
  assert.deepEqual(
    (await stored(again.spool.partition(TOPIC))).map((value) => value[0]),
    ['a', 'e', 'f', 'g', 'h'],
  );
  await again.spool.close();
});

test('what was begun is taken back also where the file before it is gone by then', async (t) => {
  const dir = directory(t);
  const { spool } = await openSpool(dir, { ...CHAINED, max_size: 4096 });
  const partition = spool.partition(TOPIC);
  const long = (name: string) => block([name.padEnd(300, '.')]);
  await partition.appendAll([await long('a')], NEVER);
  await partition.keepFrom(Number.POSITIVE_INFINITY);
  for await (const entry of partition.read(0, { follow: false })) await partition.acknowledge(entry.nextOffset);
  const any = await promises.open(import.meta.filename);
  const prototype = Object.getPrototypeOf(any);
  await any.close();
  const { datasync } = prototype;
  // The first file goes, as Kafka has it, while the others are being synced.
  const mock = t.mock.method(prototype, 'datasync', async function (this: unknown) {
    await partition.keepFrom(Number.POSITIVE_INFINITY);
    if ((await readdir(join(dir, `${TOPIC}-0`))).includes('00000000000000000000.log')) return datasync.apply(this);
    throw EIO();
  });
  await assert.rejects(partition.appendAll([await long('b'), await long('c')], NEVER), /EIO/);
  mock.mock.restore();
  assert.equal(await partition.appendAll([await long('d')], NEVER), 2);
  assert.deepEqual(
    (await readAll(partition, 1)).values.map((value) => value[0]),
    ['d'],
  );
  await spool.close();
  const again = await openSpool(dir, CHAINED);
  assert.deepEqual(
    (await stored(again.spool.partition(TOPIC))).map((value) => value[0]),
    ['d'],
  );
  await again.spool.close();
});

test('a block is on its way to the disk at once, where nothing is before it; what is behind it waits', async (t) => {
  const { spool } = await openSpool(directory(t), CHAINED);
  const partition = spool.partition(TOPIC);
  const stream = streamOf('audit', 'orders');
  // Behind the first one room is made, for which the second one waits.
  for (const value of ['0', '1']) await partition.appendAll([await block([value], { stream })], NEVER);
  const [b, c] = [await block(['b'], { stream }), await block(['c'], { stream })];
  let begun = 0;
  const restore = aroundWrites(t, (_, write) => {
    begun++;
    return write();
  });
  const both = [partition.append(b), partition.append(c)];
  assert.equal(begun, 1);
  assert.deepEqual(await Promise.all(both), [3, 4]);
  assert.equal(begun, 2);
  restore();
  await spool.close();
});

test('what was written while a sync failed is not believed because of a later one', async (t) => {
  const dir = directory(t);
  const { spool } = await openSpool(dir, CHAINED);
  const partition = spool.partition(TOPIC);
  let mended: (() => void) | null = await failing(t, ['datasync']);
  // The clock's sync comes between the blocks of a group.
  const restore = aroundWrites(t, async (_, write) => {
    const done = await write();
    if (mended && partition.unsynced) {
      const mend = mended;
      mended = null;
      await partition.sync();
      mend();
    }
    return done;
  });
  await assert.rejects(partition.appendAll([await block(['a']), await block(['b'])], NEVER), /EIO/);
  restore();
  assert.equal(await partition.appendAll([await block(['c'])], NEVER), 1);
  await spool.close();
  const again = await openSpool(dir, CHAINED);
  assert.deepEqual(await stored(again.spool.partition(TOPIC)), ['c']);
  await again.spool.close();
});
