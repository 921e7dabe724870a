import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MALFORMED, PARTIAL, STDERR, STDOUT } from '../../src/core/batch.ts';
import { MAX_RECORDS, Pool } from '../../src/core/pool.ts';
import { type Decoding, Kernel } from '../../src/kernel/kernel.ts';
import * as twin from '../support/kernel-twin-formats.ts';

const pool = new Pool(8 << 20);
const slot = await pool.take(pool.share('test'), 'batch');
const kernel = new Kernel(pool.memory);
const ENCODINGS: Decoding[] = ['utf-16le', 'utf-16be', 'latin1'];
const GUARD = 0xa5;
let seed = 20261123;

/** Park and Miller's generator: the same every time. */
function below(limit: number): number {
  seed = (seed * 48271) % 2147483647;
  return seed % limit;
}

function pick<T>(values: readonly T[]): T {
  return values[below(values.length)]!;
}

function textOf(i: number): Buffer {
  return Buffer.from(slot.bytes.subarray(slot.starts[i]! - slot.bytesAt, slot.ends[i]! - slot.bytesAt));
}

/** Code units in which the rare is frequent. */
function randomUnits(count: number): number[] {
  const kind = below(4);
  const next = [
    () => 0x20 + below(0x5f),
    () => pick([10, 13, 0x41, 0x42, 0xfeff, 0xfffe]),
    () =>
      pick([0x41, 0x7f, 0x80, 0xff, 0x100, 0x7ff, 0x800, 0xd7ff, 0xd800, 0xdbff, 0xdc00, 0xdfff, 0xe000, 0xffff, 10]),
    () => (below(40) === 0 ? pick([10, 13, 0xe9, 0x20ac, 0xd83d]) : 0x61),
  ][kind]!;
  return Array.from({ length: count }, next);
}

function encoded(units: number[], encoding: Decoding): Buffer {
  const bytes = Buffer.alloc(units.length * 2);
  for (const [i, unit] of units.entries()) {
    if (encoding === 'utf-16be') bytes.writeUInt16BE(unit, i * 2);
    else bytes.writeUInt16LE(unit, i * 2);
  }
  return encoding === 'latin1' ? Buffer.from(units.map((unit) => unit & 0xff)) : bytes;
}

function checkDecode(bytes: Buffer, encoding: Decoding, longest: number, last: boolean, shift = 0): void {
  bytes.copy(slot.bytes, shift);
  const out = shift + bytes.length + 16;
  const room = bytes.length * 2 + longest + 64;
  slot.bytes.fill(GUARD, out, out + room + 64);
  const fromAt = slot.bytesAt + shift;
  const outAt = slot.bytesAt + out;
  const limitAt = outAt + room;
  const job = { encoding, fromAt, toAt: fromAt + bytes.length, baseAt: fromAt, outAt, limitAt, longest, last };
  const decoded = kernel.decodeLines(slot, job, 0);
  const expected = twin.decodeLines(bytes, encoding, longest, last);
  const lines = Array.from({ length: decoded.count }, (_, i) => {
    return { bytes: textOf(i), source: slot.source[i]!, length: slot.length[i]!, flags: slot.flags[i]! };
  });
  assert.deepEqual(lines, expected.lines);
  assert.deepEqual([decoded.replaced, decoded.cut], [expected.replaced, expected.cut]);
  const end = expected.lines.at(-1);
  assert.equal(decoded.consumedAt - fromAt, end ? end.source + end.length : 0);
  const text = slot.bytes.subarray(out, decoded.endAt - slot.bytesAt);
  assert.deepEqual(text, Buffer.concat(expected.lines.flatMap((line) => [line.bytes, Buffer.from('\n')])));
  assert.ok(
    slot.bytes
      .subarray(out + room)
      .subarray(0, 64)
      .every((byte) => byte === GUARD),
  );
}

test('decodes what its twin decodes: every encoding, length and alignment', () => {
  for (const encoding of ENCODINGS) {
    for (let length = 0; length <= 70; length++) {
      for (let shift = 0; shift < 4; shift++) {
        const bytes = encoded(randomUnits(length), encoding);
        // Half a unit at the end waits, or is none.
        const odd = Buffer.concat([bytes, Buffer.from([0x41])]);
        checkDecode(below(2) === 0 ? bytes : odd, encoding, pick([1000, 20, 3, 1]), below(2) === 0, shift);
      }
    }
  }
  for (let round = 0; round < 300; round++) {
    const encoding = pick(ENCODINGS);
    checkDecode(encoded(randomUnits(below(3000)), encoding), encoding, pick([100_000, 100, 17]), below(2) === 0);
  }
});

