import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { test } from 'node:test';
import { FETCH_MAX_VERSION, FETCH_MIN_VERSION, fetchAnswer, fetchRequest } from '../../../src/kafka/wire/fetch.ts';

const require = createRequire(import.meta.url);
const Encoder = require('kafkajs/src/protocol/encoder');
const encodeRequest = require('kafkajs/src/protocol/request');
const FIELDS = { topic: 'tö', partition: 3, offset: 2 ** 40, maxBytes: 1000, maxWait: 500 } as const;

for (let version = FETCH_MIN_VERSION; version <= FETCH_MAX_VERSION; version++) {
  test(`version ${version} is asked as kafkajs asks it`, async () => {
    const request = require(`kafkajs/src/protocol/requests/fetch/v${version}/request`)({
      replicaId: -1,
      maxWaitTime: 500,
      minBytes: 1,
      maxBytes: 1000,
      isolationLevel: 1,
      topics: [{ topic: 'tö', partitions: [{ partition: 3, fetchOffset: 2 ** 40, maxBytes: 1000 }] }],
    });
    const theirs = await encodeRequest({ correlationId: 7, clientId: 'me', request });
    const ours = fetchRequest({ ...FIELDS, isolation: 'read_committed', version, correlationId: 7, clientId: 'me' });
    assert.equal(ours.toString('hex'), theirs.buffer.toString('hex'));
  });

  test(`an answer of version ${version} is read; one that is cut short is a RangeError`, () => {
    const batches = Buffer.from('batches');
    const encoder = new Encoder().writeInt32(12);
    if (version >= 7) encoder.writeInt16(0).writeInt32(0);
    encoder.writeInt32(1).writeString('tö').writeInt32(1).writeInt32(3).writeInt16(0).writeInt64(100).writeInt64(90);
    if (version >= 5) encoder.writeInt64(5);
    encoder.writeInt32(2).writeInt64(4000).writeInt64(10).writeInt64(4001).writeInt64(20);
    if (version >= 11) encoder.writeInt32(-1);
    encoder.writeBytes(batches);
    const payload: Buffer = encoder.buffer;
    assert.deepEqual(fetchAnswer(payload, version), {
      errorCode: 0,
      highWatermark: 100,
      lastStableOffset: 90,
      aborted: [
        { producerId: 4000n, firstOffset: 10 },
        { producerId: 4001n, firstOffset: 20 },
      ],
      batches,
      throttleTime: 12,
    });
    for (let length = 0; length < payload.length; length++) {
      assert.throws(() => fetchAnswer(payload.subarray(0, length), version), RangeError);
    }
  });
}
