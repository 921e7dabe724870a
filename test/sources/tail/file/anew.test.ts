/** Files that are written anew in place and end as before: a report of which only some lines differ. */
// Slow: files have to be at rest for a while.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { appendFileSync, closeSync, openSync, readFileSync, utimesSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { setImmediate, setTimeout } from 'node:timers/promises';
import { MOST_SUMMED } from '../../../../src/sources/tail/file/sum.ts';
import { readJournal, sizeEntry } from '../../../../src/sources/tail/positions/journal.ts';
import { Bench, numbered, rows } from '../../../support/tail.ts';
import { until } from '../../../support/until.ts';

const DISKS = Array.from(
  { length: 6 },
  (_, i) => `/dev/sd${i}1   ext4   104857600   52428800   50%   /data/${i}\n`,
).join('');

function overwrite(path: string, text: string): void {
  const fd = openSync(path, 'r+');
  writeSync(fd, text, 0);
  closeSync(fd);
}

for (const [how, write] of [
  ['truncated first', writeFileSync],
  ['without truncation', overwrite],
] as const) {
  test(`a report of the same size, and one that is a line longer, comes each time (${how})`, async (t) => {
    const bench = new Bench(t);
    const path = bench.path('a.log');
    const lines: string[] = [];
    const report = (i: number, more = '') => {
      const text = `2026-11-30 10:00:0${i} disk report\n${DISKS}${more}`;
      lines.push(...text.split('\n').slice(0, -1));
      return text;
    };
    writeFileSync(path, report(0));
    const out = await bench.start();
    await out.count(lines.length);
    for (let i = 1; i < 4; i++) {
      write(path, report(i));
      await out.count(lines.length);
    }
    await setTimeout(1100);
    write(path, report(4, 'one more line\n'));
    await out.count(lines.length);
    assert.deepEqual(out.texts(), lines);
    assert.deepEqual([...bench.account.losses], []);
    // Touched, it is the same.
    utimesSync(path, new Date(), new Date());
    await setTimeout(300);
    assert.equal(out.lines.length, lines.length);
  });
}

/** Longer than the first bytes that are known; so is what comes after the line that changes. */
const HEADING = 'a line of the heading, which is always the same\n'.repeat(12);
const report = (state: string | number, more = '') => `${HEADING}disk 0: ${state}\n${DISKS}${more}`;

const THROUGH_MEMORY = `import mmap, sys
with open(sys.argv[1], 'r+b') as file:
  at, text = int(sys.argv[2]), sys.argv[3].encode()
  mmap.mmap(file.fileno(), 0)[at:at + len(text)] = text`;

/** Of a file that was not read anew. */
function assertOnce(bench: Bench, lines: string[]): void {
  assert.deepEqual(bench.output.texts(), lines);
  assert.equal(new Set(bench.output.lines.map(({ id }) => id)).size, 1);
  assert.deepEqual([...bench.account.losses], []);
}

for (const [how, input] of [
  ['plain lines', {}],
  ['joined lines', { multiline: { start: '^', timeout: 100 } }],
] as const) {
  test(`a line in the middle of a report changes, at once and after a while: it comes each time (${how})`, async (t) => {
    const bench = new Bench(t);
    const path = bench.path('a.log');
    const lines: string[] = [];
    const write = (text: string, how_: typeof overwrite) => {
      lines.push(...rows(text));
      how_(path, text);
    };
    write(report(0), writeFileSync);
    const out = await bench.start(input as object);
    await out.count(lines.length);
    for (let i = 1; i < 4; i++) {
      write(report(i), overwrite);
      await out.count(lines.length);
    }
    await setTimeout(1100);
    write(report(4), overwrite);
    await out.count(lines.length);
    await setTimeout(1100);
    write(report(5, 'one more line\n'), overwrite);
    await out.count(lines.length);
    assert.deepEqual(out.texts(), lines);
    assert.equal(new Set(out.lines.map(({ id }) => id)).size, 6);
    assert.deepEqual([...bench.account.losses], []);
  });
}

test('a report changes and gets longer, and is looked at before that is told: it comes as a whole', async (t) => {
  const bench = new Bench(t);
  const path = bench.path('a.log');
  const lines = rows(report(0));
  writeFileSync(path, report(0));
  const out = await bench.start({}, true, { round: 1 });
  await out.count(lines.length);
  const quiet = performance.now() + 1100;
  await until('it is silent', () => performance.now() > quiet);
  await setImmediate();
  overwrite(path, report(1, 'one more line\n'));
  // The next regular look is due when the event loop goes on, with timers before what inotify has to tell.
  for (const over = performance.now() + 1100; performance.now() < over; );
  lines.push(...rows(report(1, 'one more line\n')));
  await out.count(lines.length);
  assert.deepEqual(out.texts(), lines);
});