test('stops decoding where the text has no room, and goes on from there', () => {
  const bytes = encoded(
    Array.from('é€x\n'.repeat(200), (c) => c.codePointAt(0)!),
    'utf-16le',
  );
  bytes.copy(slot.bytes);
  const lines: string[] = [];
  let at = slot.bytesAt;
  const toAt = at + bytes.length;
  while (at < toAt) {
    const outAt = slot.bytesAt + 4096;
    const job = {
      encoding: 'utf-16le',
      fromAt: at,
      toAt,
      baseAt: at,
      outAt,
      limitAt: outAt + 100,
      longest: 50,
      last: false,
    } as const;
    const { count, consumedAt, endAt } = kernel.decodeLines(slot, job, 0);
    assert.ok(count > 0 && endAt <= outAt + 100);
    for (let i = 0; i < count; i++) lines.push(textOf(i).toString());
    at = consumedAt;
  }
  assert.deepEqual(
    lines,
    Array.from({ length: 200 }, () => 'é€x'),
  );
});

test('stops decoding when the tables are full', () => {
  slot.bytes.fill(10, 0, 200);
  const outAt = slot.bytesAt + 4096;
  const job = { encoding: 'latin1', fromAt: slot.bytesAt, toAt: slot.bytesAt + 200, baseAt: slot.bytesAt } as const;
  const rest = { outAt, limitAt: outAt + 400, longest: 10, last: false };
  const { count, consumedAt, stopped } = kernel.decodeLines(slot, { ...job, ...rest }, MAX_RECORDS - 5);
  assert.deepEqual([count, consumedAt - slot.bytesAt, stopped], [5, 5, true]);
});

/** Puts lines into the slot, each `gap` bytes behind the one before, as records. */
function place(lines: Buffer[], gap = 1): void {
  let at = 5;
  for (const [i, line] of lines.entries()) {
    line.copy(slot.bytes, at);
    slot.starts[i] = slot.bytesAt + at;
    slot.ends[i] = slot.bytesAt + at + line.length;
    slot.source[i] = at;
    slot.length[i] = line.length + gap;
    slot.flags[i] = 0;
    slot.bytes.fill(10, at + line.length, at + line.length + gap + 32);
    at += line.length + gap;
  }
}

function checkUnwrap(
  format: 'cri' | 'docker',
  lines: Buffer[],
  expect: (line: Buffer) => (twin.Unwrapped & { replaced?: number }) | null,
): void {
  place(lines);
  const got = kernel.unwrap(slot, format, 0, lines.length);
  const expected = twin.withoutMarks(lines.map(expect));
  for (const [i, line] of lines.entries()) {
    const { text, flags } = expected[i] ?? { text: line, flags: MALFORMED };
    assert.deepEqual([textOf(i).toString('latin1'), slot.flags[i]], [text.toString('latin1'), flags], String(line));
  }
  assert.deepEqual(got, {
    partial: expected.filter((one) => one && one.flags & PARTIAL).length,
    malformed: expected.filter((one) => one === null).length,
    replaced: expected.reduce((sum, one) => sum + (one?.replaced ?? 0), 0),
  });
}

const TIME = '2026-01-01T00:00:00.000000000Z';

test('takes off what CRI puts around a line', () => {
  const check = (line: string, text: string | null, flags = 0) => {
    checkUnwrap('cri', [Buffer.from(line)], () => (text === null ? null : { text: Buffer.from(text), flags }));
    checkUnwrap('cri', [Buffer.from(line)], twin.unwrapCri);
  };
  check(`${TIME} stdout F text`, 'text', STDOUT);
  check(`${TIME} stderr P  text `, ' text ', STDERR | PARTIAL);
  check(`${TIME} stdout F:a:b text`, 'text', STDOUT);
  check(`${TIME} stderr P:x text`, 'text', STDERR | PARTIAL);
  check(`${TIME} stdout F `, '', STDOUT);
  check(`${TIME} stdout F`, '', STDOUT);
  check('2026-01-01T00:00:00Z stdout F x', 'x', STDOUT);
  check('2026-01-01T00:00:00.123456789+09:00 stdout F x', 'x', STDOUT);
  check('', null);
  check('text', null);
  check(`${TIME} stdin F text`, null);
  check(`${TIME} stdout X text`, null);
  check(`${TIME} stdout Ftext`, null);
  check(`${TIME}  stdout F text`, null);
  check(`${TIME} stdout`, null);
  check(`${TIME}${'0'.repeat(20)} stdout F text`, null);
});

test('a byte order mark that begins the text of a line is left out, one that goes on with a line is not', () => {
  const check = (lines: string[], texts: string[]) => {
    place(lines.map((line) => Buffer.from(`${TIME} ${line}`)));
    kernel.unwrap(slot, 'cri', 0, lines.length);
    assert.deepEqual(
      lines.map((_, i) => textOf(i).toString()),
      texts,
    );
  };
  check(['stdout F \ufeffa', 'stdout F \ufeff\ufeffb', 'stdout F \ufeff'], ['a', 'b', '']);
  check(
    ['stdout P \ufeffa', 'stdout P \ufeffb', 'stdout F \ufeffc', 'stdout F \ufeffd'],
    ['a', '\ufeffb', '\ufeffc', 'd'],
  );
  check(['stdout P a', 'stderr F \ufeffb', 'stdout F \ufeffc'], ['a', 'b', '\ufeffc']);
});

