/** A sender whose partition is gone, against a broker that tells no topic ids; a real one's are in test/integration. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { KafkaClient } from '../../../src/kafka/connect/client.ts';
import { Sender } from '../../../src/kafka/send/sender.ts';
import { makeBlock } from '../../support/blocks.ts';
import { type Batch, FakeBroker, type Fault } from '../../support/fake-broker.ts';
import { until } from '../../support/until.ts';

const TOPIC = 't';
/** Where it goes among three. */
const KEY = 'web-1';

/** Senders to the partitions of a topic with three, of which the last is put to. */
async function start(script: (batch: Batch, broker: FakeBroker) => Fault, gone_after: number) {
  const broker: FakeBroker = await FakeBroker.start((batch) => script(batch, broker));
  broker.partitions = 3;
  const client = new KafkaClient({
    brokers: [broker.address],
    client_id: 'test',
    create_topics: false,
    longest_pause: 20,
    gone_after,
  });
  const senders = new Map<number, Sender>();
  const moveTo = (partition: number): Sender => {
    const sender = senders.get(partition) ?? new Sender(client, { topic: TOPIC, partition, longest_pause: 20, moveTo });
    senders.set(partition, sender);
    return sender;
  };
  const settled: number[] = [];
  return {
    broker,
    client,
    sender: moveTo(2),
    senders,
    settled,
    async put(number: number) {
      await moveTo(2).put(await makeBlock(TOPIC, [`r${number}`], { key: KEY }), () => settled.push(number));
    },
    async [Symbol.asyncDispose]() {
      for (const sender of senders.values()) await sender.stop();
      client.close();
      await broker[Symbol.asyncDispose]();
    },
  };
}

const places = ({ seen }: FakeBroker) => seen.map(({ partition, values }) => `${values} to ${partition}`);

test('what may have been written counts as a possible duplicate, and nothing else of what is moved', async () => {
  // The second is taken, and its answer is lost with the connection.
  await using run = await start(({ number }, broker) => {
    if (number !== 1) return null;
    broker.partitions = 1;
    return 'lose';
  }, 30);
  await run.put(0);
  await run.sender.drained(AbortSignal.timeout(10_000));
  await run.put(1);
  // What is handed on before the end of the connection is seen goes out on it, and may be written for all that is known.
  await until('the second is refused', () => run.broker.seen.length === 2 && run.sender.status.error !== null);
  for (let i = 2; i < 12; i++) await run.put(i);
  await run.sender.drained(AbortSignal.timeout(10_000));
  assert.deepEqual(
    run.settled,
    Array.from({ length: 12 }, (_, i) => i),
  );
  assert.deepEqual(places(run.broker), [
    'r0 to 2',
    'r1 to 2',
    ...Array.from({ length: 11 }, (_, i) => `r${i + 1} to 0`),
  ]);
  assert.equal(run.sender.status.possible_duplicates, 1);
  assert.deepEqual([run.sender.status.records, run.sender.status.in_flight, run.sender.status.error], [1, 0, null]);
  const other = run.senders.get(0)!.status;
  assert.deepEqual([other.records, other.possible_duplicates], [11, 0]);
  const ids = (partition: number) => run.broker.seen.filter((b) => b.partition === partition).map((b) => b.producerId);
  assert.equal(new Set(ids(2)).isDisjointFrom(new Set(ids(0))), true);
});

test('a partition that is missing for a while is waited for, and the status says so', async () => {
  await using run = await start(({ number }) => (number === 1 ? 6 : null), 600_000);
  await run.put(0);
  await run.sender.drained(AbortSignal.timeout(10_000));
  run.broker.partitions = 1;
  await run.put(1);
  await until('the partition is missed', () => run.sender.status.error?.startsWith('partition_missing: ') === true);
  assert.equal(run.sender.status.error, 'partition_missing: topic t has no partition 2, but 1 partitions');
  run.broker.partitions = 3;
  await run.sender.drained(AbortSignal.timeout(10_000));
  assert.deepEqual(places(run.broker), ['r0 to 2', 'r1 to 2', 'r1 to 2']);
  assert.equal(run.sender.status.error, null);
});

test('when it is there again, what is newer goes to it after all that was moved is safe', async () => {
  let holding = true;
  await using run = await start(({ partition }) => (partition === 0 && holding ? 19 : null), 0);
  await run.put(0);
  await run.sender.drained(AbortSignal.timeout(10_000));
  run.broker.partitions = 1;
  run.client.topics.invalidate(TOPIC);
  await run.put(1);
  await until('another partition gets some', () => run.broker.seen.some(({ partition }) => partition === 0));
  run.broker.partitions = 3;
  run.client.topics.invalidate(TOPIC);
  await until('there are three partitions', () => run.client.topics.known(TOPIC) === 3);
  await run.put(2);
  await sleep(100);
  assert.equal(run.broker.seen.filter(({ partition }) => partition === 2).length, 1);
  holding = false;
  await run.sender.drained(AbortSignal.timeout(10_000));
  assert.deepEqual(run.settled, [0, 1, 2]);
  assert.deepEqual(places(run.broker).slice(-2), ['r1 to 0', 'r2 to 2']);
});
