/** The clock of a real Kafka. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { KafkaClient } from '../../src/kafka/connect/client.ts';
import { noKafka, sharedKafka } from '../support/kafka.ts';

test('Kafka tells its time', { skip: noKafka }, async () => {
  const kafka = await sharedKafka();
  const client = new KafkaClient({ brokers: [kafka.brokers], client_id: 'clock', create_topics: false, quiet: true });
  try {
    const before = Date.now() - performance.now();
    const told = await client.clock();
    assert.ok(told, 'it does not');
    const difference = told.time - (told.at + before);
    // Both are on one machine: what is left is the way there and back, and a millisecond that was cut off.
    assert.ok(Math.abs(difference) <= told.error + 5, `${difference} ms, sure to ${told.error} ms`);
  } finally {
    client.close();
  }
});
