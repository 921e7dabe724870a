/** Files that are copied and truncated, with the copy inside the glob; and files that only look like it. */
// Slow: files have to be silent for as long as options say.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  appendFileSync,
  copyFileSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { test } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { PossibleCopy } from '../../../../src/sources/tail/rotation/copies.ts';
import { Bench } from '../../../support/tail.ts';
import { until } from '../../../support/until.ts';

const lines = (from: number, to: number) =>
  Array.from({ length: to - from }, (_, i) => `line ${from + i} of the file\n`).join('');
const texts = (from: number, to: number) => lines(from, to).trimEnd().split('\n');

for (const [what, known] of [
  ['that was read to its end', 1000],
  ['of a few bytes', 1],
] as const) {
  test(`the copy of a file ${what} is not read again, whatever comes first`, async (t) => {
    const bench = new Bench(t);
    const out = await bench.start({ include: [`${bench.logs}/a.log*`] });
    let written = 0;
    for (let turn = 0; turn < 6; turn++) {
      appendFileSync(bench.path('a.log'), lines(written, written + known));
      written += known;
      await out.count(written);
      copyFileSync(bench.path('a.log'), bench.path(`a.log.${turn}`));
      if (turn % 2 === 0) await setTimeout(30);
      truncateSync(bench.path('a.log'));
      if (turn % 3 === 0) await setTimeout(30);
    }
    appendFileSync(bench.path('a.log'), lines(written, written + 1));
    await out.count(written + 1);
    await until('all are decided', () => bench.source.files().every((f) => f.lag_bytes === 0));
    await bench.stop();
    assert.deepEqual(out.texts(), texts(0, written + 1));
    assert.equal(bench.source.reread_bytes, 0);
    assert.deepEqual([...bench.account.losses], []);
    const again = await bench.start({ include: [`${bench.logs}/a.log*`] });
    appendFileSync(bench.path('a.log'), 'last\n');
    await again.count(1);
    await setTimeout(50);
    assert.deepEqual(again.texts(), ['last'], 'nor after a restart');
  });
}

test('a copy that takes its time, of a file of which much is not read: it is read on from the old position', async (t) => {
  const bench = new Bench(t);
  writeFileSync(bench.path('a.log'), lines(0, 1000));
  const out = await bench.start();
  await out.count(1000);
  const { id } = out.lines[0]!;
  const release = out.block();
  appendFileSync(bench.path('a.log'), lines(1000, 4000));
  const bytes = readFileSync(bench.path('a.log'));
  for (let at = 0; at < bytes.length; at += 10_000) {
    appendFileSync(bench.path('copy.log'), bytes.subarray(at, at + 10_000));
    await setTimeout(20);
  }
  truncateSync(bench.path('a.log'));
  appendFileSync(bench.path('a.log'), 'new\n');
  // Longer than a file has to stand still: it still is clear whose copy this is.
  await setTimeout(2500);
  assert.equal(out.lines.length, 1000);
  release();
  await out.count(4001);
  await setTimeout(50);
  assert.deepEqual(
    out.lines.filter((l) => l.id === id).map((l) => l.text),
    texts(0, 4000),
  );
  assert.deepEqual(
    out.lines.filter((l) => l.id !== id).map((l) => l.text),
    ['new'],
  );
  assert.deepEqual([...bench.account.losses], []);
});

test('a copy that is made slowly, and is seen while it is still empty', async (t) => {
  const bench = new Bench(t);
  writeFileSync(bench.path('a.log'), lines(0, 1000));
  const out = await bench.start();
  await out.count(1000);
  writeFileSync(bench.path('copy.log'), '');
  await until('it is seen', () => bench.source.files_total === 2);
  const bytes = readFileSync(bench.path('a.log'));
  for (let at = 0; at < bytes.length; at += 3000) {
    appendFileSync(bench.path('copy.log'), bytes.subarray(at, at + 3000));
    await setTimeout(50);
  }
  truncateSync(bench.path('a.log'));
  appendFileSync(bench.path('a.log'), 'new\n');
  await out.count(1001);
  await until('it is decided', () => bench.source.files().every((f) => f.lag_bytes === 0));
  assert.deepEqual(out.texts(), [...texts(0, 1000), 'new']);
  assert.equal(bench.source.reread_bytes, 0);
});

