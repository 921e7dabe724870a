/** Room behind the end of a chained partition's file: zeros, which are nothing. */
import assert from 'node:assert/strict';
import { cp, open, readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { checkPartition } from '../../src/spool/check.ts';
import { FileRoom, writtenTo } from '../../src/spool/room.ts';
import { directory } from '../support/directory.ts';
import { block, openSpool, readAll, TOPIC } from '../support/spool-blocks.ts';
import { eventually } from '../support/until.ts';

const CHAINED = { durable: true, chained: true, when_full: 'block', sync: 'always', group: 'audit' } as const;
const NEVER = new AbortController().signal;
const PARTITION = `${TOPIC}-0`;

async function logIn(dir: string): Promise<string> {
  const names = (await readdir(join(dir, PARTITION))).filter((name) => name.endsWith('.log'));
  return join(dir, PARTITION, names.at(-1)!);
}

/** A partition with some blocks, whose file has room behind them; a kill leaves `copy`. */
async function killed(t: TestContext): Promise<{ copy: string; values: string[]; end: number }> {
  const dir = directory(t);
  const { spool } = await openSpool(dir, CHAINED);
  const partition = spool.partition(TOPIC);
  const values = ['a', 'b', 'c'].map((name) => name.padEnd(1000, '.'));
  for (const value of values) await partition.appendAll([await block([value])], NEVER);
  await eventually('there is room', async () => (await stat(await logIn(dir))).size >= 64 << 10);
  const end = partition.bytes;
  const copy = join(directory(t), 'copy');
  await cp(dir, copy, { recursive: true });
  await spool.close();
  assert.equal((await stat(await logIn(dir))).size, end, 'who closes it takes the room away');
  return { copy, values, end };
}

test('what a kill leaves with room behind it is whole, and goes on', async (t) => {
  const { copy, values, end } = await killed(t);
  const log = await logIn(copy);
  assert.ok((await stat(log)).size > end);
  assert.equal(await writtenTo(log, end), end);
  assert.deepEqual((await checkPartition(join(copy, PARTITION))).flaws, []);
  const { spool, drops } = await openSpool(copy, CHAINED);
  const partition = spool.partition(TOPIC);
  assert.equal(partition.bytes, end);
  await partition.appendAll([await block(['d'])], NEVER);
  assert.deepEqual((await readAll(partition)).values, [...values, 'd']);
  await spool.close();
  assert.deepEqual(drops, []);
  assert.deepEqual(
    (await readdir(join(copy, PARTITION))).filter((name) => name.includes('quarantine')),
    [],
  );
});

test('of a block that came in part into the room so much is cut off, and kept', async (t) => {
  const { copy, values, end } = await killed(t);
  const log = await logIn(copy);
  const half = (await readFile(log)).subarray(0, 500);
  const file = await open(log, 'r+');
  await file.write(half, 0, half.length, end);
  await file.close();
  const { flaws } = await checkPartition(join(copy, PARTITION));
  assert.deepEqual(
    flaws.map(({ kind, at, bytes }) => [kind, at, bytes]),
    [['torn', end, 500]],
  );
  const { spool } = await openSpool(copy, CHAINED);
  const partition = spool.partition(TOPIC);
  assert.equal((await stat(log)).size, end);
  await partition.appendAll([await block(['d'])], NEVER);
  assert.deepEqual((await readAll(partition)).values, [...values, 'd']);
  await spool.close();
});

test('what is written past the room waits until that is made, and is not written over', async (t) => {
  const path = join(directory(t), 'file');
  const file = await open(path, 'w+');
  const room = await FileRoom.open(path, 0, 8 << 20);
  const wrote: Buffer[] = [];
  let at = 0;
  for (let i = 0; i < 200; i++) {
    const bytes = Buffer.alloc(1 + ((i * 7919) % 60_000), 1 + (i % 250));
    await room.before(at + bytes.length);
    await file.write(bytes, 0, bytes.length, at);
    wrote.push(bytes);
    at += bytes.length;
    room.after(at);
  }
  assert.equal(await writtenTo(path, 0), at);
  await room.close(at);
  assert.ok(Buffer.concat(wrote).equals(await readFile(path)));
  await file.close();
});

test('a file gets no longer by its room than it may be', async (t) => {
  const path = join(directory(t), 'file');
  const file = await open(path, 'w+');
  const room = await FileRoom.open(path, 0, 100_000);
  await file.write('x');
  room.after(1);
  await room.before(Number.POSITIVE_INFINITY);
  room.after(90_000);
  await room.before(Number.POSITIVE_INFINITY);
  assert.equal((await file.stat()).size, 100_000);
  await room.close(1);
  assert.equal((await file.stat()).size, 1);
  await file.close();
});
