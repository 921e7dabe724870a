import assert from 'node:assert/strict';
import { appendFileSync, truncateSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { MULTILINE, TRUNCATED } from '../../../src/core/batch.ts';
import { Bench } from '../../support/tail.ts';

type Encoding = 'utf-16le' | 'utf-16be' | 'latin1';

function encode(text: string, encoding: Encoding): Buffer {
  if (encoding === 'latin1') return Buffer.from(text, 'latin1');
  const bytes = Buffer.from(text, 'utf16le');
  return encoding === 'utf-16be' ? bytes.swap16() : bytes;
}

const utf8 = (text: string) => Buffer.from(text, 'latin1').toString();

for (const encoding of ['utf-16le', 'utf-16be', 'latin1'] as const) {
  const beyond = encoding === 'latin1' ? 'é' : 'é€😀';

  test(`${encoding}: lines are decoded, with the places of the file`, async (t) => {
    const bench = new Bench(t);
    const mark = encoding === 'latin1' ? '' : '\ufeff';
    const lines = ['first', '', `${beyond} \u010a`.slice(0, encoding === 'latin1' ? 2 : 9), 'x'.repeat(300), 'last'];
    writeFileSync(bench.path('a.log'), encode(`${mark}${lines.join('\r\n')}\n`, encoding));
    const out = await bench.start({ encoding_in: encoding });
    await out.count(lines.length);
    assert.deepEqual(out.texts().map(utf8), lines);
    let end = 0;
    for (const [i, line] of out.lines.entries()) {
      assert.equal(line.offset, end);
      const terminator = i === lines.length - 1 ? '\n' : '\r\n';
      assert.equal(line.length, encode(`${i === 0 ? mark : ''}${lines[i]}${terminator}`, encoding).length);
      end += line.length;
    }
  });

  test(`${encoding}: a character in two writes is one, and a line waits for its end`, async (t) => {
    const bench = new Bench(t);
    const bytes = encode(`a${beyond}b\nnext\n`, encoding);
    writeFileSync(bench.path('a.log'), '');
    const out = await bench.start({ encoding_in: encoding });
    for (const byte of bytes) {
      appendFileSync(bench.path('a.log'), Buffer.from([byte]));
      await setTimeout(3);
    }
    await out.count(2);
    assert.deepEqual(out.texts().map(utf8), [`a${beyond}b`, 'next']);
    assert.equal(bench.account.replaced, 0);
  });

  test(`${encoding}: much text, in several reads, stopped and started`, async (t) => {
    const bench = new Bench(t);
    const lines = Array.from({ length: 30_000 }, (_, i) => `${i} ${beyond.repeat(i % 40)}`);
    writeFileSync(bench.path('a.log'), encode(lines.slice(0, 20_000).join('\n'), encoding));
    const out = await bench.start({ encoding_in: encoding });
    await out.count(19_999);
    await bench.stop();
    appendFileSync(bench.path('a.log'), encode(`\n${lines.slice(20_000).join('\n')}\n`, encoding));
    await bench.start({ encoding_in: encoding }, false);
    await out.count(lines.length);
    assert.deepEqual(out.texts().map(utf8), lines);
  });

  test(`${encoding}: a line longer than max_line is cut; also one of megabytes`, async (t) => {
    const bench = new Bench(t);
    const text = `${'x'.repeat(1001)}\n${'y'.repeat(1000)}\n${'z'.repeat(2_000_000)}\nend\n`;
    writeFileSync(bench.path('a.log'), encode(text, encoding));
    const out = await bench.start({ encoding_in: encoding, max_line: 1000 });
    await out.count(4);
    const size = encoding === 'latin1' ? 1 : 2;
    assert.deepEqual(
      out.lines.map((l) => [l.text.length, l.length, l.flags]),
      [
        [1000, 1002 * size, TRUNCATED],
        [1000, 1001 * size, 0],
        [1000, 2_000_001 * size, TRUNCATED],
        [3, 4 * size, 0],
      ],
    );
    assert.equal(bench.account.truncated, 2);
  });

  test(`${encoding}: multiline on top of it`, async (t) => {
    const bench = new Bench(t);
    writeFileSync(bench.path('a.log'), encode(`#1\r\n ${beyond}\r\n#2\n#3\n`, encoding));
    const multiline = {
      start: '^#',
      continue: undefined,
      end: undefined,
      max_lines: 9,
      max_bytes: 1000,
      timeout: 60_000,
    };
    const out = await bench.start({ encoding_in: encoding, multiline });
    await out.count(2);
    assert.deepEqual(
      out.lines.map((l) => [utf8(l.text), l.flags]),
      [
        [`#1\n ${beyond}`, MULTILINE],
        ['#2', 0],
      ],
    );
  });
}

test('halves of characters become U+FFFD and are counted', async (t) => {
  const bench = new Bench(t);
  writeFileSync(bench.path('a.log'), encode('a\ud800b\udc00\nc\n', 'utf-16le'));
  const out = await bench.start({ encoding_in: 'utf-16le' });
  await out.count(2);
  assert.deepEqual(out.texts().map(utf8), ['a\ufffdb\ufffd', 'c']);
  assert.equal(bench.account.replaced, 2);
});

test('a truncation of a UTF-16 file is seen, its mark is stripped again', async (t) => {
  const bench = new Bench(t);
  writeFileSync(bench.path('a.log'), encode('\ufeffone\ntwo\n', 'utf-16be'));
  const out = await bench.start({ encoding_in: 'utf-16be' });
  await out.count(2);
  truncateSync(bench.path('a.log'));
  await setTimeout(100);
  appendFileSync(bench.path('a.log'), encode('\ufeffthree\n', 'utf-16be'));
  await out.count(3);
  assert.deepEqual(out.texts(), ['one', 'two', 'three']);
});