test('an empty file that gets its first lines is read at once', async (t) => {
  const bench = new Bench(t);
  writeFileSync(bench.path('a.log'), 'first\n');
  const out = await bench.start();
  await out.count(1);
  for (let i = 2; i < 20; i++) {
    renameSync(bench.path('a.log'), bench.path('a.old'));
    writeFileSync(bench.path('a.log'), '');
    await setTimeout(20);
    appendFileSync(bench.path('a.log'), `line ${i}\n`);
    const start = performance.now();
    await out.count(i);
    assert.ok(performance.now() - start < 1900, 'it is not held until it stands still');
  }
});

test('a copy of a file that goes on is read as a file of its own, and what is read again is counted', async (t) => {
  const bench = new Bench(t);
  writeFileSync(bench.path('a.log'), lines(0, 10));
  const out = await bench.start();
  await out.count(10);
  copyFileSync(bench.path('a.log'), bench.path('copy.log'));
  appendFileSync(bench.path('a.log'), 'more\n');
  await out.count(11);
  assert.equal(out.texts().at(-1), 'more', 'the original waits for nothing');
  await out.count(21);
  assert.deepEqual(out.texts(bench.path('copy.log')), texts(0, 10));
  assert.equal(bench.source.reread_bytes, lines(0, 10).length);
  // Truncated long after it was copied: nothing is lost, the copy has it.
  truncateSync(bench.path('a.log'));
  appendFileSync(bench.path('a.log'), 'new\n');
  await out.count(22);
  assert.equal(out.lines.at(-1)!.path, bench.path('a.log'));
  assert.deepEqual([...bench.account.losses], []);
});

test('a new file that begins as another one does is read as soon as it differs', async (t) => {
  const bench = new Bench(t);
  writeFileSync(bench.path('a.log'), '#Version: 1.0\nfirst\n');
  const out = await bench.start();
  await out.count(2);
  writeFileSync(bench.path('b.log'), '#Version: 1.0\n');
  await setTimeout(300);
  assert.equal(out.lines.length, 2, 'it may be a copy that is being made');
  appendFileSync(bench.path('b.log'), 'second\n');
  await out.count(4);
  assert.deepEqual(out.texts(bench.path('b.log')), ['#Version: 1.0', 'second']);
  assert.equal(bench.source.reread_bytes, 0, 'and it was clear what it is');
});

test('a file that may be a copy is renamed, deleted, or loses its original: it is read, once', async (t) => {
  const bench = new Bench(t);
  for (const name of ['a', 'b', 'c']) writeFileSync(bench.path(`${name}.log`), `${name}\n`);
  const out = await bench.start();
  await out.count(3);
  for (const name of ['a', 'b', 'c']) copyFileSync(bench.path(`${name}.log`), bench.path(`${name}2.log`));
  await until('all are seen', () => bench.source.files_total === 6);
  renameSync(bench.path('a2.log'), bench.path('a3.log'));
  rmSync(bench.path('b2.log'));
  rmSync(bench.path('c.log'));
  await out.count(6);
  await setTimeout(50);
  assert.deepEqual(out.texts().sort(), ['a', 'a', 'b', 'b', 'c', 'c']);
});

test('a hundred files with one head that appear while the agent runs are a hundred files, and not slow', async (t) => {
  const bench = new Bench(t);
  const head = `#Fields:${' field'.repeat(100)}\n`;
  writeFileSync(bench.path('first.log'), head);
  const out = await bench.start();
  await out.count(1);
  for (let i = 0; i < 100; i++) writeFileSync(bench.path(`${i}.log`), head);
  for (let i = 0; i < 100; i++) appendFileSync(bench.path(`${i}.log`), `${i}\n`);
  await out.count(201);
  await setTimeout(50);
  assert.equal(out.lines.length, 201);
  assert.equal(new Set(out.lines.map((l) => l.id)).size, 101);
  for (let i = 0; i < 100; i++) assert.deepEqual(out.texts(bench.path(`${i}.log`)), [head.trimEnd(), `${i}`]);
});

const WRITER = `
const fs = require('node:fs');
const fd = fs.openSync(process.argv[1], 'a');
let n = 0;
const go = () => {
  for (let i = 0; i < 200; i++) fs.writeSync(fd, 'line ' + n++ + ' of a writer that never waits\\n');
  setImmediate(go);
};
go();
process.stdin.on('data', () => process.exit()).on('end', () => process.exit());
`;

