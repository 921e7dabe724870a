import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  ACTION_BYTES,
  CreateAction,
  documentId,
  ID_BYTES,
  parseDocumentId,
  topicNumber,
} from '../../../src/consumers/opensearch/document-id.ts';

const NUMBER = 'abcdefgh';

test('an id says topic, partition and offset, in a fixed width', () => {
  for (const offset of [0, 1, 31, 32, 1023, 1024, 2 ** 32, 2 ** 53 - 1]) {
    for (const partition of [0, 7, 32_767]) {
      const id = documentId({ number: NUMBER, partition, offset });
      assert.equal(id.length, ID_BYTES);
      assert.deepEqual(parseDocumentId(id), { number: NUMBER, partition, offset });
    }
  }
  assert.equal(parseDocumentId('x'), null);
  assert.equal(parseDocumentId('W'.repeat(ID_BYTES)), null);
});

test('ids ascend by offset', () => {
  const offsets = [0, 5, 31, 32, 33, 1023, 1024, 40_000, 2 ** 31, 2 ** 32 + 1, 2 ** 40];
  const ids = offsets.map((offset) => documentId({ number: NUMBER, partition: 3, offset }));
  assert.deepEqual(ids.toSorted(), ids);
});

test('the action line of each offset has its id', () => {
  const action = new CreateAction(NUMBER, 9);
  for (const offset of [0, 1, 1023, 1024, 1025, 1, 2 ** 32, 2 ** 32 + 31, 2 ** 50]) {
    const line = action.of(offset).toString();
    assert.equal(line, `{"create":{"_id":"${documentId({ number: NUMBER, partition: 9, offset })}"}}\n`);
    assert.equal(line.length, ACTION_BYTES);
  }
});

test('another topic has another number, a topic always the same', () => {
  const [a, b] = ['0f7a2b3c4d5e6f708192a3b4c5d6e7f8', '0f7a2b3c4d5e6f708192a3b4c5d6e7f9'];
  const numbers = [
    topicNumber(a, 'logs'),
    topicNumber(b, 'logs'),
    topicNumber(null, 'logs'),
    topicNumber(a, 'logs', 1),
  ];
  assert.equal(new Set(numbers).size, 4);
  assert.equal(topicNumber(a, 'other name'), numbers[0]);
  for (const number of numbers) assert.match(number, /^[0-9a-v]{8}$/);
  // What was written once must be found again by every later version.
  assert.equal(topicNumber(a, ''), '5773a203');
});
