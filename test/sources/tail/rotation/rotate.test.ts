// Slow: files have to be silent for as long as options say.
import assert from 'node:assert/strict';
import {
  appendFileSync,
  closeSync,
  copyFileSync,
  mkdirSync,
  openSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { test } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { TrackedFile } from '../../../../src/sources/tail/file/file.ts';
import { Bench, Collected, openPaths } from '../../../support/tail.ts';
import { until } from '../../../support/until.ts';

test('rename and recreate, again and again, at full speed: every line once, in order', async (t) => {
  const bench = new Bench(t);
  const out = await bench.start();
  const total = 60_000;
  let fd = openSync(bench.path('a.log'), 'a');
  for (let i = 0; i < total; i++) {
    writeSync(fd, `${i}\n`);
    if (i % 10_000 === 9_999) {
      const turn = Math.floor(i / 10_000);
      renameSync(bench.path('a.log'), bench.path(`a.log.${turn}`));
      closeSync(fd);
      fd = openSync(bench.path('a.log'), 'a');
    }
    if (i % 500 === 0) await setTimeout(0);
  }
  closeSync(fd);
  await out.count(total);
  await setTimeout(100);
  const numbers = out.texts().map(Number);
  assert.equal(numbers.length, total);
  assert.equal(new Set(numbers).size, total);
  const last = new Map<string, number>();
  for (const line of out.lines) {
    assert.ok(Number(line.text) > (last.get(line.id) ?? -1), 'in order within a file');
    last.set(line.id, Number(line.text));
  }
});

test('what is written to a renamed file, its last unfinished line too, is read; then it is let go', async (t) => {
  const bench = new Bench(t);
  const fd = openSync(bench.path('a.log'), 'a');
  writeSync(fd, '1\n');
  const out = await bench.start();
  await out.count(1);
  renameSync(bench.path('a.log'), bench.path('a.old'));
  writeFileSync(bench.path('a.log'), 'n1\n');
  await out.count(2);
  writeSync(fd, '2\n3');
  await out.count(3);
  await out.count(4);
  closeSync(fd);
  assert.deepEqual(out.texts(), ['1', 'n1', '2', '3']);
  assert.equal(out.lines[2]!.id, out.lines[0]!.id);
  assert.notEqual(out.lines[1]!.id, out.lines[0]!.id);
  await until('let go', () => bench.source.files_total === 1);
});

test('a rename to a name that also matches is not read again, and the path in the records stays', async (t) => {
  const bench = new Bench(t);
  writeFileSync(bench.path('a.log'), '1\n');
  const out = await bench.start({ include: [`${bench.logs}/a*`] });
  await out.count(1);
  renameSync(bench.path('a.log'), bench.path('a.log.1'));
  appendFileSync(bench.path('a.log.1'), '2\n');
  writeFileSync(bench.path('a.log'), 'n\n');
  await out.count(3);
  await setTimeout(100);
  assert.deepEqual(out.texts().sort(), ['1', '2', 'n']);
  assert.equal(out.lines.find((l) => l.text === '2')!.path, bench.path('a.log'));
});

test('after a truncation the file is read from 0, under a new id, also when it begins as before', async (t) => {
  const bench = new Bench(t);
  writeFileSync(bench.path('a.log'), 'first\nsecond\n');
  const out = await bench.start();
  await out.count(2);
  truncateSync(bench.path('a.log'));
  await setTimeout(100);
  appendFileSync(bench.path('a.log'), 'first\nsecond\nthird\n');
  await out.count(5);
  assert.deepEqual(out.texts(), ['first', 'second', 'first', 'second', 'third']);
  assert.notEqual(out.lines[2]!.id, out.lines[1]!.id);
});

test('truncated and grown beyond the old position between two looks', async (t) => {
  const bench = new Bench(t);
  writeFileSync(bench.path('a.log'), 'first\nsecond\n');
  const out = await bench.start();
  await out.count(2);
  writeFileSync(bench.path('a.log'), 'other lines, many more\nthan there were\nbefore\n');
  await out.count(5);
  assert.deepEqual(out.texts().slice(2), ['other lines, many more', 'than there were', 'before']);
});

test('truncated while the agent is down, shorter or longer than before', async (t) => {
  for (const text of ['x\n', 'another line, longer than what was there before\n']) {
    const bench = new Bench(t);
    writeFileSync(bench.path('a.log'), 'first\nsecond\n');
    await (await bench.start()).count(2);
    await bench.stop();
    writeFileSync(bench.path('a.log'), text);
    const out = await bench.start();
    await out.count(1);
    assert.deepEqual(out.texts(), [text.trimEnd()]);
    await bench.stop();
  }
});

test('copytruncate at full write speed: what was not read yet is read from the copy, nothing comes twice', async (t) => {
  const bench = new Bench(t);
  const out = await bench.start();
  const fd = openSync(bench.path('a.log'), 'a');
  let number = 0;
  for (let turn = 0; turn < 10; turn++) {
    for (let i = 0; i < 3000; i++) {
      writeSync(fd, `${number++}\n`);
      if (i % 1000 === 0) await setTimeout(1);
    }
    // Of what is truncated twice between two looks nobody knows that it was there.
    await until('seen', () => Number(out.lines.at(-1)?.text) >= number - 3000);
    copyFileSync(bench.path('a.log'), bench.path(`a.log.${turn}`));
    truncateSync(bench.path('a.log'));
    if (turn % 2 === 0) await setTimeout(20);
  }
  closeSync(fd);
  await out.count(number);
  await setTimeout(50);
  const numbers = out.texts().map(Number);
  assert.equal(numbers.length, number);
  assert.equal(new Set(numbers).size, number);
});

test('truncated while the output is blocked', async (t) => {
  const bench = new Bench(t);
  writeFileSync(bench.path('a.log'), '1\n');
  const out = await bench.start();
  await out.count(1);
  const release = out.block();
  appendFileSync(bench.path('a.log'), 'never read\n');
  await setTimeout(50);
  writeFileSync(bench.path('a.log'), 'new\n');
  await setTimeout(50);
  release();
  await out.count(2);
  assert.deepEqual(out.texts(), ['1', 'new']);
});

for (const how of ['open', 'closed', 'stopped']) {
  test(`written anew and longer before it is read again: what the old one had more is lost, not what the new one has (${how})`, async (t) => {
    const bench = new Bench(t);
    const path = bench.path('a.log');
    const looks = t.mock.method(TrackedFile.prototype, 'compare').mock;
    writeFileSync(path, 'old 1\nold 2\n');
    // It keeps the source busy until nothing more is taken.
    writeFileSync(bench.path('b.log'), 'first\n');
    let out = await bench.start({}, true, how === 'closed' ? { close_after: 0 } : {});
    await out.count(3);
    if (how === 'closed') await until('closed', () => !openPaths().includes(path));
    const full = Promise.withResolvers<void>();
    out.blocked = full.promise;
    appendFileSync(bench.path('b.log'), 'second\n');
    await setTimeout(50);
    appendFileSync(path, 'never read\n');
    const file = () => bench.source.files().find((f) => f.path === path)!;
    await until('seen', () => file().size === 23);
    writeFileSync(path, `${'new\n'.repeat(100)}`);
    const before = looks.callCount();
    await until('looked at', () => looks.callCount() > before + 4);
    if (how === 'stopped') {
      await bench.stop();
      full.resolve();
      out = await bench.start();
      await out.count(101);
    } else {
      full.resolve();
      await out.count(104);
    }
    const lost = [...bench.account.losses].map(([reason, { bytes }]) => [reason, bytes]);
    assert.deepEqual(lost, [[how === 'stopped' ? 'vanished' : 'truncated', 'never read\n'.length]]);
  });
}

test('a file that is deleted and made again is read from 0', async (t) => {
  const bench = new Bench(t);
  const out = await bench.start();
  for (let i = 1; i <= 20; i++) {
    writeFileSync(bench.path('a.log'), `line ${i}\n`);
    await out.count(i);
    rmSync(bench.path('a.log'));
    if (i % 2 === 0) await setTimeout(20);
  }
  assert.deepEqual(
    out.texts(),
    Array.from({ length: 20 }, (_, i) => `line ${i + 1}`),
  );
});

test('a hundred files with the same content are a hundred files', async (t) => {
  const bench = new Bench(t);
  for (let i = 0; i < 100; i++) writeFileSync(bench.path(`${i}.log`), 'same\nlines\n');
  let out = await bench.start();
  await out.count(200);
  assert.equal(new Set(out.lines.map((l) => l.id)).size, 100);
  await bench.stop();
  for (let i = 0; i < 100; i++) appendFileSync(bench.path(`${i}.log`), `${i}\n`);
  out = await bench.start();
  await out.count(100);
  await setTimeout(50);
  assert.equal(out.lines.length, 100);
  for (const line of out.lines) assert.equal(line.path, bench.path(`${line.text}.log`));
});

test('a deleted file that is open is read to its end, then its space is free', async (t) => {
  const bench = new Bench(t);
  const fd = openSync(bench.path('a.log'), 'a');
  writeSync(fd, '1\n');
  const out = await bench.start();
  await out.count(1);
  rmSync(bench.path('a.log'));
  writeSync(fd, '2\n3');
  await out.count(3);
  assert.deepEqual(out.texts(), ['1', '2', '3']);
  closeSync(fd);
  await until('let go', () => bench.source.files_total === 0);
  assert.ok(!openPaths().some((name) => name.includes('a.log')));
});

test('a link that is pointed elsewhere: the new target from 0, the old one to its end', async (t) => {
  const bench = new Bench(t);
  mkdirSync(bench.path('v1'));
  mkdirSync(bench.path('v2'));
  writeFileSync(bench.path('v1/x'), 'old 1\n');
  writeFileSync(bench.path('v2/x'), 'new 1\n');
  symlinkSync('v1', bench.path('data'));
  symlinkSync('data/x', bench.path('a.log'));
  const out = await bench.start();
  await out.count(1);
  symlinkSync('v2', bench.path('data.tmp'));
  renameSync(bench.path('data.tmp'), bench.path('data'));
  appendFileSync(bench.path('v1/x'), 'old 2\n');
  await out.count(3);
  assert.deepEqual(out.texts().sort(), ['new 1', 'old 1', 'old 2']);
});

test('rotated three times while the agent is down: what matches or still lies beside it is read', async (t) => {
  const bench = new Bench(t);
  writeFileSync(bench.path('a.log'), '1\n');
  await (await bench.start()).count(1);
  await bench.stop();
  appendFileSync(bench.path('a.log'), '2\n');
  for (let i = 1; i <= 3; i++) {
    renameSync(bench.path('a.log'), bench.path(`a.log.${4 - i}`));
    writeFileSync(bench.path('a.log'), `new ${i}\n`);
  }
  const out = await bench.start();
  await out.count(4);
  await setTimeout(50);
  assert.deepEqual(out.texts().sort(), ['2', 'new 1', 'new 2', 'new 3']);
});

test('copied and truncated while the agent is down: the rest is read from the copy', async (t) => {
  const bench = new Bench(t);
  const lines = Array.from({ length: 100 }, (_, i) => `line ${i}\n`).join('');
  writeFileSync(bench.path('a.log'), lines);
  await (await bench.start()).count(100);
  await bench.stop();
  appendFileSync(bench.path('a.log'), 'unread\n');
  copyFileSync(bench.path('a.log'), bench.path('a.log.1'));
  writeFileSync(bench.path('a.log'), 'new\n');
  const out = await bench.start();
  await out.count(2);
  await setTimeout(50);
  assert.deepEqual(out.texts().sort(), ['new', 'unread']);
});

test('a file that only begins like a truncated one is not taken for its copy', async (t) => {
  const bench = new Bench(t);
  writeFileSync(bench.path('a.log'), '#Version: 1.0\n');
  writeFileSync(bench.path('a.old'), '#Version: 1.0\nold\n');
  await (await bench.start()).count(1);
  await bench.stop();
  writeFileSync(bench.path('a.log'), 'x\n');
  const out = await bench.start();
  await out.count(1);
  await setTimeout(50);
  assert.deepEqual(out.texts(), ['x']);
});

test('a directory is renamed while its files are written: their lines go on, the new directory of the name is new', async (t) => {
  const bench = new Bench(t);
  const include = [`${bench.logs}/*/x.log`];
  mkdirSync(bench.path('a'));
  const fd = openSync(bench.path('a/x.log'), 'a');
  writeSync(fd, 'old 1\n');
  const out = await bench.start({ include });
  await out.count(1);
  renameSync(bench.path('a'), bench.path('b'));
  writeSync(fd, 'old 2\n');
  mkdirSync(bench.path('a'));
  writeFileSync(bench.path('a/x.log'), 'new 1\n');
  await out.count(3);
  writeSync(fd, 'old 3\n');
  closeSync(fd);
  await out.count(4);
  await setTimeout(50);
  const { id } = out.lines[0]!;
  assert.deepEqual(
    out.lines.filter((l) => l.id === id).map((l) => l.text),
    ['old 1', 'old 2', 'old 3'],
  );
  assert.deepEqual(
    out.lines.filter((l) => l.id !== id).map((l) => l.text),
    ['new 1'],
  );
});

test('a file of one byte: truncated, replaced, written to while the agent runs and while it does not', async (t) => {
  const bench = new Bench(t);
  const out = await bench.start();
  let lines = 0;
  for (let round = 0; round < 4; round++) {
    writeFileSync(bench.path('a.log'), '\n');
    await out.count(++lines);
    truncateSync(bench.path('a.log'));
    await setTimeout(100);
    appendFileSync(bench.path('a.log'), 'x\n');
    await out.count(++lines);
    rmSync(bench.path('a.log'));
    await setTimeout(20);
  }
  writeFileSync(bench.path('a.log'), '\n');
  await out.count(++lines);
  await bench.stop();
  assert.deepEqual(out.texts(), [...Array(4).fill(['', 'x']).flat(), '']);
  writeFileSync(bench.path('a.log'), 'y');
  const again = await bench.start();
  appendFileSync(bench.path('a.log'), '\n');
  await again.count(1);
  assert.deepEqual(again.texts(), ['y']);
});

test('an inode that is given to the next file while the agent runs, the file closed: it is read from 0', async (t) => {
  const bench = new Bench(t);
  writeFileSync(bench.path('a.log'), 'old 1\nold 2\n');
  const out = await bench.start();
  await out.count(2);
  // In place, between two looks: the inode stays, as when it is given again at once.
  writeFileSync(bench.path('b.tmp'), 'new 1\nnew 2\nnew 3\n');
  copyFileSync(bench.path('b.tmp'), bench.path('a.log'));
  await out.count(5);
  assert.deepEqual(out.texts().slice(2), ['new 1', 'new 2', 'new 3']);
});

test('copied, truncated and deleted while the output is blocked: the rest is read from the copy', async (t) => {
  const bench = new Bench(t);
  writeFileSync(bench.path('a.log'), '1\n');
  const out = await bench.start();
  await out.count(1);
  const release = out.block();
  appendFileSync(bench.path('a.log'), '2\n3\n');
  // The next batch is waited for.
  await setTimeout(50);
  copyFileSync(bench.path('a.log'), bench.path('a.old'));
  truncateSync(bench.path('a.log'));
  rmSync(bench.path('a.log'));
  await setTimeout(50);
  release();
  await out.count(3);
  assert.deepEqual(out.texts(), ['1', '2', '3']);
});

test('a new file with the same header is not taken for the copy of a truncated one', async (t) => {
  const bench = new Bench(t);
  const header = `${'#Fields: date time '.padEnd(299, 'x')}\n`;
  writeFileSync(bench.path('a.log'), header);
  // It has no name that the glob knows, so nothing but its bytes could say that it is a copy.
  writeFileSync(bench.path('b.old'), `${header}b\n`);
  const out = await bench.start();
  await out.count(1);
  truncateSync(bench.path('a.log'));
  await setTimeout(100);
  appendFileSync(bench.path('a.log'), 'a\n');
  await out.count(2);
  await setTimeout(100);
  assert.deepEqual(out.texts().slice(1), ['a']);
});

test('a new file with the same header is not taken for it either when it was renamed meanwhile', async (t) => {
  const bench = new Bench(t);
  const header = 'fields '.padEnd(299, 'x');
  const [path, other] = [bench.path('a.log'), bench.path('b.log')];
  writeFileSync(path, `${header}\n`);
  const out = await bench.start();
  out.settling = false;
  await out.count(1);
  appendFileSync(path, `${'a'.repeat(100)}\n`);
  await out.count(2);
  const full = Promise.withResolvers<void>();
  out.blocked = full.promise;
  writeFileSync(bench.path('c.log'), 'it waits\n');
  await until('c.log is there', () => bench.source.files_total === 2);
  truncateSync(path);
  writeFileSync(other, `${header}\nb\n`);
  await until('b.log is there', () => bench.source.files_total === 3);
  renameSync(other, bench.path('b.old'));
  await until('renamed', () => openPaths().includes(bench.path('b.old')));
  await setTimeout(100);
  full.resolve();
  await out.count(5);
  assert.deepEqual(out.texts(other), [header, 'b']);
});

test('a new file with the header of one that is gone is read from 0', async (t) => {
  const bench = new Bench(t);
  const header = '#Fields: date time '.padEnd(299, 'x');
  writeFileSync(bench.path('a.log'), `${header}\n`);
  await (await bench.start()).count(1);
  await bench.stop();
  // Made first, so that it does not get the inode of the one that goes.
  writeFileSync(bench.path('b.log'), `${header}\nb\n`);
  rmSync(bench.path('a.log'));
  const out = await bench.start();
  await out.count(1);
  await setTimeout(100);
  assert.deepEqual(out.texts(bench.path('b.log')), [header, 'b']);
});

test('an older copy with the same header is not taken for the copy of what came after it', async (t) => {
  const bench = new Bench(t);
  const header = `${'#Fields: date time '.padEnd(299, 'x')}\n`;
  const out = await bench.start();
  appendFileSync(bench.path('a.log'), `${header}1\n`);
  await out.count(2);
  // Where no glob names it; all of it was read.
  copyFileSync(bench.path('a.log'), bench.path('a.old'));
  truncateSync(bench.path('a.log'));
  await until('it is seen', () => bench.source.files()[0]!.position === 0);
  await setTimeout(100);
  appendFileSync(bench.path('a.log'), header);
  await out.count(3);
  truncateSync(bench.path('a.log'));
  await until('it is seen', () => bench.source.files()[0]!.position === 0);
  appendFileSync(bench.path('a.log'), '2\n');
  await out.count(4);
  await setTimeout(100);
  const first = header.trimEnd();
  assert.deepEqual(out.texts(), [first, '1', first, '2']);
});

test('what was not read yet is written anew: it comes once, also after a restart', async (t) => {
  const bench = new Bench(t);
  const out = await bench.start();
  appendFileSync(bench.path('a.log'), 'a line that is not finished');
  await until('it is seen', () => bench.source.files()[0]?.size === 27);
  await setTimeout(50);
  truncateSync(bench.path('a.log'));
  appendFileSync(bench.path('a.log'), 'other\n');
  await out.count(1);
  await bench.stop();
  const again = await bench.start();
  appendFileSync(bench.path('a.log'), 'last\n');
  await again.count(1);
  await setTimeout(50);
  assert.deepEqual([...out.texts(), ...again.texts()], ['other', 'last']);
});

test('what was not read yet is written anew and renamed while the output is blocked: only that is lost', async (t) => {
  const bench = new Bench(t);
  const path = bench.path('a.log');
  const out = await bench.start();
  appendFileSync(path, 'a line that is not finished');
  await until('it is seen', () => bench.source.files()[0]?.size === 27);
  await setTimeout(50);
  const release = out.block();
  appendFileSync(bench.path('b.log'), 'it waits\n');
  await until('b.log is there', () => bench.source.files_total === 2);
  truncateSync(path);
  appendFileSync(path, 'a new and longer line than it\n');
  renameSync(path, bench.path('a.old'));
  await until('it is stored', () => bench.positions.all().some((g) => g.path === path));
  release();
  await out.count(2);
  await bench.stop();
  assert.deepEqual(out.texts().sort(), ['a new and longer line than it', 'it waits']);
  assert.equal(bench.account.losses.get('truncated')?.bytes, 27);
});

test('what was sent and not settled is written anew before it is read again: another id, and the loss is counted', async (t) => {
  const bench = new Bench(t);
  const first = await bench.start();
  first.settling = false;
  appendFileSync(bench.path('a.log'), 'an old line\n');
  await first.count(1);
  await bench.stop();
  bench.output = new Collected();
  const release = bench.output.block();
  const out = await bench.start({}, false);
  await until('it is found', () => bench.source.files().length === 1);
  truncateSync(bench.path('a.log'));
  appendFileSync(bench.path('a.log'), 'a new and longer line\n');
  release();
  await out.count(1);
  await bench.stop();
  const again = await bench.start();
  appendFileSync(bench.path('a.log'), 'last\n');
  await again.count(1);
  await setTimeout(50);
  assert.deepEqual([...out.texts(), ...again.texts()], ['a new and longer line', 'last']);
  assert.notEqual(out.lines[0]!.id, first.lines[0]!.id);
  assert.equal(again.lines[0]!.id, out.lines[0]!.id);
});

test('what was settled within a batch does not make another file with the same header and inode the same file', async (t) => {
  const bench = new Bench(t);
  const header = `${'#Fields: date time '.padEnd(299, 'x')}\n`;
  writeFileSync(bench.path('a.log'), `${header}an old line\nanother one\n`);
  const first = await bench.start();
  first.settling = false;
  await first.count(3);
  // A block ended here.
  const { generation } = first.streams[0]!;
  first.streams[0]!.settled(312, 0);
  assert.ok(generation.markedAt < 312);
  await bench.stop();
  truncateSync(bench.path('a.log'));
  writeFileSync(bench.path('a.log'), `${header}a new line that is longer\n`);
  const out = await bench.start();
  await out.count(2);
  await setTimeout(50);
  assert.deepEqual(out.texts(), [header.trimEnd(), 'a new line that is longer']);
});

test('what was settled within a batch is not read again', async (t) => {
  const bench = new Bench(t);
  writeFileSync(bench.path('a.log'), 'first\nsecond\nthird\n');
  const first = await bench.start();
  first.settling = false;
  await first.count(3);
  first.streams[0]!.settled(6, 0);
  await bench.stop();
  const out = await bench.start();
  await out.count(2);
  await setTimeout(50);
  assert.deepEqual(out.texts(), ['second', 'third']);
  assert.equal(out.lines[0]!.id, first.lines[0]!.id);
});

for (const multiline of [undefined, { start: '^new', max_lines: 500, max_bytes: 512 * 1024, timeout: 1000 }]) {
  const how = multiline ? 'as groups of lines' : 'as lines';
  test(`truncated while a long line is not complete, and written anew with another one before it: read from 0 ${how}`, async (t) => {
    const bench = new Bench(t);
    writeFileSync(bench.path('a.log'), 'x'.repeat(20_000));
    const out = await bench.start({ max_line: 5000, multiline });
    await until('its beginning is known', () => [...bench.source.files()][0]?.size === 20_000);
    await setTimeout(100);
    truncateSync(bench.path('a.log'));
    const lines = [`new ${'y'.repeat(15_000)}`, ...Array.from({ length: 1000 }, (_, i) => `new ${i}`)];
    writeFileSync(bench.path('a.log'), `${lines.join('\n')}\nnew end\n`);
    await out.count(1001);
    assert.deepEqual(out.texts().slice(1, 1001), lines.slice(1));
  });
}
