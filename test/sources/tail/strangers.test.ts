/** Names that no pattern names, many thousands of them: what happens beside them costs a part of going over them once. */
import assert from 'node:assert/strict';
import fs, { linkSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { descriptors } from '../../../src/sources/tail/file/descriptors.ts';
import { lookUp, siblings } from '../../../src/sources/tail/file/inode.ts';
import { type ListedName, Listing } from '../../../src/sources/tail/find/listing.ts';
import { Bench, numbered } from '../../support/tail.ts';
import { until } from '../../support/until.ts';

const STRANGERS = 8000;
const TIMES = 16;

/** Names are what costs; to make files of their own of them would cost more. */
function crowd(bench: Bench, names = STRANGERS): void {
  writeFileSync(join(bench.data, 'stranger'), 'text\n');
  for (let i = 0; i < names; i++) linkSync(join(bench.data, 'stranger'), bench.path(`s${i}.txt`));
}

const used = () => {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
};

/** What it costs to look at every name once, milliseconds of CPU. */
function once(bench: Bench): number {
  const start = used();
  for (const path of siblings(bench.logs)) lookUp(path);
  return used() - start;
}

function onlyFewOpen(t: TestContext, count: number): void {
  const { limit } = descriptors;
  t.after(() => Object.assign(descriptors, { limit }));
  Object.assign(descriptors, { limit: count });
}

for (const [size, lines] of [
  ['short', 10],
  ['long', 1000],
] as const) {
  test(`a ${size} file that is truncated again and again has its neighbours looked at now and then`, async (t) => {
    const bench = new Bench(t);
    crowd(bench);
    writeFileSync(bench.path('a.log'), numbered(0, lines));
    const out = await bench.start();
    await out.count(lines);
    const each = once(bench);
    const start = used();
    for (let i = 1; i <= TIMES; i++) {
      truncateSync(bench.path('a.log'));
      writeFileSync(bench.path('a.log'), numbered(i * lines, (i + 1) * lines));
      await out.count((i + 1) * lines);
    }
    const spent = used() - start;
    assert.ok(spent < (each * TIMES) / 2, `${spent} ms for ${TIMES} truncations, ${each} ms to look at all names once`);
  });
}

test('closed files that are deleted one by one are looked for together', async (t) => {
  const bench = new Bench(t);
  onlyFewOpen(t, 4);
  crowd(bench, 2000);
  for (let i = 0; i < TIMES + 8; i++) writeFileSync(bench.path(`${i}.log`), `${i} is in this file alone\n`);
  const out = await bench.start();
  await out.count(TIMES + 8);
  await until('settled', () => bench.source.files().every(({ committed, size }) => committed === size));
  const opened = fs.opendirSync;
  t.after(() => {
    fs.opendirSync = opened;
    syncBuiltinESMExports();
  });
  let times = 0;
  fs.opendirSync = ((path, options) => {
    times++;
    return opened(path, options);
  }) as typeof opened;
  syncBuiltinESMExports();
  for (let i = 0; i < TIMES; i++) {
    rmSync(bench.path(`${i}.log`));
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  await until('they are let go', () => bench.source.files_total <= 8);
  assert.ok(times < TIMES, `the directory was listed ${times} times for ${TIMES} files`);
});

test('a copy with a name of its own is found among many names', async (t) => {
  const bench = new Bench(t);
  crowd(bench, 1000);
  writeFileSync(bench.path('a.log'), numbered(0, 1000));
  const out = await bench.start();
  await out.count(1000);
  for (const name of ['backup', 'other']) {
    const from = out.lines.length;
    const release = out.block();
    const content = numbered(0, from + 1000);
    writeFileSync(bench.path('a.log'), content);
    writeFileSync(bench.path(name), content);
    truncateSync(bench.path('a.log'));
    release();
    await out.count(from + 1000);
    assert.equal(out.lines.at(-1)!.text, `line ${from + 999}`);
    writeFileSync(bench.path('a.log'), content);
    await out.count(2 * from + 2000);
    out.lines.splice(from + 1000);
  }
});

test('a directory is gone over for all who ask, gives way meanwhile, and rests for longer than that took', async (t) => {
  const bench = new Bench(t);
  crowd(bench);
  const beside = new Listing();
  t.after(() => beside.close());
  const dirs = [bench.logs];
  assert.equal(beside.rests(dirs), 0);
  const [all, some] = [new Set<ListedName>(), new Set<ListedName>()];
  let turns = 0;
  const turn = setInterval(() => turns++, 0);
  const going = beside.goOver(dirs, (entry) => all.add(entry).size === STRANGERS);
  const together = beside.goOver(dirs, (entry) => some.add(entry).size === 10 && entry.stat !== undefined);
  await Promise.all([going, together]);
  clearInterval(turn);
  assert.deepEqual([all.size, some.size], [STRANGERS, 10]);
  assert.ok(
    [...some].every((entry) => all.has(entry)),
    'it was gone over twice',
  );
  assert.ok(turns > 0, 'nothing else had its turn');
  assert.ok(beside.rests(dirs) > 0);
  let again = 0;
  const later = beside.goOver(dirs, () => ++again > 0);
  await new Promise((resolve) => setImmediate(resolve));
  assert.equal(again, 0);
  beside.close();
  await later;
  assert.equal(again, 0, 'what waits ends when it is closed');
});

test('what inotify told of lately is known, the latest first, and not without a bound', (t) => {
  const bench = new Bench(t);
  const beside = new Listing();
  for (let i = 0; i < 2000; i++) beside.tell(bench.path(`s${i}.txt`));
  beside.tell('/elsewhere/s');
  const lately = beside.lately([bench.logs]);
  assert.equal(lately[0]!.path, bench.path('s1999.txt'));
  assert.ok(lately.length > 100 && lately.length < 1000);
});
