import assert from 'node:assert/strict';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import type { Config } from '../src/config/config.ts';
import { leaveExactlyOnce } from '../src/exactly-once.ts';
import type { KafkaClient } from '../src/kafka/client.ts';
import type { ExactlyOnce } from '../src/kafka/exactly-once.ts';
import { transactionsBefore, writeSnapshot } from '../src/kafka/positions-snapshot.ts';
import { directory } from './spool/blocks.ts';

test('inputs do not end where Kafka does not say what was committed and the disk takes no note of that', async (t) => {
  const dataDir = await directory(t);
  const snapshot = { cluster: 'c', topic: 'p', partition: 0, offset: 7n, own: [], forgotten: [] };
  await writeSnapshot(dataDir, snapshot);
  await mkdir(join(dataDir, 'positions.topic.new'));
  const leave = async () => {
    throw new Error('no broker answers');
  };
  const config = { data_dir: dataDir, kafka: { topic_prefix: 'runnel', transaction_timeout: 1000 } } as Config;
  const client = { connect: async () => undefined, topicError: () => null } as unknown as KafkaClient;
  await leaveExactlyOnce({ leave } as unknown as ExactlyOnce, { config, client }, new AbortController().signal);
  assert.equal(await transactionsBefore(dataDir), true);
});
