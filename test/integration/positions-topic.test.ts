/** What the positions topic says, read from a real one. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { KafkaClient } from '../../src/kafka/connect/client.ts';
import { batchesOf } from '../../src/kafka/transactions/positions-records.ts';
import { PositionsTopic } from '../../src/kafka/transactions/positions-topic.ts';
import { sealedHeader } from '../../src/records/record-batch.ts';
import { freshTopic, noKafka, type SharedKafka, sharedKafka } from '../support/kafka.ts';

const skip = noKafka;
const HOUR_MS = 3_600_000;
const key = 'spool/runnel.audit';
let kafka: SharedKafka;

before(async () => {
  if (!skip) kafka = await sharedKafka();
});
after(async () => {
  await kafka?.[Symbol.asyncDispose]();
});

test('the clock is set back: the last position counts, not the one with the latest time', { skip }, async (t) => {
  const topic = await freshTopic(kafka.brokers, 'clock-back');
  const client = new KafkaClient({ brokers: kafka.brokers.split(','), client_id: 'test', create_topics: false });
  t.after(() => client.close());
  const { signal } = new AbortController();
  const positions = new PositionsTopic(client, { topic, agentId: 'a1', instance: 'now', host: 'web-1', from: null });
  const partition = await positions.partition(signal);
  for (const [acknowledged, time] of [
    [1, Date.now()],
    [2, Date.now() - HOUR_MS],
  ] as const) {
    const author = { agentId: 'a1', instance: 'before' };
    const [batch] = batchesOf([{ key, value: { acknowledged } }], author, 1000);
    const header = sealedHeader(batch!.body, { count: batch!.count, codec: 'none', time });
    const link = await client.leader(topic, partition, signal);
    assert.equal((await client.produceOn(link, topic, partition, { header, body: batch!.body })).errorCode, 0);
  }
  await positions.catchUp(async (committed) => {
    assert.equal(committed.get(key)?.acknowledged, 2);
  }, signal);
});
