import assert from 'node:assert/strict';
import {
  appendFileSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { crc32 } from 'node:zlib';
import type { TailContext } from '../../../../src/sources/tail/context.ts';
import { NO_INODE } from '../../../../src/sources/tail/file/inode.ts';
import { Ages } from '../../../../src/sources/tail/positions/ages.ts';
import { forgetIfGone } from '../../../../src/sources/tail/positions/expire.ts';
import { MOST_GONE } from '../../../../src/sources/tail/positions/gone.ts';
import {
  blank,
  FORMAT,
  header,
  readJournal,
  UNIT,
  wholeEntries,
} from '../../../../src/sources/tail/positions/journal.ts';
import { Positions } from '../../../../src/sources/tail/positions/positions.ts';
import { Bench } from '../../../support/tail.ts';
import { until } from '../../../support/until.ts';

test('stop and start: every line exactly once', async (t) => {
  const bench = new Bench(t);
  const all: string[] = [];
  let written = 0;
  for (let round = 0; round < 10; round++) {
    let text = '';
    for (let i = 0; i < 3000; i++) text += `${written++}\n`;
    appendFileSync(bench.path('a.log'), text);
    const out = await bench.start();
    if (round < 9) await out.count(1);
    else await until('the last line', () => all.length + out.lines.length >= written);
    await bench.stop();
    all.push(...out.texts());
  }
  assert.deepEqual(
    all,
    Array.from({ length: written }, (_, i) => String(i)),
  );
});

test('what was not settled comes again after a restart, under the same id', async (t) => {
  const bench = new Bench(t);
  writeFileSync(bench.path('a.log'), '1\n');
  let out = await bench.start();
  await out.count(1);
  const id = out.lines[0]!.id;
  out.settling = false;
  appendFileSync(bench.path('a.log'), '2\n');
  await out.count(2);
  await bench.stop();
  out = await bench.start();
  await out.count(1);
  assert.deepEqual([out.lines[0]!.text, out.lines[0]!.id, out.lines[0]!.offset], ['2', id, 2]);
});

test('a file keeps its position and id when it is renamed while the agent is down', async (t) => {
  const bench = new Bench(t);
  writeFileSync(bench.path('a.log'), '1\n');
  let out = await bench.start();
  await out.count(1);
  const id = out.lines[0]!.id;
  await bench.stop();
  renameSync(bench.path('a.log'), bench.path('b.log'));
  appendFileSync(bench.path('b.log'), '2\n');
  out = await bench.start();
  await out.count(1);
  assert.deepEqual([out.texts(), out.lines[0]!.id, out.lines[0]!.path], [['2'], id, bench.path('a.log')]);
});

test('an input that was renamed goes on where the old name was', async (t) => {
  const bench = new Bench(t);
  writeFileSync(bench.path('a.log'), '1\n');
  let out = await bench.start({ name: 'old' });
  await out.count(1);
  const { id } = out.lines[0]!;
  await bench.stop();
  for (const text of ['2', '3']) {
    appendFileSync(bench.path('a.log'), `${text}\n`);
    out = await bench.start({ name: 'new' });
    await out.count(1);
    assert.deepEqual([out.texts(), out.lines[0]!.id], [[text], id]);
    await bench.stop();
  }
});

test('a torn end of the journal is ignored, and written over', async (t) => {
  const bench = new Bench(t);
  writeFileSync(bench.path('a.log'), '1\n');
  await (await bench.start()).count(1);
  await bench.stop();
  const path = join(bench.data, 'positions');
  appendFileSync(path, readFileSync(path).subarray(UNIT, UNIT + 30));
  appendFileSync(bench.path('a.log'), '2\n');
  for (const expected of ['2', '3']) {
    const out = await bench.start();
    await out.count(1);
    assert.deepEqual(out.texts(), [expected]);
    await bench.stop();
    appendFileSync(bench.path('a.log'), '3\n');
  }
});

test('a damaged journal: the last good positions count, and it never is a crash', async (t) => {
  const bench = new Bench(t);
  writeFileSync(bench.path('a.log'), '1\n');
  writeFileSync(bench.path('b.log'), '1\n');
  await (await bench.start()).count(2);
  await bench.stop();
  const path = join(bench.data, 'positions');
  const good = readFileSync(path);
  const lengths: number[] = [];
  for (let at = 0; at < good.length; at += 16) {
    const bad = Buffer.from(good);
    bad[at] = bad[at]! ^ 0x55;
    writeFileSync(path, bad);
    const positions = await Positions.open(bench.data);
    lengths.push(positions.unclaimed.of('test').length);
    await positions.close();
  }
  assert.ok(lengths.every((n) => n <= 2) && lengths.some((n) => n === 1 || n === 2));
  writeFileSync(path, '');
  assert.deepEqual((await opened(bench.data)).started, false);
  writeFileSync(path, Buffer.alloc(4096));
  assert.deepEqual((await opened(bench.data)).started, false);
  writeFileSync(path, good);
  truncateSync(path, good.length - 1);
  assert.deepEqual((await opened(bench.data)).started, true);
});

test('of damaged journals the newest three are kept', async (t) => {
  const bench = new Bench(t);
  const path = join(bench.data, 'positions');
  mkdirSync(bench.data, { recursive: true });
  writeFileSync(join(bench.data, 'positions.damaged.old'), 'of somebody else');
  for (let i = 1; i <= 12; i++) {
    if (i === 2) makeDirectory(path);
    else writeFileSync(path, `no journal ${i}`);
    await opened(bench.data);
    const kept = readdirSync(bench.data).filter((name) => name.startsWith('positions.damaged'));
    const numbers = [i, i - 1, i - 2].filter((n) => n > 0);
    const names = numbers.map((n) => (n === 1 ? 'positions.damaged' : `positions.damaged.${n}`));
    assert.deepEqual(kept.sort(), [...names, 'positions.damaged.old'].sort());
    if (i !== 2) assert.equal(readFileSync(join(bench.data, names[0]!), 'utf8'), `no journal ${i}`);
  }
});

async function opened(dir: string): Promise<{ started: boolean }> {
  const positions = await Positions.open(dir);
  const started = positions.started('test');
  await positions.close();
  return { started };
}

for (const [what, spoil] of [
  ['is empty', (path: string) => writeFileSync(path, '')],
  ['is all NUL', (path: string) => writeFileSync(path, Buffer.alloc(4096))],
  ['is cut within its header', (path: string) => truncateSync(path, 40)],
  ['is something else', (path: string) => writeFileSync(path, 'not positions at all\n'.repeat(50))],
  ['is a directory', (path: string) => makeDirectory(path)],
  ['cannot be opened', (path: string) => symlinkLoop(path)],
] as const) {
  test(`a journal that ${what}: reading begins again, and the next start goes on from there`, async (t) => {
    const bench = new Bench(t);
    const path = join(bench.data, 'positions');
    writeFileSync(bench.path('a.log'), '1\n');
    await (await bench.start()).count(1);
    await bench.stop();
    for (let i = 1; i <= 2; i++) {
      spoil(path);
      const out = await bench.start();
      await out.count(1);
      assert.deepEqual(out.texts(), ['1']);
      await bench.stop();
    }
    appendFileSync(bench.path('a.log'), '2\n');
    const out = await bench.start();
    await out.count(1);
    assert.deepEqual(out.texts(), ['2']);
    if (what !== 'is empty') assert.ok(lstatSync(`${path}.damaged`), 'what was there is kept');
  });
}

function makeDirectory(path: string): void {
  rmSync(path, { force: true });
  mkdirSync(join(path, 'something'), { recursive: true });
}

function symlinkLoop(path: string): void {
  rmSync(path);
  symlinkSync('positions', path);
}

test('a journal that has lost its end: the last good positions count', async (t) => {
  const bench = new Bench(t);
  for (let i = 0; i < 10; i++) writeFileSync(bench.path(`${i}.log`), '1\n');
  await (await bench.start()).count(10);
  await bench.stop();
  const path = join(bench.data, 'positions');
  // The files are named at its beginning, how far they were read at its end.
  truncateSync(path, Math.floor(statSync(path).size * 0.9));
  for (let i = 0; i < 10; i++) appendFileSync(bench.path(`${i}.log`), '2\n');
  const out = await bench.start();
  await until('all second lines', () => out.texts().filter((text) => text === '2').length === 10);
  await bench.stop();
  const again = out.texts().filter((text) => text === '1').length;
  assert.ok(again < 10, 'some are known');
  await bench.start();
  appendFileSync(bench.path('0.log'), '3\n');
  await bench.output.count(1);
  assert.deepEqual(bench.output.texts(), ['3']);
});

test('long gone files are forgotten while the agent runs, not what is unreadable or has no directory now', async (t) => {
  const bench = new Bench(t);
  const positions = await Positions.open(bench.data, ['test']);
  for (const name of ['gone', 'there', 'away/file']) {
    const path = bench.path(name);
    const g = blank({ id: name, input: 'test', path, base: 0 });
    if (name === 'there') {
      writeFileSync(path, 'x');
      g.inode = statSync(path, { bigint: true }).ino;
    }
    g.seen -= 1000;
    if (name === 'gone') g.size = 5;
    positions.create(g);
  }
  const input = { name: 'test', forget_after: 500_000 } as TailContext['input'];
  const context = { input, positions, account: bench.account } as TailContext;
  const forgetOld = (patient: boolean) => {
    for (const g of positions.unclaimed.olderThan('test', 500_000)) forgetIfGone(context, g, patient);
  };
  const left = () => positions.unclaimed.of('test').map((g) => g.id);
  forgetOld(false);
  assert.deepEqual(left().sort(), ['away/file', 'there']);
  assert.equal(bench.account.losses.get('vanished')!.bytes, 5);
  forgetOld(true);
  assert.deepEqual(left(), ['there']);
  await positions.close();
});

test('a journal of a newer format is refused and left alone', async (t) => {
  const bench = new Bench(t);
  const path = join(bench.data, 'positions');
  const newer = header(FORMAT + 1);
  writeFileSync(path, newer);
  await assert.rejects(Positions.open(bench.data), /format 4, this version reads up to 3/);
  assert.deepEqual(readFileSync(path), newer);
});

test('the journal does not grow without limit', async (t) => {
  const bench = new Bench(t);
  const positions = await Positions.open(bench.data);
  const generation = blank({ id: 'x', input: 'test', path: '/x', base: 0 });
  positions.create(generation);
  for (let i = 1; i <= 18_000; i++) {
    generation.position = i;
    positions.moved(generation);
    if (i % 2 === 0) await positions.written();
  }
  await positions.close();
  assert.ok(statSync(join(bench.data, 'positions')).size <= 1.1 * 1024 * 1024);
  const again = await Positions.open(bench.data);
  assert.deepEqual(
    again.unclaimed.of('test').map((g) => g.position),
    [18_000],
  );
  await again.close();
});

test('what is long gone is forgotten, not what is in use', async (t) => {
  const bench = new Bench(t);
  const positions = await Positions.open(bench.data);
  for (const id of ['gone', 'used', 'young']) {
    const generation = blank({ id, input: 'test', path: `/${id}`, base: 0 });
    positions.create(generation);
    if (id === 'used') positions.use(generation);
    if (id !== 'young') generation.seen -= 1000;
  }
  assert.deepEqual(
    positions.unclaimed.olderThan('test', 500_000).map((g) => g.id),
    ['gone'],
  );
  await positions.close();
});

test('who is told what is forgotten hears nothing of files of which nothing was safe, however many come and go', async (t) => {
  const bench = new Bench(t);
  const positions = await Positions.open(bench.data);
  const told: string[] = [];
  positions.onForget = ({ id }) => told.push(id);
  for (const [id, position] of [
    ['unread', 0],
    ['read', 5],
  ] as const) {
    const generation = blank({ id, input: 'test', path: `/${id}.log`, base: 0 });
    positions.create(generation);
    generation.position = position;
    positions.forget(generation);
  }
  assert.deepEqual(told, ['read']);
  await positions.close();
});

test('of files that come and go without end, so many positions are kept as there is room for', async (t) => {
  const bench = new Bench(t);
  let positions = await Positions.open(bench.data);
  const comeAndGo = (number: number) => {
    const generation = blank({ id: String(number), input: 'test', path: `/${number}.log`, base: 0 });
    positions.create({ ...generation, inode: BigInt(number) });
    const [known] = positions.unclaimed.of('test', BigInt(number));
    positions.use(known!);
    positions.moveTo(known!, NO_INODE);
    positions.release(known!);
  };
  for (let i = 1; i <= MOST_GONE + 100; i++) comeAndGo(i);
  assert.equal(positions.all().length, MOST_GONE);
  await positions.close();
  positions = await Positions.open(bench.data);
  comeAndGo(MOST_GONE + 101);
  const left = positions.all().map(({ id }) => Number(id));
  assert.deepEqual([left.length, Math.min(...left), Math.max(...left)], [MOST_GONE, 102, MOST_GONE + 101]);
  await positions.close();
});

test('what is long gone of an input that is not configured any more is forgotten, too', async (t) => {
  const bench = new Bench(t);
  const positions = await Positions.open(bench.data, ['test', 'other']);
  for (const input of ['test', 'removed', 'other']) {
    const generation = blank({ id: input, input, path: `/${input}`, base: 0 });
    positions.create(generation);
    generation.seen -= 1000;
  }
  assert.deepEqual(
    positions.unclaimed.olderThan('test', 500_000).map(({ id }) => id),
    ['test', 'removed'],
  );
  await positions.close();
});

test('what is forgotten right after it was given to another input stays forgotten', async (t) => {
  const bench = new Bench(t);
  const first = await Positions.open(bench.data, ['old']);
  const generation = blank({ id: '1', input: 'old', path: '/a.log', base: 0 });
  first.create(generation);
  await first.close();
  const second = await Positions.open(bench.data, ['new']);
  const [stored] = second.unclaimed.of('new');
  second.use(stored!, 'new');
  second.forget(stored!);
  await second.close();
  const third = await Positions.open(bench.data, ['new']);
  assert.deepEqual(third.unclaimed.of('new'), []);
  await third.close();
});

test('the journal knows since when bytes wait, where the version that wrote it did', () => {
  const g = { ...blank({ id: 'a', input: 'test', path: '/a.log', base: 0 }), number: 1, position: 100, size: 300 };
  const hourAgo = performance.now() - 3_600_000;
  g.ages = new Ages(50, 200, hourAgo);
  g.ages.add(300, hourAgo + 60_000, 50);
  const [file, position, size] = wholeEntries(g);
  const read = (last: Buffer) => readJournal(Buffer.concat([header(), file!, position!, last])).files.get(1)!;
  const { ages } = read(size!);
  assert.deepEqual([ages!.at, ages!.end], [100, 300]);
  assert.ok(Math.abs(ages!.of(100) - hourAgo) <= 1000);

  // As it was written before there was anything behind `modified`.
  const older = Buffer.from(size!).fill(0, 40);
  older.writeUInt32LE(crc32(older.subarray(4)), 0);
  const { ages: none, size: known } = read(older);
  assert.deepEqual([none, known], [undefined, 300]);
});
