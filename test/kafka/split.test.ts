import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decompress } from '../../src/kafka/codecs.ts';
import { frameRecord, HEADER_BYTES, records } from '../../src/kafka/record-batch.ts';
import { cutValue, split } from '../../src/kafka/split.ts';
import { makeBlock } from '../support/blocks.ts';

async function valuesOf(sections: { codec: 'none' | 'zstd'; body: Buffer; count: number }[]): Promise<string[]> {
  const values: string[] = [];
  for (const section of sections) {
    const all = [...records(await decompress(section.codec, section.body))];
    assert.equal(all.length, section.count);
    assert.deepEqual(
      all.map((record) => record.offsetDelta),
      all.map((_, i) => i),
    );
    values.push(...all.map((record) => String(record.value)));
  }
  return values;
}

test('a section is split into smaller ones that hold the same records in the same order', async () => {
  const values = Array.from({ length: 500 }, (_, i) => `${i} ${'x'.repeat(i)}`);
  const { sections, cut } = await split(await makeBlock('t', values), 20_000);
  assert.equal(cut, 0);
  for (const { body } of sections) assert.ok(body.length + HEADER_BYTES <= 20_000);
  assert.deepEqual(await valuesOf(sections as never), values);
});

for (const [what, values] of [
  ['the first record is nearly all', ['x'.repeat(5000), 'a']],
  ['the last record is nearly all', ['a', 'x'.repeat(5000)]],
  ['both are large', ['x'.repeat(5000), 'y'.repeat(5000)]],
] as const) {
  test(`two records are always parted: ${what}`, async () => {
    const { sections } = await split(await makeBlock('t', values), 100_000);
    assert.deepEqual(
      sections.map((section) => section.count),
      [1, 1],
    );
    assert.deepEqual(await valuesOf(sections as never), values);
  });
}

test('a cut value ends between two characters', () => {
  const check = (value: string, limit: number, kept: string) =>
    assert.equal(cutValue(Buffer.from(value), limit).toString(), kept);
  check('abc', 3, 'abc');
  check('abcd', 3, 'abc');
  check('aé', 2, 'a');
  check('a€b', 3, 'a');
  check('a€b', 4, 'a€');
  check('😀😀', 7, '😀');
  check('é', 1, '');
  check('', 0, '');
});

test('of a document the message is cut, and it stays a document', () => {
  const messages = [
    'x'.repeat(3000),
    '"\\\n\u0001'.repeat(500),
    '😀'.repeat(900),
    `${'a'.repeat(1500)}${'\u0001'.repeat(300)}`,
  ];
  for (const message of messages) {
    const value = Buffer.from(JSON.stringify({ message, log: { offset: 1, flags: ['multiline'] }, host: 'h' }));
    const cut = cutValue(value, 1000);
    assert.ok(cut.length <= 1000);
    const document = JSON.parse(cut.toString());
    assert.ok(message.startsWith(document.message));
    assert.ok(document.message.length > 50);
    assert.deepEqual(document.log, { offset: 1, flags: ['multiline', 'truncated'] });
    assert.doesNotMatch(document.message, /[\ud800-\udbff]$/);
  }
});

test('a raw line that is cut says so in its headers, and keeps key and others', async () => {
  const raw = frameRecord({ offsetDelta: 0, key: 'k', value: 'x'.repeat(5000), headers: [['path', '/a']] });
  const { sections, cut } = await split({ codec: 'none', body: raw, count: 1 }, 1000);
  assert.equal(cut, 1);
  const [record] = records(sections[0]!.body);
  assert.equal(String(record!.key), 'k');
  assert.ok(record!.value!.length < 1000 && record!.value!.length > 700);
  assert.deepEqual(
    record!.headers.map(([name, value]) => [name, value.toString()]),
    [
      ['path', '/a'],
      ['flags', 'truncated'],
    ],
  );
});
