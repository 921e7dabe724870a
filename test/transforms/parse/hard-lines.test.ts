/** Lines that are hard on `parse: json`: large, deep, broken. Nothing is lost, all is counted, and no line takes long. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MAX_BLOCK_BYTES } from '../../../src/core/pool.ts';
import { brief, made, run } from '../../support/processed.ts';

const steps = () => made([{ parse: 'json' }, { rename: { msg: 'message' } }, { remove: 'secret' }]);

const many = (members: number, more = '') =>
  `{${Array.from({ length: members }, (_, i) => `"name${i}":${i}`).join()},"msg":"x","secret":1${more}}`;
const deep = (depth: number) =>
  `{"a":${'['.repeat(depth)}1${']'.repeat(depth)},"b":${'{"c":'.repeat(depth)}2${'}'.repeat(depth)}}`;

/** What is no object, and what is: with what becomes of it. */
const LINES: [what: string, line: string | Buffer, becomes: 'plain' | ((record: Record<string, unknown>) => void)][] = [
  [
    '10,000 members',
    many(10_000),
    (r) => assert.deepEqual([Object.keys(r).length, r.name9999, r.message], [10_001, 9999, 'x']),
  ],
  ['one of them twice', many(300, ',"name7":"new"'), (r) => assert.deepEqual([r.name7, r.name8], ['new', 8])],
  ['1,000 deep', deep(1000), (r) => assert.equal(JSON.stringify(r), deep(1000))],
  ['100,000 deep', deep(60_000), (r) => assert.equal(typeof r.a, 'object')],
  ['100,000 deep, not closed', deep(60_000).slice(0, -1), 'plain'],
  [
    'lone surrogates',
    '{"msg":"\\ud800","\\udc00":1,"b":"\\ud83d\\ude00"}',
    (r) => assert.deepEqual(r, { message: '\ufffd', '\ufffd': 1, b: '😀' }),
  ],
  ['NUL in a text', '{"msg":"a\0b"}', 'plain'],
  ['NULs', Buffer.alloc(300), 'plain'],
  ['an escaped NUL', '{"msg":"a\\u0000b"}', (r) => assert.equal(r.message, 'a\0b')],
  ['a byte order mark before it', '\ufeff\ufeff{"msg":"x"}', (r) => assert.deepEqual(r, { message: 'x' })],
  ['one within', '{\ufeff"msg":"x"}', 'plain'],
  ['ANSI colours', '\x1b[32m{"msg":"x"}\x1b[0m', 'plain'],
  ['ANSI colours in a text', '{"msg":"\x1b[32mx"}', 'plain'],
  ['CR before LF', '{"msg":"x"}\r', (r) => assert.deepEqual(r, { message: 'x' })],
  ['cut', many(100).slice(0, 700), 'plain'],
  [
    'binary',
    Buffer.from(Array.from({ length: 3000 }, (_, i) => (i * 7919) % 256).filter((byte) => byte !== 10)),
    'plain',
  ],
  [
    '256 KiB in one text',
    `{"msg":"${'y'.repeat(256 << 10)}"}`,
    (r) => assert.equal((r.message as string).length, 256 << 10),
  ],
  [
    '256 KiB of escapes',
    `{"msg":"${'\\"'.repeat(128 << 10)}","a":1,"a":2}`,
    (r) => assert.deepEqual([(r.message as string).length, r.a], [128 << 10, 2]),
  ],
  ['256 KiB of names', many(20_000).slice(0, 256 << 10), 'plain'],
  ['256 KiB of quotes', '"'.repeat(256 << 10), 'plain'],
  ['256 KiB of braces', '{"a":'.repeat(50_000), 'plain'],
  [
    'names with escapes',
    `{${Array.from({ length: 500 }, (_, i) => `"\\u0061${i}":${i}`).join()}}`,
    (r) => assert.equal(r.a499, 499),
  ],
  [
    'dotted names in the envelope',
    `{${Array.from({ length: 500 }, (_, i) => `"log.a${i}.b":${i}`).join()}}`,
    (r) => assert.deepEqual((r.log as Record<string, unknown>).a499, { b: 499 }),
  ],
];

