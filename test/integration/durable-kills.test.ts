/** What was answered for is in Kafka once, however often the process is killed while it answers and drains. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { directory } from '../support/directory.ts';
import { killDurable } from '../support/durable-kills.ts';
import { freshTopic, noKafka, sharedKafka } from '../support/kafka.ts';

const PARTITIONS = 5;

test('a process that is killed while it answers and drains leaves nothing lost and nothing twice', {
  skip: noKafka,
}, async (t) => {
  await using kafka = await sharedKafka();
  const topic = await freshTopic(kafka.brokers, 'durable-kill', { partitions: PARTITIONS });
  const at = { brokers: kafka.brokers, dir: directory(t), topic, partitions: PARTITIONS };
  const { answered, partitions } = await killDurable(at, 7, (round) => 30 + 170 * round);
  assert.ok(answered > 100, `${answered} were answered`);
  assert.equal(partitions, PARTITIONS);
});
