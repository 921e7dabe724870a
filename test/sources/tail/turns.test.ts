/** Why a file is not read now, as the status says it: one reason at a time, gone when the file is read. */
import assert from 'node:assert/strict';
import { appendFileSync, copyFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { Bench } from '../../support/tail.ts';
import { until } from '../../support/until.ts';

const multiline = { start: '^#', continue: undefined, end: undefined, max_lines: 9, max_bytes: 999, timeout: 600_000 };

/** By the file's name. */
function reasons(bench: Bench): Record<string, string | null> {
  const files = bench.source.files().map(({ path, waiting }) => [path.slice(bench.logs.length + 1), waiting?.reason]);
  return Object.fromEntries(files.map(([name, reason]) => [name, reason ?? null]));
}

async function waits(bench: Bench, expected: Record<string, string | null>): Promise<void> {
  const wanted = JSON.stringify(expected);
  await until(wanted, () => JSON.stringify(reasons(bench)) === wanted);
}

test('the last line has no end, and is silent for the longer the longer nothing comes', async (t) => {
  const bench = new Bench(t);
  writeFileSync(bench.path('a.log'), 'one\ntwo');
  const out = await bench.start();
  await waits(bench, { 'a.log': 'unfinished line' });
  const seconds = () => bench.source.files()[0]!.waiting!.seconds;
  const first = seconds();
  await until('it is said how long', () => seconds() > first && first >= 0);
  appendFileSync(bench.path('a.log'), ' and\n');
  await out.count(2);
  await waits(bench, { 'a.log': null });
});

test('a record may go on, and the file that comes next waits for its end', async (t) => {
  const bench = new Bench(t);
  writeFileSync(bench.path('a.log'), '# one\n');
  const out = await bench.start({ multiline, rotate_wait: 600_000 });
  await waits(bench, { 'a.log': 'open record' });
  renameSync(bench.path('a.log'), join(bench.logs, '../away'));
  writeFileSync(bench.path('a.log'), '# tw');
  await until('the new file waits', () => bench.source.files().some((f) => f.waiting?.reason === 'predecessor'));
  assert.equal(out.lines.length, 0);
  appendFileSync(bench.path('a.log'), 'o\n# three\n');
  await out.count(2);
  assert.deepEqual(out.texts(), ['# one', '# two']);
});

test('it may be a copy in the making', async (t) => {
  const bench = new Bench(t);
  const include = [`${bench.logs}/a.log*`];
  writeFileSync(bench.path('a.log'), 'some bytes that are alike\n');
  const out = await bench.start({ include });
  await out.count(1);
  copyFileSync(bench.path('a.log'), bench.path('a.log.1'));
  await waits(bench, { 'a.log.1': 'possible copy', 'a.log': null });
  await out.count(2);
  await waits(bench, { 'a.log': null, 'a.log.1': null });
});

test('the output takes nothing: first there is no memory, then it is away', async (t) => {
  const bench = new Bench(t);
  writeFileSync(bench.path('a.log'), 'one\n');
  const out = await bench.start();
  await out.count(1);
  let release = () => {};
  out.blocked = new Promise((resolve) => {
    release = resolve;
  });
  appendFileSync(bench.path('a.log'), 'two\n');
  await until('it waits', () => ['memory', 'output'].includes(bench.source.files()[0]!.waiting?.reason ?? ''));
  writeFileSync(bench.path('b.log'), 'three\n');
  await waits(bench, { 'b.log': 'output', 'a.log': 'output' });
  out.blocked = null;
  release();
  await out.count(3);
  await waits(bench, { 'a.log': null, 'b.log': null });
});
