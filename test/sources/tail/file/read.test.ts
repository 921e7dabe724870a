import assert from 'node:assert/strict';
import { appendFileSync, linkSync, mkdirSync, renameSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { TRUNCATED } from '../../../../src/core/batch.ts';
import { Bench } from '../../../support/tail.ts';
import { until } from '../../../support/until.ts';

test('lines of files that are there and of files that appear come in order', async (t) => {
  const bench = new Bench(t);
  writeFileSync(bench.path('a.log'), 'a1\na2\n');
  const out = await bench.start();
  await out.count(2);
  writeFileSync(bench.path('b.log'), 'b1\n');
  appendFileSync(bench.path('a.log'), 'a3\n');
  appendFileSync(bench.path('b.log'), 'b2\n');
  await out.count(5);
  assert.deepEqual(out.texts(bench.path('a.log')), ['a1', 'a2', 'a3']);
  assert.deepEqual(out.texts(bench.path('b.log')), ['b1', 'b2']);
  assert.equal(bench.account.received, 5);
});

test('empty lines are kept, CRLF is stripped, odd bytes survive, a byte order mark goes', async (t) => {
  const bench = new Bench(t);
  const odd = Buffer.concat([Buffer.from('\xef\xbb\xbfx\r\n\n\r\na\0b', 'latin1'), Buffer.from([0x80, 0xff, 10])]);
  writeFileSync(bench.path('a.log'), odd);
  const out = await bench.start();
  await out.count(4);
  assert.deepEqual(out.texts(), ['x', '', '', 'a\0b\x80\xff']);
  assert.deepEqual(
    out.lines.map((l) => [l.offset, l.length]),
    [
      [0, 6],
      [6, 1],
      [7, 2],
      [9, 6],
    ],
  );
});

test('an unfinished line waits; written in three parts it is one line', async (t) => {
  const bench = new Bench(t);
  writeFileSync(bench.path('a.log'), 'one\ntw');
  const out = await bench.start();
  await out.count(1);
  appendFileSync(bench.path('a.log'), 'o \xc3');
  await setTimeout(50);
  assert.equal(out.lines.length, 1);
  appendFileSync(bench.path('a.log'), Buffer.from([0xa9]));
  await setTimeout(50);
  appendFileSync(bench.path('a.log'), '\nthree\n');
  await out.count(3);
  assert.equal(out.texts()[2], 'three');
  assert.equal(out.texts()[1]!.slice(0, 4), 'two ');
});

test('a file of one byte is read from its first byte', async (t) => {
  const bench = new Bench(t);
  const out = await bench.start();
  writeFileSync(bench.path('a.log'), '\n');
  await out.count(1);
  assert.deepEqual(out.texts(), ['']);
});

test('a line longer than max_line is cut at a character, marked and counted; what follows is whole', async (t) => {
  const bench = new Bench(t);
  writeFileSync(bench.path('a.log'), `${'é'.repeat(300)}\nshort\n${'x'.repeat(256)}\n`);
  const out = await bench.start({ max_line: 257 });
  await out.count(3);
  assert.deepEqual(
    out.lines.map((l) => [l.text.length, l.length, l.flags]),
    [
      [256, 601, TRUNCATED],
      [5, 6, 0],
      [256, 257, 0],
    ],
  );
  assert.equal(bench.account.truncated, 1);
});

test('lines around the limits of a read and of max_line are exact', async (t) => {
  const bench = new Bench(t);
  const sizes = [4095, 4096, 262_143, 262_144, 262_145, 300_000, 1, 262_080, 262_081, 600_000, 262_146, 5];
  writeFileSync(bench.path('a.log'), sizes.map((n) => `${'y'.repeat(n)}\n`).join(''));
  const out = await bench.start();
  await out.count(sizes.length);
  assert.deepEqual(
    out.lines.map((l) => l.length),
    sizes.map((n) => n + 1),
  );
  assert.deepEqual(
    out.lines.map((l) => l.text.length),
    sizes.map((n) => Math.min(n, 262_144)),
  );
});

test('a line of ten megabytes, written bit by bit, is read once and cut', async (t) => {
  const bench = new Bench(t);
  const out = await bench.start();
  const part = Buffer.alloc(1 << 20, 'z');
  for (let i = 0; i < 10; i++) {
    appendFileSync(bench.path('a.log'), part);
    await setTimeout(5);
  }
  appendFileSync(bench.path('a.log'), '\nnext\n');
  await out.count(2);
  assert.deepEqual(
    out.lines.map((l) => [l.text.length, l.length, l.flags]),
    [
      [262_144, 10 * (1 << 20) + 1, TRUNCATED],
      [4, 5, 0],
    ],
  );
});

test('more lines than the tables name at once', async (t) => {
  const bench = new Bench(t);
  const lines = Array.from({ length: 50_000 }, (_, i) => String(i));
  writeFileSync(bench.path('a.log'), `${lines.join('\n')}\n`);
  const out = await bench.start();
  await out.count(lines.length);
  assert.deepEqual(out.texts(), lines);
});

test('overlapping patterns, a symbolic link and a hard link to a file: each line once', async (t) => {
  const bench = new Bench(t);
  writeFileSync(bench.path('a.log'), '1\n');
  linkSync(bench.path('a.log'), bench.path('b.log'));
  symlinkSync(bench.path('a.log'), bench.path('c.log'));
  const out = await bench.start({ include: [`${bench.logs}/*.log`, `${bench.logs}/a*`, `${bench.logs}/**`] });
  await out.count(1);
  appendFileSync(bench.path('c.log'), '2\n');
  appendFileSync(bench.path('b.log'), '3\n');
  await out.count(3);
  await setTimeout(300);
  assert.deepEqual(out.texts(), ['1', '2', '3']);
});

test('what is written through a link from another directory is seen at once', async (t) => {
  const bench = new Bench(t);
  mkdirSync(bench.path('target'));
  writeFileSync(bench.path('target/x'), '1\n');
  symlinkSync(bench.path('target/x'), bench.path('a.log'));
  const out = await bench.start();
  await out.count(1);
  await setTimeout(200);
  appendFileSync(bench.path('target/x'), '2\n');
  const start = performance.now();
  await out.count(2);
  assert.ok(performance.now() - start < 1000);
  assert.equal(out.lines[1]!.path, bench.path('a.log'));
});

test('directories that appear later, nested and renamed ones, are read', async (t) => {
  const bench = new Bench(t);
  const out = await bench.start({ include: [`${bench.logs}/x/y/*.log`, `${bench.logs}/**/deep.txt`] });
  await setTimeout(50);
  mkdirSync(bench.path('x/y'), { recursive: true });
  writeFileSync(bench.path('x/y/a.log'), '1\n');
  await out.count(1);
  mkdirSync(bench.path('p/q/r'), { recursive: true });
  writeFileSync(bench.path('p/q/r/deep.txt'), '2\n');
  await out.count(2);
  renameSync(bench.path('x'), bench.path('z'));
  mkdirSync(bench.path('x/y'), { recursive: true });
  writeFileSync(bench.path('x/y/a.log'), '3\n');
  await out.count(3);
  assert.deepEqual(out.texts(), ['1', '2', '3']);
});

test('start_at end skips what was there at the first start, never what appears later', async (t) => {
  const bench = new Bench(t);
  writeFileSync(bench.path('a.log'), 'old\nunfinished');
  let out = await bench.start({ start_at: 'end' });
  await until('first look', () => bench.positions.started('test'));
  appendFileSync(bench.path('a.log'), ' line\nnew\n');
  writeFileSync(bench.path('b.log'), 'b1\n');
  await out.count(3);
  assert.deepEqual(out.texts().sort(), ['b1', 'new', 'unfinished line']);
  await bench.stop();
  appendFileSync(bench.path('a.log'), 'while away\n');
  writeFileSync(bench.path('c.log'), 'c1\n');
  out = await bench.start({ start_at: 'end' });
  await out.count(2);
  assert.deepEqual(out.texts().sort(), ['c1', 'while away']);
});

test('ignore_older skips what was not written for long, and counts it', async (t) => {
  const bench = new Bench(t);
  writeFileSync(bench.path('a.log'), 'old\n');
  utimesSync(bench.path('a.log'), 1000, 1000);
  const out = await bench.start({ ignore_older: 60_000 });
  await until('first look', () => bench.positions.started('test'));
  appendFileSync(bench.path('a.log'), 'new\n');
  await out.count(1);
  assert.deepEqual(out.texts(), ['new']);
  assert.equal(bench.account.losses.get('ignored_older')?.bytes, 4);
});

test('a line in a quiet file does not wait behind a hot one', async (t) => {
  const bench = new Bench(t);
  const line = `${'h'.repeat(199)}\n`;
  writeFileSync(bench.path('hot.log'), line.repeat(400_000));
  writeFileSync(bench.path('quiet.log'), '');
  const out = await bench.start();
  await out.count(1000);
  const start = performance.now();
  appendFileSync(bench.path('quiet.log'), 'quiet\n');
  await until('the quiet line', () => out.lines.some((l) => l.text === 'quiet'));
  assert.ok(performance.now() - start < 150, `${performance.now() - start} ms`);
});

test('status lists as many files as asked for, the most behind first', async (t) => {
  const bench = new Bench(t);
  for (const bytes of [10, 30, 50, 20, 40]) writeFileSync(bench.path(`${bytes}.log`), `${'x'.repeat(bytes - 1)}\n`);
  bench.output.settling = false;
  const out = await bench.start({}, false);
  await out.count(5);
  const lags = (count?: number) => bench.source.files(count).map((file) => file.lag_bytes);
  assert.deepEqual(lags(), [50, 40, 30, 20, 10]);
  assert.deepEqual(lags(1), [50]);
  assert.deepEqual(lags(2), [50, 40]);
  assert.deepEqual(lags(0), []);
  assert.equal(bench.source.lag.lag_bytes, 150);
  assert.ok(bench.source.lag.lag_seconds > 0);
});

test('status shows each file', async (t) => {
  const bench = new Bench(t);
  writeFileSync(bench.path('a.log'), '12\n34\n5');
  const out = await bench.start();
  await out.count(2);
  await until('settled', () => bench.source.files()[0]?.committed === 6);
  const { id, lag_seconds, waiting, ...rest } = bench.source.files()[0]!;
  assert.match(id, /^[0-9a-f]{16}$/);
  assert.ok(lag_seconds >= 0);
  assert.equal(waiting?.reason, 'unfinished line');
  const path = bench.path('a.log');
  assert.deepEqual(rest, {
    path,
    size: 7,
    position: 6,
    committed: 6,
    lag_bytes: 1,
    lines: 2,
    truncated: 0,
    error: null,
    waits_for: null,
  });
  assert.deepEqual([bench.source.lines, bench.source.bytes, bench.source.files_total], [2, 6, 1]);
});
