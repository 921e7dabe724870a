/** Files that end with NULs which their writer has not written over yet: reserved, zero-filled, or mapped ones. */
// Slow: what is tried again has to come round.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import {
  appendFileSync,
  closeSync,
  fstatSync,
  ftruncateSync,
  futimesSync,
  linkSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { nativeAvailable } from '../../../../src/native/libc.ts';
import { descriptors } from '../../../../src/sources/tail/file/descriptors.ts';
import type { TrackedFile } from '../../../../src/sources/tail/file/file.ts';
import { Bench } from '../../../support/tail.ts';
import { until } from '../../../support/until.ts';

const MEGABYTE = 1 << 20;

/** How room is made behind what is in the file. */
const KINDS: Record<string, (fd: number, path: string, size: number) => boolean> = {
  mapped: (fd, _, size) => {
    ftruncateSync(fd, size);
    return true;
  },
  'zero-filled': (fd, _, size) => {
    for (let at = fstatSync(fd).size; at < size; at += MEGABYTE) {
      const bytes = Buffer.alloc(Math.min(MEGABYTE, size - at));
      writeSync(fd, bytes, 0, bytes.length, at);
    }
    return true;
  },
  reserved: (_, path, size) => spawnSync('fallocate', ['-l', String(size), path]).status === 0,
};

interface Writer {
  bench: Bench;
  path: string;
  fd: number;
  /** Where the next byte goes. */
  at: number;
  /** Writes behind what was written, and not at the file's end. */
  write(text: string | Buffer): void;
}

function writer(t: TestContext, bench = new Bench(t)): Writer {
  const path = bench.path('a.log');
  const fd = openSync(path, 'w');
  t.after(() => closeSync(fd));
  const write = (text: string | Buffer) => {
    const bytes = Buffer.from(text as string);
    made.at += writeSync(fd, bytes, 0, bytes.length, made.at);
  };
  const made: Writer = { bench, path, fd, at: 0, write };
  return made;
}

/** Bytes that this process has read from files since. */
function bytesRead(): () => number {
  const now = () => Number(readFileSync('/proc/self/io', 'latin1').match(/^rchar: (\d+)/m)![1]);
  const before = now();
  return () => now() - before;
}

const linux = { skip: process.platform !== 'linux' && 'NOT TESTED: only Linux counts what a process reads' };

for (const [kind, make] of Object.entries(KINDS)) {
  test(`a ${kind} file: lines come as they are written, and nothing is lost when it is cut to its length`, async (t) => {
    const w = writer(t);
    if (!make(w.fd, w.path, 2 * MEGABYTE)) return t.skip('NOT TESTED: fallocate cannot be used here');
    let out = await w.bench.start();
    const lines: string[] = [];
    const line = (text: string) => {
      lines.push(text);
      w.write(`${text}\n`);
    };
    for (let i = 0; i < 50; i++) {
      line(`line ${i}${' with more'.repeat(i)}`);
      if (i % 10 === 0) await out.count(lines.length);
    }
    await out.count(lines.length);
    assert.equal(w.bench.source.lag.lag_bytes, 0);
    w.write('the beginning');
    await until('it is seen', () => w.bench.source.lag.lag_bytes === 13);
    w.write(' and ');
    await w.bench.stop();
    // While it is down, too.
    w.write('the end\n');
    out = await w.bench.start({}, false);
    lines.push('the beginning and the end');
    await out.count(lines.length);
    line('\0NULs with\0in lines\0 stay');
    line('');
    line('after the restart');
    // Longer than what is read again each time, and than max_line.
    for (const size of [20_000, 700_000]) {
      for (let part = 0; part < 5; part++) {
        w.write('x'.repeat(size / 5));
        await setTimeout(20);
      }
      w.write('\n');
      lines.push('x'.repeat(Math.min(size, 256 * 1024)));
      await out.count(lines.length);
    }
    await out.count(lines.length);
    ftruncateSync(w.fd, w.at);
    appendFileSync(w.path, 'appended\n');
    lines.push('appended');
    await out.count(lines.length);
    assert.deepEqual(out.texts(), lines);
    assert.equal(new Set(out.lines.map(({ id }) => id)).size, 1);
    assert.deepEqual([...w.bench.account.losses], []);
  });

  test(`a ${kind} file that was not read yet is read from where start_at says`, async (t) => {
    const w = writer(t);
    w.write('old\n'.repeat(20_000));
    w.write('unfinished');
    if (!make(w.fd, w.path, 40 * MEGABYTE)) return t.skip('NOT TESTED: fallocate cannot be used here');
    const out = await w.bench.start({ start_at: 'end' });
    await until('it is found', () => w.bench.source.files_total === 1);
    w.write(' line\nnew\n');
    await out.count(2);
    assert.deepEqual(out.texts(), ['unfinished line', 'new']);
  });

  test(`a ${kind} file of which a group of lines, or UTF-16, is to be made`, async (t) => {
    const w = writer(t);
    if (!make(w.fd, w.path, MEGABYTE)) return t.skip('NOT TESTED: fallocate cannot be used here');
    const multiline = { start: '^new', max_lines: 500, max_bytes: 512 * 1024, timeout: 300 };
    const out = await w.bench.start({ multiline });
    w.write('new 1\n  more\nnew 2\n');
    await out.count(1);
    await setTimeout(100);
    w.write('  and more\n');
    await out.count(2);
    assert.deepEqual(out.texts(), ['new 1\n  more', 'new 2\n  and more']);
    await w.bench.stop();
    for (const order of ['utf-16le', 'utf-16be'] as const) {
      const bench = new Bench(t);
      const u = writer(t, bench);
      make(u.fd, u.path, MEGABYTE);
      const encode = (text: string) =>
        order === 'utf-16le' ? Buffer.from(text, 'utf16le') : Buffer.from(text, 'utf16le').swap16();
      u.write(encode('one\ntw'));
      const found = await bench.start({ encoding_in: order });
      await found.count(1);
      u.write(encode('o\n'));
      await found.count(2);
      assert.deepEqual(found.texts(), ['one', 'two']);
      await bench.stop();
    }
  });
}