test('unwraps of CRI what its twin unwraps, whatever is cut off, changed or put in', () => {
  for (let round = 0; round < 400; round++) {
    const lines = Array.from({ length: 20 }, () => {
      const line = Buffer.from(
        `${TIME.slice(0, 20 + below(11))} ${pick(['stdout', 'stderr'])} ${pick(['P', 'F', 'F:x'])} ${pick(['', '\ufeff', '\ufeff\ufeff'])}${'é"x '.repeat(below(9))}`,
      );
      if (below(3) === 0) line[below(line.length)] = pick([0x20, 0x3a, 0x50, 0x46, 0x54, 0x2d, 0]);
      return line.subarray(0, below(3) === 0 ? below(line.length + 1) : line.length);
    });
    checkUnwrap('cri', lines, twin.unwrapCri);
  }
});

test("takes off docker's JSON, whatever the order of keys", () => {
  const check = (line: string, text: string | null, flags = 0, replaced = 0) =>
    checkUnwrap('docker', [Buffer.from(line)], () =>
      text === null ? null : { text: Buffer.from(text), flags, replaced },
    );
  check('{"log":"text\\n","stream":"stdout","time":"t"}', 'text', STDOUT);
  check('{"time":"t","stream":"stderr","log":"text"}', 'text', STDERR | PARTIAL);
  check(' { "attrs" : {"a":["}",{"b":"\\"}"}],"c":1.5e3} , "log" : "\\n" } ', '');
  check('{"log":"a\\r\\n","stream":"stdout","x":null,"y":true}', 'a', STDOUT);
  check('{"log":"\\"\\\\\\/\\b\\f\\t\\u0041\\u00e9\\u20AC\\ud83d\\ude00\\n"}', '"\\/\b\f\tAé€😀');
  check('{"log":"\\ud800\\n"}', '�', 0, 1);
  check('{"log":"\\ude00\\ud83dx\\ud83d\\u0041\\n"}', '��x�A', 0, 3);
  check('{"log":""}', '', PARTIAL);
  for (const bad of [
    '',
    '{',
    '{}',
    'x',
    '[]',
    '"log"',
    '{"log":1}',
    '{"log":"x\\n"',
    '{"log":"x\\n"} x',
    '{"log":"x\\n",}',
    '{"log" "x"}',
  ]) {
    check(bad, null);
  }
  for (const bad of ['\\x', '\\u12', '\\u12g4', '\\']) check(`{"log":"${bad}"}`, null);
  check('{"log":"\\u', null);
  checkUnwrap('docker', [Buffer.from('{"log":"\xff\x80\\n"}', 'latin1')], () => ({
    text: Buffer.from([0xff, 0x80]),
    flags: 0,
  }));
});

test('unwraps of docker what JSON.parse reads', () => {
  const escapes = [
    '\\n',
    '\\"',
    '\\\\',
    '\\/',
    '\\t',
    '\\u0000',
    '\\u00e9',
    '\\u20ac',
    '\\ud83d\\ude00',
    '\\ud83d',
    '\\ude00',
  ];
  const text = () =>
    Array.from({ length: below(8) }, () =>
      below(2) === 0 ? pick(escapes) : pick(['plain ', 'é', '€😀', '\ufeff', '\\ufeff', 'x'.repeat(below(40))]),
    ).join('');
  for (let round = 0; round < 400; round++) {
    const lines = Array.from({ length: 20 }, () => {
      const members = [
        `"log":"${text()}${pick(['\\n', ''])}"`,
        `"stream":"${pick(['stdout', 'stderr', 'other'])}"`,
        `"time":"${text()}"`,
      ];
      if (below(3) === 0) members.push(`"attrs":{"log":"${text()}","a":[1,"]"]}`);
      members.sort(() => below(3) - 1);
      return Buffer.from(`{${members.join(pick([',', ' , ']))}}`);
    });
    checkUnwrap('docker', lines, twin.unwrapDocker);
  }
});

test('joins texts with LF or nothing between them, and touches nothing behind', () => {
  for (let round = 0; round < 300; round++) {
    const gap = 1 + below(40);
    const lines = Array.from({ length: 2 + below(8) }, () => Buffer.from('abcdefgh'.repeat(6).slice(0, below(48))));
    place(lines, gap);
    const count = 1 + below(lines.length);
    const separator = pick(['lf', 'nothing'] as const);
    const end = kernel.join(slot, 0, count, separator);
    const joined = slot.bytes.toString('latin1', slot.starts[0]! - slot.bytesAt, end - slot.bytesAt);
    assert.equal(joined, lines.slice(0, count).join(separator === 'lf' ? '\n' : ''));
    for (let i = count; i < lines.length; i++) assert.deepEqual(textOf(i), lines[i]);
  }
});
