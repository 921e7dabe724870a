/** Where the last line begins is found as lines are read: in UTF-16 a byte 0A alone ends none. */

import assert from 'node:assert/strict';
import { appendFileSync, renameSync, utimesSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { endAnyLine, lineEndsOf } from '../../src/lines/line-ends.ts';
import type { FileStream } from '../../src/sources/tail/file/stream.ts';
import { planMove } from '../../src/sources/tail/positions/edit.ts';
import { Positions } from '../../src/sources/tail/positions/positions.ts';
import { Bench, type Collected } from '../support/tail.ts';
import { tailInput } from '../support/tail-input.ts';
import { until } from '../support/until.ts';

const ENCODINGS = ['utf-8', 'latin1', 'utf-16le', 'utf-16be'] as const;
type Encoding = (typeof ENCODINGS)[number];

function encode(text: string, encoding: Encoding): Buffer {
  if (encoding === 'utf-8' || encoding === 'latin1') return Buffer.from(text, encoding);
  const bytes = Buffer.from(text, 'utf16le');
  return encoding === 'utf-16be' ? bytes.swap16() : bytes;
}

/** What the characters of a test are in this encoding: in the wide ones, each has a byte 0A, or two. */
const beyond = (encoding: Encoding) => (encoding === 'latin1' ? 'é' : '\u0a05\u010a\u0d0a\u0a0a\u000d\u0a00x');

const textsOf = (out: Collected) => out.texts().map((text) => Buffer.from(text, 'latin1').toString());

test('lines end where a plain search of units says', () => {
  let seed = 7;
  const below = (limit: number) => {
    seed = (seed * 48271) % 2147483647;
    return seed % limit;
  };
  for (let round = 0; round < 3000; round++) {
    const bytes = Buffer.from(Array.from({ length: below(24) }, () => [0, 10, 0x41][below(3)]!));
    const from = Math.min(below(6), bytes.length);
    const to = from + below(bytes.length - from + 1);
    for (const encoding of ENCODINGS) {
      const ends = lineEndsOf(encoding);
      const feed = encode('\n', encoding);
      const all: number[] = [];
      for (let at = from; at + feed.length <= to; at += feed.length) {
        if (bytes.subarray(at, at + feed.length).equals(feed)) all.push(at + feed.length);
      }
      assert.equal(ends.first(bytes, from, to), all[0] ?? -1);
      assert.equal(ends.last(bytes, from, to), all.at(-1) ?? -1);
    }
  }
  assert.deepEqual(
    ['a\n', '\n\0', '\0\n', 'a', '', '\na'].map((text) => endAnyLine(Buffer.from(text))),
    [true, true, true, false, false, false],
  );
});

for (const encoding_in of ENCODINGS) {
  const mark = encoding_in === 'latin1' ? '' : '\ufeff';
  const half = beyond(encoding_in);
  const bytes = (text: string) => encode(text, encoding_in);

  /** What was there before, the last line unfinished; then its rest, and one more. */
  async function goesOn(bench: Bench, out: Collected, at: number): Promise<void> {
    appendFileSync(bench.path('a.log'), bytes(` end\r\nnew ${half}\n`));
    await out.count(2);
    assert.deepEqual(textsOf(out), [`half ${half} end`, `new ${half}`]);
    assert.equal(out.lines[0]!.offset, at);
  }

  test(`${encoding_in}: start_at end begins with the unfinished last line`, async (t) => {
    const bench = new Bench(t);
    const old = bytes(`${mark}old 1\r\n${half}old 2\n`);
    writeFileSync(bench.path('a.log'), Buffer.concat([old, bytes(`half ${half}`)]));
    writeFileSync(bench.path('first.log'), bytes(`${mark}half ${half}`));
    writeFileSync(bench.path('done.log'), bytes(`${mark}old\n`));
    const out = await bench.start({ encoding_in, start_at: 'end' });
    await until('they are found', () => bench.source.files_total === 3);
    await goesOn(bench, out, old.length);
    appendFileSync(bench.path('first.log'), bytes(' end\n'));
    await out.count(3);
    appendFileSync(bench.path('done.log'), bytes('next\n'));
    await out.count(4);
    assert.deepEqual(textsOf(out).slice(2), [`half ${half} end`, 'next']);
  });

  test(`${encoding_in}: what is older than ignore_older is skipped up to the unfinished last line`, async (t) => {
    const bench = new Bench(t);
    const old = bytes(`${mark}old\n`);
    writeFileSync(bench.path('a.log'), Buffer.concat([old, bytes(`half ${half}`)]));
    utimesSync(bench.path('a.log'), 1, 1);
    const out = await bench.start({ encoding_in, ignore_older: 60_000 });
    await until('it is found', () => bench.source.files_total === 1);
    await goesOn(bench, out, old.length);
    assert.equal(bench.account.losses.get('ignored_older')?.bytes, old.length);
  });

  test(`${encoding_in}: a last line longer than what is read at once begins where it begins`, async (t) => {
    const bench = new Bench(t);
    const long = `${half}${'x'.repeat(70_000)}`;
    writeFileSync(bench.path('a.log'), bytes(`${mark}old\n${long}`));
    const out = await bench.start({ encoding_in, start_at: 'end' });
    await until('it is found', () => bench.source.files_total === 1);
    appendFileSync(bench.path('a.log'), bytes('end\n'));
    await out.count(1);
    assert.deepEqual(textsOf(out), [`${long}end`]);
  });

  test(`${encoding_in}: a position is set to the end, and known to be within a line`, async (t) => {
    const bench = new Bench(t);
    const old = bytes(`${mark}old\n`);
    writeFileSync(bench.path('a.log'), Buffer.concat([old, bytes(`half ${half}`)]));
    const out = await bench.start({ encoding_in });
    await out.count(1);
    await bench.stop();
    const positions = await Positions.open(bench.data, ['test']);
    const inputs = [tailInput({ include: [`${bench.logs}/*.log`], encoding_in })];
    const plan = (where: number | 'end') => planMove(positions, inputs, bench.path('a.log'), where);
    const within = (where: number) => plan(where).changes[0]!.within;
    assert.deepEqual([within(0), within(old.length), within(old.length + 2)], [null, null, old.length]);
    const { changes, apply } = plan('end');
    assert.deepEqual([changes[0]!.to, changes[0]!.within], [old.length, null]);
    if (lineEndsOf(encoding_in).unitBytes === 2) assert.throws(() => plan(3), /3 is within a character, 2 is not/);
    apply();
    await positions.close();
    const again = await bench.start({ encoding_in });
    await goesOn(bench, again, old.length);
  });

  test(`${encoding_in}: goes on within a batch of which a part was acknowledged`, async (t) => {
    const bench = new Bench(t);
    const [one, two] = [bytes(`${mark}one ${half}\n`), bytes(`two ${half}\n`)];
    writeFileSync(bench.path('a.log'), Buffer.concat([one, two]));
    const out = await bench.start({ encoding_in });
    out.settling = false;
    await out.count(2);
    (out.streams[0] as FileStream).settled(one.length, 0);
    await bench.stop();
    const again = await bench.start({ encoding_in });
    await again.count(1);
    assert.deepEqual(textsOf(again), [`two ${half}`]);
    assert.equal(again.lines[0]!.id, out.lines[0]!.id);
  });
}

for (const encoding_in of ['utf-16le', 'utf-16be'] as const) {
  const bytes = (text: string) => encode(text, encoding_in);

  test(`${encoding_in}: a position within a character, as 0.1.0 or another encoding left it, is stepped over`, async (t) => {
    const bench = new Bench(t);
    writeFileSync(bench.path('a.log'), bytes('\ufeffold 1\nold 2\n'));
    await bench.start({ encoding_in: 'utf-8', start_at: 'end' });
    await until('it is found', () => bench.source.files_total === 1);
    await bench.stop();
    const out = await bench.start({ encoding_in, start_at: 'end' });
    out.gaps = true;
    await until('it is found', () => bench.source.files_total === 1);
    appendFileSync(bench.path('a.log'), bytes('new 1\nnew 2\n'));
    await out.count(2);
    assert.deepEqual(textsOf(out), ['new 1', 'new 2']);
    const { skipped, offset } = out.lines[0]!;
    assert.deepEqual([skipped, offset], [encoding_in === 'utf-16le' ? 1 : 0, 26]);
  });

  test(`${encoding_in}: half a character at the end of a file keeps none waiting that comes after it`, async (t) => {
    const bench = new Bench(t);
    const include = [`${bench.logs}/*.log*`];
    writeFileSync(bench.path('a.log'), bytes('\ufeffone\n'));
    const out = await bench.start({ encoding_in, include });
    await out.count(1);
    await bench.stop();
    renameSync(bench.path('a.log'), bench.path('a.log.1'));
    appendFileSync(bench.path('a.log.1'), Buffer.concat([bytes('two\n'), Buffer.from('x')]));
    writeFileSync(bench.path('a.log'), bytes('\ufeffthree\n'));
    await bench.start({ encoding_in, include }, false);
    await out.count(3);
    assert.deepEqual(textsOf(out), ['one', 'two', 'three']);
  });

  test(`${encoding_in}: start_at end with half a character there waits for the other half`, async (t) => {
    const bench = new Bench(t);
    const whole = bytes('\ufeffold\nhalf \u0a05 end\n');
    writeFileSync(bench.path('a.log'), whole.subarray(0, 21));
    const out = await bench.start({ encoding_in, start_at: 'end' });
    await until('it is found', () => bench.source.files_total === 1);
    appendFileSync(bench.path('a.log'), whole.subarray(21));
    await out.count(1);
    assert.deepEqual(textsOf(out), ['half \u0a05 end']);
  });
}
