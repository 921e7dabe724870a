/** A disk that does not give back what was written (EIO): at the start, while the local log is drained, to a command. */
// Slow: a disk that gives nothing has to be given up.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { readdir, readFile, stat, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { checkPartition } from '../../src/spool/check.ts';
import type { SpoolPartition } from '../../src/spool/partition.ts';
import { BadMedium } from '../support/bad-medium.ts';
import { directory } from '../support/directory.ts';
import { block, type Drop, HERE, openSpool, readAll, TOPIC, valuesOf } from '../support/spool-blocks.ts';

const linux = { skip: process.platform !== 'linux', timeout: 60_000 };

const logOf = (dir: string, base = 0) => join(dir, `${TOPIC}-0`, `${String(base).padStart(20, '0')}.log`);

/** A spool of so many blocks of 2 records, each 6 items and about 1,500 bytes, all in one segment; closed. */
async function filled(dir: string, blocks: number): Promise<void> {
  const { spool } = await openSpool(dir, { sync: 'always' });
  await appendAll(spool.partition(TOPIC), 0, blocks);
  await spool.close();
}

async function appendAll(partition: SpoolPartition, from: number, to: number): Promise<void> {
  for (let i = from; i < to; i++) {
    await partition.append(await block([`${i}`, `${i} ${randomBytes(700).toString('hex')}`], { weight: 3 }));
  }
}

const numbers = (values: string[]) => [...new Set(values.map(Number.parseFloat))];
const upTo = (n: number) => [...Array(n).keys()];

function lostItems(drops: Drop[]): number {
  assert.ok(
    drops.every(({ input, reason }) => input === 'statsd' && reason === 'spool_unreadable'),
    JSON.stringify(drops),
  );
  return drops.reduce((sum, { records }) => sum + records, 0);
}

/** What it says while it runs. */
function heard(t: TestContext): { text(): string } {
  const said: string[] = [];
  const stderr = t.mock.method(process.stderr, 'write', (text: string) => said.push(text) > 0);
  t.after(() => stderr.mock.restore());
  return { text: () => said.join('') };
}

test(
  'it starts where the disk does not give all of the last segment; the rest of it is read, what lacks is counted',
  linux,
  async (t) => {
    const dir = directory(t);
    await filled(dir, 30);
    const medium = await BadMedium.in(t);
    medium.spoil(logOf(dir), 9000, 9001);
    const said = heard(t);
    const { spool, drops } = await openSpool(dir, { read_patience: 0 });
    assert.match(said.text(), /does not give all of .*0\.log: set aside.*replace it/);
    assert.deepEqual(Object.fromEntries(spool.recovered()), { statsd: 180 });
    assert.deepEqual(drops, []);
    const partition = spool.partition(TOPIC);
    assert.equal(partition.nextOffset, 60);
    await appendAll(partition, 30, 32);
    assert.ok((await stat(logOf(dir, 60))).size > 0, 'nothing is appended to a segment whose end cannot be read');
    const { values } = await readAll(partition);
    const lost = upTo(30).filter((i) => !numbers(values).includes(i));
    assert.ok(lost.length >= 2 && lost.length <= 4 && lost[0]! > 3, `${lost}`);
    assert.deepEqual(
      numbers(values),
      upTo(32).filter((i) => !lost.includes(i)),
    );
    assert.equal(lostItems(drops), 6 * lost.length);
    assert.deepEqual(Object.fromEntries(partition.waiting().weights), { statsd: 32 * 6 - 6 * lost.length });
    assert.match(said.text(), /\d+ bytes that the disk does not give at \d+ of .*0\.log skipped, offsets .*replace it/);
    await partition.acknowledge(64);
    await spool.close();
    const [kept] = await readdir(join(dir, 'quarantine'));
    assert.match(kept!, /^runnel\.metrics-0\.0{20}\.\d+\.bad$/);

    const { spool: again, drops: none } = await openSpool(dir);
    assert.equal(again.partition(TOPIC).nextOffset, 64);
    assert.deepEqual([...again.recovered()], []);
    assert.deepEqual(none, []);
    await again.close();
  },
);

