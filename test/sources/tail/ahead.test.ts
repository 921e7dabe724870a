/** Rules of alerts count lines that cannot be sent: each once, whatever becomes of its file, and nothing else of them counts. */
// Slow: it waits until the output counts as away.
import assert from 'node:assert/strict';
import { appendFileSync, copyFileSync, renameSync, truncateSync, unlinkSync, writeFileSync } from 'node:fs';
import { type TestContext, test } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import type { Batch } from '../../../src/core/batch.ts';
import { runSteps } from '../../../src/core/run.ts';
import { Ahead } from '../../../src/sources/tail/ahead/ahead.ts';
import { AheadRoom } from '../../../src/sources/tail/ahead/room.ts';
import { processingOf } from '../../../src/transforms/process.ts';
import { watchStep } from '../../../src/transforms/watch.ts';
import { randomOf } from '../../support/random.ts';
import { Bench, Collected, MASK_KEY, numbered } from '../../support/tail.ts';
import { type TailValues, tailInput } from '../../support/tail-input.ts';
import { until } from '../../support/until.ts';

/** What is pushed passes its steps, as in the pipeline. */
class Stepped extends Collected {
  /** Set: what has passed its steps waits for it. */
  packing: Promise<void> | null = null;

  override async push(batch: Batch): Promise<void> {
    if (batch.stream.steps) (await runSteps(batch, batch.stream.steps)).count(true);
    await this.packing;
    await super.push(batch);
  }
}

interface Watching {
  bench: Bench;
  out: Stepped;
  /** Lines with an x that were counted. */
  counted(): number;
  /** Waits until so many were, and all there is was looked at. */
  until(lines: number): Promise<void>;
  /** The output is back: all is sent, so many lines. */
  back(lines: number): Promise<void>;
  block(): void;
}

/** A rule counts the lines with an x. */
async function watching(
  t: TestContext,
  values: TailValues = {},
  { blocked = true, most_behind }: { blocked?: boolean; most_behind?: number } = {},
): Promise<Watching> {
  const bench = new Bench(t);
  let counted = 0;
  const watched = (_: string, lines: number) => {
    counted += lines;
  };
  const out = new Stepped();
  bench.output = out;
  const include = [`${bench.logs}/*.log`];
  const process = [watchStep({ rule: 'r', match: { of: null, test: 'contains', literals: ['x'] } as never })];
  const input = { ...tailInput({ include, rotate_wait: 1000, ...values }), process };
  const processing = processingOf(process, out.kernel, 'logs', undefined, undefined, watched);
  const room = new AheadRoom();
  let unblock = blocked ? out.block() : () => undefined;
  await bench.start({}, false, {
    input,
    processing,
    ahead: (files, mostLines) =>
      new Ahead({ ...files, mostLines, input, room, mask_key: MASK_KEY, watched, ...(most_behind && { most_behind }) }),
  });
  const isCurrent = () => bench.source.ahead!.isCurrent;
  return {
    bench,
    out,
    counted: () => counted,
    async until(lines) {
      await until(`${lines} are counted`, () => counted >= lines && isCurrent(), 10_000).catch((error) => {
        throw new Error(`${counted} of ${lines} are counted, current: ${isCurrent()}`, { cause: error });
      });
      assert.equal(counted, lines);
    },
    async back(lines) {
      unblock();
      await until(`${lines} lines came`, () => out.lines.length >= lines);
      assert.equal(out.lines.length, lines);
    },
    block() {
      unblock = out.block();
    },
  };
}

test('lines count while nothing is sent, from the start and later, and do not count again when they are', async (t) => {
  const w = await watching(t);
  const path = w.bench.path('a.log');
  writeFileSync(path, 'x 1\ny\nx 2\n');
  await w.until(2);
  assert.equal(w.bench.account.received, 0);
  appendFileSync(path, 'x 3\nno line yet: x');
  await w.until(3);
  appendFileSync(path, ' it is\n');
  await w.until(4);
  await w.back(5);
  assert.equal(w.counted(), 4);
  appendFileSync(path, 'x 5\n');
  await w.out.count(6);
  assert.equal(w.counted(), 5);
  assert.equal(w.bench.account.received, 6);
  w.block();
  appendFileSync(path, 'x 6\nx 7\n');
  await w.until(7);
  await w.back(8);
  assert.equal(w.counted(), 7);
});

