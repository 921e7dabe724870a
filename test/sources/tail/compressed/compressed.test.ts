// Slow: files have to be silent for as long as options say.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { appendFileSync, readdirSync, renameSync, rmSync, truncateSync, utimesSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import { planMove } from '../../../../src/sources/tail/positions/edit.ts';
import { Positions } from '../../../../src/sources/tail/positions/positions.ts';
import { Bench, type Collected, openPaths } from '../../../support/tail.ts';
import { tailInput } from '../../../support/tail-input.ts';
import { until } from '../../../support/until.ts';

const PACKS = [
  ['gz', gzipSync],
  ['zst', zstdCompressSync],
] as const;

function numbered(from: number, to: number): string {
  let text = '';
  for (let i = from; i < to; i++) text += `${i} ${(i * 7919) % 104_729} ${'abcdefgh'.slice(i % 8)}\n`;
  return text;
}

function rows(text: string): string[] {
  return text.split('\n').slice(0, -1);
}

/** Records take the content's bytes without a gap. */
function chained(out: Collected): void {
  let end = 0;
  for (const { offset, length } of out.lines) {
    assert.equal(offset, end);
    end += length;
  }
}

function isOpen(path: string): boolean {
  return openPaths().includes(path);
}

const linux = { skip: process.platform !== 'linux' };

