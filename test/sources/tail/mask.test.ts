import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { appendFileSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { TRUNCATED } from '../../../src/core/batch.ts';
import { Bench, MASK_KEY } from '../../support/tail.ts';
import type { TailValues } from '../../support/tail-input.ts';

/** As it is written. */
const mask = (...rules: unknown[]): TailValues => ({ mask: rules as NonNullable<TailValues['mask']> });
const CARD = '4111111111111111';
const MASKED = '************1111';

test('lines are masked where they are cut, at the ends of batches and over restarts, with the places of the file', async (t) => {
  const bench = new Bench(t);
  const lines = Array.from({ length: 40_000 }, (_, i) => `${'x'.repeat(i % 50)} ${CARD} ${i}`);
  lines[7] = `${'y '.repeat(120)}    ${CARD} tail`;
  const text = lines.map((line) => `${line}\n`).join('');
  const half = text.indexOf(`${CARD} 20000\n`) + 5;
  writeFileSync(bench.path('a.log'), text.slice(0, half));
  const out = await bench.start({ ...mask('card'), max_line: 256 });
  await out.count(20_000);
  await bench.stop();
  appendFileSync(bench.path('a.log'), text.slice(half));
  await bench.start({ ...mask('card'), max_line: 256 }, false);
  await out.count(lines.length);
  const masked = lines.map((line) => line.replace(CARD, MASKED).slice(0, 256));
  assert.deepEqual(out.texts(), masked);
  assert.equal(out.lines[7]!.flags & TRUNCATED, TRUNCATED);
  assert.equal(out.lines.at(-1)!.offset + out.lines.at(-1)!.length, text.length);
  assert.equal(readFileSync(bench.path('a.log'), 'latin1'), text);
  assert.equal(bench.account.truncated, 1);
});

test('a line that is longer than a read, cut within a secret', async (t) => {
  const bench = new Bench(t);
  writeFileSync(bench.path('a.log'), `${'x'.repeat(290)} ${CARD} ${'z'.repeat(2_000_000)}\nnext ${CARD}\n`);
  const out = await bench.start({ ...mask('card'), max_line: 300 });
  await out.count(2);
  assert.deepEqual(out.texts(), [`${'x'.repeat(290)} ${MASKED}`.slice(0, 300), `next ${MASKED}`]);
});

test('texts that are longer make lines longer, in every encoding', async (t) => {
  const hash = (text: string) => `hmac:${createHmac('sha256', MASK_KEY).update(text).digest('hex').slice(0, 16)}`;
  for (const encoding_in of ['utf-8', 'utf-16le', 'latin1'] as const) {
    const bench = new Bench(t);
    const lines = Array.from({ length: 30_000 }, (_, i) => `${i} a${i % 7}@b.cc`);
    const text = `${lines.join('\n')}\n`;
    writeFileSync(bench.path('a.log'), encoding_in === 'utf-16le' ? Buffer.from(text, 'utf16le') : text);
    const out = await bench.start({ ...mask({ rule: 'email', with: 'hash' }), encoding_in });
    await out.count(lines.length);
    assert.deepEqual(
      out.texts(),
      lines.map((line, i) => line.replace(/a.@b.cc/, hash(`a${i % 7}@b.cc`))),
    );
    await bench.stop();
  }
});

test('a private key is masked over batches, and on the safe side over a restart', async (t) => {
  const bench = new Bench(t);
  const body = 'MIIEpAIBAAKCAQEA0Z3VS5JJcds3xfn/ygWyF8PbnGy0AHB7MhAB1xVmEj2aUBbV';
  writeFileSync(bench.path('a.log'), `-----BEGIN PRIVATE KEY-----\n${body}\n`);
  const out = await bench.start(mask('private_key'));
  await out.count(2);
  appendFileSync(bench.path('a.log'), `not base64 at all\n`);
  await out.count(3);
  await bench.stop();
  appendFileSync(bench.path('a.log'), `${body}\n2026 INFO ${body}\n-----END PRIVATE KEY-----\nafter\n${body}\n`);
  await bench.start(mask('private_key'), false);
  await out.count(8);
  assert.deepEqual(out.texts().slice(0, 6).join('').replaceAll('*', ''), '');
  assert.deepEqual(out.texts().slice(6), ['after', body]);
});

test('what a record goes on with in the next file is masked there, and the rest of that file when it is its turn', async (t) => {
  const bench = new Bench(t);
  const input = { ...mask('card'), multiline: { start: '^A', timeout: 1500 } };
  writeFileSync(bench.path('a.log'), `A zero\nA one\n ${CARD}\n`);

  const out = await bench.start(input);
  await out.count(1);
  // What the last record goes on with is no record of the file that has it.
  out.gaps = true;
  renameSync(bench.path('a.log'), bench.path('a.log.1'));
  writeFileSync(bench.path('a.log'), ` and ${CARD}\nA two ${CARD}\n`);
  await out.count(3);
  assert.equal(out.texts().slice(1).join('\n'), `A one\n ${MASKED}\n and ${MASKED}\nA two ${MASKED}`);
});
