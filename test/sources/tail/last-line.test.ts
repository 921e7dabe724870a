/**
 * The last line of a file, without an end: it waits as long as the file has the name it was read under, and goes out
 * `rotate_wait` after the last write where it has lost it, to whatever other name.
 */
// Slow: files have to be silent for as long as options say.
import assert from 'node:assert/strict';
import { appendFileSync, closeSync, openSync, renameSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { basename } from 'node:path';
import { test } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import type { TailContext } from '../../../src/sources/tail/context.ts';
import { Descriptors } from '../../../src/sources/tail/file/descriptors.ts';
import { TrackedFile } from '../../../src/sources/tail/file/file.ts';
import { NO_INODE } from '../../../src/sources/tail/file/inode.ts';
import { newGeneration } from '../../../src/sources/tail/positions/generation.ts';
import { Bench, openPaths } from '../../support/tail.ts';
import { until } from '../../support/until.ts';

const WAIT = 1000;
const rotated = (bench: Bench) => ({ include: [bench.path('a.log*')], rotate_wait: WAIT });
const outside = (bench: Bench) => ({ include: [bench.path('*.log')], rotate_wait: WAIT });
const isOpen = (name: string) => openPaths().some((path) => path.endsWith(name));

/** As if nothing had been written for longer than `rotate_wait`. */
function age(path: string, ms = 10 * WAIT): void {
  const then = (Date.now() - ms) / 1000;
  utimesSync(path, then, then);
}

for (const [where, glob] of Object.entries({ 'a name that is matched, too': rotated, 'any other name': outside })) {
  test(`renamed to ${where}: the last line goes out, and does not hold up the new file`, async (t) => {
    const bench = new Bench(t);
    const written = performance.now();
    writeFileSync(bench.path('a.log'), '1\nhalf');
    const out = await bench.start(glob(bench));
    await out.count(1);
    renameSync(bench.path('a.log'), bench.path('a.log.1'));
    writeFileSync(bench.path('a.log'), 'new\nnot yet');
    await out.count(2);
    await out.count(3);
    assert.deepEqual(out.texts(), ['1', 'new', 'half']);
    assert.ok(performance.now() - written > WAIT / 2, 'it is waited for');
    assert.equal(out.lines[2]!.id, out.lines[0]!.id);
    // Once more under another name: nothing of it comes again.
    renameSync(bench.path('a.log.1'), bench.path('a.log.2'));
    renameSync(bench.path('a.log'), bench.path('a.log.1'));
    await out.count(4);
    await setTimeout(100);
    assert.deepEqual(out.texts(), ['1', 'new', 'half', 'not yet']);
  });

  test(`a writer that goes on within rotate_wait after a rename to ${where} writes one line`, async (t) => {
    const bench = new Bench(t);
    writeFileSync(bench.path('a.log'), '1\n');
    const out = await bench.start({ ...glob(bench), rotate_wait: 60_000 });
    await out.count(1);
    renameSync(bench.path('a.log'), bench.path('a.log.1'));
    appendFileSync(bench.path('a.log.1'), 'one ');
    // Longer than anything else that an unfinished line was ever waited for.
    await setTimeout(3000);
    appendFileSync(bench.path('a.log.1'), 'line\n');
    await out.count(2);
    assert.deepEqual(out.texts(), ['1', 'one line']);
  });
}

test('a file that has its name keeps the line waiting, and gets it back by being renamed back', async (t) => {
  const bench = new Bench(t);
  writeFileSync(bench.path('a.log'), '1\nhalf');
  age(bench.path('a.log'));
  const out = await bench.start({ ...rotated(bench), rotate_wait: 600 });
  await out.count(1);
  renameSync(bench.path('a.log'), bench.path('b.old'));
  appendFileSync(bench.path('b.old'), ' and ');
  renameSync(bench.path('b.old'), bench.path('a.log'));
  await setTimeout(1500);
  appendFileSync(bench.path('a.log'), 'half\n');
  await out.count(2);
  assert.deepEqual(out.texts(), ['1', 'half and half']);
});

test('a file that was renamed and begins anew does so under the name that it has, and keeps its last line', async (t) => {
  const bench = new Bench(t);
  writeFileSync(bench.path('a.log.1'), 'old\n');
  const out = await bench.start({ ...rotated(bench), rotate_wait: 300 });
  await out.count(1);
  renameSync(bench.path('a.log.1'), bench.path('a.log'));
  appendFileSync(bench.path('a.log'), 'back\n');
  await out.count(2);
  writeFileSync(bench.path('a.log'), 'new\nhalf');
  await out.count(3);
  await setTimeout(1200);
  appendFileSync(bench.path('a.log'), ' and half\n');
  await out.count(4);
  assert.deepEqual(out.texts(), ['old', 'back', 'new', 'half and half']);
  const names = out.lines.map(({ path }) => basename(path));
  assert.deepEqual(names, ['a.log.1', 'a.log.1', 'a.log', 'a.log']);
});

test('a quiet file is not closed while it has a last line, which comes as soon as it is deleted', async (t) => {
  const bench = new Bench(t);
  writeFileSync(bench.path('a.log'), '1\nlast words');
  writeFileSync(bench.path('b.log'), '1\n');
  for (const name of ['a.log', 'b.log']) age(bench.path(name));
  const out = await bench.start(outside(bench), true, { close_after: 1 });
  await out.count(2);
  await until('the other one is closed', () => !isOpen('/b.log'));
  assert.ok(isOpen('/a.log'));
  rmSync(bench.path('a.log'));
  await out.count(3);
  assert.equal(out.texts().at(-1), 'last words');
  assert.deepEqual([...bench.account.losses], []);
});

test('where there are more files than may be open, one that was read to its end is closed first', (t) => {
  const bench = new Bench(t);
  const context = { input: { name: 'test', topic: 'logs' }, origin: { kafka: {} } } as unknown as TailContext;
  const descriptors = new Descriptors(3);
  const files = ['unread', 'read', 'unread', 'read', 'unread', 'unread'].map((what, i) => {
    const path = bench.path(`${i}.log`);
    writeFileSync(path, 'x');
    const stat = statSync(path, { bigint: true });
    return new TrackedFile(context, path, stat, newGeneration('test', path, NO_INODE, what === 'read' ? 1 : 0), false);
  });
  t.after(() => {
    for (const file of files) descriptors.close(file);
  });
  for (const file of files) assert.ok(descriptors.open(file));
  const open = files.flatMap((file, i) => (file.fd === null ? [] : [i]));
  assert.deepEqual(open, [2, 4, 5], 'both that were read; then the one that was opened first');
});

test('after a restart: rotated away long ago it goes out, and the first of a file that was never seen otherwise', async (t) => {
  const bench = new Bench(t);
  writeFileSync(bench.path('a.log'), '1\n');
  await (await bench.start(outside(bench))).count(1);
  await bench.stop();
  appendFileSync(bench.path('a.log'), '2\nhalf');
  renameSync(bench.path('a.log'), bench.path('a.old'));
  age(bench.path('a.old'));
  writeFileSync(bench.path('a.log'), 'new\n');
  writeFileSync(bench.path('b.log'), 'not read under another name');
  age(bench.path('b.log'));
  const out = await bench.start(outside(bench));
  await out.count(3);
  assert.deepEqual(out.texts(bench.path('a.log')).sort(), ['2', 'half', 'new']);
  await setTimeout(WAIT + 300);
  assert.equal(out.lines.length, 3);
});

test('stopped right after a file was deleted: what is left of it goes out, its last line, too', async (t) => {
  const bench = new Bench(t);
  writeFileSync(bench.path('a.log'), '1\nlast words');
  const out = await bench.start({ ...outside(bench), rotate_wait: 600_000 });
  await out.count(1);
  appendFileSync(bench.path('a.log'), ' of it\nand more');
  rmSync(bench.path('a.log'));
  await bench.stop();
  assert.deepEqual(out.texts(), ['1', 'last words of it', 'and more']);
  await bench.start(outside(bench));
  assert.deepEqual([...bench.account.losses], []);
});

test('a file of which nothing but an unfinished line was seen, and that is gone at the next start, is counted', async (t) => {
  const bench = new Bench(t);
  closeSync(openSync(bench.path('a.log'), 'a'));
  await bench.start(outside(bench));
  appendFileSync(bench.path('a.log'), 'last words');
  await until('it was seen', () => bench.source.lag.lag_bytes === 10);
  await bench.stop();
  rmSync(bench.path('a.log'));
  await bench.start(outside(bench));
  await until('it is counted', () => bench.account.losses.has('vanished'));
  assert.equal(bench.account.losses.get('vanished')!.bytes, 10);
});

test('a renamed file that gets a name of the glob again before what was read of it is settled comes once', async (t) => {
  const bench = new Bench(t);
  const path = bench.path('a.log');
  writeFileSync(path, 'one\ntwo\n');
  bench.output.settling = false;
  const out = await bench.start({ rotate_wait: 200 }, false);
  await out.count(2);
  renameSync(path, bench.path('elsewhere'));
  await setTimeout(1000);
  renameSync(bench.path('elsewhere'), bench.path('b.log'));
  appendFileSync(bench.path('b.log'), 'three\n');
  await out.count(3);
  await setTimeout(50);
  assert.deepEqual(out.texts(), ['one', 'two', 'three']);
});
