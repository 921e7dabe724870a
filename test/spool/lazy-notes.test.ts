/** Notes of a chained partition, which come to the sidecar after their blocks. */
import assert from 'node:assert/strict';
import { cp, readdir, readFile, truncate } from 'node:fs/promises';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { aroundWrites } from '../support/around-writes.ts';
import { directory } from '../support/directory.ts';
import { block, openSpool, streamOf, TOPIC } from '../support/spool-blocks.ts';

const CHAINED = { durable: true, chained: true, when_full: 'block', sync: 'always', group: 'audit' } as const;
const NEVER = new AbortController().signal;

async function linesIn(dir: string): Promise<number> {
  const names = (await readdir(join(dir, `${TOPIC}-0`))).filter((name) => name.endsWith('.weights'));
  const texts = await Promise.all(names.map((name) => readFile(join(dir, `${TOPIC}-0`, name), 'utf8')));
  return texts.join('').split('\n').filter(Boolean).length;
}

/** As a kill leaves it. */
async function killed(t: TestContext, dir: string): Promise<string> {
  const copy = join(directory(t), 'copy');
  await cp(dir, copy, { recursive: true });
  return copy;
}

test('after a kill blocks whose notes were not written yet have the inputs of their keys', async (t) => {
  const dir = directory(t);
  const { spool } = await openSpool(dir, CHAINED);
  const partition = spool.partition(TOPIC);
  const orders = streamOf('audit', 'orders');
  const auditd = streamOf('logs.auditd', 'auditd');
  const put = async (values: string[], stream = orders, items = values.length) =>
    partition.appendAll([await block(values, { stream, weight: items / values.length })], NEVER);
  await put(['a']);
  await put(['b', 'c']);
  await put(['d'], auditd);
  // One of them is a seal.
  await put(['e', 'f', 'seal'], orders, 2);
  await put(['g'], auditd);
  // Nothing that it had is its own.
  await put(['seal'], orders, 0);
  assert.equal(await linesIn(dir), 6);
  await put(['h'], orders);
  await put(['i', 'j'], orders);
  await put(['k'], auditd);
  assert.equal(await linesIn(dir), 7, 'those of the last two blocks are kept');
  const copy = await killed(t, dir);
  // Its own reader knows them nevertheless.
  const read: [string | null, [string, number][]][] = [];
  for await (const { note } of partition.read(0, { follow: false })) read.push([note!.key, [...note!.weights]]);
  await spool.close();

  for (const one of [copy, dir]) {
    const again = await openSpool(one, CHAINED);
    assert.deepEqual(Object.fromEntries(again.spool.waiting().weights), { audit: 8, 'logs.auditd': 3 });
    const found: typeof read = [];
    for await (const { note } of again.spool.partition(TOPIC).read(0, { follow: false }))
      found.push([note!.key, [...note!.weights]]);
    assert.deepEqual(found, read);
    await again.spool.close();
    assert.equal(await linesIn(one), 9);
  }
});

test('a line that was cut short keeps nothing from the notes behind it', async (t) => {
  const dir = directory(t);
  const { spool } = await openSpool(dir, CHAINED);
  const partition = spool.partition(TOPIC);
  const stream = streamOf('audit', 'orders');
  for (const value of ['a', 'b', 'c']) await partition.appendAll([await block([value], { stream })], NEVER);
  await spool.close();
  const path = join(dir, `${TOPIC}-0`, `${'0'.repeat(20)}.weights`);
  await truncate(path, (await readFile(path)).length - 5);
  const again = await openSpool(dir, CHAINED);
  assert.equal(again.spool.waiting().weights.get('audit'), 3);
  await again.spool.close();
});

test('notes come to the sidecar by themselves when there are many', async (t) => {
  const dir = directory(t);
  const { spool } = await openSpool(dir, CHAINED);
  const partition = spool.partition(TOPIC);
  const stream = streamOf('audit', 'orders');
  for (let i = 0; i < 200; i++) await partition.appendAll([await block([`${i}`], { stream })], NEVER);
  assert.ok((await linesIn(dir)) > 100);
  await spool.close();
  assert.equal(await linesIn(dir), 200);
});

test('where the disk does not take kept notes the next file is not begun without them', async (t) => {
  const dir = directory(t);
  const { spool } = await openSpool(dir, { ...CHAINED, max_size: 8 * 1024 });
  const partition = spool.partition(TOPIC);
  const stream = streamOf('audit', 'orders');
  const put = async (value: string, signal = NEVER) =>
    partition.appendAll([await block([value.padEnd(400, '.')], { stream })], signal);
  for (const value of ['a', 'b']) await put(value);
  const restore = aroundWrites(t, async (parts, write) => {
    if (parts[0]![0] === 0x5b) throw Object.assign(new Error('EIO'), { code: 'EIO' });
    return write();
  });
  await assert.rejects(put('c', AbortSignal.timeout(50)), /EIO/);
  restore();
  await put('c');
  await spool.close();
  const again = await openSpool(dir, CHAINED);
  assert.equal(again.spool.waiting().weights.get('audit'), 3);
  await again.spool.close();
});
