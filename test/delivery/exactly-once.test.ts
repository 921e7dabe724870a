import assert from 'node:assert/strict';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import type { CommonConfig } from '../../src/config/config.ts';
import { TransactionsBefore } from '../../src/delivery/exactly-once.ts';
import type { KafkaClient } from '../../src/kafka/connect/client.ts';
import type { ExactlyOnce } from '../../src/kafka/transactions/exactly-once.ts';
import { transactionsBefore, writeSnapshot } from '../../src/kafka/transactions/positions-snapshot.ts';
import { directory } from '../support/directory.ts';

test('inputs do not end where Kafka does not say what was committed and the disk takes no note of that', async (t) => {
  const dataDir = directory(t);
  const snapshot = { cluster: 'c', topic: 'p', topicId: null, partition: 0, offset: 7n, own: [], forgotten: [] };
  await writeSnapshot(dataDir, snapshot);
  await mkdir(join(dataDir, 'positions.topic.new'));
  const leave = async () => {
    throw new Error('no broker answers');
  };
  const config = { data_dir: dataDir, kafka: { topic_prefix: 'runnel', transaction_timeout: 1000 } } as CommonConfig;
  const client = { connect: async () => undefined, topics: { error: () => null } } as unknown as KafkaClient;
  const leaving = new TransactionsBefore(
    { leave } as unknown as ExactlyOnce,
    { config, client },
    new AbortController().signal,
  );
  await leaving.done;
  assert.equal(leaving.reason, null);
  assert.equal(await transactionsBefore(dataDir), true);
});

test('it says what is waited for, and until when once Kafka is reached', async () => {
  const [reached, said] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  const config = { kafka: { topic_prefix: 'runnel', transaction_timeout: 1000 } } as CommonConfig;
  const client = {
    connect: () => reached.promise,
    topics: { error: () => null },
    error: null,
  } as unknown as KafkaClient;
  const exactlyOnce = { leave: () => said.promise } as unknown as ExactlyOnce;
  const leaving = new TransactionsBefore(exactlyOnce, { config, client }, new AbortController().signal);
  assert.match(leaving.reason ?? '', /^not known yet .*, until Kafka is reached and says it$/);
  const before = Date.now();
  reached.resolve();
  await new Promise(setImmediate);
  const [, until] = /until Kafka says it, (\S+) at most$/.exec(leaving.reason ?? '') ?? [];
  assert.ok(Date.parse(until!) >= before + 21_000 && Date.parse(until!) <= Date.now() + 21_000, `until ${until}`);
  said.resolve();
  await leaving.done;
  assert.equal(leaving.reason, null);
});
