/** Writers put a byte order mark at each open: one that begins a line is none of its text, wherever the line stands. */
import assert from 'node:assert/strict';
import { appendFileSync, renameSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { MULTILINE, TRUNCATED } from '../../../src/core/batch.ts';
import { Bench, type Collected } from '../../support/tail.ts';

const MARK = '\ufeff';
const MULTI = { continue: undefined, end: undefined, max_lines: 9, max_bytes: 1000, timeout: 60_000 };

function encode(text: string, encoding: 'utf-8' | 'utf-16le' | 'utf-16be' | 'latin1'): Buffer {
  if (encoding === 'utf-8' || encoding === 'latin1') return Buffer.from(text);
  const bytes = Buffer.from(text, 'utf16le');
  return encoding === 'utf-16be' ? bytes.swap16() : bytes;
}

const textsOf = (out: Collected) => out.texts().map((text) => Buffer.from(text, 'latin1').toString());

/** Records take the bytes of the file without a gap: `Collected` looks at that. */
function end(out: Collected): number {
  const last = out.lines.at(-1)!;
  return last.offset + last.length;
}

for (const encoding_in of ['utf-8', 'utf-16le', 'utf-16be'] as const) {
  test(`${encoding_in}: marks that begin lines are left out, their bytes count; others are text`, async (t) => {
    const bench = new Bench(t);
    const lines = [`${MARK}one`, `${MARK}two`, `${MARK}${MARK}three`, MARK, `fo${MARK}ur`, '', `${MARK} five`];
    const bytes = encode(lines.map((line) => `${line}\r\n`).join(''), encoding_in);
    writeFileSync(bench.path('a.log'), bytes);
    const out = await bench.start({ encoding_in });
    await out.count(lines.length);
    assert.deepEqual(textsOf(out), ['one', 'two', 'three', '', `fo${MARK}ur`, '', ' five']);
    assert.equal(end(out), bytes.length);
    assert.deepEqual(
      out.lines.map(({ length }) => length),
      lines.map((line) => encode(`${line}\r\n`, encoding_in).length),
    );
  });

  test(`${encoding_in}: multiline sees the line behind the mark`, async (t) => {
    const bench = new Bench(t);
    const text = ['#1', ' more', '#2', '#3'].map((line) => `${MARK}${line}\r\n`).join('');
    writeFileSync(bench.path('a.log'), encode(text, encoding_in));
    const out = await bench.start({ encoding_in, multiline: { ...MULTI, start: '^#' } });
    await out.count(2);
    assert.deepEqual(
      out.lines.map((line, i) => [textsOf(out)[i], line.flags]),
      [
        ['#1\n more', MULTILINE],
        ['#2', 0],
      ],
    );
  });

  test(`${encoding_in}: stopped before a mark, and within one, a line is the same`, async (t) => {
    const bench = new Bench(t);
    const [first, rest] = [encode(`${MARK}one\n`, encoding_in), encode(`${MARK}two\n`, encoding_in)];
    writeFileSync(bench.path('a.log'), first);
    const out = await bench.start({ encoding_in });
    await out.count(1);
    appendFileSync(bench.path('a.log'), rest.subarray(0, 1));
    await bench.stop();
    await bench.start({ encoding_in }, false);
    appendFileSync(bench.path('a.log'), rest.subarray(1));
    await out.count(2);
    assert.deepEqual(textsOf(out), ['one', 'two']);
    assert.equal(end(out), first.length + rest.length);
  });
}

test('latin1 has no mark', async (t) => {
  const bench = new Bench(t);
  writeFileSync(bench.path('a.log'), encode(`${MARK}one\n${MARK}two\n`, 'utf-8'));
  const out = await bench.start({ encoding_in: 'latin1' });
  await out.count(2);
  assert.deepEqual(textsOf(out), ['ï»¿one', 'ï»¿two']);
});

for (const written of ['at once', 'in the making'] as const) {
  test(`a line is as long as allowed without its mark and its end (${written})`, async (t) => {
    const bench = new Bench(t);
    const max_line = 8192;
    const line = (text: string) => `${MARK}${text}\r\n`;
    const texts = ['x'.repeat(max_line), 'y'.repeat(max_line + 1), 'z'.repeat(3 * max_line), 'end'];
    writeFileSync(bench.path('a.log'), '');
    const out = await bench.start({ max_line });
    if (written === 'at once') writeFileSync(bench.path('a.log'), texts.map(line).join(''));
    else {
      for (const [i, text] of texts.entries()) {
        const bytes = Buffer.from(line(text));
        for (let at = 0; at < bytes.length; at += 5000) {
          appendFileSync(bench.path('a.log'), bytes.subarray(at, at + 5000));
          await new Promise((resolve) => setTimeout(resolve, 20));
        }
        await out.count(i + 1);
      }
    }
    await out.count(4);
    assert.deepEqual(
      out.lines.map(({ text, flags }) => [text[0], text.length, flags]),
      [
        ['x', max_line, 0],
        ['y', max_line, TRUNCATED],
        ['z', max_line, TRUNCATED],
        ['e', 3, 0],
      ],
    );
    assert.equal(bench.account.truncated, 2);
  });
}

test('cri: a mark before the time, and one that begins what the program wrote', async (t) => {
  const bench = new Bench(t);
  const line = (rest: string) => `${MARK}2026-01-01T00:00:00.000000000Z stdout ${rest}\n`;
  writeFileSync(bench.path('a.log'), line(`F ${MARK}#1`) + line('F  more') + line(`P ${MARK}#2`) + line(`F ${MARK}x`));
  appendFileSync(bench.path('a.log'), line(`F ${MARK}#3`));
  const out = await bench.start({ format: 'cri', multiline: { ...MULTI, start: '^#' } });
  await out.count(2);
  assert.deepEqual(textsOf(out), ['#1\n more', `#2${MARK}x`]);
  assert.equal(bench.account.malformed, 0);
});

test('docker: a mark before the object, and one that begins what the program wrote', async (t) => {
  const bench = new Bench(t);
  const line = (log: string) => `${MARK}{"log":"${log}","stream":"stdout"}\n`;
  const lines = [line(`${MARK}#1\\n`), line('\\ufeff more\\n'), line('\\ufeff#2'), line('\\ufeffx\\n'), line('#3\\n')];
  writeFileSync(bench.path('a.log'), lines.join(''));
  const out = await bench.start({ format: 'docker', multiline: { ...MULTI, start: '^#' } });
  await out.count(2);
  assert.deepEqual(textsOf(out), ['#1\n more', `#2${MARK}x`]);
  assert.equal(bench.account.malformed, 0);
});

test('over a rotation, a record goes on behind the mark of the new file', async (t) => {
  const bench = new Bench(t);
  writeFileSync(bench.path('a.log'), `${MARK}#0\n${MARK}#1\n${MARK} more\n`);
  const out = await bench.start({ multiline: { ...MULTI, start: '^#' } });
  out.gaps = true;
  await out.count(1);
  renameSync(bench.path('a.log'), bench.path('a.log.1'));
  writeFileSync(bench.path('a.log'), `${MARK} and more\n${MARK}#2\n${MARK}#3\n`);
  await out.count(3);
  assert.deepEqual(textsOf(out), ['#0', '#1\n more\n and more', '#2']);
});