test('copytruncate while another process writes at full speed: what the copies hold comes once, nothing twice', async (t) => {
  const bench = new Bench(t);
  const include = [`${bench.logs}/a.log*`];
  const out = await bench.start({ include });
  const writer = spawn(process.execPath, ['-e', WRITER, bench.path('a.log')], {
    stdio: ['pipe', 'inherit', 'inherit'],
  });
  t.after(() => writer.kill('SIGKILL'));
  await out.count(1000);
  for (let turn = 0; turn < 20; turn++) {
    await setTimeout(turn % 3 === 0 ? 5 : 60);
    copyFileSync(bench.path('a.log'), bench.path(`a.log.${turn}`));
    truncateSync(bench.path('a.log'));
  }
  writer.stdin!.end();
  await once(writer, 'exit');
  const kept = new Set<string>();
  for (const name of readdirSync(bench.logs)) {
    // What the last write before the copy left unfinished is no line.
    for (const line of readFileSync(bench.path(name), 'latin1').split('\n').slice(0, -1)) kept.add(line);
  }
  await until('all that is kept', () => new Set(out.texts()).size >= kept.size && missing() === 0, 60_000);
  // A copy may end within a line.
  const line = 'line 1000000 of a writer that never waits\n'.length;
  await until('all are decided', () => bench.source.files().every((f) => f.size - f.position <= line), 30_000);
  const got = out.texts();
  assert.equal(new Set(got).size, got.length, `nothing twice (${got.length - new Set(got).size} are)`);
  assert.equal(bench.source.reread_bytes, 0);

  function missing(): number {
    const have = new Set(out.texts());
    return [...kept].filter((line) => !have.has(line)).length;
  }
});

test('a new file that holds only the header of another one, which is truncated then, is no copy of it', async (t) => {
  const bench = new Bench(t);
  const header = `${'#Fields: date time '.padEnd(299, 'x')}\n`;
  const out = await bench.start();
  appendFileSync(bench.path('a.log'), header);
  await out.count(1);
  writeFileSync(bench.path('b.log'), header);
  await until('it is found', () => bench.source.files().length === 2);
  truncateSync(bench.path('a.log'));
  const a = () => bench.source.files().find((file) => file.path === bench.path('a.log'))!;
  await until('it is seen', () => a().position === 0);
  appendFileSync(bench.path('b.log'), 'b\n');
  appendFileSync(bench.path('a.log'), 'a\n');
  await out.count(4);
  const first = header.trimEnd();
  assert.deepEqual(out.texts(bench.path('a.log')), [first, 'a']);
  assert.deepEqual(out.texts(bench.path('b.log')), [first, 'b']);
  assert.ok(bench.source.reread_bytes > 0, 'it might have been one');
});

test('what was compared with a file before anything was read of it is no copy of what that held later', async (t) => {
  const bench = new Bench(t);
  const path = bench.path('a.log');
  const out = await bench.start({ include: [`${bench.logs}/*.log*`] });
  const full = Promise.withResolvers<void>();
  out.blocked = full.promise;
  writeFileSync(bench.path('b.log'), 'it waits\n');
  await until('b.log is there', () => bench.source.files_total === 1);
  writeFileSync(path, 'first\n');
  await until('a.log is there', () => bench.source.files_total === 2);
  const steps = t.mock.method(PossibleCopy.prototype, 'step').mock;
  copyFileSync(path, bench.path('a.log.1'));
  await until('it is compared', () => steps.callCount() > 3);
  // From now on nothing is compared again: the machine is slow.
  steps.mockImplementation(() => true);
  writeFileSync(path, 'second\nthird\n');
  full.resolve();
  await out.count(3);
  writeFileSync(path, 'fourth\n');
  await out.count(4);
  steps.restore();
  await out.count(5);
  // The copy goes before what came next where the first truncation was seen as such.
  const first = out.texts().indexOf('first');
  assert.ok(first > 0);
  assert.deepEqual(out.texts().toSpliced(first, 1), ['it waits', 'second', 'third', 'fourth']);
});

test('the copy got its bytes and the file was truncated at once: it is its copy, nothing is lost or comes twice', async (t) => {
  const bench = new Bench(t);
  const path = bench.path('a.log');
  writeFileSync(path, lines(0, 100));
  const out = await bench.start({ include: [`${bench.logs}/a.log*`] });
  await out.count(100);
  const full = Promise.withResolvers<void>();
  out.blocked = full.promise;
  appendFileSync(path, lines(100, 101));
  await setTimeout(50);
  writeFileSync(bench.path('a.log.1'), '');
  await until('the copy is there', () => bench.source.files_total === 2);
  await until('what waits is seen', () => bench.source.files().some((file) => file.lag_bytes > 0));
  // The file is read before anything is told of the copy.
  copyFileSync(path, bench.path('a.log.1'));
  truncateSync(path);
  full.resolve();
  await out.count(101);
  await setTimeout(2500);
  assert.deepEqual(out.texts(), texts(0, 101));
  assert.equal(new Set(out.lines.map(({ id }) => id)).size, 1);
  assert.equal(bench.account.losses.size, 0);
});

