/** What happened to files while the agent was down: what still exists is read exactly, what is gone is counted. */
import assert from 'node:assert/strict';
import {
  appendFileSync,
  closeSync,
  copyFileSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import {
  header,
  PLAIN_FORMAT,
  positionEntry,
  readJournal,
  sizeEntry,
  UNIT,
} from '../../../../src/sources/tail/positions/journal.ts';
import { Positions } from '../../../../src/sources/tail/positions/positions.ts';
import { Bench, type Collected } from '../../../support/tail.ts';
import { until } from '../../../support/until.ts';

const lines = (from: number, to: number) =>
  Array.from({ length: to - from }, (_, i) => `${from + i} of them\n`).join('');
const texts = (from: number, to: number) => lines(from, to).trimEnd().split('\n');

/** Stops while the output takes nothing, so that `rest` is known to wait. */
async function leaveUnread(bench: Bench, name: string, first: string, rest: string): Promise<Collected> {
  writeFileSync(bench.path(name), first);
  const out = await bench.start();
  await out.count(first.split('\n').length - 1);
  const release = out.block();
  appendFileSync(bench.path(name), rest);
  const stopping = bench.stop();
  release();
  await stopping;
  return out;
}

for (const outside of [true, false]) {
  const where = outside ? 'outside the glob' : 'inside the glob';
  test(`rotated three times while down, the old file ${where}: it is finished first, under its old id`, async (t) => {
    const bench = new Bench(t);
    const include = outside ? [`${bench.logs}/a.log`] : [`${bench.logs}/a.log*`];
    writeFileSync(bench.path('a.log'), lines(0, 100));
    const before = await bench.start({ include });
    await before.count(100);
    await bench.stop();
    appendFileSync(bench.path('a.log'), lines(100, 20_000));
    for (let i = 3; i >= 1; i--) {
      renameSync(bench.path('a.log'), bench.path(`a.log.${i}`));
      writeFileSync(bench.path('a.log'), `new ${4 - i}\n`);
    }
    const out = await bench.start({ include });
    const fresh = ['new 1', 'new 2', 'new 3'];
    await out.count(19_900 + fresh.length);
    await setTimeout(50);
    const old = out.lines.filter((l) => l.id === before.lines[0]!.id);
    assert.deepEqual(
      old.map((l) => l.text),
      texts(100, 20_000),
    );
    assert.equal(old[0]!.path, bench.path('a.log'));
    assert.deepEqual(
      out
        .texts()
        .filter((text) => text.startsWith('new'))
        .sort(),
      fresh,
    );
    const last = out.texts().lastIndexOf('19999 of them');
    assert.ok(out.texts().indexOf('new 3') > last, 'the new file of the name comes after the old one');
    assert.deepEqual([...bench.account.losses], []);
    await bench.stop();
    const again = await bench.start({ include });
    appendFileSync(bench.path('a.log'), 'end\n');
    await again.count(1);
    await setTimeout(50);
    assert.deepEqual(again.texts(), ['end']);
  });
}

test('the last line of a file that was rotated while down has no newline: the new file does not wait for it', async (t) => {
  const bench = new Bench(t);
  writeFileSync(bench.path('a.log'), '1\n');
  await (await bench.start()).count(1);
  await bench.stop();
  appendFileSync(bench.path('a.log'), '2\n3');
  renameSync(bench.path('a.log'), bench.path('a.old'));
  writeFileSync(bench.path('a.log'), 'new\n');
  const out = await bench.start();
  await out.count(3);
  assert.deepEqual(out.texts(), ['2', 'new', '3']);
});

test('rotated while down and gone: lost, in bytes, once', async (t) => {
  const bench = new Bench(t);
  await leaveUnread(bench, 'a.log', 'read\n', lines(0, 500));
  rmSync(bench.path('a.log'));
  writeFileSync(bench.path('a.log'), 'new\n');
  const out = await bench.start();
  await out.count(1);
  await until('it is counted', () => bench.account.losses.has('vanished'));
  assert.equal(bench.account.losses.get('vanished')!.bytes, lines(0, 500).length);
  assert.equal(bench.account.losses.get('vanished')!.records, 0);
  assert.deepEqual(out.texts(), ['new']);
  await bench.stop();
  await bench.start();
  await until('it runs', () => bench.source.files_total === 1);
  await setTimeout(50);
  assert.equal(bench.account.losses.get('vanished')!.bytes, lines(0, 500).length);
});

test('truncated while down, without a copy: lost, in bytes', async (t) => {
  const bench = new Bench(t);
  await leaveUnread(bench, 'a.log', 'read\n', lines(0, 500));
  writeFileSync(bench.path('a.log'), 'new\n');
  const out = await bench.start();
  await out.count(1);
  await until('it is counted', () => bench.account.losses.has('vanished'));
  assert.equal(bench.account.losses.get('vanished')!.bytes, lines(0, 500).length);
});

for (const name of ['a.log.1', 'copy.log']) {
  test(`copied to ${name} and truncated while down: the rest comes from the copy, nothing twice`, async (t) => {
    const bench = new Bench(t);
    // Over 4 KiB: below it a copy is only known by its name, because files may have a header in common.
    writeFileSync(bench.path('a.log'), lines(0, 500));
    const before = await bench.start();
    await before.count(500);
    await bench.stop();
    appendFileSync(bench.path('a.log'), lines(500, 600));
    copyFileSync(bench.path('a.log'), bench.path(name));
    writeFileSync(bench.path('a.log'), 'new\n');
    const out = await bench.start();
    await out.count(101);
    await setTimeout(50);
    assert.deepEqual(out.texts(), [...texts(500, 600), 'new']);
    assert.equal(out.lines[0]!.id, before.lines[0]!.id);
    assert.deepEqual([...bench.account.losses], []);
    await bench.stop();
    const again = await bench.start();
    appendFileSync(bench.path('a.log'), 'end\n');
    await again.count(1);
    await setTimeout(50);
    assert.deepEqual(again.texts(), ['end']);
  });
}

test('a hundred files of one content, some deleted while down: none is taken for another', async (t) => {
  const bench = new Bench(t);
  const content = lines(0, 100);
  for (let i = 0; i < 100; i++) writeFileSync(bench.path(`${i}.log`), content);
  await (await bench.start()).count(10_000);
  await bench.stop();
  for (let i = 0; i < 100; i += 2) rmSync(bench.path(`${i}.log`));
  for (let i = 1; i < 100; i += 2) appendFileSync(bench.path(`${i}.log`), `${i}\n`);
  const out = await bench.start();
  await out.count(50);
  await setTimeout(50);
  assert.equal(out.lines.length, 50);
  for (const line of out.lines) assert.equal(line.path, bench.path(`${line.text}.log`));
});

test('an inode that is given to the next file while down: it is read from 0', async (t) => {
  const bench = new Bench(t);
  writeFileSync(bench.path('a.log'), 'old 1\n');
  const out = await bench.start();
  await out.count(1);
  const { ino } = statSync(bench.path('a.log'));
  await bench.stop();
  rmSync(bench.path('a.log'));
  // Until the file system gives the inode again; where it does not, the file is replaced in place.
  for (let i = 0; i < 50; i++) {
    writeFileSync(bench.path(`n${i}.tmp`), 'new 1\nnew 2\n');
    if (statSync(bench.path(`n${i}.tmp`)).ino !== ino) continue;
    renameSync(bench.path(`n${i}.tmp`), bench.path('a.log'));
    break;
  }
  if (!statSync(bench.path('a.log'), { throwIfNoEntry: false })) renameSync(bench.path('n0.tmp'), bench.path('a.log'));
  const again = await bench.start();
  await again.count(2);
  await setTimeout(50);
  assert.deepEqual(again.texts(), ['new 1', 'new 2']);
});

test('a directory that is renamed while down, and one that is not there at the start but comes back', async (t) => {
  const bench = new Bench(t);
  const include = [`${bench.logs}/*/x.log`];
  for (const name of ['a', 'b']) {
    mkdirSync(bench.path(name));
    writeFileSync(bench.path(`${name}/x.log`), `${name} 1\n`);
  }
  await (await bench.start({ include })).count(2);
  await bench.stop();
  renameSync(bench.path('a'), bench.path('c'));
  renameSync(bench.path('b'), join(bench.data, 'b'));
  appendFileSync(bench.path('c/x.log'), 'a 2\n');
  const out = await bench.start({ include, forget_after: 1 });
  await out.count(1);
  renameSync(join(bench.data, 'b'), bench.path('b'));
  appendFileSync(bench.path('b/x.log'), 'b 2\n');
  await out.count(2);
  await setTimeout(50);
  assert.deepEqual(out.texts(), ['a 2', 'b 2']);
});

test('files of an input that was removed are not read by another one that is left', async (t) => {
  const bench = new Bench(t);
  writeFileSync(bench.path('a.log'), '1\n');
  await (await bench.start({ name: 'removed' })).count(1);
  await bench.stop();
  appendFileSync(bench.path('a.log'), '2\n');
  writeFileSync(bench.path('b.txt'), 'other\n');
  const out = await bench.start({ name: 'left', include: [`${bench.logs}/*.txt`] });
  await out.count(1);
  await setTimeout(50);
  assert.deepEqual(out.texts(), ['other']);
});

test('a journal of format 1 is read, and written anew in the oldest format that says all', async (t) => {
  const bench = new Bench(t);
  writeFileSync(bench.path('a.log'), '1\n');
  await (await bench.start()).count(1);
  await bench.stop();
  const path = join(bench.data, 'positions');
  writeFileSync(path, Buffer.concat([header(1), readFileSync(path).subarray(UNIT)]));
  appendFileSync(bench.path('a.log'), '2\n');
  const out = await bench.start();
  await out.count(1);
  assert.deepEqual(out.texts(), ['2']);
  await bench.stop();
  assert.deepEqual(readFileSync(path).subarray(0, UNIT), header(PLAIN_FORMAT));
});

test('a size is kept with the position, through a rewrite of the journal too', async (t) => {
  const bench = new Bench(t);
  await leaveUnread(bench, 'a.log', 'read\n', 'unread\n');
  const path = join(bench.data, 'positions');
  const { files } = readJournal(readFileSync(path));
  const g = files.values().find(({ path: name }) => name === bench.path('a.log'))!;
  assert.deepEqual([g.position, g.size], [5, 12]);
  const entries = [header(), readFileSync(path).subarray(UNIT), positionEntry({ ...g, position: 6 })];
  writeFileSync(path, Buffer.concat([...entries, sizeEntry({ ...g, size: 20 })]));
  truncateSync(path, statSync(path).size);
  const positions = await Positions.open(bench.data, ['test']);
  const [again] = positions.unclaimed.of('test');
  assert.deepEqual([again!.position, again!.size], [6, 20]);
  await positions.close();
});

test('what is written to a renamed file after a restart comes too, while it is not quiet for long', async (t) => {
  const bench = new Bench(t);
  writeFileSync(bench.path('a.log'), 'one\n');
  const writer = openSync(bench.path('a.log'), 'a');
  const before = await bench.start({ rotate_wait: 20_000 });
  await before.count(1);
  renameSync(bench.path('a.log'), bench.path('a.old'));
  writeFileSync(bench.path('a.log'), 'new\n');
  await before.count(2);
  await bench.stop();
  const out = await bench.start({ rotate_wait: 20_000 });
  await until('both are followed', () => bench.source.files_total === 2);
  writeSync(writer, 'late\n');
  closeSync(writer);
  await out.count(1);
  assert.deepEqual(out.texts(), ['late']);
  assert.equal(out.lines[0]!.id, before.lines[0]!.id);
});

test('a file of which a header was read, truncated while down, does not take the copy of another one for its own', async (t) => {
  const bench = new Bench(t);
  const [path, other] = [bench.path('a.log'), bench.path('a-1.log')];
  const header = `${'#Fields: date time '.padEnd(299, 'x')}\n`;
  let out = await bench.start();
  writeFileSync(path, header);
  await out.count(1);
  writeFileSync(other, header + lines(0, 100));
  await out.count(102);
  await bench.stop();
  const { id } = out.lines.at(-1)!;
  copyFileSync(other, `${other}.1`);
  appendFileSync(`${other}.1`, 'rest\n');
  rmSync(other);
  truncateSync(path);
  out = await bench.start();
  await out.count(1);
  appendFileSync(path, 'next\n');
  await until('the next one', () => out.texts().includes('next'));
  await bench.stop();
  assert.deepEqual(out.texts(), ['rest', 'next']);
  assert.equal(out.lines[0]!.id, id);
});

for (const down of [true, false]) {
  const when = down ? 'while down' : 'after a restart';
  test(`a file of which a header was read, truncated ${when}, does not go on in a file that is older than it`, async (t) => {
    const bench = new Bench(t);
    const path = bench.path('a.log');
    const header = `${'#Fields: date time '.padEnd(299, 'x')}\n`;
    writeFileSync(`${path}.1`, header + lines(0, 100));
    await setTimeout(10);
    writeFileSync(path, header);
    let out = await bench.start();
    await out.count(1);
    await bench.stop();
    if (down) truncateSync(path);
    out = await bench.start();
    await until('it is found', () => bench.source.files_total === 1);
    if (!down) truncateSync(path);
    await until('it is seen', () => bench.source.files()[0]!.position === 0);
    appendFileSync(path, 'next\n');
    await until('the next one', () => out.texts().includes('next'));
    await bench.stop();
    assert.deepEqual(out.texts(), ['next']);
  });
}
