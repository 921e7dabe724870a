import assert from 'node:assert/strict';
import { test } from 'node:test';
import { clusterTimeIn, describeQuorumRequest } from '../../../src/kafka/wire/describe-quorum.ts';

test('a request asks for the one partition of the cluster metadata', () => {
  assert.deepEqual(
    describeQuorumRequest({ correlationId: 7, clientId: 'c' }),
    Buffer.concat([
      Buffer.from([0, 0, 0, 40, 0, 55, 0, 1, 0, 0, 0, 7, 0, 1, 99, 0, 2, 19]),
      Buffer.from('__cluster_metadata'),
      Buffer.from([2, 0, 0, 0, 0, 0, 0, 0]),
    ]),
  );
});

const voter = (id: number, fetched: bigint) => {
  const b = Buffer.alloc(4 + 8 + 8 + 8 + 1);
  b.writeInt32BE(id, 0);
  b.writeBigInt64BE(fetched, 12);
  b.writeBigInt64BE(fetched, 20);
  return b;
};

/** Of three voters, the second of which leads. */
function answer({ refused = 0, wrong = 0 } = {}): Buffer {
  return Buffer.concat([
    Buffer.from([0, 0, refused, 2, 2, 120, 2]),
    Buffer.from([0, 0, 0, 0, 0, wrong, 0, 0, 0, 2, 0, 0, 0, 9]),
    Buffer.alloc(8),
    Buffer.from([4]),
    voter(1, 5n),
    voter(2, 1_796_083_200_123n),
    voter(3, 6n),
    Buffer.from([2]),
    voter(4, 7n),
    Buffer.from([0, 0, 0]),
  ]);
}

test('the time is that of the voter that leads', () => {
  assert.equal(clusterTimeIn(answer()).time, 1_796_083_200_123);
});

test('what is refused tells no time, and what is cut short is malformed', () => {
  assert.equal(clusterTimeIn(answer({ refused: 31 })).time, null);
  assert.equal(clusterTimeIn(answer({ wrong: 3 })).time, null);
  const whole = answer();
  for (let end = 0; end < whole.length; end++) assert.throws(() => clusterTimeIn(whole.subarray(0, end)), RangeError);
});
