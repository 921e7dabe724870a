import assert from 'node:assert/strict';
import { test } from 'node:test';
import { metadataAnswer, metadataRequest } from '../../../src/kafka/wire/metadata.ts';

const bytes = (...parts: (string | number[])[]) =>
  Buffer.concat(parts.map((part) => (typeof part === 'string' ? Buffer.from(part) : Buffer.from(part))));

test('a request names its topics, and asks for none to be made', () => {
  const request = metadataRequest({ correlationId: 7, clientId: 'c', topics: ['logs', 'x'.repeat(200)] });
  assert.deepEqual(
    request,
    bytes(
      [0, 0, 1, 1, 0, 3, 0, 12, 0, 0, 0, 7, 0, 1],
      'c',
      [0, 3, ...Array(16).fill(0), 5],
      'logs',
      // 201 in seven bits a byte.
      [0, ...Array(16).fill(0), 0xc9, 0x01],
      'x'.repeat(200),
      [0, 0, 0, 0],
    ),
  );
});

const ID = Array.from({ length: 16 }, (_, i) => i + 1);
/** As Kafka would send it, with a tagged field (number 5, of two bytes) wherever there may be some. */
const TAGGED = [1, 5, 2, 9, 9];
const ANSWER = bytes(
  [...TAGGED, 0, 0, 0, 40],
  [2, 0, 0, 0, 1, 6],
  'host1',
  [0, 0, 0x23, 0x84, 0, ...TAGGED],
  [8],
  'cluster',
  [0, 0, 0, 1],
  [3],
  [0, 0, 5],
  'logs',
  [...ID, 0],
  [2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 2, 0, 0, 0, 1, 2, 0, 0, 0, 1, 1, ...TAGGED],
  [0x80, 0, 0, 0, ...TAGGED],
  [0, 3, 2],
  'x',
  [...Array(16).fill(0), 0, 1, 0x80, 0, 0, 0, 0],
  TAGGED,
);

test('an answer gives the nodes, the leaders and the ids of the topics', () => {
  assert.deepEqual(metadataAnswer(ANSWER), {
    throttleTime: 40,
    brokers: [{ nodeId: 1, host: 'host1', port: 9092 }],
    clusterId: 'cluster',
    controllerId: 1,
    topicMetadata: [
      {
        topicErrorCode: 0,
        topic: 'logs',
        topicId: Buffer.from(ID).toString('hex'),
        operations: null,
        partitionMetadata: [{ partitionId: 0, leader: 1, replicas: [1], isr: [1] }],
      },
      { topicErrorCode: 3, topic: 'x', topicId: null, operations: null, partitionMetadata: [] },
    ],
  });
});

test('an answer that is cut short is refused wherever that is', () => {
  for (let end = 0; end < ANSWER.length; end++) {
    assert.throws(() => metadataAnswer(ANSWER.subarray(0, end)), RangeError, `${end} bytes`);
  }
});