for (const [ending, pack] of PACKS) {
  const packed = (bench: Bench) => ({ include: [`${bench.logs}/*.${ending}`], rotate_wait: 4000 });

  test(`a .${ending} file is read once, all members, and let go`, async (t) => {
    const bench = new Bench(t);
    const text = numbered(0, 100_000);
    const half = 700_000;
    writeFileSync(bench.path(`a.${ending}`), Buffer.concat([pack(text.slice(0, half)), pack(text.slice(half))]));
    const out = await bench.start(packed(bench));
    await out.count(100_000);
    assert.deepEqual(out.texts(), rows(text));
    chained(out);
    await until('let go', () => !isOpen(bench.path(`a.${ending}`)));
    const status = bench.source.files()[0]!;
    assert.deepEqual([status.size, status.position, status.committed], Array(3).fill(text.length));
    assert.deepEqual([status.lag_bytes, status.lag_seconds, status.error], [0, 0, null]);
    await bench.positions.written();
    await bench.stop();
    // It is known again under another name, also after a restart; and another member is read on.
    renameSync(bench.path(`a.${ending}`), bench.path(`b.${ending}`));
    const again = await bench.start(packed(bench));
    writeFileSync(bench.path(`c.${ending}`), pack('c\n'));
    await again.count(1);
    renameSync(bench.path(`b.${ending}`), bench.path(`d.${ending}`));
    await setTimeout(300);
    appendFileSync(bench.path(`d.${ending}`), pack('more\n'));
    await again.count(2);
    await setTimeout(300);
    assert.deepEqual(again.texts(), ['c', 'more']);
    assert.equal(again.lines[1]!.offset, text.length);
    assert.equal(again.lines[1]!.id, out.lines[0]!.id);
  });

  test(`a .${ending} file goes on after a restart, in the middle of a member`, async (t) => {
    const bench = new Bench(t);
    const text = numbered(0, 200_000);
    writeFileSync(bench.path(`a.${ending}`), pack(text));
    const got: string[] = [];
    for (let turn = 0; got.length < 200_000; turn++) {
      assert.ok(turn < 1000);
      const out = await bench.start(packed(bench));
      await out.count(1);
      await bench.stop();
      assert.equal(
        out.lines[0]!.offset,
        got.reduce((sum, line) => sum + line.length + 1, 0),
      );
      got.push(...out.texts());
    }
    assert.deepEqual(got, rows(text));
  });

  test(`lines of a .${ending} file are joined, across restarts and to the last one`, async (t) => {
    const bench = new Bench(t);
    const groups = Array.from({ length: 20_000 }, (_, i) => `start ${i}\n${' more\n'.repeat(i % 5)}`);
    writeFileSync(bench.path(`a.${ending}`), pack(groups.join('')));
    const multiline = { start: '^start', max_lines: 500, max_bytes: 65_536, timeout: 500 };
    const got: string[] = [];
    for (let turn = 0; got.length < groups.length; turn++) {
      assert.ok(turn < 1000);
      const out = await bench.start({ ...packed(bench), multiline });
      await out.count(1);
      await bench.stop();
      got.push(...out.texts());
    }
    assert.deepEqual(
      got,
      groups.map((text) => text.trimEnd()),
    );
  });

  test(`a .${ending} file that is written meanwhile is read as far as it goes`, async (t) => {
    const bench = new Bench(t);
    const text = numbered(0, 50_000);
    const bytes = pack(text);
    const path = bench.path(`a.${ending}`);
    writeFileSync(path, '');
    const out = await bench.start(packed(bench));
    const part = Math.ceil(bytes.length / 7);
    for (let at = 0; at < bytes.length; at += part) {
      appendFileSync(path, bytes.subarray(at, at + part));
      await setTimeout(at === part * 3 ? 2600 : 60);
    }
    await out.count(50_000);
    assert.deepEqual(out.texts(), rows(text));
    chained(out);
    assert.equal(bench.account.losses.size, 0);
  });

  test(`what is good of a damaged .${ending} file is read; the rest is counted, said once, and not tried again`, async (t) => {
    const bench = new Bench(t);
    const bytes = pack(Buffer.from(numbered(0, 300_000)));
    const bad = Math.floor(bytes.length / 2);
    bytes.fill(0xff, bad, bad + 300);
    writeFileSync(bench.path(`a.${ending}`), bytes);
    const out = await bench.start(packed(bench));
    await until('counted', () => bench.account.losses.has('corrupt'), 30_000);
    assert.ok(bench.account.losses.get('corrupt')!.bytes >= bytes.length - bad - 300_000);
    await until('let go', () => !isOpen(bench.path(`a.${ending}`)));
    assert.match(bench.source.files()[0]!.error ?? '', /damaged/);
    assert.equal(bench.source.files()[0]!.lag_bytes, 0);
    assert.ok(out.lines.length > 50_000, `${out.lines.length}`);
    const good = rows(numbered(0, 300_000));
    assert.deepEqual(out.texts().slice(0, -1), good.slice(0, out.lines.length - 1));
    const cpu = process.cpuUsage();
    await setTimeout(1000);
    const { user, system } = process.cpuUsage(cpu);
    assert.ok(user + system < 300_000, `${user + system} us of CPU`);
    await bench.stop();
    const again = await bench.start(packed(bench));
    writeFileSync(bench.path(`b.${ending}`), pack('b\n'));
    await again.count(1);
    await setTimeout(300);
    assert.deepEqual(again.texts(), ['b']);
  });

  test(`a .${ending} file that ends in the middle is read as far as it goes, and goes on when it grows`, async (t) => {
    const bench = new Bench(t);
    const text = numbered(0, 50_000);
    const bytes = pack(text);
    const path = bench.path(`a.${ending}`);
    writeFileSync(path, bytes.subarray(0, bytes.length - 20_000));
    const out = await bench.start(packed(bench));
    await until('said', () => bench.source.files()[0]?.error != null, 30_000);
    assert.match(bench.source.files()[0]!.error!, /ends in the middle/);
    assert.equal(bench.account.losses.get('corrupt')?.bytes, 0);
    const before = out.lines.length;
    assert.ok(before > 1000);
    appendFileSync(path, bytes.subarray(bytes.length - 20_000));
    await until('the rest', () => bench.source.files()[0]!.position === text.length);
    assert.equal(bench.source.files()[0]!.error, null);
    assert.deepEqual(out.texts(), rows(text));
    chained(out);
  });

  test(`a last line without a newline in a .${ending} file comes, too`, async (t) => {
    const bench = new Bench(t);
    writeFileSync(bench.path(`a.${ending}`), pack('one\ntwo'));
    const out = await bench.start(packed(bench));
    await out.count(2);
    assert.deepEqual(out.texts(), ['one', 'two']);
    await until('let go', () => !isOpen(bench.path(`a.${ending}`)));
  });

  test(`long lines of a .${ending} file are cut, in bounded time and memory`, async (t) => {
    const bench = new Bench(t);
    const long = Buffer.concat([Buffer.alloc(700_000, 'x'), Buffer.from('\nshort\n')]);
    const bomb = Buffer.alloc(256 << 20, 'y');
    const parts = Array.from({ length: 40 }, () => pack(long));
    writeFileSync(bench.path(`a.${ending}`), Buffer.concat([...parts, pack(bomb), pack('\nlast\n')]));
    const out = await bench.start(packed(bench));
    const before = process.memoryUsage().rss;
    let most = 0;
    await until('all', () => {
      most = Math.max(most, process.memoryUsage().rss);
      return out.lines.length === 82;
    });
    assert.ok(most - before < 110 << 20, `${(most - before) >> 20} MB`);
    chained(out);
    assert.deepEqual(
      out.lines.filter((_, i) => i % 2 === 0).map((l) => l.text.length),
      Array(41).fill(262_144),
    );
    assert.equal(out.lines[80]!.length, bomb.length + 1);
    assert.equal(out.lines[81]!.text, 'last');
  });

  test(`a .${ending} file that is written anew is read anew`, async (t) => {
    const bench = new Bench(t);
    const path = bench.path(`a.${ending}`);
    writeFileSync(path, pack(`${numbered(0, 1000)}old\n`));
    const out = await bench.start(packed(bench));
    await out.count(1001);
    await until('let go', () => !isOpen(path));
    truncateSync(path);
    await setTimeout(50);
    writeFileSync(path, pack('new\n'));
    await out.count(1002);
    assert.deepEqual([out.lines[1001]!.text, out.lines[1001]!.offset], ['new', 0]);
    assert.notEqual(out.lines[1001]!.id, out.lines[0]!.id);
  });
}