for (const restarted of [false, true]) {
  const then = restarted ? 'the agent is restarted before it reads on' : 'the agent reads on';
  test(`copied, truncated and deleted before that was seen, and ${then}: nothing is lost or comes twice`, async (t) => {
    const bench = new Bench(t);
    const path = bench.path('a.log');
    const input = { include: [`${bench.logs}/*.log*`] };
    writeFileSync(path, lines(0, 400));
    let out = await bench.start(input);
    await out.count(400);
    const full = Promise.withResolvers<void>();
    out.blocked = full.promise;
    writeFileSync(bench.path('b.log'), 'it waits\n');
    await until('b.log is there', () => bench.source.files_total === 2);
    appendFileSync(path, lines(400, 401));
    copyFileSync(path, bench.path('copy'));
    truncateSync(path);
    rmSync(path);
    writeFileSync(path, 'another one\n');
    await until('another one has its name', () => bench.source.files_total === 3);
    renameSync(bench.path('copy'), bench.path('a.log.1'));
    await until('the copy is there', () => bench.source.files_total === 4);
    let came = 400;
    if (restarted) {
      await bench.stop();
      out = await bench.start(input);
      came = 0;
    } else full.resolve();
    await out.count(came + 3);
    await setTimeout(50);
    const expected = [...texts(came === 0 ? 400 : 0, 401), 'another one', 'it waits'].sort();
    assert.deepEqual(out.texts().sort(), expected);
    assert.deepEqual([...bench.account.losses], []);
  });
}

test('copied and truncated before anything of it was read, which the output held up: it comes once, none is lost', async (t) => {
  const bench = new Bench(t);
  const path = bench.path('a.log');
  const out = await bench.start({ include: [`${bench.logs}/*.log*`] });
  const release = out.block();
  writeFileSync(bench.path('b.log'), 'it waits\n');
  await until('b.log is there', () => bench.source.files_total === 1);
  writeFileSync(path, lines(0, 40));
  await until('a.log is there', () => bench.source.files().some((file) => file.path === path && file.size > 256));
  copyFileSync(path, bench.path('copy'));
  truncateSync(path);
  renameSync(bench.path('copy'), bench.path('a.log.1'));
  await until('the copy is there', () => bench.source.files_total === 3);
  release();
  await out.count(41);
  await setTimeout(50);
  assert.deepEqual(out.texts().sort(), [...texts(0, 40), 'it waits'].sort());
  assert.deepEqual([...bench.account.losses], []);
});

test('a new file that begins with the header of a longer one, which is truncated then, is no copy of it: all comes', async (t) => {
  const bench = new Bench(t);
  const [path, other] = [bench.path('a.log'), bench.path('c.log')];
  const header = `${'#Fields: date time '.padEnd(299, 'x')}\n`;
  const out = await bench.start();
  writeFileSync(other, header);
  await out.count(1);
  appendFileSync(other, lines(0, 2000));
  await out.count(2001);
  const release = out.block();
  writeFileSync(bench.path('b.log'), 'it waits\n');
  await until('b.log is there', () => bench.source.files_total === 2);
  truncateSync(other);
  writeFileSync(path, header + lines(5000, 5300));
  await until('a.log is there', () => bench.source.files_total === 3);
  release();
  await out.count(2303);
  assert.deepEqual(out.texts(path), [header.trimEnd(), ...texts(5000, 5300)]);
});

test('copied, truncated and written to as it has its turn, which the output holds up: it comes once', async (t) => {
  const bench = new Bench(t);
  const path = bench.path('a.log');
  const out = await bench.start({ include: [`${bench.logs}/*.log*`] });
  await until('it has started', () => bench.positions.started('test'));
  const release = out.block();
  writeFileSync(path, lines(0, 40));
  await until('a.log is there', () => bench.source.files().some((file) => file.path === path && file.size > 256));
  await setTimeout(50);
  copyFileSync(path, bench.path('a.log.1'));
  truncateSync(path);
  appendFileSync(path, 'next\n');
  await until('the copy is there', () => bench.source.files_total === 2);
  release();
  await out.count(41);
  await setTimeout(50);
  assert.deepEqual(out.texts().sort(), [...texts(0, 40), 'next'].sort());
  assert.deepEqual([...bench.account.losses], []);
});
