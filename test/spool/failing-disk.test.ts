/** A disk that does not take what is written, made with names that are taken by something else. */
import assert from 'node:assert/strict';
import { mkdir, readdir, rm, rmdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { block, directory, openSpool, readAll, TOPIC, valuesOf } from './blocks.ts';

test('an append waits in memory until the disk takes it, and nothing overtakes it', async (t) => {
  const dir = await directory(t);
  const { spool } = await openSpool(dir);
  const partition = spool.partition(TOPIC);
  const inTheWay = join(dir, `${TOPIC}-0`);
  await writeFile(inTheWay, '');
  const appends = Promise.all([block(['one']), block(['two'])]).then((blocks) =>
    Promise.all(blocks.map((b) => partition.append(b))),
  );
  const waits = AbortSignal.timeout(200);
  await assert.rejects(partition.passed(1, waits));
  assert.equal(partition.nextOffset, 0);
  assert.match(spool.errors().join(), new RegExp(`^local log of ${TOPIC}: cannot write: E`));
  await rm(inTheWay);
  assert.deepEqual(await appends, [1, 2]);
  assert.deepEqual(spool.errors(), []);
  assert.deepEqual((await readAll(partition)).values, ['one', 'two']);
  await spool.close();
});

test('what the disk does not take goes to a reader that has read all else, under offsets of its own', async (t) => {
  const dir = await directory(t);
  const options = { max_size: 8 * 3000 };
  const { spool } = await openSpool(dir, options);
  const partition = spool.partition(TOPIC);
  const at = join(dir, `${TOPIC}-0`);
  for (const value of ['0', '1']) await partition.append(await block([value.padEnd(1200)]));
  for (const offset of [2, 3]) await mkdir(join(at, `${String(offset).padStart(20, '0')}.log`));
  const appending = (async () => {
    for (const value of ['2', '3', '4', '5']) await partition.append(await block([value.padEnd(1200)], { weight: 2 }));
  })();
  const seen: string[] = [];
  for await (const entry of partition.read(0)) {
    assert.equal(entry.baseOffset, seen.length);
    seen.push((await valuesOf(entry))[0]!.trim());
    if (seen.length < 6) await partition.acknowledge(entry.nextOffset);
    else break;
  }
  await appending;
  assert.deepEqual(seen, ['0', '1', '2', '3', '4', '5']);
  assert.deepEqual(Object.fromEntries(partition.waiting().weights), { statsd: 2 });
  assert.ok((await readdir(at)).includes('00000000000000000004.log'));
  await spool.close();

  for (const offset of [2, 3]) await rmdir(join(at, `${String(offset).padStart(20, '0')}.log`));
  const { spool: opened } = await openSpool(dir, options);
  assert.equal(opened.partition(TOPIC).acknowledged, 5);
  assert.deepEqual((await readAll(opened.partition(TOPIC), 5)).values.map(Number), [5]);
  await opened.close();
});

test('closing does not wait for a disk that takes nothing', async (t) => {
  const dir = await directory(t);
  const { spool } = await openSpool(dir);
  await writeFile(join(dir, `${TOPIC}-0`), '');
  const append = spool.partition(TOPIC).append(await block(['one']));
  const refused = assert.rejects(append, /EEXIST|ENOTDIR/);
  await spool.close();
  await refused;
});
