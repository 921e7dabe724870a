import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { MULTILINE, TRUNCATED } from '../../src/core/batch.ts';
import { frameRecord } from '../../src/records/record-batch.ts';
import { type Encoding, FileComparison, LocalFile } from '../../src/verify/compare.ts';
import { Origin } from '../../src/verify/origin.ts';
import { Recent } from '../../src/verify/recent.ts';
import { Records } from '../../src/verify/records.ts';
import { fetched, type Packed, pack, seeded } from '../support/packed.ts';

function localFile(t: TestContext, content: Buffer | string, encoding: Encoding = 'utf-8'): LocalFile {
  const dir = mkdtempSync(join(tmpdir(), 'runnel-compare-'));
  const path = join(dir, 'a.log');
  writeFileSync(path, content);
  const file = new LocalFile(path, encoding);
  t.after(() => {
    file.close();
    rmSync(dir, { recursive: true });
  });
  return file;
}

function compare(file: LocalFile, ...sections: Packed[]): { matching: number; differing: [number, number][] } {
  const origin = new Origin({ number: 0, host: '', path: '', id: '', wanted: true });
  const comparison = new FileComparison(file);
  origin.comparison = comparison;
  const records = new Records({ origin: () => origin, recent: new Recent(100) });
  for (const packed of sections) records.section(fetched(packed));
  assert.equal(records.foreign, 0);
  assert.equal(comparison.different, comparison.differing.length);
  return { matching: comparison.matching, differing: comparison.differing.map(({ from, to }) => [from, to]) };
}

test('the last record of a rotated file may go on with lines of the next one, if it says that it is joined', (t) => {
  const file = localFile(t, '#1\na\n#2\nb\r\n');
  const record = (text: string, offset: number, length: number, flags: string[]) => ({
    body: frameRecord({
      offsetDelta: 0,
      value: JSON.stringify({ message: text, log: { file: { path: 'p', id: 'f' }, offset, length, flags } }),
      headers: [],
    }),
    count: 1,
  });
  const joined = ['multiline'];
  const check = (packed: Packed, matching: number) => assert.equal(compare(file, packed).matching, matching);
  check(record('#2\nb\nc\nd', 5, 6, joined), 1);
  check(record('#2\nb', 5, 6, joined), 1);
  check(record('#2\nbc', 5, 6, joined), 0);
  check(record('#2\nb\nc', 5, 6, []), 0);
  check(record('#2\n\ufeffb\nc', 5, 6, joined), 1);
  check(record('#1\na\nb', 0, 5, joined), 0);
});

