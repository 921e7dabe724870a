/** Files that were deleted, or renamed, while there is something to read of them. */
// Slow: files have to be silent for as long as options say.
import assert from 'node:assert/strict';
import {
  appendFileSync,
  closeSync,
  mkdirSync,
  openSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { test } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import type { TailContext } from '../../../../src/sources/tail/context.ts';
import { Descriptors } from '../../../../src/sources/tail/file/descriptors.ts';
import { TrackedFile } from '../../../../src/sources/tail/file/file.ts';
import { NO_INODE } from '../../../../src/sources/tail/file/inode.ts';
import { newGeneration } from '../../../../src/sources/tail/positions/generation.ts';
import { Bench, openPaths } from '../../../support/tail.ts';
import { until } from '../../../support/until.ts';

const KB = 1000;
const line = `${'x'.repeat(99)}\n`;

/** How many files with this in their name this process has open. */
function open(name: string): number {
  return openPaths().filter((path) => path.includes(name)).length;
}

test('beyond hold_deleted the file that was deleted first is let go while the output is away, and counted', async (t) => {
  const bench = new Bench(t);
  for (const name of ['one', 'two', 'three']) writeFileSync(bench.path(`${name}.log`), 'begin\n');
  const out = await bench.start({ hold_deleted: 150 * KB });
  await out.count(3);
  const release = bench.output.block();
  for (const name of ['one', 'two', 'three']) appendFileSync(bench.path(`${name}.log`), line.repeat(1000));
  await setTimeout(50);
  for (const name of ['one', 'two']) {
    rmSync(bench.path(`${name}.log`));
    // The second one loses its name later, as far as the agent sees it.
    await setTimeout(300);
  }
  renameSync(bench.path('three.log'), bench.path('three.old'));
  await until('the first is let go', () => open('one.log') === 0);
  assert.deepEqual({ ...bench.account.losses.get('rotated_away'), last: 0 }, { records: 0, bytes: 100 * KB, last: 0 });
  assert.equal(open('two.log'), 1, 'what is below the limit is held');
  release();
  await out.count(3 + 2000);
  assert.equal(out.texts(bench.path('two.log')).length, 1001);
  assert.equal(out.texts(bench.path('three.log')).length, 1001);
  assert.equal(bench.account.losses.get('rotated_away')!.bytes, 100 * KB);
});

test('a deleted file that is larger than hold_deleted is read to its end while the output takes it, slow as it is', async (t) => {
  const bench = new Bench(t);
  writeFileSync(bench.path('a.log'), 'begin\n');
  const out = await bench.start({ hold_deleted: 1 });
  await out.count(1);
  const slow = setInterval(() => (out.blocked = setTimeout(400)), 100);
  t.after(() => clearInterval(slow));
  appendFileSync(bench.path('a.log'), line.repeat(100_000));
  rmSync(bench.path('a.log'));
  await out.count(100_001);
  assert.deepEqual([...bench.account.losses], []);
});

test('a deleted file is let go, too, when its disk has less than 5 % free', async (t) => {
  const bench = new Bench(t);
  if (!bench.mount(bench.logs, '4m')) return t.skip('needs the right to mount');
  const fd = openSync(bench.path('a.log'), 'a');
  writeSync(fd, 'begin\n');
  const out = await bench.start();
  await out.count(1);
  const release = bench.output.block();
  writeSync(fd, line.repeat(40_500));
  closeSync(fd);
  rmSync(bench.path('a.log'));
  await until('it is let go', () => open('a.log') === 0);
  assert.equal(bench.account.losses.get('rotated_away')!.bytes, 40_500 * line.length);
  writeFileSync(bench.path('b.log'), line.repeat(30_000));
  release();
  await out.count(30_001);
});

test('a file that was renamed or deleted is never closed for the limit of open files', async (t) => {
  const bench = new Bench(t);
  const context = { input: { name: 'test', topic: 'logs' }, origin: { kafka: {} } } as unknown as TailContext;
  const descriptors = new Descriptors(4);
  const files = Array.from({ length: 8 }, (_, i) => {
    const path = bench.path(`${i}.log`);
    writeFileSync(path, `${i}\n`);
    const stat = statSync(path, { bigint: true });
    return new TrackedFile(context, path, stat, newGeneration('test', path, NO_INODE, 0), false);
  });
  t.after(() => {
    for (const file of files) descriptors.close(file);
  });
  for (const file of files) assert.ok(descriptors.open(file));
  assert.deepEqual(
    files.map((file) => file.fd !== null),
    [false, false, false, false, true, true, true, true],
  );
  for (const file of files.slice(4)) file.path = null;
  assert.ok(descriptors.open(files[0]!), 'where nothing can be closed, some more are opened');
  assert.ok(descriptors.open(files[1]!), 'in turn');
  assert.deepEqual(
    files.map((file) => file.fd !== null),
    [false, true, false, false, true, true, true, true],
  );
  files[1]!.path = null;
  assert.ok(descriptors.open(files[2]!));
  files[2]!.path = null;
  assert.throws(() => descriptors.open(files[0]!), /renamed or deleted.*LimitNOFILE/);
  const fd = openSync(bench.path('0.log'), 'r');
  descriptors.keep(files[0]!, fd);
  assert.equal(files[0]!.fd, null, 'it is opened later');
  assert.throws(() => closeSync(fd), /EBADF/);
});

test('a file whose directory is gone for a while is taken up where it was', async (t) => {
  const bench = new Bench(t);
  const include = [`${bench.logs}/*/x.log`];
  mkdirSync(bench.path('a'));
  writeFileSync(bench.path('a/x.log'), '1\n');
  const out = await bench.start({ include, rotate_wait: 200 });
  await out.count(1);
  for (let n = 2; n < 4; n++) {
    renameSync(bench.path('a'), `${bench.data}/a`);
    await until('let go', () => bench.source.files_total === 0);
    renameSync(`${bench.data}/a`, bench.path('a'));
    appendFileSync(bench.path('a/x.log'), `${n}\n`);
    await out.count(n);
  }
  assert.deepEqual(out.texts(), ['1', '2', '3']);
  assert.equal(new Set(out.lines.map((l) => l.id)).size, 1);
});
