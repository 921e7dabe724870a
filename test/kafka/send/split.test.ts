import assert from 'node:assert/strict';
import { test } from 'node:test';
import { cutValue, type RecordsSection, type Smaller, split } from '../../../src/kafka/send/split.ts';
import { decompress } from '../../../src/records/codecs.ts';
import { frameRecord, records } from '../../../src/records/record-batch.ts';
import { makeBlock } from '../../support/blocks.ts';

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

/** As whoever splits does it. */
async function splitBlock(block: RecordsSection, most: number): Promise<Smaller> {
  return (await split(block, await decompress(block.codec, block.body), most))!;
}

test('a section is split into smaller ones that hold the same records in the same order', async () => {
  const values = Array.from({ length: 500 }, (_, i) => `${i} ${'x'.repeat(i)}`);
  const { sections, cut } = await splitBlock(await makeBlock('t', values), 20_000);
  assert.equal(cut, 0);
  for (const { rawBytes, codec, body } of sections) {
    assert.ok(rawBytes! <= 20_000);
    assert.equal((await decompress(codec, body)).length, rawBytes);
  }
  assert.deepEqual(await valuesOf(sections as never), values);
});

for (const [what, values] of [
  ['the first record is nearly all', ['x'.repeat(5000), 'a']],
  ['the last record is nearly all', ['a', 'x'.repeat(5000)]],
  ['both are large', ['x'.repeat(5000), 'y'.repeat(5000)]],
] as const) {
  test(`two records are always parted: ${what}`, async () => {
    const { sections } = await splitBlock(await makeBlock('t', values), 100_000);
    assert.deepEqual(
      sections.map((section) => section.count),
      [1, 1],
    );
    assert.deepEqual(await valuesOf(sections as never), values);
  });
}

test('a cut value ends between two characters', () => {
  const check = (value: string, limit: number, kept: string) =>
    assert.equal(String(cutValue(Buffer.from(value), limit)), kept);
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
    const cut = cutValue(value, 1000)!;
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
  const { sections, cut } = await splitBlock({ codec: 'none', body: raw, count: 1, rawBytes: null }, 1000);
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

test('what would not stay what it is is not cut', async () => {
  const check = async (value: string, limit: number, headers: [string, string][] = []) => {
    const raw = frameRecord({ offsetDelta: 0, key: 'k', value, headers });
    const section = { codec: 'none' as const, body: raw, count: 1, rawBytes: raw.length };
    assert.equal(await split(section, raw, limit), null, value.slice(0, 40));
  };
  await check(JSON.stringify({ name: 'a.metric', attributes: { a: 'x'.repeat(5000) } }), 1000);
  await check(JSON.stringify({ message: 'short', labels: { a: 'x'.repeat(5000) } }), 1000);
  await check('a raw line', 1000, [['path', 'x'.repeat(5000)]]);
  await check('', 10);
});