for (const encoding of ['json', 'raw'] as const) {
  test(`${encoding}: records of the file match it, whatever it holds`, (t) => {
    const random = seeded(3);
    const parts: Buffer[] = [];
    for (let i = 0; i < 3000; i++) {
      const bytes = Buffer.from(
        Array.from({ length: random(60) }, () => (random(3) === 0 ? random(256) : 32 + random(90))),
      );
      const ending = random(4) === 0 ? '\r\n' : '\n';
      parts.push(Buffer.concat([bytes.map((b) => (b === 10 ? 13 : b)), Buffer.from(ending)]));
    }
    const content = Buffer.concat(parts);
    const file = localFile(t, content);
    assert.deepEqual(compare(file, pack(content, { encoding })), { matching: 3000, differing: [] });
    // One byte is another one: that record, and only that, differs.
    const other = Buffer.from(content);
    const at = content.indexOf('A');
    other[at] = 0x42;
    const { matching, differing } = compare(localFile(t, other), pack(content, { encoding }));
    assert.equal(matching, 2999);
    assert.ok(differing.length === 1 && differing[0]![0] <= at && at < differing[0]![1]);
  });

  test(`${encoding}: a byte order mark that begins a line is no part of it, and no difference where it was left in`, (t) => {
    const text = '\ufeffone\ntwo\n\ufeff\ufeffth"ree é\r\nfo\ufeffur\n\ufeff\n';
    const all = localFile(t, text);
    assert.deepEqual(compare(all, pack(text, { encoding })), { matching: 5, differing: [] });
    const file = localFile(t, '\ufeffone\ntwo\n');
    const value = (text: string, offset: number, length: number) =>
      encoding === 'raw'
        ? frameRecord({
            offsetDelta: 0,
            value: text,
            headers: [
              ['host', 'h'],
              ['path', 'p'],
              ['file', 'f'],
              ['offset', `${offset}`],
              ['length', `${length}`],
            ],
          })
        : frameRecord({
            offsetDelta: 0,
            value: JSON.stringify({
              message: text,
              log: { file: { path: 'p', id: 'f' }, offset, length },
              host: { name: 'h' },
            }),
          });
    assert.deepEqual(compare(file, { body: value('one', 0, 7), count: 1 }), { matching: 1, differing: [] });
    assert.deepEqual(compare(file, { body: value('\ufeffone', 0, 7), count: 1 }), { matching: 1, differing: [] });
    assert.deepEqual(compare(file, { body: value('\ufefftw', 7, 4), count: 1 }).differing, [[7, 11]]);
    assert.deepEqual(compare(all, { body: value('four', 29, 8), count: 1 }).differing, [[29, 37]]);
    assert.deepEqual(compare(file, { body: value('tw', 7, 4), count: 1 }).differing, [[7, 11]]);
    assert.deepEqual(compare(file, { body: value('two', 7, 40), count: 1 }).differing, [[7, 47]], 'beyond the end');
  });

  test(`${encoding}: only what says that it was cut may be shorter, only what says that it was joined loses its CR`, (t) => {
    const text = 'a long line that is cut\nat a\r\n  at b\r\nend\n';
    const file = localFile(t, text);
    const cut = pack('a long line\n', { encoding, flags: () => TRUNCATED });
    const lengthOf = (packed: Packed, from: string, to: string): Packed => {
      const body = Buffer.from(packed.body);
      const at = body.lastIndexOf(from);
      body.write(to, at);
      return { ...packed, body };
    };
    assert.deepEqual(compare(file, lengthOf(cut, '12', '24')).differing, []);
    const unmarked = pack('a long line\n', { encoding });
    assert.deepEqual(compare(file, lengthOf(unmarked, '12', '24')).differing, [[0, 24]]);
    // As a join leaves it: 14 bytes of text from 15 of the file.
    const headers = (flags: [string, string][]): [string, string][] => [
      ['host', 'h'],
      ['path', 'p'],
      ['file', 'f'],
      ['offset', '24'],
      ['length', '14'],
      ...flags,
    ];
    const joined = (flags: string[]) =>
      encoding === 'raw'
        ? frameRecord({ offsetDelta: 0, value: 'at a\n  at b', headers: headers(flags.map((f) => ['flags', f])) })
        : frameRecord({
            offsetDelta: 0,
            value: JSON.stringify({
              message: 'at a\n  at b',
              log: { file: { path: 'p', id: 'f' }, offset: 24, length: 14, flags },
              host: { name: 'h' },
            }),
          });
    assert.equal(MULTILINE, 2);
    assert.deepEqual(compare(file, { body: joined(['multiline']), count: 1 }).differing, []);
    assert.deepEqual(compare(file, { body: joined([]), count: 1 }).differing, [[24, 38]]);
  });
}

for (const [encoding, write] of [
  ['utf-16le', (text: string) => Buffer.from(text, 'utf16le')],
  ['utf-16be', (text: string) => Buffer.from(text, 'utf16le').swap16()],
  ['latin1', (text: string) => Buffer.from(text, 'latin1')],
] as const) {
  test(`${encoding} is decoded before it is compared`, (t) => {
    const content = write('gr\u00fc\u00dfe \u0085\r\n\u000aend');
    const file = localFile(t, content, encoding);
    const length = write('gr\u00fc\u00dfe \u0085\r\n').length;
    const record = (value: string) =>
      frameRecord({
        offsetDelta: 0,
        value,
        headers: [
          ['host', 'h'],
          ['path', 'p'],
          ['file', 'f'],
          ['offset', '0'],
          ['length', `${length}`],
        ],
      });
    assert.deepEqual(compare(file, { body: record('gr\u00fc\u00dfe \u0085'), count: 1 }).differing, []);
    assert.deepEqual(compare(file, { body: record('gr\u00fc\u00dfe'), count: 1 }).differing, [[0, length]]);
    assert.equal(file.endsLine(length, file.size), true);
    assert.equal(file.endsLine(file.size - write('end').length, file.size), false);
  });
}