test('what is overwritten slowly comes when it is whole', async (t) => {
  const bench = new Bench(t);
  const path = bench.path('a.log');
  const text = (state: string) => `${HEADING}${`disk: ${state}\n`.repeat(300)}${DISKS}`;
  writeFileSync(path, text('old'));
  const out = await bench.start();
  const count = rows(text('old')).length;
  await out.count(count);
  await setTimeout(1100);
  const fd = openSync(path, 'r+');
  const bytes = Buffer.from(text('new'));
  for (let at = 0; at < bytes.length; at += 512) {
    writeSync(fd, bytes, at, Math.min(512, bytes.length - at), at);
    await setTimeout(80);
  }
  closeSync(fd);
  await out.count(2 * count);
  assert.deepEqual(out.texts(), [...rows(text('old')), ...rows(text('new'))]);
});

test('what is overwritten all the time is not waited for for long', async (t) => {
  const bench = new Bench(t);
  const path = bench.path('a.log');
  const count = rows(report(0)).length;
  writeFileSync(path, report(1000));
  const out = await bench.start();
  await out.count(count);
  let i = 1001;
  const writing = setInterval(() => overwrite(path, report(i++)), 50);
  await out.count(2 * count).finally(() => clearInterval(writing));
  const last = i - 1;
  // What was read meanwhile is compared, too.
  await until('the last one', () => out.texts().some((text) => text.endsWith(`disk 0: ${last}`)));
  assert.deepEqual([...bench.account.losses], []);
});

for (const [what, write] of [
  ['of the same size', (path: string) => overwrite(path, report('failed', 'more\n'))],
  ['longer', (path: string) => overwrite(path, report('failed', 'more\nand more\n'))],
] as const) {
  test(`a report that changed in the middle while the agent was down comes (${what})`, async (t) => {
    const bench = new Bench(t);
    const path = bench.path('a.log');
    writeFileSync(path, report('active', 'more\n'));
    for (const rested of [false, true]) {
      const lines = rows(readFileSync(path, 'utf8'));
      const out = await bench.start({}, true, { round: 2 });
      if (!rested) await out.count(lines.length);
      // What it was looked at is written down, too.
      else await setTimeout(1500);
      await bench.stop();
      assert.deepEqual(out.texts(), rested ? [] : lines);
    }
    write(path);
    const lines = rows(readFileSync(path, 'utf8'));
    const out = await bench.start();
    await out.count(lines.length);
    assert.deepEqual(out.texts(), lines);
    assert.deepEqual([...bench.account.losses], []);
    await bench.stop();
    // It is known as it is now.
    utimesSync(path, new Date(), new Date(1e12));
    appendFileSync(path, 'the end\n');
    await (await bench.start()).count(1);
    assert.deepEqual(bench.output.texts(), ['the end']);
  });
}

test('a journal without sums is gone on with, and with sums it is one that earlier versions can read', async (t) => {
  const bench = new Bench(t);
  const path = bench.path('a.log');
  writeFileSync(path, report('active'));
  await (await bench.start()).count(rows(report('')).length);
  await bench.stop();
  const journal = join(bench.data, 'positions');
  const [started, g] = [...readJournal(readFileSync(journal)).files.values()].sort((a, b) => a.position - b.position);
  assert.equal(started!.sum, undefined);
  assert.equal(g!.sum?.length, g!.position);
  // As they read it: what the entry says of a size is where it was, and is behind the position.
  const entry = sizeEntry(g!);
  assert.ok(entry.readBigUInt64LE(16) <= g!.position);
  appendFileSync(journal, sizeEntry({ ...g!, sum: undefined }));
  overwrite(path, report('failed'));
  appendFileSync(path, 'the end\n');
  const out = await bench.start();
  await out.count(1);
  assert.deepEqual(out.texts(), ['the end']);
});

test('a file that grows, is touched, or gets its bytes through memory is never read anew', async (t) => {
  const bench = new Bench(t);
  const path = bench.path('a.log');
  writeFileSync(path, numbered(0, 1000));
  const out = await bench.start({}, true, { round: 2 });
  await out.count(1000);
  let to = 1000;
  for (const pause of [0, 5, 50, 1100, 0, 1100]) {
    appendFileSync(path, numbered(to, to + 10));
    to += 10;
    await setTimeout(pause);
    if (pause > 0) utimesSync(path, new Date(), new Date());
  }
  await out.count(to);
  // Room for what comes is there before it is.
  let end = readFileSync(path).length;
  appendFileSync(path, Buffer.alloc(8192));
  for (; to < 1062; to++) {
    await setTimeout(1100);
    const text = numbered(to, to + 1);
    if (spawnSync('python3', ['-c', THROUGH_MEMORY, path, String(end), text]).status !== 0) break;
    end += text.length;
    await out.count(to + 1);
  }
  await setTimeout(1600);
  assertOnce(bench, rows(numbered(0, to)));
});

test('of a file that is longer than what is summed up only the beginning and the end are compared', async (t) => {
  const bench = new Bench(t);
  const path = bench.path('a.log');
  const text = `${'x'.repeat(127)}\n`.repeat(MOST_SUMMED / 128 + 1);
  writeFileSync(path, text);
  const out = await bench.start();
  await out.count(rows(text).length);
  await setTimeout(1100);
  const fd = openSync(path, 'r+');
  writeSync(fd, 'Y', MOST_SUMMED / 2);
  closeSync(fd);
  await setTimeout(1500);
  appendFileSync(path, 'the end\n');
  await out.count(rows(text).length + 1);
  assertOnce(bench, [...rows(text), 'the end']);
});
