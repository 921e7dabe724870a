/** Files that change while the output is away, before anything of them was read: what is lost is counted, and said at once. */
// Slow: files have to be silent for as long as options say.
import assert from 'node:assert/strict';
import { appendFileSync, copyFileSync, renameSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { type TestContext, test } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { Bench, type Collected, numbered } from '../../support/tail.ts';
import { until } from '../../support/until.ts';

const LINES = numbered(0, 3000);

interface Waiting {
  bench: Bench;
  out: Collected;
  path: string;
  /** The output is back. */
  back(): void;
  size(): number | undefined;
  lost(): [string, number][];
}

/** Files of 3,000 lines that were found while nothing is taken; the last one is read last. */
async function waiting(t: TestContext, names = ['a.log']): Promise<Waiting> {
  const bench = new Bench(t);
  for (const name of names) writeFileSync(bench.path(name), LINES);
  const full = Promise.withResolvers<void>();
  bench.output.blocked = full.promise;
  const out = await bench.start({ rotate_wait: 500 }, false);
  await until('found', () => bench.source.files_total === names.length);
  // Until then it may be about to be read.
  await setTimeout(1500);
  const path = bench.path(names.at(-1)!);
  return {
    bench,
    out,
    path,
    back() {
      out.blocked = null;
      full.resolve();
    },
    size: () => bench.source.files().find((file) => file.path === path)?.size,
    lost: () => [...bench.account.losses].map(([reason, { bytes }]) => [reason, bytes]),
  };
}

test('truncated: the status shows it at once, and what was there is counted', async (t) => {
  const names = ['a.log', 'b.log', 'c.log'];
  const { bench, out, back, lost } = await waiting(t, names);
  assert.equal(bench.source.lag.lag_bytes, 3 * LINES.length);
  for (const name of names) truncateSync(bench.path(name));
  await until('it is shown', () => bench.source.lag.lag_bytes === 0, 2000);
  assert.deepEqual(lost(), [['truncated', 3 * LINES.length]]);
  for (const name of names) appendFileSync(bench.path(name), 'new\n');
  back();
  await out.count(3);
  await setTimeout(50);
  assert.deepEqual(out.texts(), ['new', 'new', 'new']);
  assert.deepEqual(lost(), [['truncated', 3 * LINES.length]]);
});

for (const [what, lines] of [
  ['fewer', 10],
  ['more', 5000],
] as const) {
  test(`written anew with ${what} lines: all that was there is counted, the new lines come`, async (t) => {
    const { out, path, back, lost } = await waiting(t);
    writeFileSync(path, 'new\n'.repeat(lines));
    back();
    await out.count(lines);
    await setTimeout(50);
    assert.equal(out.lines.length, lines);
    assert.ok(out.texts().every((text) => text === 'new'));
    assert.deepEqual(lost(), [['truncated', LINES.length]]);
  });
}

test('cut to a part: what is left comes, the rest is counted', async (t) => {
  const { bench, out, path, back, size, lost } = await waiting(t);
  const left = numbered(0, 1000).length;
  truncateSync(path, left);
  await until('it is shown', () => size() === left, 2000);
  back();
  await out.count(1000);
  await setTimeout(50);
  assert.equal(out.lines.length, 1000);
  assert.deepEqual(lost(), [['truncated', LINES.length - left]]);
  assert.equal(bench.source.lag.lag_bytes, 0);
});

test('deleted, or renamed to where no glob looks: all of it comes', async (t) => {
  for (const how of ['deleted', 'renamed']) {
    const { bench, out, path, back, lost } = await waiting(t);
    if (how === 'deleted') rmSync(path);
    else renameSync(path, bench.path('elsewhere'));
    writeFileSync(path, 'new\n');
    await setTimeout(100);
    back();
    await out.count(3001);
    assert.equal(out.texts().filter((text) => text === 'new').length, 1);
    assert.deepEqual(lost(), []);
    await bench.stop();
  }
});

test('copied and truncated, the copy where the glob looks or elsewhere: all of it comes, once', async (t) => {
  const lines = LINES + numbered(3000, 4000);
  for (const name of ['a.1.log', 'a.log.1']) {
    const { bench, out, path, back, lost } = await waiting(t);
    appendFileSync(path, numbered(3000, 4000));
    copyFileSync(path, bench.path(name));
    truncateSync(path);
    appendFileSync(path, 'new\n');
    await setTimeout(300);
    back();
    await out.count(4001);
    await setTimeout(100);
    assert.deepEqual(out.texts().sort(), [...lines.split('\n').slice(0, -1), 'new'].sort(), name);
    assert.deepEqual(lost(), []);
    await bench.stop();
  }
});

test('truncated, or gone, while the agent is down, which never read anything: counted as vanished', async (t) => {
  for (const how of ['truncated', 'deleted']) {
    const { bench, path, lost } = await waiting(t);
    await bench.stop();
    if (how === 'truncated') writeFileSync(path, 'new\n');
    else rmSync(path);
    const out = await bench.start();
    if (how === 'truncated') await out.count(1);
    await until('counted', () => lost().length > 0);
    assert.deepEqual(lost(), [['vanished', LINES.length]]);
    await bench.stop();
  }
});

test('the room at the end of a file is cut off: nothing is lost by that', async (t) => {
  const { out, path, back, size, lost } = await waiting(t, ['b.log', 'a.log']);
  truncateSync(path, 1 << 20);
  await until('it is looked at', () => size() === LINES.length);
  truncateSync(path, LINES.length);
  appendFileSync(path, 'new\n');
  back();
  await out.count(6001);
  assert.deepEqual(lost(), []);
});
