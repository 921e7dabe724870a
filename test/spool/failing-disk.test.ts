/** A disk that does not take what is written: names that are taken by something else, and one that is full. */
// Slow: a disk that gives nothing has to be given up.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readlinkSync } from 'node:fs';
import {
  appendFile,
  type FileHandle,
  mkdir,
  open,
  readdir,
  readFile,
  rename,
  rm,
  rmdir,
  writeFile,
} from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { durableOutlet } from '../../src/spool/durable-outlet.ts';
import type { SpoolPartition } from '../../src/spool/partition.ts';
import { directory } from '../support/directory.ts';
import { block, HERE, openSpool, readAll, streamOf, TOPIC, valuesOf } from '../support/spool-blocks.ts';
import { until } from '../support/until.ts';

test('an append waits in memory until the disk takes it, and nothing overtakes it', async (t) => {
  const dir = directory(t);
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
  assert.match(
    spool.errors().join(),
    new RegExp(`^local log of ${TOPIC}: cannot write: .* is a file, and should be a directory$`),
  );
  await rm(inTheWay);
  assert.deepEqual(await appends, [1, 2]);
  assert.deepEqual(spool.errors(), []);
  assert.deepEqual((await readAll(partition)).values, ['one', 'two']);
  await spool.close();
});

test('what the disk does not take goes to a reader that has read all else, under offsets of its own', async (t) => {
  const dir = directory(t);
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

test('what goes on from memory is not changed when whoever appended it uses its memory again', async (t) => {
  const dir = directory(t);
  const { spool } = await openSpool(dir, { sync: 'never' });
  const partition = spool.partition(TOPIC);
  await writeFile(join(dir, `${TOPIC}-0`), '');
  // As a lane without compression does: the block is a slot of the pool, which is another's when the block is settled.
  const packed = await block(['one'], { codec: 'none' });
  const slot = Buffer.from(packed.body);
  const reader = partition.read(0);
  const read = reader.next();
  await partition.append({ ...packed, body: slot });
  slot.fill(0);
  const entry = (await read).value!;
  assert.deepEqual(entry.body, packed.body);
  await reader.return();
  await spool.close();
});

test('what only memory had, and was on its way at a stop, is counted', async (t) => {
  const dir = directory(t);
  const { spool, drops } = await openSpool(dir);
  const partition = spool.partition(TOPIC);
  await writeFile(join(dir, `${TOPIC}-0`), '');
  const appending = (async () => {
    for (const value of ['one', 'two']) await partition.append(await block([value], { weight: 3 }));
  })();
  const reader = partition.read(0);
  await partition.acknowledge((await reader.next()).value!.nextOffset);
  await reader.next();
  await appending;
  await spool.close();
  assert.deepEqual(
    drops.map(({ input, records, reason }) => [input, records, reason]),
    [['statsd', 3, 'shutdown']],
  );
});

test('notes that cannot be read hold up neither what is new nor what they are about', async (t) => {
  const dir = directory(t);
  const options = { max_size: 8 * 3000 };
  const weights = (base: number) => join(dir, `${TOPIC}-0`, `${String(base).padStart(20, '0')}.weights`);
  const unreadable = async (base: number) => {
    await rm(weights(base));
    await mkdir(weights(base));
  };
  const { spool, drops } = await openSpool(dir, options);
  const partition = spool.partition(TOPIC);
  const append = async (value: number) => partition.append(await block([String(value).padEnd(1200)]));
  for (let i = 0; i < 6; i++) await append(i);
  await unreadable(0);
  for (let i = 6; spool.waiting().size > 0 && drops.length === 0; i++) await append(i);
  assert.deepEqual(drops, [{ input: 'spool', records: 0, bytes: drops[0]!.bytes, reason: 'spool_full' }]);
  assert.ok(drops[0]!.bytes >= 2 * 1200);
  const { values } = await readAll(partition);
  await spool.close();

  await rmdir(weights(0));
  await unreadable(2);
  const { spool: opened } = await openSpool(dir, options);
  assert.deepEqual((await readAll(opened.partition(TOPIC))).values, values);
  await opened.close();
});

test('a segment that cannot be read is said while it lasts, and read when it can be', async (t) => {
  const dir = directory(t);
  const { spool } = await openSpool(dir);
  const partition = spool.partition(TOPIC);
  await partition.append(await block(['one']));
  const segment = join(dir, `${TOPIC}-0`, `${'0'.repeat(20)}.log`);
  await rename(segment, `${segment}.away`);
  await mkdir(segment);
  const reader = partition.read(0);
  const read = reader.next();
  while (spool.errors().length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
  assert.match(spool.errors().join(), /^local log of .*: cannot read, so nothing of it is sent: EISDIR/);
  await rmdir(segment);
  await rename(`${segment}.away`, segment);
  assert.deepEqual(await valuesOf((await read).value!), ['one']);
  assert.deepEqual(spool.errors(), []);
  await reader.return();
  await spool.close();
});

test('what cannot be brought to the medium is said while it lasts', async (t) => {
  const dir = directory(t);
  const { spool } = await openSpool(dir, { sync: 60_000 });
  const partition = spool.partition(TOPIC);
  await partition.append(await block(['one']), 'written');
  const any = await open(join(dir, 'any'), 'w');
  const datasync = t.mock.method(Object.getPrototypeOf(any) as FileHandle, 'datasync', async () => {
    throw new Error('EIO: i/o error, fdatasync');
  });
  await partition.sync();
  assert.match(spool.errors().join(), /^local log of .*: cannot sync: EIO/);
  datasync.mock.restore();
  await partition.sync();
  assert.deepEqual(spool.errors(), []);
  await any.close();
  await spool.close();
});

test('a read position that is damaged is said, because all that is kept is sent again', async (t) => {
  const dir = directory(t);
  const { spool } = await openSpool(dir);
  await spool.partition(TOPIC).append(await block(['one']));
  await spool.close();
  const state = join(dir, `${TOPIC}-0`, 'read.state');
  await writeFile(state, 'nonsense');
  const said: string[] = [];
  const stderr = t.mock.method(process.stderr, 'write', (text: string) => said.push(text) > 0);
  const { spool: opened } = await openSpool(dir);
  stderr.mock.restore();
  assert.match(said.join(), /read\.state is damaged: what is kept is sent again, and may be in Kafka twice/);
  await opened.close();
  await rm(state);
  await mkdir(state);
  await assert.rejects(openSpool(dir), /^Error: cannot open the local log .*metrics-0: EISDIR/);
});

test('no file stays open that could not be made ready to be written to', async (t) => {
  const dir = directory(t);
  const { spool } = await openSpool(dir);
  const any = await open(join(dir, 'any'), 'w');
  const write = t.mock.method(Object.getPrototypeOf(any) as FileHandle, 'write', async () => {
    throw new Error('ENOSPC: no space left on device, write');
  });
  await any.close();
  // The garbage collector would end the process.
  const append = assert.rejects(spool.partition(TOPIC).append(await block(['one'])), /ENOSPC/);
  while (write.mock.callCount() < 3) await new Promise((resolve) => setTimeout(resolve, 5));
  await spool.close();
  await append;
  const paths = (await readdir('/proc/self/fd')).map((fd) => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`);
    } catch {
      return ''; // that of the directory that was read
    }
  });
  assert.deepEqual(
    paths.filter((path) => path.startsWith(dir)),
    [],
  );
});

test('a spool whose last sync failed does not say that it was closed, and takes nothing more', async (t) => {
  const dir = directory(t);
  const { spool } = await openSpool(dir, { sync: 60_000 });
  const partition = spool.partition(TOPIC);
  await partition.append(await block(['one']), 'written');
  const any = await open(join(dir, 'any'), 'w');
  const datasync = t.mock.method(Object.getPrototypeOf(any) as FileHandle, 'datasync', async () => {
    throw new Error('EIO: i/o error, fdatasync');
  });
  await any.close();
  const saysClosed = async () => {
    const state = await readFile(join(dir, `${TOPIC}-0`, 'read.state'));
    return [0, 512].map((at) => state.readUInt16BE(at + 50)).includes(1);
  };
  await spool.close();
  assert.equal(await saysClosed(), false);
  datasync.mock.restore();
  await assert.rejects(partition.append(await block(['late'])), /the spool is closed/);
  const { spool: opened } = await openSpool(dir, { sync: 60_000 });
  assert.deepEqual((await readAll(opened.partition(TOPIC))).values, ['one']);
  await opened.close();
  assert.equal(await saysClosed(), true);
});

test('closing does not wait for a disk that takes nothing', async (t) => {
  const dir = directory(t);
  const { spool } = await openSpool(dir);
  await writeFile(join(dir, `${TOPIC}-0`), '');
  const append = spool.partition(TOPIC).append(await block(['one']));
  const refused = assert.rejects(append, /is a file, and should be a directory/);
  await spool.close();
  await refused;
});

test('a full disk: what is collected goes on from memory, and to the disk again when there is room', async (t) => {
  const dir = directory(t);
  if (!mounted(dir)) return t.skip('needs the right to mount');
  try {
    const { spool, drops } = await openSpool(dir, { sync: 20 });
    const partition = spool.partition(TOPIC);
    await assert.rejects(writeFile(join(dir, 'filler'), Buffer.alloc(2_000_000)), /ENOSPC/);
    const appending = appendAll(partition, 300);
    while (spool.errors().length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
    assert.match(spool.errors().join(), /cannot write: ENOSPC/);
    const seen: number[] = [];
    let full = 0;
    for await (const entry of partition.read(0)) {
      seen.push(...(await valuesOf(entry)).map(Number.parseFloat));
      if (spool.errors().length > 0) full++;
      await partition.acknowledge(entry.nextOffset);
      if (full === 20) await rm(join(dir, 'filler'), { force: true });
      if (seen.length === 300) break;
    }
    await appending;
    assert.deepEqual(seen, [...Array(300).keys()]);
    assert.ok(full >= 20, 'blocks were read while the disk was full');
    assert.deepEqual(spool.errors(), []);
    assert.deepEqual(drops, []);
    await spool.close();
  } finally {
    spawnSync('umount', [dir]);
  }
});

test('a disk that is not full any more is found so, also where nothing more is collected', async (t) => {
  const dir = directory(t);
  if (!mounted(dir)) return t.skip('needs the right to mount');
  try {
    const { spool } = await openSpool(dir);
    const partition = spool.partition(TOPIC);
    await assert.rejects(writeFile(join(dir, 'filler'), Buffer.alloc(2_000_000)), /ENOSPC/);
    const appending = appendAll(partition, 1);
    for await (const { nextOffset } of partition.read(0)) {
      await partition.acknowledge(nextOffset);
      break;
    }
    await appending;
    assert.match(spool.errors().join(), /cannot write: ENOSPC/);
    await rm(join(dir, 'filler'));
    await until('nothing is wrong', () => spool.errors().length === 0);
    await appendAll(partition, 1);
    assert.deepEqual((await readAll(partition, 1)).values.length, 1);
    await spool.close();
  } finally {
    spawnSync('umount', ['-l', dir]);
  }
});

test('a disk that is not full any more is found so, also where nobody waits for it', async (t) => {
  const dir = directory(t);
  if (!mounted(dir)) return t.skip('needs the right to mount');
  try {
    const { spool } = await openSpool(dir, { durable: true, when_full: 'block' });
    const partition = spool.partition(TOPIC);
    await appendAll(partition, 1);
    await assert.rejects(writeFile(join(dir, 'filler'), Buffer.alloc(2_000_000)), /ENOSPC/);
    for (const waits of [AbortSignal.timeout(10), AbortSignal.timeout(1500)]) {
      await assert.rejects(partition.append(await block(['late'.padEnd(20_000)]), 'synced', waits), /ENOSPC/);
    }
    await pause(1500);
    assert.match(spool.errors().join(), /cannot write: ENOSPC/);
    assert.match(durableOutlet(spool, partition).error!, /^ENOSPC/);
    await rm(join(dir, 'filler'));
    await until('nothing is wrong', () => spool.errors().length === 0);
    assert.ok(!(await readdir(join(dir, `${TOPIC}-0`))).includes('probe'));
    await appendAll(partition, 1);
    assert.equal((await readAll(partition)).values.length, 2);
    await spool.close();
  } finally {
    spawnSync('umount', ['-l', dir]);
  }
});

test('a disk that is full of what is acknowledged makes room by itself', async (t) => {
  for (const durable of [false, true]) {
    const dir = directory(t);
    if (!mounted(dir)) return t.skip('needs the right to mount');
    try {
      const { spool, drops } = await openSpool(dir, { sync: 20, durable });
      const partition = spool.partition(TOPIC);
      const appending = appendAll(partition, 600);
      while (spool.errors().length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
      let seen = 0;
      for await (const entry of partition.read(0)) {
        seen += (await valuesOf(entry)).length;
        await partition.acknowledge(entry.nextOffset);
        if (seen === 600) break;
      }
      await appending;
      await appendAll(partition, 1);
      assert.deepEqual([spool.errors(), drops], [[], []]);
      await spool.close();
    } finally {
      spawnSync('umount', ['-l', dir]);
    }
  }
});

test('it is opened on a disk that is full, with the note of a block that did not fit', async (t) => {
  const dir = directory(t);
  if (!mounted(dir)) return t.skip('needs the right to mount');
  try {
    const { spool } = await openSpool(dir);
    const partition = spool.partition(TOPIC);
    await appendAll(partition, 3);
    await spool.close();
    const weights = join(dir, `${TOPIC}-0`, `${'0'.repeat(20)}.weights`);
    await appendFile(weights, '[3,1,3100,1700000000000,3020,"web-1",{"statsd":1}]\n');
    await assert.rejects(writeFile(join(dir, 'filler'), Buffer.alloc(2_000_000)), /ENOSPC/);
    const { spool: opened } = await openSpool(dir);
    assert.deepEqual((await readAll(opened.partition(TOPIC))).values.map(Number.parseFloat), [0, 1, 2]);
    assert.deepEqual(Object.fromEntries(opened.waiting().weights), { statsd: 3 });
    await opened.close();
    await rm(join(dir, 'filler'));
    const { spool: again } = await openSpool(dir);
    await again.partition(TOPIC).append(await block(['3'], { stream: streamOf('host') }));
    assert.deepEqual(Object.fromEntries(again.waiting().weights), { statsd: 3, host: 1 });
    await again.close();
  } finally {
    spawnSync('umount', ['-l', dir]);
  }
});

test('a disk that can only be read: all goes on from memory, under a producer that a restart does not know', async (t) => {
  const dir = directory(t);
  if (!mounted(dir)) return t.skip('needs the right to mount');
  try {
    const { spool } = await openSpool(dir);
    const partition = spool.partition(TOPIC);
    await appendAll(partition, 1);
    await partition.beginProducers(HERE, 1);
    await partition.setProducer(HERE, 0, { producerId: 7n, epoch: 0, sequence: 0 });
    await spool.close();
    const { spool: opened } = await openSpool(dir);
    const stuck = opened.partition(TOPIC);
    spawnSync('mount', ['-o', 'remount,ro', dir]);
    const appending = appendAll(stuck, 30);
    const seen: number[] = [];
    for await (const entry of stuck.read(0)) {
      seen.push(...(await valuesOf(entry)).map(Number.parseFloat));
      assert.equal(stuck.producersAreUnsafe, entry.baseOffset > 0 && stuck.producers.get(0)?.producerId === 7n);
      if (stuck.producersAreUnsafe) await stuck.setProducer(HERE, 0, { producerId: 8n, epoch: 0, sequence: 0 });
      assert.equal(stuck.producersAreUnsafe, false);
      await stuck.mayBeSent(AbortSignal.timeout(10_000));
      await stuck.acknowledge(entry.nextOffset);
      if (seen.length === 31) break;
    }
    await appending;
    assert.deepEqual(seen, [0, ...Array(30).keys()]);
    assert.match(opened.errors().join(), /cannot write the read position: EROFS/);
    spawnSync('mount', ['-o', 'remount,rw', dir]);
    await opened.close();
  } finally {
    spawnSync('umount', ['-l', dir]);
  }
});

/** A disk of one megabyte. */
function mounted(dir: string): boolean {
  return spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'none', dir]).status === 0;
}

async function appendAll(partition: SpoolPartition, total: number): Promise<void> {
  for (let i = 0; i < total; i++) await partition.append(await block([`${i} ${'x'.repeat(3000)}`]), 'written');
}