test('a torn file that is deleted is read to where it is torn, and let go', linux, async (t) => {
  const bench = new Bench(t);
  const path = bench.path('a.gz');
  const bytes = gzipSync(`one\n${'x'.repeat(1000)}`);
  writeFileSync(path, bytes.subarray(0, bytes.length - 9));
  const out = await bench.start({ include: [`${bench.logs}/*.gz`] });
  await out.count(1);
  rmSync(path);
  await out.count(2);
  assert.match(out.texts()[1]!, /^x+$/);
  await until('let go', () => bench.source.files_total === 0 && !isOpen(`${path} (deleted)`));
});

test('the position of a compressed file is set to its beginning: it is read again', async (t) => {
  const bench = new Bench(t);
  const path = bench.path('a.gz');
  writeFileSync(path, gzipSync('one\ntwo\n'));
  const input = { include: [`${bench.logs}/*.gz`] };
  await (await bench.start(input)).count(2);
  await until('let go', () => !isOpen(path));
  await bench.stop();
  const positions = await Positions.open(bench.data, ['test']);
  planMove(positions, [tailInput(input)], path, 'beginning').apply();
  await positions.close();
  const out = await bench.start(input);
  await out.count(2);
  assert.deepEqual(out.texts(), ['one', 'two']);
});

test('zeros after the last gzip member are nothing', async (t) => {
  const bench = new Bench(t);
  writeFileSync(bench.path('a.gz'), Buffer.concat([gzipSync('one\n'), gzipSync('two\n'), Buffer.alloc(100_000)]));
  const out = await bench.start({ include: [`${bench.logs}/*.gz`] });
  await out.count(2);
  await until('let go', () => !isOpen(bench.path('a.gz')));
  assert.equal(bench.account.losses.size, 0);
  assert.equal(bench.source.files()[0]!.error, null);
});

test('what follows the last member and is no member is counted', async (t) => {
  const bench = new Bench(t);
  writeFileSync(bench.path('a.gz'), Buffer.concat([gzipSync('one\n'), Buffer.from('text\n')]));
  writeFileSync(bench.path('a.zst'), Buffer.concat([zstdCompressSync('one\n'), Buffer.from('text\n')]));
  writeFileSync(bench.path('b.gz'), 'no gzip at all\n');
  const out = await bench.start({ include: [`${bench.logs}/*.{gz,zst}`] });
  await until('counted', () => bench.source.files().filter((f) => f.error?.includes('damaged')).length === 3);
  assert.deepEqual(out.texts(), ['one', 'one']);
});

test('files of gzip(1) and zstd(1) are read', async (t) => {
  const bench = new Bench(t);
  const text = numbered(0, 20_000);
  for (const tool of ['gzip', 'zstd']) {
    const { status, stdout } = spawnSync(tool, ['-c'], { input: text, maxBuffer: 1 << 26 });
    if (status !== 0) return t.skip(`${tool} is not installed`);
    writeFileSync(bench.path(`a.${tool === 'gzip' ? 'gz' : 'zst'}`), stdout);
  }
  const out = await bench.start({ include: [`${bench.logs}/*.{gz,zst}`] });
  await out.count(40_000);
  for (const name of ['a.gz', 'a.zst']) assert.deepEqual(out.texts(bench.path(name)), rows(text));
});

test('a pattern that does not end in .gz or .zst reads no compressed file', async (t) => {
  const bench = new Bench(t);
  writeFileSync(bench.path('a.log.gz'), gzipSync('packed\n'));
  writeFileSync(bench.path('a.log'), 'plain\n');
  const out = await bench.start({ include: [`${bench.logs}/*`] });
  await out.count(1);
  await setTimeout(100);
  assert.deepEqual(out.texts(), ['plain']);
  assert.equal(bench.source.files_total, 1);
});

test('start_at end and ignore_older skip compressed files that were there', async (t) => {
  const bench = new Bench(t);
  const include = [`${bench.logs}/*.gz`];
  writeFileSync(bench.path('a.gz'), gzipSync('old\n'));
  let out = await bench.start({ include, start_at: 'end' });
  await until('first look', () => bench.positions.started('test'));
  writeFileSync(bench.path('b.gz'), gzipSync('new\n'));
  await out.count(1);
  await bench.stop();
  writeFileSync(bench.path('c.gz'), gzipSync('ancient\n'));
  utimesSync(bench.path('c.gz'), 1000, 1000);
  writeFileSync(bench.path('d.gz'), gzipSync('newer\n'));
  out = await bench.start({ include, ignore_older: 60_000 });
  await out.count(1);
  await setTimeout(300);
  assert.deepEqual(out.texts(), ['newer']);
  assert.ok(bench.account.losses.get('ignored_older')!.bytes > 0);
});

test('more compressed files than are decompressed at a time: each is read', linux, async (t) => {
  const bench = new Bench(t);
  for (let i = 0; i < 60; i++) writeFileSync(bench.path(`${i}.gz`), gzipSync(numbered(i, i + 3000)));
  const out = await bench.start({ include: [`${bench.logs}/*.gz`] });
  await out.count(180_000);
  for (let i = 0; i < 60; i++) assert.deepEqual(out.texts(bench.path(`${i}.gz`)), rows(numbered(i, i + 3000)));
  await until('let go', () => !readdirSync(bench.logs).some((name) => isOpen(bench.path(name))), 30_000);
});