for (const [kind, make] of Object.entries(KINDS)) {
  if (kind === 'zero-filled') continue;
  test(`behind the room of a ${kind} file somebody else appends: the room is left out, and counted`, async (t) => {
    const w = writer(t);
    // No more than is read at once.
    const size = 200_000;
    if (!make(w.fd, w.path, size)) return t.skip('NOT TESTED: fallocate cannot be used here');
    if (!nativeAvailable()) return t.skip('NOT TESTED: holes cannot be asked for here');
    const out = await w.bench.start();
    out.gaps = true;
    w.write('written\n');
    await out.count(1);
    appendFileSync(w.path, 'appended\n');
    await out.count(2);
    assert.deepEqual(out.texts(), ['written', 'appended']);
    assert.equal(w.bench.account.losses.get('hole')?.bytes, size - w.at);
  });
}

test('what is written through memory, of which nothing is told, comes within a second or two', async (t) => {
  const w = writer(t);
  ftruncateSync(w.fd, MEGABYTE);
  const out = await w.bench.start();
  w.write('told\n');
  await out.count(1);
  // What is done to a name elsewhere is not told here.
  const elsewhere = join(w.bench.data, 'elsewhere');
  linkSync(w.path, elsewhere);
  const fd = openSync(elsewhere, 'r+');
  t.after(() => closeSync(fd));
  await setTimeout(300);
  const { atime, mtime } = fstatSync(fd);
  for (let i = 2; i < 5; i++) {
    w.at += writeSync(fd, `line ${i}\n`, w.at);
    futimesSync(fd, atime, mtime);
    const start = performance.now();
    await out.count(i);
    assert.ok(performance.now() - start < 3000, `${performance.now() - start} ms`);
  }
  assert.deepEqual(out.texts(), ['told', 'line 2', 'line 3', 'line 4']);
});

test('a file with room is rotated: what is written late to the old one comes before the new one', async (t) => {
  const keep = t.mock.method(descriptors, 'keep');
  for (const make of Object.values(KINDS)) {
    const old = writer(t);
    const { bench, path } = old;
    old.write('one\n');
    if (!make(old.fd, path, MEGABYTE)) continue;
    futimesSync(old.fd, 1000, 1000);
    const out = await bench.start({ rotate_wait: 60_000 });
    await out.count(1);
    const file = keep.mock.calls.at(-1)!.arguments[0] as TrackedFile;
    await until('at its end', () => file.room?.to === MEGABYTE && !file.busy && !file.queued);
    let release = () => {};
    out.blocked = new Promise((resolve) => (release = resolve));
    writeFileSync(bench.path('b.log'), 'other\n');
    await until('taken', () => bench.source.lag.lag_bytes === 6);
    // It was quiet for long: then one that was just written has its turn sooner.
    file.written = Number.NEGATIVE_INFINITY;
    renameSync(path, `${path}.1`);
    old.write('late\n');
    writer(t, bench).write('new\n');
    await until('found', () => bench.source.files_total === 3);
    out.blocked = null;
    release();
    await out.count(4);
    assert.deepEqual(out.texts(path), ['one', 'late', 'new']);
    await bench.stop();
  }
});

