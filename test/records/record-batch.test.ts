import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  checkCrc,
  frameRecord,
  HEADER_BYTES,
  type HeaderFields,
  readHeader,
  records,
  sealedHeader,
} from '../../src/records/record-batch.ts';

const fields: HeaderFields = {
  baseOffset: 7n,
  count: 2,
  codec: 'none',
  time: 1_700_000_000_123,
  producerId: 4000n,
  epoch: 3,
  sequence: 2 ** 31 - 1,
};
const body = Buffer.concat([
  frameRecord({ offsetDelta: 0, key: 'k', value: 'first', headers: [['host', 'h1']] }),
  frameRecord({ offsetDelta: 1, value: null }),
]);

function batch(over: Partial<HeaderFields> = {}): Buffer {
  const header = sealedHeader(body, { ...fields, ...over });
  return Buffer.concat([header, body]);
}

test('a header is read back as it was written', () => {
  const all = Buffer.concat([Buffer.from('xyz'), batch({ codec: 'zstd', transactional: true })]);
  assert.deepEqual(readHeader(all, 3), {
    ...fields,
    recordsBytes: body.length,
    codec: 'zstd',
    transactional: true,
    control: false,
    appended: false,
    bytes: HEADER_BYTES + body.length,
    crc: all.readUInt32BE(3 + 17),
    lastOffsetDelta: 1,
    maxTime: fields.time,
  });
});

test('the checksum covers header and records, not what the broker sets', () => {
  const good = batch();
  assert.equal(checkCrc(good), true);
  for (let i = 0; i < good.length; i++) {
    const bad = Buffer.from(good);
    bad[i]! ^= 1;
    const brokersOwn = i < 8 || (i >= 12 && i < 16);
    assert.equal(checkCrc(bad), brokersOwn, `byte ${i}`);
  }
  assert.equal(checkCrc(good.subarray(0, good.length - 1)), false);
  assert.equal(checkCrc(Buffer.concat([Buffer.alloc(9), good]), 9), true);
});

test('what is not a batch has no header', () => {
  assert.equal(readHeader(Buffer.alloc(0)), null);
  assert.equal(readHeader(Buffer.alloc(200)), null);
  assert.equal(readHeader(batch().subarray(0, HEADER_BYTES - 1)), null);
});

test('records are read back with keys, nulls and headers', () => {
  const [first, second, ...rest] = [...records(body)];
  assert.deepEqual(rest, []);
  assert.deepEqual(
    [first!.offsetDelta, first!.key?.toString(), first!.value?.toString(), first!.headers],
    [0, 'k', 'first', [['host', Buffer.from('h1')]]],
  );
  assert.deepEqual([second!.offsetDelta, second!.key, second!.value, second!.headers], [1, null, null, []]);
  assert.deepEqual([first!.start, first!.end, second!.start, second!.end], [0, first!.end, first!.end, body.length]);
});

test('lengths and deltas of every size are read back', () => {
  for (const size of [0, 1, 63, 64, 8191, 8192, 1_000_000]) {
    const [record] = [...records(frameRecord({ offsetDelta: size, value: Buffer.alloc(size, 0xff) }))];
    assert.equal(record!.offsetDelta, size);
    assert.equal(record!.value!.length, size);
  }
  // A negative timestamp delta, and one past 32 bits, as other producers write them.
  for (const [bytes, delta] of [
    [[0x01], -1],
    [[0x80, 0x80, 0x80, 0x80, 0x40], 2 ** 33],
  ] as const) {
    const rest = [0, ...bytes, 0, 1, 1, 0];
    const [record] = [...records(Buffer.from([rest.length * 2, ...rest]))];
    assert.equal(record!.timestampDelta, delta);
  }
});

test('a malformed records section is refused', () => {
  assert.throws(() => [...records(body.subarray(0, body.length - 1))], /cut short/);
  assert.throws(() => [...records(Buffer.from([2, 0, 0, 0, 1, 1, 0]))], RangeError);
  assert.throws(() => [...records(Buffer.alloc(20, 0xff))], RangeError);
});
