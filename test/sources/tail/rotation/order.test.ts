/** Over rotations while the output is away: what was written first comes first. */
import assert from 'node:assert/strict';
import {
  appendFileSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  openSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { test } from 'node:test';
import { Bench, Collected } from '../../../support/tail.ts';
import { until } from '../../../support/until.ts';

/** More than a read takes, so that a file has several turns. */
const MANY = 8000;
const LONG = 'x'.repeat(180);

/** Lines `from` to `to`, each with its number first. */
function lines(from: number, to: number): string {
  let text = '';
  for (let i = from; i < to; i++) text += `${i} ${LONG}\n`;
  return text;
}

function assertInOrder(out: Collected, from: number, to: number): void {
  const numbers = out.texts().map((text) => Number.parseInt(text, 10));
  const wrong = numbers.findIndex((number, i) => number !== from + i);
  assert.equal(wrong, -1, `${numbers[wrong]} is record ${wrong}, behind ${numbers[wrong - 1]}`);
  assert.equal(numbers.length, to - from);
}

const outside = (bench: Bench) => ({ include: [bench.path('*.log')] });
const inside = (bench: Bench) => ({ include: [bench.path('*.log*')] });

/** a.log.2 -> a.log.3, a.log.1 -> a.log.2, a.log -> a.log.1. */
function shift(bench: Bench): void {
  for (const i of [2, 1, 0]) {
    const from = bench.path(i === 0 ? 'a.log' : `a.log.${i}`);
    if (existsSync(from)) renameSync(from, bench.path(`a.log.${i + 1}`));
  }
}

const ROTATIONS = { 'by renaming': shift, 'by deleting': (bench: Bench) => rmSync(bench.path('a.log')) };

/** All that was written and is not acknowledged was seen. */
async function untilSeen(bench: Bench, bytes: number): Promise<void> {
  await until(`${bytes} bytes are seen`, () => bench.source.lag.lag_bytes === bytes);
}

for (const [how, rotate] of Object.entries(ROTATIONS)) {
  for (const [where, glob] of Object.entries({ outside, inside })) {
    test(`rotated three times ${how}, ${where} the glob: the files come one after the other`, async (t) => {
      const bench = new Bench(t);
      writeFileSync(bench.path('a.log'), lines(0, 10));
      const out = await bench.start(glob(bench));
      await out.count(10);
      const release = out.block();
      appendFileSync(bench.path('a.log'), lines(10, MANY));
      await untilSeen(bench, lines(10, MANY).length);
      for (let i = 1; i <= 3; i++) {
        rotate(bench);
        appendFileSync(bench.path('a.log'), lines(i * MANY, i * MANY + MANY));
        await untilSeen(bench, lines(10, i * MANY + MANY).length);
      }
      release();
      await out.count(4 * MANY);
      assertInOrder(out, 0, 4 * MANY);
    });
  }
}

for (const [where, glob] of Object.entries({ outside, inside })) {
  test(`copied and truncated, ${where} the glob: what was not read comes from the copy, then what is new`, async (t) => {
    const bench = new Bench(t);
    writeFileSync(bench.path('a.log'), lines(0, 100));
    const out = await bench.start(glob(bench));
    await out.count(100);
    const release = out.block();
    appendFileSync(bench.path('a.log'), lines(100, 2 * MANY));
    await untilSeen(bench, lines(100, 2 * MANY).length);
    copyFileSync(bench.path('a.log'), bench.path('a.log.1'));
    truncateSync(bench.path('a.log'));
    appendFileSync(bench.path('a.log'), lines(2 * MANY, 3 * MANY));
    release();
    await out.count(3 * MANY);
    assertInOrder(out, 0, 3 * MANY);
  });
}

test('stopped and started between rotations: the files come one after the other', async (t) => {
  const bench = new Bench(t);
  const input = { rotate_wait: 60_000, ...inside(bench) };
  writeFileSync(bench.path('a.log'), lines(0, 10));
  await (await bench.start(input)).count(10);
  let last = 10;
  for (let i = 0; i < 3; i++) {
    if (i > 0) bench.output = new Collected();
    bench.output.block();
    if (i > 0) await bench.start(input, false);
    appendFileSync(bench.path('a.log'), lines(last, last + MANY));
    last += MANY;
    await untilSeen(bench, lines(10, last).length);
    shift(bench);
    if (i > 0) writeFileSync(bench.path('a.log'), '');
    await bench.stop();
    assert.equal(bench.output.lines.length, i === 0 ? 10 : 0);
  }
  appendFileSync(bench.path('a.log'), lines(last, last + MANY));
  const out = await bench.start(input);
  await out.count(4 * MANY);
  assertInOrder(out, 10, 10 + 4 * MANY);
});

test('a link that leads to another file: that one comes after the first', async (t) => {
  const bench = new Bench(t);
  for (const dir of ['one', 'two']) mkdirSync(bench.path(dir));
  writeFileSync(bench.path('one/a.log'), lines(0, 10));
  writeFileSync(bench.path('two/a.log'), lines(MANY, 2 * MANY));
  symlinkSync(bench.path('one'), bench.path('current'));
  const out = await bench.start({ include: [bench.path('current/*.log')] });
  await out.count(10);
  const release = out.block();
  appendFileSync(bench.path('one/a.log'), lines(10, MANY));
  symlinkSync(bench.path('two'), bench.path('next'));
  renameSync(bench.path('next'), bench.path('current'));
  await until('it was seen', () => bench.source.files_total === 2);
  release();
  await out.count(2 * MANY);
  assertInOrder(out, 0, 2 * MANY);
});

test('who goes on writing to the old file holds up nothing, nor does its end that cannot be read', async (t) => {
  const bench = new Bench(t);
  const fd = openSync(bench.path('a.log'), 'a');
  writeSync(fd, '0\n');
  const out = await bench.start({ ...outside(bench), rotate_wait: 60_000 });
  await out.count(1);
  renameSync(bench.path('a.log'), bench.path('a.old'));
  const late = setInterval(() => writeSync(fd, 'late\n'), 1);
  t.after(() => clearInterval(late));
  writeFileSync(bench.path('a.log'), '1\n');
  await until('the new one is read', () => out.texts().includes('1'));
});
