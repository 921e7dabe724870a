/** NULs that were written before a line: a page of them and more is passed over as a hole is, fewer are part of the line. */
import assert from 'node:assert/strict';
import { closeSync, openSync, writeFileSync, writeSync } from 'node:fs';
import { type TestContext, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { Bench } from '../../../support/tail.ts';
import { until } from '../../../support/until.ts';

type Input = Parameters<Bench['start']>[0];

const utf16 = (text: string) => Buffer.from(text, 'utf16le').swap16();
const KINDS: Record<string, { input?: Input; encode?: (text: string) => Buffer; gz?: true }> = {
  'a plain file': {},
  'one in UTF-16': { input: { encoding_in: 'utf-16be' }, encode: utf16 },
  'one whose lines are joined': {
    input: { multiline: { start: '^t', max_lines: 2, max_bytes: 1000, timeout: 200 } as never },
  },
  'a compressed file': { gz: true },
};
/** Less than a page, one, more than is read at once, more than max_line. */
const COUNTS = [4094, 4096, 5000, 600_000, 9 << 20];

async function read(t: TestContext, kind: string, content: (encode: (text: string) => Buffer) => Buffer) {
  const { input = {}, encode = (text: string) => Buffer.from(text), gz } = KINDS[kind]!;
  const bench = new Bench(t);
  const bytes = content(encode);
  writeFileSync(bench.path(gz ? 'a.gz' : 'a.log'), gz ? gzipSync(bytes) : bytes);
  const out = await bench.start({ ...input, include: [bench.path('*.log'), bench.path('*.gz')] });
  out.gaps = true;
  return { bench, out, bytes };
}

for (const kind of Object.keys(KINDS)) {
  test(`in ${kind}: the text behind them comes, and what is passed over is counted`, async (t) => {
    for (const count of COUNTS) {
      const nuls = Buffer.alloc(count);
      const { bench, out } = await read(t, kind, (encode) =>
        Buffer.concat([encode('ten\n'), nuls, encode('two\n'), nuls, encode('three\ntail\n')]),
      );
      const passed = count >= 4096;
      // Fewer are bytes of the line, and what a group begins with is not one any more.
      const expected = passed ? ['ten', 'two', 'three', 'tail'] : null;
      await until('read', () => out.texts().includes('tail') || out.texts().some((text) => text.endsWith('tail')));
      if (expected) assert.deepEqual(out.texts(), expected, `${count} NULs`);
      else assert.match(out.texts().join('\n'), /^ten\n\0{2000,}two\n\0{2000,}three\ntail$/);
      assert.equal(bench.account.losses.get('hole')?.bytes, passed ? 2 * count : undefined);
      const at = out.lines.find(({ text }) => text === 'two');
      if (passed) assert.equal(at!.skipped, count);
      await bench.stop();
    }
  });
}

test('until the line behind them has its end, what is written over them comes', async (t) => {
  const bench = new Bench(t);
  const fd = openSync(bench.path('a.log'), 'w');
  t.after(() => closeSync(fd));
  for (const text of ['one\n', Buffer.alloc(1 << 20), 'last']) writeSync(fd, text as string);
  const out = await bench.start();
  out.gaps = true;
  await until('it was gone through', () => bench.source.files()[0]?.size === (1 << 20) + 8);
  writeSync(fd, 'two\nthree\n', 4);
  await out.count(3);
  writeSync(fd, ' line\n', (1 << 20) + 8);
  await out.count(4);
  assert.deepEqual(out.texts(), ['one', 'two', 'three', 'last line']);
  assert.equal(bench.account.losses.get('hole')?.bytes, (1 << 20) - 10);
});

test('in a file that begins with them, and after a restart in the middle', async (t) => {
  const bench = new Bench(t);
  const fd = openSync(bench.path('a.log'), 'w');
  t.after(() => closeSync(fd));
  for (const text of [Buffer.alloc(1 << 20), 'one\n', Buffer.alloc(5 << 20)]) writeSync(fd, text as string);
  let out = await bench.start();
  out.gaps = true;
  await out.count(1);
  await bench.stop();
  writeSync(fd, 'two\n');
  out = await bench.start();
  out.gaps = true;
  await out.count(1);
  assert.deepEqual(out.texts(), ['two']);
  assert.equal(bench.account.losses.get('hole')?.bytes, 6 << 20);
});