test('hard lines become what they should, each in a time of its size', () => {
  const all = steps();
  for (const [what, line, becomes] of LINES) {
    const began = process.cpuUsage();
    const { texts } = run(all, [line]);
    const { user } = process.cpuUsage(began);
    const { length } = Buffer.from(line);
    assert.equal(texts.length, 1);
    const { error, ...record } = brief(texts[0]!);
    assert.equal(error?.type, becomes === 'plain' ? 'parse' : undefined, what);
    if (becomes === 'plain') assert.deepEqual(Object.keys(record), ['message'], what);
    else becomes(record);
    // Compiling and decoding are in it; what is not linear takes far longer.
    assert.ok(user < 200_000 + length, `${what}: ${user} us for ${length} bytes`);
  }
  const [parse] = all.steps;
  // What only JavaScript can take apart: the envelope's names, and more names than there are places for.
  assert.ok(parse!.slow! > 0 && parse!.slow! <= 2, `${parse!.slow} slow`);
  assert.deepEqual(
    [parse!.in, parse!.out, parse!.failed],
    [LINES.length, LINES.length, LINES.filter(([, , as]) => as === 'plain').length],
  );
  all.close();
});

test('many hard lines at once have room', () => {
  const all = steps();
  const lines = Array.from({ length: 40 }, (_, i) => many(900, `,"name7":"new ${i}"`));
  const { texts } = run(all, lines);
  assert.deepEqual(
    texts.map((text) => brief(text).name7),
    lines.map((_, i) => `new ${i}`),
  );
  assert.equal(all.steps[0]!.failed, 0);
  all.close();
});

test('a record that is too large even alone goes out as a line that is cut, and marked', () => {
  const all = made([{ parse: 'json' }, { add: { 'service.name': 'shop' } }]);
  // Of a text of controls each byte takes six.
  const fits = `{"a":"${'x'.repeat(MAX_BLOCK_BYTES - 2000)}"}`;
  const large = `{"a":"${'x'.repeat(MAX_BLOCK_BYTES)}"}`;
  const { texts, cut } = run(all, ['{"b":1}', fits, '{"c":1}', large, '{"d":1}']);
  const records = texts.map(brief);
  assert.equal(texts.length, 5);
  assert.deepEqual([records[0].b, records[2].c, records[4].d, cut], [1, 1, 1, 1]);
  assert.deepEqual([records[1].a.length, records[1].service], [MAX_BLOCK_BYTES - 2000, { name: 'shop' }]);
  assert.deepEqual([records[3].log, records[3].service], [{ flags: ['truncated'] }, undefined]);
  assert.ok(large.startsWith(records[3].message) && records[3].message.length > MAX_BLOCK_BYTES - 3000);
  all.close();
});

test('lines that are no UTF-8 go out as they are, replaced and counted', () => {
  const all = steps();
  const { texts, replaced } = run(all, [Buffer.from('7b226d7367223a22ff227d', 'hex')]);
  assert.deepEqual([brief(texts[0]!), replaced], [{ message: '{"msg":"\ufffd"}', error: { type: 'parse' } }, 1]);
  all.close();
});

test('of more sets of fields than are kept as templates the rest are written as well', () => {
  const names = Array.from({ length: 10 }, (_, i) => `f${i}`);
  const all = made([{ parse: 'json' }, { rename: Object.fromEntries(names.map((name) => [name, `x.${name}`])) }]);
  const objects = Array.from({ length: 1024 }, (_, set) =>
    Object.fromEntries(names.filter((_, i) => (set >> i) & 1).map((name, i) => [name, i])),
  );
  const lines = objects.map((object) => JSON.stringify({ ...object, host: 'h', 'log.level': 'info' }));
  const { texts } = run(all, [...lines, ...lines.toReversed()]);
  for (const [i, object] of [...objects, ...objects.toReversed()].entries()) {
    const { x = {}, ...rest } = brief(texts[i]!);
    assert.deepEqual(x, object);
    assert.deepEqual(rest, { conflict: { host: 'h' }, log: { level: 'info' } });
  }
  all.close();
});
