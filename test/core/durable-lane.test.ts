/** A durable lane before a real spool, or a disk that waits until it is told to go on. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { NotDurable } from '../../src/core/durable-lane.ts';
import { durableOutlet } from '../../src/spool/durable-outlet.ts';
import { directory } from '../support/directory.ts';
import { Disk, laneOn } from '../support/durable-disk.ts';
import { parcelOf } from '../support/parcels.ts';
import { openSpools, readAll, streamOf, valuesOf } from '../support/spool-blocks.ts';
import { until } from '../support/until.ts';

const later = () => performance.now() + 30_000;

function held() {
  const disk = new Disk();
  const { lane, pool, share } = laneOn(disk);
  const stream = streamOf('otlp.traces');
  return { disk, lane, pool, share, stream };
}

test('whoever adds is answered when it is synced, with all who came meanwhile at once', async () => {
  const { disk, lane, stream } = held();
  const answered: number[] = [];
  const add = async (i: number) => {
    const { durable } = await lane.add(stream, parcelOf([{ key: `k${i}` }]), later());
    await durable;
    answered.push(i);
  };
  const all = [add(0)];
  await until('the first is written', () => disk.written.length === 1);
  for (let i = 1; i < 6; i++) all.push(add(i));
  await new Promise(setImmediate);
  assert.deepEqual([disk.written.length, answered], [1, []]);
  disk.written[0]!.synced.resolve();
  await until('the others are written, as one block', () => disk.written.length === 2);
  assert.deepEqual(answered, [0]);
  assert.deepEqual(await valuesOf(disk.written[1]!.block), ['k1', 'k2', 'k3', 'k4', 'k5']);
  assert.equal(disk.written[1]!.block.key, null);
  disk.written[1]!.synced.resolve();
  await Promise.all(all);
  assert.equal(stream.account.received, 6);
  assert.deepEqual([...lane.pending()], []);
});

test('a parcel of several blocks is answered when the last of them is synced', async () => {
  const { disk, lane, stream } = held();
  const records = Array.from({ length: 40 }, (_, i) => ({ key: `k${i}`, value: 'x'.repeat(40_000) }));
  const { durable } = await lane.add(stream, parcelOf(records), later());
  let answered = false;
  durable.then(() => (answered = true));
  await until('the full ones are written', () => disk.written.length >= 3);
  for (const { synced } of disk.written.splice(0, 3)) synced.resolve();
  await until('the rest is written', () => disk.written.length === 1);
  assert.equal(answered, false);
  disk.written[0]!.synced.resolve();
  await durable;
  assert.equal(stream.account.received, 40);
});

test('a record that is larger than a usual block begins one of its own', async () => {
  const disk = new Disk();
  const { lane } = laneOn(disk, 1000);
  const records = [{ key: 'a' }, { key: 'b', value: 'y'.repeat(5000) }, { key: 'c' }];
  await lane.add(streamOf('otlp.traces'), parcelOf(records), later());
  await until('the first is written', () => disk.written.length === 1);
  disk.written[0]!.synced.resolve();
  await until('the others are, too', () => disk.written.length === 2);
  assert.deepEqual(
    disk.written.map(({ block }) => block.count),
    [1, 2],
  );
});

test('where the disk fails nobody is told that it is safe, and nothing is received', async () => {
  const { disk, lane, stream, share } = held();
  disk.broken = Promise.reject(new Error('no space left on device'));
  disk.broken.catch(() => undefined);
  const { durable } = await lane.add(stream, parcelOf([{ key: 'a' }]), later());
  await assert.rejects(durable, { message: 'the disk does not take it: no space left on device' });
  assert.deepEqual([stream.account.received, share.slots], [0, 0]);
  disk.broken = null;
  const next = await lane.add(stream, parcelOf([{ key: 'b' }]), later());
  await until('it is written', () => disk.written.length === 1);
  disk.written[0]!.synced.reject(new Error('i/o error'));
  await assert.rejects(next.durable, NotDurable);
  // It was written, and may be sent: it counts.
  assert.equal(stream.account.received, 1);
});

test('at the deadline who waits is told so, and what nobody waits for is thrown away', async () => {
  const { disk, lane, stream, share } = held();
  disk.broken = new Promise<never>(() => undefined);
  const soon = () => performance.now() + 300;
  const first = await lane.add(stream, parcelOf([{ key: 'a' }]), soon());
  const second = await lane.add(stream, parcelOf([{ key: 'b' }]), soon());
  await assert.rejects(first.durable, NotDurable);
  await assert.rejects(second.durable, NotDurable);
  await until('nothing of it is left', () => share.slots === 0 && [...lane.pending()].length === 0);
  assert.equal(stream.account.received, 0);
  disk.full = true;
  await assert.rejects(lane.reserve(100, soon()), /the local log of t is full/);
});

test('who waits for a disk that says why it takes nothing hears that', async () => {
  const { disk, lane, stream } = held();
  disk.broken = new Promise<never>(() => undefined);
  disk.error = 'ENOSPC: no space left on device, write';
  const { durable } = await lane.add(stream, parcelOf([{ key: 'a' }]), performance.now() + 300);
  await assert.rejects(durable, /the disk does not take it: ENOSPC: no space left/);
});

test('after it stood still, what the disk has done meanwhile is answered, though the deadline is over', async () => {
  const { disk, lane, stream } = held();
  const { durable } = await lane.add(stream, parcelOf([{ key: 'a' }]), performance.now() + 300);
  await until('it is written', () => disk.written.length === 1);
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1500);
  setTimeout(() => disk.written[0]!.synced.resolve(), 20);
  await durable;
  const late = await lane.add(stream, parcelOf([{ key: 'b' }]), performance.now() + 300);
  await assert.rejects(late.durable, /the disk takes too long/);
});

test('a real spool gives back what was added, in the order of arrival, after it was told to be safe', async (t) => {
  const dir = directory(t);
  const spools = await openSpools(dir);
  const spool = await spools.durable('otlp', 64 << 20);
  const { lane } = laneOn(durableOutlet(spool, spool.partition('t')), 2000);
  const stream = streamOf('otlp.traces');
  const expected: string[] = [];
  const adds = Array.from({ length: 50 }, async (_, i) => {
    const records = Array.from({ length: 1 + (i % 7) }, (_, j) => ({
      key: `${i}`,
      value: `${i} ${j} ${'z'.repeat(300)}`,
    }));
    expected.push(...records.map(({ value }) => value));
    const release = await lane.reserve(4000, later());
    const { durable } = await lane.add(stream, parcelOf(records), later());
    await durable;
    release();
  });
  await Promise.all(adds);
  // As after kill -9: what is on disk is all there is.
  const again = await openSpools(dir);
  const [partition] = [...again.partitions()];
  assert.equal(partition!.manyKeys, true);
  assert.deepEqual([...partition!.recovered], [['otlp.traces', expected.length]]);
  const { values, entries } = await readAll(partition!);
  assert.deepEqual(values.sort(), expected.sort());
  assert.ok(entries.every(({ note }) => note?.key === null));
  await again.close();
  await spools.close();
});

test('a full spool holds who wants room until some is given back', async (t) => {
  const spools = await openSpools(directory(t));
  const spool = await spools.durable('otlp', 100_000);
  const signal = AbortSignal.timeout(30_000);
  const first = await spool.reserve(60_000, signal);
  assert.equal(spool.reserveNow(60_000), null);
  const second = spool.reserve(60_000, signal);
  // Behind it, as it came later, though there would be room.
  const third = spool.reserve(1000, signal);
  assert.equal(spool.reserveNow(1000), null);
  await assert.rejects(spool.reserve(70_000, AbortSignal.timeout(20)));
  first();
  (await second)();
  (await third)();
  assert.notEqual(spool.reserveNow(100_000), null);
  await spools.close();
});