test('of a file that lost its name the last line comes without the NULs behind it', async (t) => {
  for (const how of ['renamed', 'deleted']) {
    const w = writer(t);
    w.write('one\ntwo');
    ftruncateSync(w.fd, MEGABYTE);
    const out = await w.bench.start({ rotate_wait: 500 });
    await out.count(1);
    if (how === 'renamed') renameSync(w.path, `${w.path}.1`);
    else rmSync(w.path);
    w.write(' and a half');
    await out.count(2);
    assert.deepEqual(
      out.lines.map(({ text, length }) => [text, length]),
      [
        ['one', 4],
        ['two and a half', 14],
      ],
    );
    await until('let go', () => w.bench.source.files_total === 0);
    const hole = w.bench.account.losses.get('hole')?.bytes;
    assert.equal(hole, how === 'deleted' ? MEGABYTE - w.at : undefined);
    await w.bench.stop();
  }
});

test('a large room is gone through once, and not again for each line', linux, async (t) => {
  for (const kind of ['zero-filled', 'reserved']) {
    const w = writer(t);
    if (!KINDS[kind]!(w.fd, w.path, 96 * MEGABYTE)) continue;
    const read = bytesRead();
    const out = await w.bench.start();
    for (let i = 0; i < 100; i++) {
      w.write(`line ${i}\n`);
      await out.count(i + 1);
    }
    await setTimeout(500);
    await w.bench.stop();
    assert.ok(read() < 120 * MEGABYTE, `${read() >> 20} MB were read of a ${kind} file`);
  }
});

test('lines behind the room of a writer that crashed come, and those of one that goes on within it', async (t) => {
  const w = writer(t);
  w.write('one\n');
  ftruncateSync(w.fd, MEGABYTE);
  const out = await w.bench.start();
  out.gaps = true;
  await out.count(1);
  w.write('two\n');
  await out.count(2);
  await setTimeout(50);
  if (nativeAvailable() && fstatSync(w.fd).blocks * 512 < MEGABYTE / 2) {
    appendFileSync(w.path, 'three\n');
    await out.count(3);
    assert.deepEqual([out.texts()[2], out.lines[2]!.offset], ['three', MEGABYTE]);
    assert.equal(w.bench.account.losses.get('hole')?.bytes, MEGABYTE - 8);
  } else t.diagnostic('NOT TESTED: this file system keeps no holes');
});

test('a line of which the end is behind a hole of many gigabytes costs no reading of the hole', linux, async (t) => {
  const w = writer(t);
  if (!nativeAvailable()) return t.skip('NOT TESTED: holes cannot be asked for here');
  const size = 100 * 1024 * MEGABYTE;
  w.write('the first record');
  writeSync(w.fd, 'the last one\n', size);
  if (fstatSync(w.fd).blocks * 512 > MEGABYTE) return t.skip('NOT TESTED: this file system keeps no holes');
  const read = bytesRead();
  const out = await w.bench.start();
  out.gaps = true;
  await until('the last one', () => out.texts().includes('the last one'));
  assert.ok(read() < 32 * MEGABYTE, `${read() >> 20} MB were read`);
  assert.equal(out.lines.at(-1)!.offset, size);
  assert.match(out.texts()[0]!, /^the first record\0+$/);
});

test('bytes written where NULs were passed over on the way to the end of a line are lines of their own', async (t) => {
  const w = writer(t);
  KINDS['zero-filled']!(w.fd, w.path, MEGABYTE);
  writeSync(w.fd, 'a trailer without an end', MEGABYTE);
  const out = await w.bench.start();
  await until('it was gone through', () => w.bench.source.files()[0]?.size === MEGABYTE + 24);
  await setTimeout(100);
  w.write('one\n');
  await out.count(1);
  w.write('two\n');
  await out.count(2);
  assert.deepEqual(out.texts(), ['one', 'two']);
});
