/** Records that were begun in a file which was rotated while the agent was down, and go on in its new one. */
// Slow: files have to be silent for as long as options say.
import assert from 'node:assert/strict';
import { appendFileSync, copyFileSync, readFileSync, renameSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';
import type { TailOptions } from '../../../../src/sources/tail/tail.ts';
import { Bench } from '../../../support/tail.ts';

type Input = Partial<TailOptions['input']>;

function grouped(more: Input = {}, timeout = 600_000): Input {
  const multiline = { start: '^#', continue: undefined, end: undefined, max_lines: 500, max_bytes: 262_144, timeout };
  return { multiline, rotate_wait: 600_000, ...more };
}

const filler = `#0\n${'x'.repeat(300)}\n`;

/** Reads what is complete of this text, and stops. */
async function readBefore(bench: Bench, text: string, input: Input, count: number): Promise<void> {
  writeFileSync(bench.path('a.log'), text);
  const out = await bench.start(input);
  await out.count(count);
  await bench.stop();
}

const outside = (bench: Bench) => ({ include: [bench.path('a.log')] });
const inside = (bench: Bench) => ({ include: [bench.path('a.log*')] });

for (const [where, glob] of Object.entries({ outside, inside })) {
  test(`rotated by a rename while down, ${where} the glob: the group goes on in the new file`, async (t) => {
    const bench = new Bench(t);
    const input = grouped(glob(bench));
    await readBefore(bench, `${filler}#1\na\n`, input, 1);
    renameSync(bench.path('a.log'), bench.path('a.log.1'));
    appendFileSync(bench.path('a.log.1'), 'b\n#2\nc\n');
    writeFileSync(bench.path('a.log'), 'd\ne\n#3\nf\n#4\n');
    const out = await bench.start(input);
    out.gaps = true;
    await out.count(3);
    assert.deepEqual(out.texts(), ['#1\na\nb', '#2\nc\nd\ne', '#3\nf']);
    const [, joined, next] = out.lines;
    assert.equal(joined!.length, 5);
    assert.deepEqual([next!.offset, next!.length, next!.skipped], [4, 5, 4]);
    // Nothing of it comes again.
    await bench.stop();
    const again = await bench.start(input);
    appendFileSync(bench.path('a.log'), '#5\n');
    await again.count(1);
    await setTimeout(50);
    assert.deepEqual(again.texts(), ['#4']);
  });
}

test('the new file is empty at the start, and goes on with the group later', async (t) => {
  const bench = new Bench(t);
  const input = grouped();
  await readBefore(bench, `${filler}#1\na\n`, input, 1);
  renameSync(bench.path('a.log'), bench.path('a.old'));
  writeFileSync(bench.path('a.log'), '');
  const out = await bench.start(input);
  out.gaps = true;
  await setTimeout(400);
  appendFileSync(bench.path('a.log'), 'b\n#2\nc\n#3\n');
  await out.count(2);
  assert.deepEqual(out.texts(), ['#1\na\nb', '#2\nc']);
});

test('copied and truncated while down, too', async (t) => {
  const bench = new Bench(t);
  const input = grouped();
  await readBefore(bench, `${filler}#1\na\n`, input, 1);
  copyFileSync(bench.path('a.log'), bench.path('a.log.1'));
  truncateSync(bench.path('a.log'));
  appendFileSync(bench.path('a.log'), 'b\n#2\nc\n#3\n');
  const out = await bench.start(input);
  out.gaps = true;
  await out.count(2);
  assert.deepEqual(out.texts(), ['#1\na\nb', '#2\nc']);
});

test('rotated and compressed while down, too', async (t) => {
  const bench = new Bench(t);
  const input = grouped({ include: [bench.path('a.log'), bench.path('a.log*.gz')] });
  await readBefore(bench, `${filler}#1\na\n`, input, 1);
  writeFileSync(bench.path('a.log.1.gz'), gzipSync(readFileSync(bench.path('a.log'))));
  rmSync(bench.path('a.log'));
  writeFileSync(bench.path('a.log'), 'b\n#2\nc\n#3\n');
  const out = await bench.start(input);
  out.gaps = true;
  await out.count(2);
  assert.deepEqual(out.texts(), ['#1\na\nb', '#2\nc']);
});

test('the new file begins with a record of its own, or nothing comes: the group ends with the old one', async (t) => {
  const bench = new Bench(t);
  const input = grouped({}, 300);
  await readBefore(bench, `${filler}#1\na\n`, grouped(), 1);
  renameSync(bench.path('a.log'), bench.path('a.old'));
  writeFileSync(bench.path('a.log'), '#2\nb\n#3\n');
  const out = await bench.start(input);
  await out.count(3);
  assert.deepEqual(out.texts(), ['#1\na', '#2\nb', '#3']);
});

test('another file came between the two: it is not known what the group went on with', async (t) => {
  const bench = new Bench(t);
  const input = grouped(outside(bench), 300);
  await readBefore(bench, `${filler}#1\na\n`, input, 1);
  renameSync(bench.path('a.log'), bench.path('a.log.2'));
  await setTimeout(20);
  writeFileSync(bench.path('a.old'), 'b\n#unseen\n');
  await setTimeout(20);
  writeFileSync(bench.path('a.log'), 'c\n#2\n#3\n');
  const out = await bench.start(input);
  await out.count(4);
  assert.deepEqual(out.texts(), ['#1\na', 'c', '#2', '#3']);
});

test('rotated while it ran, and stopped before the new file was read: the group goes on there after the start', async (t) => {
  const bench = new Bench(t);
  const input = grouped();
  writeFileSync(bench.path('a.log'), `${filler}#1\na\n`);
  const before = await bench.start(input);
  await before.count(1);
  renameSync(bench.path('a.log'), bench.path('a.old'));
  writeFileSync(bench.path('a.log'), 'b\n');
  await setTimeout(400);
  assert.equal(before.lines.length, 1);
  await bench.stop();
  appendFileSync(bench.path('a.log'), '#2\nc\n#3\n');
  const out = await bench.start(input);
  out.gaps = true;
  await out.count(2);
  assert.deepEqual(out.texts(), ['#1\na\nb', '#2\nc']);
});

test('killed with the joined record on its way: it comes again as it was', async (t) => {
  const bench = new Bench(t);
  const input = grouped();
  writeFileSync(bench.path('a.log'), `${filler}#1\na\n`);
  const before = await bench.start(input);
  before.gaps = true;
  await before.count(1);
  before.settling = false;
  renameSync(bench.path('a.log'), bench.path('a.old'));
  writeFileSync(bench.path('a.log'), 'b\n#2\nc\n#3\n');
  await before.count(3);
  await bench.stop();
  const out = await bench.start(input);
  out.gaps = true;
  await out.count(2);
  const facts = ({ lines }: typeof out) => lines.map(({ id, text, offset, length }) => [id, text, offset, length]);
  assert.deepEqual(facts(out), facts(before).slice(1));
});

test('a CRI line in parts goes on in the new file, too', async (t) => {
  const bench = new Bench(t);
  const cri = (tag: string, text: string) => `2026-11-22T14:00:00.000000000Z stdout ${tag} ${text}\n`;
  const input: Input = { format: 'cri', rotate_wait: 600_000 };
  await readBefore(bench, cri('F', 'x'.repeat(300)) + cri('P', 'begin '), input, 1);
  renameSync(bench.path('a.log'), bench.path('a.log.20261122-140000'));
  writeFileSync(bench.path('a.log'), cri('P', 'middle ') + cri('F', 'end') + cri('F', 'next'));
  const out = await bench.start(input);
  out.gaps = true;
  await out.count(2);
  assert.deepEqual(out.texts(), ['begin middle end', 'next']);
});

test('stopped right behind a joined record: the first one of the new file says what was skipped, once', async (t) => {
  const bench = new Bench(t);
  const input = grouped();
  writeFileSync(bench.path('a.log'), `${filler}#1\na\n`);
  const before = await bench.start(input);
  await before.count(1);
  renameSync(bench.path('a.log'), bench.path('a.old'));
  writeFileSync(bench.path('a.log'), 'b\n#2\nc\n');
  await before.count(2);
  await bench.stop();
  // It may be stopped again before anything more comes.
  await bench.start(input);
  await setTimeout(100);
  await bench.stop();
  appendFileSync(bench.path('a.log'), '#3\n');
  const out = await bench.start(input);
  out.gaps = true;
  await out.count(1);
  const [next] = out.lines;
  assert.deepEqual([next!.text, next!.offset, next!.length, next!.skipped], ['#2\nc', 2, 5, 2]);
  await bench.stop();
  const later = await bench.start(input);
  appendFileSync(bench.path('a.log'), '#4\n');
  await later.count(1);
  assert.deepEqual([later.lines[0]!.text, later.lines[0]!.offset, later.lines[0]!.skipped], ['#3', 7, 0]);
});

for (const glob of [outside, inside]) {
  const where = glob === outside ? 'outside' : 'inside';
  test(`stopped and rotated again and again, ${where} the glob: every group whole, once, every byte accounted for`, async (t) => {
    const bench = new Bench(t);
    const input = grouped(glob(bench));
    let seed = 5;
    const below = (limit: number) => {
      seed = (seed * 48271) % 2147483647;
      return seed % limit;
    };
    const log = bench.path('a.log');
    const groups: string[] = [];
    let turn = 0;
    let since = 0;
    const write = async (lines: number, mayRotate: boolean) => {
      for (let rotated = 0; lines > 0; lines--) {
        const begins = below(4) === 0 || groups.length === 0;
        const line = begins ? `#${groups.length}` : `${lines} ${'x'.repeat(below(100))}`;
        if (begins) groups.push(line);
        else groups.push(`${groups.pop()}\n${line}`);
        appendFileSync(log, `${line}\n`);
        if (rotated++ === 1) await setTimeout(30);
        if (++since < 30 || !mayRotate || lines === 1 || below(10) !== 0) continue;
        since = 0;
        rotated = 0;
        mayRotate = false;
        renameSync(log, bench.path(`a.log.${++turn}`));
        // Its last lines, as those that the writer has written meanwhile.
        await setTimeout(2);
      }
    };
    const texts: string[] = [];
    const bytes = new Map<string, number>();
    await write(40, false);
    for (let round = 0; round < 16; round++) {
      const out = await bench.start(input);
      out.gaps = true;
      await setTimeout(100 + below(50));
      // A file that comes and goes within a moment may never be seen.
      await write(below(60), round % 2 === 0);
      await setTimeout(100 + below(300));
      await bench.stop();
      for (const { text, id, offset, length, skipped } of out.lines) {
        texts.push(text);
        assert.equal(offset - skipped, bytes.get(id) ?? 0, `${text} of ${id}`);
        bytes.set(id, offset + length);
      }
      await write(below(60), round % 2 === 1);
    }
    const last = await bench.start(input);
    last.gaps = true;
    appendFileSync(log, '#end\n');
    const left = groups.length - texts.length;
    await Promise.race([last.count(left), setTimeout(30_000, undefined, { ref: false })]);
    assert.ok(turn > 4, `${turn}`);
    const all = [...texts, ...last.texts()];
    const wrong = all.findIndex((text, i) => text !== groups[i]);
    assert.deepEqual(all.slice(wrong, wrong < 0 ? 0 : wrong + 3), groups.slice(wrong, wrong < 0 ? 0 : wrong + 3));
    assert.equal(all.length, groups.length);
  });
}
