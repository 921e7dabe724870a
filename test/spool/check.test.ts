import assert from 'node:assert/strict';
import { mkdir, readdir, readFile, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { checkPartition, repairPartition } from '../../src/spool/check.ts';
import { directory } from '../support/directory.ts';
import { block, openSpool, readAll, TOPIC } from '../support/spool-blocks.ts';

/** A partition with 40 blocks of one record in segments of 9, two items a record. */
async function written(t: TestContext): Promise<{ dir: string; partition: string; segment: (base: number) => string }> {
  const dir = directory(t);
  const { spool } = await openSpool(dir, { max_size: 80_000 });
  for (let i = 0; i < 40; i++) {
    await spool.partition(TOPIC).append(await block([`${i} ${'x'.repeat(1000)}`], { weight: 2 }));
  }
  await spool.close();
  const partition = join(dir, `${TOPIC}-0`);
  return { dir, partition, segment: (base) => join(partition, `${String(base).padStart(20, '0')}.log`) };
}

/** What a spool that is opened there reads: numbers of records, and what it counted as lost. */
async function readBack(dir: string) {
  const { spool, drops } = await openSpool(dir, { max_size: 80_000 });
  const { values, entries } = await readAll(spool.partition(TOPIC));
  assert.ok(entries.every((e) => e.note?.offset === e.baseOffset));
  const [waiting, recovered] = [spool.waiting(), spool.recovered().get('statsd')];
  const next = spool.partition(TOPIC).nextOffset;
  await spool.close();
  return { numbers: values.map(Number.parseFloat), drops, waiting, recovered, next };
}

async function flip(path: string, at: number): Promise<void> {
  const bytes = await readFile(path);
  bytes[at]! ^= 0x55;
  await writeFile(path, bytes);
}

test('files without damage are whole, and stay as they are when they are repaired', async (t) => {
  const { dir, partition } = await written(t);
  assert.deepEqual(await checkPartition(partition), { segments: 5, records: 40, flaws: [] });
  const before = await readdir(partition);
  await repairPartition(partition);
  assert.deepEqual(await readdir(partition), before);
  assert.equal((await readBack(dir)).numbers.length, 40);
});

test('what a disk was tried with when the process was killed is no damage, and gone at the next start', async (t) => {
  const { dir, partition } = await written(t);
  await writeFile(join(partition, 'probe'), Buffer.alloc(65_536));
  assert.deepEqual(await checkPartition(partition), { segments: 5, records: 40, flaws: [] });
  assert.equal((await readBack(dir)).numbers.length, 40);
  assert.ok(!(await readdir(partition)).includes('probe'));
});

test('damage in the middle, at the beginning and an empty segment are found, taken out and kept', async (t) => {
  const { dir, partition, segment } = await written(t);
  const size = (await stat(segment(0))).size / 9;
  await flip(segment(0), 3 * size + 100);
  await flip(segment(0), 4 * size + 100);
  await flip(segment(0), 7 * size + 100);
  await flip(segment(9), 50);
  await truncate(segment(18), 0);
  const { flaws, records } = await checkPartition(partition);
  assert.deepEqual(
    flaws.map(({ path, ...rest }) => rest),
    [
      { kind: 'damaged', at: 3 * size, bytes: 2 * size, records: 2 },
      { kind: 'damaged', at: 7 * size, bytes: size, records: 1 },
      { kind: 'damaged', at: 0, bytes: flaws[2]!.bytes, records: 1 },
      { kind: 'empty', at: 0, bytes: 0, records: 9 },
    ],
  );
  assert.equal(records, 27);
  await repairPartition(partition);
  assert.deepEqual(await checkPartition(partition), { segments: 6, records: 27, flaws: [] });
  const rest = [0, 1, 2, 5, 6, 8, 10, 11, 12, 13, 14, 15, 16, 17, ...Array.from({ length: 13 }, (_, i) => 27 + i)];
  const back = await readBack(dir);
  assert.deepEqual(back.numbers, rest);
  assert.deepEqual(back.drops, []);
  assert.equal(back.recovered, 54);
  assert.equal(back.waiting.records, 27);
  assert.equal((await readdir(join(dir, 'quarantine'))).length, 3);
});

test('a torn end is no damage: the next start cuts it off and counts it, and a repair does without the count', async (t) => {
  for (const repair of [false, true]) {
    const { dir, partition, segment } = await written(t);
    const { size } = await stat(segment(36));
    await truncate(segment(36), size - 10);
    await flip(segment(0), 100);
    const kinds = async () => (await checkPartition(partition)).flaws.map(({ kind }) => kind);
    assert.deepEqual(await kinds(), ['damaged', 'torn']);
    if (repair) await repairPartition(partition);
    assert.deepEqual(await kinds(), repair ? [] : ['damaged', 'torn']);
    const { numbers, drops, next } = await readBack(dir);
    assert.deepEqual(numbers, [...Array(39).keys()].slice(1));
    assert.equal(next, 40, 'the offset of what was cut off is not given again');
    const lost = drops.map(({ input, records, reason }) => [input, records, reason]);
    const both = [
      ['statsd', 2, 'spool_torn'],
      ['statsd', 2, 'spool_damaged'],
    ];
    assert.deepEqual(lost, repair ? [] : both);
  }
});

test('a batch that is damaged at the end is damage', async (t) => {
  const { dir, partition, segment } = await written(t);
  const { size } = await stat(segment(36));
  await flip(segment(36), size - 10);
  const [flaw] = (await checkPartition(partition)).flaws;
  assert.equal(flaw?.kind, 'damaged');
  await repairPartition(partition);
  assert.deepEqual((await checkPartition(partition)).flaws, []);
  assert.equal((await readdir(join(dir, 'quarantine'))).length, 1);
  const { numbers, next } = await readBack(dir);
  assert.deepEqual(numbers, [...Array(39).keys()]);
  assert.equal(next, 40);
});

test('a repair that was interrupted loses nothing, wherever that was: the next one, or the next start, ends it', async (t) => {
  const { dir, partition, segment } = await written(t);
  await flip(segment(9), 5000);
  const damaged = await filesOf(partition);
  await repairPartition(partition);
  const repaired = await filesOf(partition);
  const whole = await readBack(dir);
  const replaced = segment(9);
  const fresh = [...repaired.keys()].filter((path) => !damaged.get(path)?.equals(repaired.get(path)!));
  assert.ok(fresh.length >= 3);
  const states: { name: string; files: Map<string, Buffer> }[] = [];
  for (let n = 0; n <= fresh.length; n++) {
    // Killed, or out of room, within the n-th new file.
    const written = fresh.slice(0, n).map((path): [string, Buffer] => [`${path}.repaired`, repaired.get(path)!]);
    const half = fresh.slice(n, n + 1).map((path): [string, Buffer] => {
      return [`${path}.repaired`, repaired.get(path)!.subarray(0, 100)];
    });
    states.push({ name: `${n} written`, files: new Map([...damaged, ...written, ...half]) });
    // Killed behind the n-th that took its place.
    const files = new Map([...damaged, [`${replaced}.replaced`, damaged.get(replaced)!]]);
    files.delete(replaced);
    for (const [i, path] of fresh.entries()) files.set(i < n ? path : `${path}.repaired`, repaired.get(path)!);
    states.push({ name: `${n} in place`, files });
  }
  for (const { name, files } of states) {
    for (const repair of [true, false]) {
      await rm(partition, { recursive: true });
      await mkdir(partition);
      for (const [path, bytes] of files) await writeFile(path, bytes);
      assert.ok(
        (await checkPartition(partition)).flaws.some(({ kind }) => kind === 'interrupted'),
        name,
      );
      if (repair) await repairPartition(partition);
      if (repair) assert.deepEqual((await checkPartition(partition)).flaws, [], name);
      const { numbers, next } = await readBack(dir);
      assert.deepEqual({ numbers, next }, { numbers: whole.numbers, next: whole.next }, `${name}, repaired: ${repair}`);
      const { flaws } = await checkPartition(partition);
      assert.ok(!flaws.some(({ kind }) => kind === 'interrupted'), name);
    }
  }
});

async function filesOf(partition: string): Promise<Map<string, Buffer>> {
  const files = new Map<string, Buffer>();
  for (const name of await readdir(partition)) files.set(join(partition, name), await readFile(join(partition, name)));
  return files;
}

test('a read position that cannot be read is said, and removed', async (t) => {
  const { dir, partition } = await written(t);
  await writeFile(join(partition, 'read.state'), 'nonsense');
  assert.deepEqual(
    (await checkPartition(partition)).flaws.map(({ kind }) => kind),
    ['state'],
  );
  await repairPartition(partition);
  assert.deepEqual((await checkPartition(partition)).flaws, []);
  assert.equal((await readBack(dir)).numbers.length, 40);
});
