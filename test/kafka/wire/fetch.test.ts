import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { test } from 'node:test';
import {
  FETCH_BY_ID_VERSION,
  FETCH_MAX_VERSION,
  FETCH_MIN_VERSION,
  fetchAnswer,
  fetchRequest,
} from '../../../src/kafka/wire/fetch.ts';

const require = createRequire(import.meta.url);
const Encoder = require('kafkajs/src/protocol/encoder');
const encodeRequest = require('kafkajs/src/protocol/request');
const [ONE, OTHER] = ['0123456789abcdef0123456789abcdef', 'f'.repeat(32)];
const ASKED = [
  { topic: 'tö', topicId: ONE, partition: 3, offset: 2 ** 40, maxBytes: 1000 },
  { topic: 'tö', topicId: ONE, partition: 5, offset: 0, maxBytes: 900 },
  { topic: 'u', topicId: OTHER, partition: 0, offset: 7, maxBytes: 800 },
] as const;
const FIELDS = { partitions: ASKED, maxBytes: 2000, maxWait: 500, isolation: 'read_committed' } as const;
const ABORTED = [
  { producerId: 4000n, firstOffset: 10 },
  { producerId: 4001n, firstOffset: 20 },
];

for (let version = FETCH_MIN_VERSION; version <= FETCH_MAX_VERSION; version++) {
  test(`version ${version} is asked as kafkajs asks it`, async () => {
    const request = require(`kafkajs/src/protocol/requests/fetch/v${version}/request`)({
      replicaId: -1,
      maxWaitTime: 500,
      minBytes: 1,
      maxBytes: 2000,
      isolationLevel: 1,
      topics: ['tö', 'u'].map((topic) => ({
        topic,
        partitions: ASKED.filter((a) => a.topic === topic).map(({ partition, offset, maxBytes }) => ({
          partition,
          fetchOffset: offset,
          maxBytes,
        })),
      })),
    });
    const theirs = await encodeRequest({ correlationId: 7, clientId: 'me', request });
    const ours = fetchRequest({ ...FIELDS, version, correlationId: 7, clientId: 'me' });
    assert.equal(ours.toString('hex'), theirs.buffer.toString('hex'));
  });

  test(`an answer of version ${version} is read; one that is cut short, or of another partition, is a RangeError`, () => {
    const batches = Buffer.from('batches');
    const encoder = new Encoder().writeInt32(12);
    if (version >= 7) encoder.writeInt16(0).writeInt32(0);
    encoder.writeInt32(2).writeString('u').writeInt32(1).writeInt32(0).writeInt16(6).writeInt64(-1).writeInt64(-1);
    if (version >= 5) encoder.writeInt64(-1);
    encoder.writeInt32(-1);
    if (version >= 11) encoder.writeInt32(-1);
    encoder.writeInt32(-1);
    encoder.writeString('tö').writeInt32(1).writeInt32(3).writeInt16(0).writeInt64(100).writeInt64(90);
    if (version >= 5) encoder.writeInt64(5);
    encoder.writeInt32(2).writeInt64(4000).writeInt64(10).writeInt64(4001).writeInt64(20);
    if (version >= 11) encoder.writeInt32(-1);
    encoder.writeBytes(batches);
    check(encoder.buffer, version, batches);
  });
}

/** `uvarint(n + 1)` for lengths below 127. */
const compact = (n: number) => Buffer.of(n + 1);
const numbers = (...fields: [bytes: 2 | 4 | 8, value: number][]) =>
  Buffer.concat(
    fields.map(([bytes, value]) => {
      const out = Buffer.alloc(8);
      out.writeBigInt64BE(BigInt(value));
      return out.subarray(8 - bytes);
    }),
  );
const NO_TAGS = Buffer.of(0);
const id = (hex: string) => Buffer.from(hex, 'hex');

test('version 13 asks by topic ids', () => {
  const ours = fetchRequest({ ...FIELDS, version: FETCH_BY_ID_VERSION, correlationId: 7, clientId: 'me' });
  const partition = (n: number, offset: number, maxBytes: number) =>
    Buffer.concat([numbers([4, n], [4, -1], [8, offset], [4, -1], [8, -1], [4, maxBytes]), NO_TAGS]);
  const parts = [
    ...[numbers([2, 1], [2, 13], [4, 7], [2, 2]), Buffer.from('me'), NO_TAGS],
    ...[numbers([4, -1], [4, 500], [4, 1], [4, 2000]), Buffer.of(1), numbers([4, 0], [4, -1]), compact(2)],
    ...[id(ONE), compact(2), partition(3, 2 ** 40, 1000), partition(5, 0, 900), NO_TAGS],
    ...[id(OTHER), compact(1), partition(0, 7, 800), NO_TAGS],
    ...[compact(0), compact(0), NO_TAGS],
  ];
  const expected = Buffer.concat(parts);
  assert.equal(ours.toString('hex'), Buffer.concat([numbers([4, expected.length]), expected]).toString('hex'));
});

test('an answer of version 13 is read; one that is cut short, or of another partition, is a RangeError', () => {
  const batches = Buffer.from('batches');
  const payload = Buffer.concat([
    ...[NO_TAGS, numbers([4, 12], [2, 0], [4, 0]), compact(2)],
    ...[id(OTHER), compact(1), numbers([4, 0], [2, 6], [8, -1], [8, -1], [8, -1]), Buffer.of(0), numbers([4, -1])],
    ...[Buffer.of(0), Buffer.from('010102ffff', 'hex'), NO_TAGS],
    ...[id(ONE), compact(1), numbers([4, 3], [2, 0], [8, 100], [8, 90], [8, 5]), compact(2)],
    ...ABORTED.flatMap(({ producerId, firstOffset }) => [numbers([8, Number(producerId)], [8, firstOffset]), NO_TAGS]),
    ...[numbers([4, -1]), compact(batches.length), batches, NO_TAGS, NO_TAGS, NO_TAGS],
  ]);
  check(payload, FETCH_BY_ID_VERSION, batches);
});

function check(payload: Buffer, version: number, batches: Buffer): void {
  assert.deepEqual(fetchAnswer(payload, version, ASKED), {
    errorCode: 0,
    throttleTime: 12,
    partitions: [
      {
        ...{ asked: ASKED[2], errorCode: 6, highWatermark: -1, lastStableOffset: -1, aborted: [] },
        batches: Buffer.alloc(0),
      },
      { asked: ASKED[0], errorCode: 0, highWatermark: 100, lastStableOffset: 90, aborted: ABORTED, batches },
    ],
  });
  for (let length = 0; length < payload.length; length++) {
    assert.throws(() => fetchAnswer(payload.subarray(0, length), version, ASKED), RangeError);
  }
  assert.throws(() => fetchAnswer(payload, version, ASKED.slice(0, 2)), RangeError);
}
