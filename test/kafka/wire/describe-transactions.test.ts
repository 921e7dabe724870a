import assert from 'node:assert/strict';
import { test } from 'node:test';
import { describedTransaction, describeTransactionsRequest } from '../../../src/kafka/wire/describe-transactions.ts';

test('a request asks for one id', () => {
  assert.deepEqual(
    describeTransactionsRequest({ correlationId: 7, clientId: 'c', id: 'runnel-a-t' }),
    Buffer.concat([
      Buffer.from([0, 0, 0, 25, 0, 65, 0, 0, 0, 0, 0, 7, 0, 1, 99, 0, 2, 11]),
      Buffer.from('runnel-a-t'),
      Buffer.from([0]),
    ]),
  );
  const long = describeTransactionsRequest({ correlationId: 7, clientId: 'c', id: 'x'.repeat(300) });
  // 301 as two bytes of seven bits each.
  assert.deepEqual([...long.subarray(17, 20)], [0xad, 0x02, 120]);
  assert.equal(long.readInt32BE(0), long.length - 4);
});

/** Of an open transaction over two partitions of a topic, and one of another. */
function answer({ refused = 0, state = 'Ongoing' } = {}): Buffer {
  return Buffer.concat([
    Buffer.from([0, 0, 0, 0, 3, 2]),
    Buffer.from([0, refused, 3, 105, 100, state.length + 1]),
    Buffer.from(state),
    Buffer.alloc(4 + 8 + 8 + 2),
    Buffer.from([3, 2, 116, 3, 0, 0, 0, 1, 0, 0, 0, 9, 0, 2, 117, 2, 0, 0, 0, 0, 0]),
    Buffer.from([0, 0]),
  ]);
}

test('an answer says how far the transaction is, and over which partitions', () => {
  const { described, throttleTime } = describedTransaction(answer());
  assert.equal(throttleTime, 3);
  assert.deepEqual(described, {
    errorCode: 0,
    state: 'Ongoing',
    partitions: [
      { topic: 't', partition: 1 },
      { topic: 't', partition: 9 },
      { topic: 'u', partition: 0 },
    ],
  });
  assert.equal(describedTransaction(answer({ refused: 105, state: 'Dead' })).described?.errorCode, 105);
});

test('an answer about nothing is none, and one that is cut short is malformed', () => {
  assert.equal(describedTransaction(Buffer.from([0, 0, 0, 0, 0, 1, 0])).described, null);
  const whole = answer();
  for (let end = 0; end < whole.length; end++) {
    assert.throws(() => describedTransaction(whole.subarray(0, end)), RangeError);
  }
});
