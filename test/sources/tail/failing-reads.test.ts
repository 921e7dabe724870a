/** Reads and opens that fail for a while, or for good: no line of any file is lost by it, and each is tried again. */
// Slow: what is tried again has to come round.
import assert from 'node:assert/strict';
import {
  appendFileSync,
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { descriptors } from '../../../src/sources/tail/file/descriptors.ts';
import { Bench, said } from '../../support/tail.ts';
import { until } from '../../support/until.ts';

const linux = { skip: process.platform !== 'linux' };

/** Regular files of which every read fails. */
function unreadableFiles(): string[] {
  const dir = '/sys/class/net';
  const names = existsSync(dir) ? readdirSync(dir) : [];
  const paths = names.flatMap((name) => readdirSync(join(dir, name)).map((file) => join(dir, name, file)));
  return paths.filter((path) => {
    if (!statSync(path).isFile() || (statSync(path).mode & 0o400) === 0) return false;
    try {
      readFileSync(path);
      return false;
    } catch {
      return true;
    }
  });
}

/** The number of the descriptor under which this process has the file open. */
function descriptorOf(path: string): number {
  const open = readdirSync('/proc/self/fd').find((fd) => {
    const link = join('/proc/self/fd', fd);
    return existsSync(link) && readlinkSync(link) === path;
  });
  return Number(open);
}

test('a file that cannot be read takes no line from those beside it', linux, async (t) => {
  const unreadable = unreadableFiles();
  if (unreadable.length === 0) return t.skip('NOT TESTED: there are no files here of which reads fail');
  const bench = new Bench(t);
  for (const [i, path] of unreadable.entries()) symlinkSync(path, bench.path(`${i}-bad.log`));
  for (let i = 0; i < 20; i++) writeFileSync(bench.path(`${i}.log`), `${i}\n`);
  const lines = await said(async () => {
    const out = await bench.start();
    await until('all', () => out.lines.length >= 20);
    assert.deepEqual(
      out
        .texts()
        .map(Number)
        .sort((a, b) => a - b),
      [...Array(20).keys()],
    );
    await bench.stop();
  });
  assert.match(lines.join('\n'), /cannot read .*bad\.log: E/);
});

test('one that appears beside files that it may be a copy of ends nothing', linux, async (t) => {
  const unreadable = unreadableFiles();
  if (unreadable.length === 0) return t.skip('NOT TESTED: there are no files here of which reads fail');
  const bench = new Bench(t);
  writeFileSync(bench.path('a.log'), '1\n');
  const out = await bench.start();
  await out.count(1);
  for (const [i, path] of unreadable.entries()) symlinkSync(path, bench.path(`${i}-bad.log`));
  await until('they are found', () => bench.source.files_total > 1);
  writeFileSync(bench.path('b.log'), '2\n');
  appendFileSync(bench.path('a.log'), '3\n');
  await until('what is good is read', () => out.lines.length === 3);
});

test(
  'what could not be read is read as soon as it can be, without another write; it is said once',
  linux,
  async (t) => {
    const bench = new Bench(t);
    const path = bench.path('a.log');
    writeFileSync(path, 'one\n');
    const lines = await said(async () => {
      const out = await bench.start();
      await out.count(1);
      // A directory in place of the file: every read of the descriptor fails.
      const fd = descriptorOf(path);
      closeSync(fd);
      assert.equal(openSync('/', 'r'), fd);
      appendFileSync(path, 'two\n');
      await until('the failure is in the status', () => bench.source.files()[0]!.error !== null);
      assert.equal(bench.source.unreadable, 1);
      await setTimeout(11_000);
      assert.notEqual(bench.source.files()[0]!.error, null);
      closeSync(fd);
      assert.equal(openSync(path, 'r'), fd);
      await until('read', () => out.lines.length === 2);
      await until('no failure', () => bench.source.files()[0]!.error === null && bench.source.unreadable === 0);
      assert.deepEqual(out.texts(), ['one', 'two']);
    });
    assert.equal(lines.filter((line) => line.includes('cannot read')).length, 1, lines.join('\n'));
  },
);

test(
  'what could not be opened for want of descriptors is opened when there are some; it is said once',
  linux,
  async (t) => {
    const bench = new Bench(t);
    const { limit } = descriptors;
    t.after(() => Object.assign(descriptors, { limit }));
    Object.assign(descriptors, { limit: 4 });
    mkdirSync(join(bench.logs, '../away'));
    const lines = await said(async () => {
      const out = await bench.start({ rotate_wait: 12_000 });
      for (let i = 0; i < 6; i++) {
        writeFileSync(bench.path(`${i}.log`), `${i}\n`);
        await out.count(i + 1);
        renameSync(bench.path(`${i}.log`), join(bench.logs, `../away/${i}`));
        await until('it has lost its name', () => !existsSync(bench.path(`${i}.log`)));
        await setTimeout(100);
      }
      writeFileSync(bench.path('late.log'), 'late\n');
      await until('it is said', () => bench.source.unreadable === 1);
      await until('it is read', () => out.texts().includes('late'), 60_000);
      assert.equal(bench.source.unreadable, 0);
    });
    assert.equal(lines.filter((line) => line.includes('cannot read')).length, 1, lines.join('\n'));
  },
);

test(
  'a deleted file of which the system tells nothing any more ends neither the agent nor what it held',
  linux,
  async (t) => {
    const bench = new Bench(t);
    const path = bench.path('a.log');
    writeFileSync(path, 'one\n');
    const out = await bench.start({ include: [`${bench.logs}/*.log`, `${bench.logs}/*.gz`] });
    await out.count(1);
    const fd = descriptorOf(path);
    rmSync(path);
    await setTimeout(300);
    // As when the server of a network file system has forgotten it: fstat(2) fails.
    closeSync(fd);
    await setTimeout(600);
    assert.equal(openSync('/dev/null', 'r'), fd);
    writeFileSync(bench.path('b.log'), 'two\n');
    await out.count(2);
    await until('it is let go', () => bench.source.files_total === 1);
  },
);
