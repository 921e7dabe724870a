/** The table of where the parts of records lie, against the records that are read one by one. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { frameRecord, records } from '../../src/records/record-batch.ts';
import {
  COLUMNS,
  eachHeader,
  FAR,
  farTime,
  fillTable,
  HEADERS,
  KEY,
  KEY_END,
  mayHold,
  OFFSET,
  RECORD_END,
  TIME,
  VALUE,
  VALUE_END,
} from '../../src/records/record-table.ts';

type Framed = Parameters<typeof frameRecord>[0];

function tableOf(body: Buffer, count: number, lastDelta = count - 1): Int32Array {
  const table = new Int32Array(count * COLUMNS);
  fillTable(body, count, lastDelta, table);
  return table;
}

/** What the table says, as `records` says it. */
function seen(body: Buffer, table: Int32Array, row: number) {
  const at = (column: number) => table[row * COLUMNS + column]!;
  const part = (from: number, to: number) => (from < 0 ? null : body.subarray(from, to));
  const headers: [string, Buffer][] = [];
  eachHeader(body, table, row, (name, nameEnd, value, valueEnd) => {
    headers.push([body.toString('utf8', name, nameEnd), part(value, valueEnd) ?? Buffer.alloc(0)]);
  });
  const start = row === 0 ? 0 : table[(row - 1) * COLUMNS + RECORD_END]!;
  return {
    offsetDelta: at(OFFSET),
    timestampDelta: at(TIME) === FAR ? farTime(body, start) : at(TIME),
    key: part(at(KEY), at(KEY_END)),
    value: part(at(VALUE), at(VALUE_END)),
    headers,
    start,
    end: at(RECORD_END),
  };
}

const CASES: Framed[] = [
  { offsetDelta: 0, value: '' },
  { offsetDelta: 1, key: null, value: null },
  { offsetDelta: 2, key: '', value: 'v' },
  { offsetDelta: 3, key: 'key', value: 'x'.repeat(63) },
  { offsetDelta: 63, key: 'k'.repeat(64), value: 'x'.repeat(64), headers: [['a', 'b']] },
  { offsetDelta: 64, value: 'x'.repeat(8191), headers: [['name', '']] },
  {
    offsetDelta: 9000,
    value: 'x'.repeat(70_000),
    headers: [
      ['file', 'id'],
      ['offset', '12'],
    ],
  },
];

test('rows are what the records are', () => {
  const body = Buffer.concat(CASES.map(frameRecord));
  const table = tableOf(body, CASES.length, 9000);
  const expected = [...records(body)];
  assert.deepEqual(
    expected.map((_, row) => seen(body, table, row)),
    expected,
  );
  assert.equal(table[5 * COLUMNS + HEADERS]! > table[5 * COLUMNS + VALUE_END]! - 1, true);
});

test('timestamps of any distance are read', () => {
  for (const delta of [0, -1, 63, 64, -(2 ** 31), 2 ** 31 - 1, 2 ** 31, -(2 ** 31) - 1, 2 ** 45, -(2 ** 45)]) {
    const body = timed(delta);
    assert.equal(seen(body, tableOf(body, 1), 0).timestampDelta, delta);
  }
});

test('what is cut short, or lies, is a RangeError wherever that is', () => {
  const body = Buffer.concat(CASES.slice(0, 6).map(frameRecord));
  for (let length = 0; length < body.length; length += length < 200 ? 1 : 97) {
    assert.throws(() => tableOf(body.subarray(0, length), 6, 64), RangeError, `${length}`);
  }
  assert.throws(() => tableOf(Buffer.concat([body, Buffer.of(0)]), 6, 64), /1 bytes behind/);
  assert.throws(() => tableOf(body, 6, 63), /an offset that is impossible/);
  const twice = Buffer.concat([
    frameRecord({ offsetDelta: 1, value: 'a' }),
    frameRecord({ offsetDelta: 1, value: 'b' }),
  ]);
  assert.throws(() => tableOf(twice, 2, 5), /an offset that is impossible/);
});

test('no byte that is changed makes it read outside of the records', () => {
  const body = Buffer.concat(CASES.slice(0, 5).map(frameRecord));
  for (let at = 0; at < body.length; at++) {
    for (const byte of [0x00, 0x01, 0x7f, 0x80, 0xff]) {
      const changed = Buffer.from(body);
      changed[at] = byte;
      const table = new Int32Array(5 * COLUMNS);
      try {
        fillTable(changed, 5, 63, table);
      } catch (error) {
        assert.ok(error instanceof RangeError, `${error}`);
        continue;
      }
      for (let i = 0; i < table.length; i += COLUMNS) {
        const [, , key, keyEnd, value, valueEnd, headers, end] = table.subarray(i, i + COLUMNS) as unknown as number[];
        assert.ok(key! <= keyEnd! && value! <= valueEnd! && valueEnd! <= headers! && keyEnd! <= headers!);
        assert.ok(headers! < end! && end! <= body.length);
      }
    }
  }
});

test('a count that the bytes cannot hold is seen before there is a table', () => {
  assert.equal(mayHold(70, 10), true);
  assert.equal(mayHold(69, 10), false);
  assert.equal(mayHold(0, 0), true);
  assert.equal(mayHold(100, -1), false);
});

/** A record with this timestamp delta. */
function timed(delta: number): Buffer {
  const z = BigInt.asUintN(64, (BigInt(delta) << 1n) ^ (BigInt(delta) >> 63n));
  const time: number[] = [];
  let rest = z;
  for (; rest > 0x7fn; rest >>= 7n) time.push(Number(rest & 0x7fn) | 0x80);
  time.push(Number(rest));
  const parts = Buffer.from([0, ...time, 0, 1, 2, 0x61, 0]);
  return Buffer.concat([Buffer.of(parts.length * 2), parts]);
}