test('what the disk did not give at the start and gives later is not lost', linux, async (t) => {
  const dir = directory(t);
  await filled(dir, 10);
  const medium = await BadMedium.in(t);
  medium.spoil(logOf(dir));
  heard(t);
  const { spool, drops } = await openSpool(dir);
  medium.mend();
  assert.deepEqual(numbers((await readAll(spool.partition(TOPIC))).values), upTo(10));
  assert.deepEqual(drops, []);
  await spool.close();
});

test(
  'what it does not give while the log is drained is asked for again, said, and passed over after a while',
  linux,
  async (t) => {
    const dir = directory(t);
    await filled(dir, 20);
    const medium = await BadMedium.in(t);
    const said = heard(t);
    const { spool, drops } = await openSpool(dir, { read_patience: 1500 });
    const partition = spool.partition(TOPIC);
    await appendAll(partition, 20, 22);
    medium.spoil(logOf(dir), 0, 1);
    const reader = partition.read(0);
    const began = performance.now();
    const first = reader.next();
    while (spool.errors().length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
    assert.match(
      spool.errors().join(),
      /cannot read, so nothing of it is sent: EIO.*; passed over and counted when that lasts 1\.5 s/,
    );
    const seen = numbers(await valuesOf((await first).value!));
    assert.ok(performance.now() - began >= 1500);
    assert.ok(medium.failures >= 3, 'it was tried again');
    assert.deepEqual(spool.errors(), []);
    for await (const entry of reader) {
      seen.push(...numbers(await valuesOf(entry)));
      if (seen.at(-1) === 21) break;
    }
    const lost = seen[0]!;
    assert.ok(lost > 0 && lost <= 4, `${lost} lost`);
    assert.deepEqual(seen, upTo(22).slice(lost));
    assert.equal(lostItems(drops), 6 * lost);
    assert.match(said.text(), /bytes that the disk does not give at 0 of/);
    assert.deepEqual(Object.fromEntries(spool.waiting().weights), { statsd: (22 - lost) * 6 });
    await spool.close();
  },
);

test('what it gives again in that time is not lost', linux, async (t) => {
  const dir = directory(t);
  await filled(dir, 5);
  const medium = await BadMedium.in(t);
  heard(t);
  const { spool, drops } = await openSpool(dir);
  medium.spoil(logOf(dir));
  const read = readAll(spool.partition(TOPIC));
  while (medium.failures < 1) await new Promise((resolve) => setTimeout(resolve, 5));
  medium.mend();
  assert.deepEqual(numbers((await read).values), upTo(5));
  assert.deepEqual(drops, []);
  await spool.close();
});

test('a segment that is written goes on being read behind what the disk does not give of it', linux, async (t) => {
  const dir = directory(t);
  const { spool, drops } = await openSpool(dir, { read_patience: 0 });
  const partition = spool.partition(TOPIC);
  await appendAll(partition, 0, 6);
  const medium = await BadMedium.in(t);
  heard(t);
  medium.spoil(logOf(dir), 0, 4096);
  const reader = partition.read(0);
  const seen: number[] = [];
  const until = async (last: number) => {
    while (seen.at(-1) !== last) seen.push(...numbers(await valuesOf((await reader.next()).value!)));
  };
  await until(5);
  await appendAll(partition, 6, 9);
  await until(8);
  assert.deepEqual(seen, upTo(9).slice(seen[0]));
  assert.equal(lostItems(drops), 6 * seen[0]!);
  await reader.return();
  await spool.close();
});

test(
  'where the notes are gone, too, offsets that may be given again mean nothing to who had them',
  linux,
  async (t) => {
    const dir = directory(t);
    const { spool } = await openSpool(dir, { sync: 'always' });
    const partition = spool.partition(TOPIC);
    await appendAll(partition, 0, 5);
    await partition.beginProducers(HERE, 1);
    await partition.setProducer(HERE, 0, { producerId: 7n, epoch: 0, sequence: 0 });
    const id = await partition.id();
    await spool.close();
    await truncate(logOf(dir).replace('.log', '.weights'));
    const medium = await BadMedium.in(t);
    medium.spoil(logOf(dir));
    heard(t);
    const { spool: opened, drops } = await openSpool(dir, { read_patience: 0 });
    const after = opened.partition(TOPIC);
    assert.equal(after.producers.partitions, 0);
    assert.notEqual(await after.id(), id);
    await appendAll(after, 5, 6);
    assert.deepEqual(numbers((await readAll(after)).values), [5]);
    assert.deepEqual(
      drops.map((drop) => ({ ...drop, bytes: drop.bytes > 5000 })),
      [{ input: 'spool', records: 0, bytes: true, reason: 'spool_unreadable' }],
    );
    await opened.close();
  },
);

test('a segment that cannot even be opened is passed over, counted by its notes, and moved away', linux, async (t) => {
  const dir = directory(t);
  const { spool, drops } = await openSpool(dir, { read_patience: 0, max_size: 80_000 });
  const partition = spool.partition(TOPIC);
  await appendAll(partition, 0, 12);
  const next = (await readdir(join(dir, `${TOPIC}-0`))).filter((name) => name.endsWith('.log')).sort()[1]!;
  const first = Number.parseInt(next, 10) / 2;
  assert.ok(first > 1 && first < 12);
  const said = heard(t);
  BadMedium.refuse(t, [logOf(dir)]);
  assert.deepEqual(numbers((await readAll(partition)).values), upTo(12).slice(first));
  assert.equal(lostItems(drops), 6 * first);
  assert.deepEqual(Object.fromEntries(spool.waiting().weights), { statsd: 6 * (12 - first) });
  assert.match(said.text(), /the disk does not give .*0\.log; skipped; .*replace it/);
  await spool.close();
  assert.deepEqual(await readdir(join(dir, 'quarantine')), [`${TOPIC}-0.${'0'.repeat(20)}.0.bad`]);
});

test('it starts where the disk tells nothing of a segment, and gives none of its offsets again', linux, async (t) => {
  const dir = directory(t);
  const { spool } = await openSpool(dir, { sync: 'always', max_size: 80_000 });
  await appendAll(spool.partition(TOPIC), 0, 12);
  await spool.close();
  const last = (await readdir(join(dir, `${TOPIC}-0`)))
    .filter((name) => name.endsWith('.log'))
    .sort()
    .at(-1)!;
  const first = Number.parseInt(last, 10) / 2;
  const said = heard(t);
  BadMedium.refuse(t, [join(dir, `${TOPIC}-0`, last)]);
  const { spool: opened, drops } = await openSpool(dir, { max_size: 80_000 });
  const partition = opened.partition(TOPIC);
  assert.match(said.text(), /cannot open .*\.log: EIO: .*passed over and counted; check the disk/);
  assert.deepEqual(Object.fromEntries(opened.recovered()), { statsd: 72 });
  assert.equal(lostItems(drops), 6 * (12 - first));
  assert.equal(partition.nextOffset, 24);
  await appendAll(partition, 12, 13);
  assert.deepEqual(numbers((await readAll(partition)).values), [...upTo(first), 12]);
  await opened.close();
});

test(
  'a read position that the disk does not give is set aside, so that it is written to another place',
  linux,
  async (t) => {
    const dir = directory(t);
    await filled(dir, 3);
    const state = join(dir, `${TOPIC}-0`, 'read.state');
    const medium = await BadMedium.in(t);
    medium.spoil(state);
    const said = heard(t);
    const { spool } = await openSpool(dir);
    assert.match(said.text(), /read\.state is damaged: what is kept is sent again/);
    assert.match(said.text(), /does not give all of .*read\.state: set aside as .*read\.state\.unreadable/);
    assert.deepEqual(numbers((await readAll(spool.partition(TOPIC))).values), upTo(3));
    await spool.partition(TOPIC).acknowledge(2);
    await spool.close();
    medium.mend();
    const { spool: again } = await openSpool(dir);
    assert.equal(again.partition(TOPIC).acknowledged, 2);
    await again.close();
  },
);

test('a check says which bytes the disk does not give', linux, async (t) => {
  const dir = directory(t);
  await filled(dir, 20);
  const medium = await BadMedium.in(t);
  medium.spoil(logOf(dir), 9000, 9001);
  const { flaws, records } = await checkPartition(join(dir, `${TOPIC}-0`));
  assert.deepEqual(
    flaws.map(({ kind, path }) => [kind, path]),
    [['unreadable', logOf(dir)]],
  );
  assert.equal(records + flaws[0]!.records!, 40);
});

test('a real disk that does not give the end of a segment', linux, async (t) => {
  const dir = directory(t);
  const root = directory(t);
  const image = join(root, 'image');
  await writeFile(image, Buffer.alloc(8 << 20));
  const made = spawnSync('mkfs.ext4', ['-q', '-F', '-b', '4096', '-O', '^has_journal', image]).status === 0;
  const loop = made ? spawnSync('losetup', ['--find', '--show', image], { encoding: 'utf8' }) : null;
  if (loop?.status !== 0) return t.skip('NOT TESTED: needs the right to set up a loop device');
  const device = loop.stdout.trim();
  const mount = () => spawnSync('mount', ['-t', 'ext4', device, dir]).status === 0;
  const umount = () => assert.equal(spawnSync('umount', [dir]).status, 0);
  try {
    if (!mount()) return t.skip('NOT TESTED: needs the right to mount');
    await filled(dir, 200);
    const [segment, notes] = [await readFile(logOf(dir)), await readFile(logOf(dir).replace('.log', '.weights'))];
    umount();
    const bytes = await readFile(image);
    const placesOf = (of: Buffer) =>
      Array.from({ length: Math.ceil(of.length / 4096) }, (_, i) =>
        bytes.indexOf(of.subarray(i * 4096, (i + 1) * 4096)),
      );
    // Where a file system puts things is its own affair: all that is to be read has to be before the image's end.
    const behind = Math.max(...placesOf(notes));
    const places = placesOf(segment);
    const place = places.find(
      (at, i) => i >= 40 && at > behind && places.every((other, j) => (j < i ? other < at : other >= at)),
    );
    if (place === undefined) return t.skip('NOT TESTED: the file system has put other things behind the segment');
    assert.ok(place % 4096 === 0);
    // What lies behind it cannot be read: EIO, as from a bad sector.
    await truncate(image, place);
    const gives = () =>
      readFile(logOf(dir)).then(
        () => true,
        ({ code }) => code !== 'EIO',
      );
    assert.ok(mount());
    // What was read is kept as long as a mount namespace that was copied meanwhile has it mounted, too.
    while (await gives()) {
      umount();
      await new Promise((resolve) => setTimeout(resolve, 100));
      assert.ok(mount());
    }
    heard(t);
    const { spool, drops } = await openSpool(dir, { read_patience: 0 });
    const partition = spool.partition(TOPIC);
    assert.ok(partition.nextOffset > 0);
    const next = partition.nextOffset;
    await partition.append(await block(['after'], { weight: 3 }));
    const { values, entries } = await readAll(partition);
    assert.equal(values.at(-1), 'after');
    assert.equal(entries.at(-1)!.baseOffset, next);
    const read = numbers(values.slice(0, -1));
    assert.ok(read.length > 90 && read.length < 200, `${read.length} blocks are read`);
    assert.deepEqual(read, upTo(read.length));
    const lost = drops.reduce((sum, { records }) => sum + records, 0);
    const recovered = [...spool.recovered().values()].reduce((sum, items) => sum + items, 0);
    assert.equal(recovered - lost, 6 * read.length);
    await partition.acknowledge(partition.nextOffset);
    await spool.close();
  } finally {
    spawnSync('umount', ['-l', dir]);
    spawnSync('losetup', ['--detach', device]);
  }
});
