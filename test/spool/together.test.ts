/** What was written together, found again after a kill or a power cut: there as a whole, or not at all. */
import assert from 'node:assert/strict';
import { readdir, readFile, stat, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import type { Block } from '../../src/core/block.ts';
import { readHeader } from '../../src/records/record-batch.ts';
import { checkPartition } from '../../src/spool/check.ts';
import { directory } from '../support/directory.ts';
import { block, openSpool, readAll, TOPIC } from '../support/spool-blocks.ts';

const CHAINED = { durable: true, chained: true, when_full: 'block', sync: 'always', group: 'audit' } as const;
const NEVER = new AbortController().signal;

async function beginning(values: string[]): Promise<Block> {
  return { ...(await block(values)), continues: true };
}

/** A partition with these groups, as it lies on disk, and where each batch of its last file begins. */
async function written(t: TestContext, groups: Block[][], max_size = 64 << 20) {
  const dir = directory(t);
  const { spool } = await openSpool(dir, { ...CHAINED, max_size });
  for (const group of groups) await spool.partition(TOPIC).appendAll(group, NEVER);
  await spool.close();
  const names = (await readdir(join(dir, `${TOPIC}-0`))).filter((name) => name.endsWith('.log')).sort();
  const path = join(dir, `${TOPIC}-0`, names.at(-1)!);
  const bytes = await readFile(path);
  const starts: number[] = [];
  for (let at = 0; at < bytes.length; at += readHeader(bytes, at)!.bytes) starts.push(at);
  return { dir, path, files: names.length, starts };
}

/** What the next process finds, and counts as lost. */
async function found(dir: string): Promise<{ values: string[]; lost: number; next: number }> {
  const { spool, drops } = await openSpool(dir, CHAINED);
  const partition = spool.partition(TOPIC);
  const { values } = await readAll(partition);
  const lost = drops.reduce((sum, { records }) => sum + records, 0);
  const { nextOffset: next } = partition;
  await spool.close();
  return { values, lost, next };
}

test('a kill between the blocks of one request leaves nothing of it, and nothing is lost', async (t) => {
  for (const last of [1, 2]) {
    const request = [await beginning(['b', 'c']), await beginning(['d']), await block(['e'])];
    const { dir, path, starts } = await written(t, [[await block(['a'])], request]);
    assert.equal(starts.length, 4);
    await truncate(path, starts[1 + last]);
    const report = await checkPartition(join(dir, `${TOPIC}-0`));
    assert.deepEqual(
      report.flaws.map(({ kind, at }) => [kind, at]),
      [['torn', starts[1]]],
    );
    assert.deepEqual(await found(dir), { values: ['a'], lost: 0, next: 1 });
  }
});

test('a kill amid the last block of one request leaves nothing of it', async (t) => {
  const { dir, path } = await written(t, [[await beginning(['a']), await block(['b'])]]);
  await truncate(path, (await stat(path)).size - 1);
  assert.deepEqual(await found(dir), { values: [], lost: 0, next: 0 });
});

test('what is whole stays, and the same offsets are given again', async (t) => {
  const { dir, path, starts } = await written(t, [
    [await beginning(['a']), await block(['b'])],
    [await beginning(['c']), await block(['d'])],
  ]);
  assert.deepEqual((await found(dir)).values, ['a', 'b', 'c', 'd']);
  await truncate(path, starts[3]);
  assert.deepEqual((await found(dir)).values, ['a', 'b']);
  const { spool } = await openSpool(dir, CHAINED);
  assert.equal(await spool.partition(TOPIC).appendAll([await block(['e'])], NEVER), 3);
  await spool.close();
  assert.deepEqual((await found(dir)).values, ['a', 'b', 'e']);
});

test('what belongs together is in one file, also where it is larger than those are', async (t) => {
  const long = (name: string) => name.padEnd(400, '.');
  const request = [await beginning([long('b')]), await beginning([long('c')]), await block([long('d')])];
  const { dir, files, starts } = await written(t, [[await block([long('a')])], request], 4096);
  assert.deepEqual([files, starts.length], [2, 3]);
  assert.deepEqual(
    (await found(dir)).values.map((value) => value[0]),
    ['a', 'b', 'c', 'd'],
  );
});

test('what a power cut took of the last group takes the rest of that with it', async (t) => {
  const { dir, path, starts } = await written(t, [[await block(['a'])], [await block(['b']), await block(['c'])]]);
  const bytes = await readFile(path);
  await writeFile(path, bytes.fill(0, starts[1], starts[2]));
  assert.deepEqual(await found(dir), { values: ['a'], lost: 0, next: 1 });
});

test('what was on the medium when the next one was written is damage, and what is behind it stays', async (t) => {
  const { dir, path, starts } = await written(t, [
    [await block(['a'])],
    [await block(['b']), await block(['c'])],
    [await block(['d'])],
  ]);
  const bytes = await readFile(path);
  await writeFile(path, bytes.fill(0, starts[1], starts[2]));
  const { values, lost, next } = await found(dir);
  assert.deepEqual([values, lost, next], [['a', 'c', 'd'], 1, 4]);
});