const LOTS = 30_000;
const lots = (from: number) => numbered(from, from + LOTS).replaceAll('7\n', '7 x\n');

test('more than batches hold: those that were read already, and of which the output has taken nothing, count too', async (t) => {
  const w = await watching(t, {}, { blocked: false });
  const path = w.bench.path('a.log');
  writeFileSync(path, 'x\n');
  await w.out.count(1);
  w.block();
  appendFileSync(path, lots(0));
  await w.until(1 + LOTS / 10);
  appendFileSync(path, lots(LOTS));
  await w.until(1 + LOTS / 5);
  await w.back(1 + 2 * LOTS);
  assert.equal(w.counted(), 1 + LOTS / 5);
});

test('what is renamed, and what has its name then, count', async (t) => {
  const w = await watching(t);
  const path = w.bench.path('a.log');
  writeFileSync(path, 'x 1\nx 2\n');
  await w.until(2);
  renameSync(path, w.bench.path('a.log.1'));
  appendFileSync(w.bench.path('a.log.1'), 'x 3\n');
  writeFileSync(path, 'x 4\n');
  await w.until(4);
  await w.back(4);
  assert.equal(w.counted(), 4);
});

test('truncated, and written anew: what was counted is lost and stays counted, what comes counts', async (t) => {
  const w = await watching(t);
  const path = w.bench.path('a.log');
  writeFileSync(path, 'x 1\nx 2\nx 3\n');
  await w.until(3);
  truncateSync(path);
  await until('it is seen', () => w.bench.account.losses.size > 0);
  appendFileSync(path, 'x 4\n');
  await w.until(4);
  await w.back(1);
  assert.equal(w.counted(), 4);
});

test('copied and truncated: the copy goes on where the file was', async (t) => {
  const w = await watching(t);
  const path = w.bench.path('a.log');
  writeFileSync(path, `x 1\n${numbered(0, 100)}x 2\n`);
  await w.until(2);
  appendFileSync(path, 'x 3\n');
  copyFileSync(path, w.bench.path('a-1.log'));
  truncateSync(path);
  appendFileSync(path, 'x 4\n');
  await w.until(4);
  await w.back(104);
  assert.equal(w.counted(), 4);
});

test('deleted: what was not sent is lost or comes, and counts once', async (t) => {
  const w = await watching(t);
  const path = w.bench.path('a.log');
  writeFileSync(path, 'x 1\nx 2\n');
  await w.until(2);
  unlinkSync(path);
  writeFileSync(path, 'x 3\n');
  await w.until(3);
  await w.back(3);
  assert.equal(w.counted(), 3);
});

test('records of several lines: one that ended because its file was silent ends there when it is sent, too', async (t) => {
  const w = await watching(t, { multiline: { start: '^>', timeout: 100 } });
  const path = w.bench.path('a.log');
  writeFileSync(path, '> x\n at x\n at y\n> y\n at y\n');
  // One record, one line.
  await w.until(1);
  appendFileSync(path, ' at x\n');
  await w.until(2);
  appendFileSync(path, '> x\n');
  await w.until(3);
  appendFileSync(path, ' at x\n> y\n');
  await w.back(5);
  assert.deepEqual(w.out.texts(), ['> x\n at x\n at y', '> y\n at y\n at x', '> x', ' at x', '> y']);
  assert.equal(w.counted(), 4);
});

