import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { KafkaClient } from '../../../src/kafka/connect/client.ts';
import type { TransactionalProducer, Transactions } from '../../../src/kafka/transactions/coordinator.ts';
import { Hanging } from '../../../src/kafka/transactions/hanging.ts';

const PARTITIONS = [{ topic: 't', partition: 0 }];
const producer: TransactionalProducer = { producerId: 1n, epoch: 2, cluster: 'c' };

test('an end whose answer got lost asks for a higher epoch, also where it is written once more after it', async () => {
  const ends: boolean[] = [];
  // A coordinator that is lost at this moment cannot be had from a real one.
  const transactions = {
    id: 'id',
    interruptions: 0,
    add: async () => undefined,
    end: async (_: TransactionalProducer, isCommit: boolean) => {
      ends.push(isCommit);
      if (ends.length > 1) return false;
      transactions.interruptions++;
      return true;
    },
  };
  const client = { leader: async () => ({ error: null }) };
  const hanging = new Hanging(client as unknown as KafkaClient, transactions as unknown as Transactions);
  hanging.ends({ isCommit: true, partitions: PARTITIONS });
  assert.equal(await hanging.mend(producer, AbortSignal.timeout(5000)), false, 'nothing is in doubt');
  transactions.interruptions++;
  assert.equal(await hanging.mend(producer, AbortSignal.timeout(5000)), true);
  assert.deepEqual(ends, [true, true]);
});