test('records of several lines that go on over the place where the output comes back', async (t) => {
  const w = await watching(t, { multiline: { start: '^>', timeout: 60_000 } });
  const path = w.bench.path('a.log');
  writeFileSync(path, '> x\n at y\n> y\n at y\n');
  await until('the first', () => w.counted() === 1);
  appendFileSync(path, ' at x\n> x\n');
  await until('the second', () => w.counted() === 2);
  appendFileSync(path, ' at y\n>\n');
  await w.back(3);
  assert.deepEqual(w.out.texts(), ['> x\n at y', '> y\n at y\n at x', '> x\n at y']);
  assert.equal(w.counted(), 3);
});

test('lines of containers, of other encodings, and masked ones count as what is sent', async (t) => {
  const cri = await watching(t, { format: 'cri' });
  const at = '2026-01-01T00:00:00.000000000Z stdout';
  writeFileSync(cri.bench.path('a.log'), `${at} P one \n${at} F x\n${at} F y\n${at} P begun `);
  await cri.until(1);
  appendFileSync(cri.bench.path('a.log'), `\n${at} F x\n`);
  await cri.until(2);
  await cri.back(3);
  assert.deepEqual(cri.out.texts(), ['one x', 'y', 'begun x']);
  assert.equal(cri.counted(), 2);
  const wide = await watching(t, { encoding_in: 'utf-16le' });
  writeFileSync(wide.bench.path('a.log'), Buffer.from('x 1\ny\nx 2\n', 'utf16le'));
  await wide.until(2);
  await wide.back(3);
  assert.equal(wide.counted(), 2);
  const masked = await watching(t, { mask: [{ pattern: 'x+' }] as never });
  writeFileSync(masked.bench.path('a.log'), 'axx\nb\n');
  await until('it is looked at', () => masked.bench.source.ahead!.isCurrent);
  await masked.back(2);
  assert.equal(masked.counted(), 0);
});

test('whatever happens in between, each line counts once', async (t) => {
  const next = randomOf(19);
  const random = (below: number) => Math.floor(next() * below);
  const w = await watching(t, {}, { blocked: false });
  let [written, lines, rotations] = [0, 0, 0];
  const path = w.bench.path('a.log');
  let isAway = false;
  for (let round = 0; round < 40; round++) {
    const what = random(10);
    if (what < 2) {
      if (isAway) await w.back(lines);
      else w.block();
      isAway = !isAway;
    } else if (what < 4) {
      if (written > 0) renameSync(path, `${path.slice(0, -4)}-${rotations++}.log`);
      written = 0;
    } else {
      const more = random(4) === 0 ? 20_000 : random(5);
      appendFileSync(path, 'x\n'.repeat(more));
      written += more;
      lines += more;
    }
    await setTimeout(random(3) === 0 ? 700 : random(50));
  }
  if (isAway) await w.back(lines);
  else await w.out.count(lines);
  assert.equal(w.counted(), lines);
});

test('of more than can be looked at only the end is: the rest never counts, and is said in bytes', async (t) => {
  const w = await watching(t, {}, { most_behind: 400_000 });
  const path = w.bench.path('a.log');
  writeFileSync(path, 'x\n'.repeat(100_000));
  await w.until(100_000);
  assert.equal(w.bench.source.ahead!.skipped_bytes, 0);
  appendFileSync(path, 'x\n'.repeat(250_000));
  await w.until(150_000);
  assert.equal(w.bench.source.ahead!.skipped_bytes, 400_000);
  await w.back(350_000);
  assert.equal(w.counted(), 150_000);
});

test('what was read and waits behind what is packed counts, and once', async (t) => {
  const w = await watching(t, {}, { blocked: false });
  const path = w.bench.path('a.log');
  const { promise, resolve } = Promise.withResolvers<void>();
  w.out.packing = promise;
  try {
    writeFileSync(path, lots(0));
    await w.until(LOTS / 10);
    appendFileSync(path, 'x\n');
    await w.until(1 + LOTS / 10);
  } finally {
    w.out.packing = null;
    resolve();
  }
  await w.back(1 + LOTS);
  assert.equal(w.counted(), 1 + LOTS / 10);
});
