/** A group consumer in this process, against a real Kafka: where it reads, what it hands out, what it says. */
// Slow: rebalances, logs that are cut, topics that are made anew
import assert from 'node:assert/strict';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, type TestContext, test } from 'node:test';
import kafkajs from 'kafkajs';
import { KafkaClient } from '../../src/kafka/connect/client.ts';
import {
  CommitRefused,
  type ConsumerHandler,
  GroupConsumer,
  type GroupConsumerOptions,
} from '../../src/kafka/read/consumer.ts';
import type { GroupPartition } from '../../src/kafka/read/partition.ts';
import type { RecordSet } from '../../src/kafka/read/record-set.ts';
import { CODECS } from '../../src/records/record-batch.ts';
import { COLUMNS, OFFSET, VALUE, VALUE_END } from '../../src/records/record-table.ts';
import { freshTopic, type Kafka, noKafka, startKafka, USERS, withAdmin } from '../support/kafka.ts';
import { sendValues } from '../support/produce.ts';
import { until } from '../support/until.ts';

const skip = noKafka;
let kafka: Kafka;
let client: KafkaClient;

before(async () => {
  if (skip) return;
  const properties = { 'group.min.session.timeout.ms': 1000, 'log.retention.check.interval.ms': 500 };
  kafka = await startKafka({ sasl: true, acls: true, properties });
  client = newClient();
});
after(async () => {
  client?.close();
  await kafka?.stop();
});

function newClient(more: object = {}): KafkaClient {
  const own = { brokers: [kafka.brokers], client_id: 'test', create_topics: false, quiet: true, longest_pause: 500 };
  return new KafkaClient({ ...own, ...more });
}

/** Reads from the committed offset, or the first; keeps what it is given, as `topic/partition offset value`. */
class Reader {
  readonly seen: string[] = [];
  readonly events: string[] = [];
  readonly assigned: GroupPartition[] = [];
  readonly sets: RecordSet[] = [];
  readonly consumer: GroupConsumer;
  readonly running: Promise<void>;

  constructor(
    t: TestContext,
    topics: string[],
    options: Partial<Omit<GroupConsumerOptions, 'handler'>> & { handler?: Partial<ConsumerHandler> } = {},
  ) {
    const { handler, ...more } = options;
    const own = { client, group: topics[0]!, instance: null, topics, sessionTimeout: 6000, refresh: 300 };
    this.consumer = new GroupConsumer({
      ...own,
      ...{ budget: 16 << 20, outOfRange: 'first' },
      ...more,
      handler: {
        assigned: (partitions) => {
          for (const partition of partitions) {
            this.assigned.push(partition);
            partition.seek(partition.startOffset ?? 'first');
          }
        },
        settle: async () => undefined,
        lost: (partitions, why) => {
          for (const { topic, partition } of partitions) this.events.push(`${why} ${topic}/${partition}`);
        },
        skipped: ({ topic, partition }, from, to) => {
          this.events.push(`skipped ${topic}/${partition} ${from} ${to}`);
        },
        records: (set) => {
          this.keep(set);
          set.release();
        },
        ...handler,
      },
    });
    this.running = this.consumer.run();
    this.running.catch(() => undefined);
    t.after(() => this.consumer.close());
  }

  keep({ partition, base, bytes, table, count }: RecordSet): void {
    for (let row = 0; row < count * COLUMNS; row += COLUMNS) {
      const [offset, value, end] = [base + table[row + OFFSET]!, table[row + VALUE]!, table[row + VALUE_END]!];
      const text = value < 0 ? 'null' : bytes.toString('utf8', value, end);
      this.seen.push(`${partition.topic}/${partition.partition} ${offset} ${text}`);
    }
  }

  get values(): string[] {
    return this.seen.map((line) => line.split(' ')[2]!);
  }

  async partition(n = 0): Promise<GroupPartition> {
    await until('the partition is assigned', () => this.consumer.partitions.some((p) => p.partition === n), 30_000);
    return this.consumer.partitions.find((p) => p.partition === n)!;
  }
}

test('what is committed, with its metadata, is where the next member begins', { skip }, async (t) => {
  const topic = await freshTopic(kafka.brokers, 'reader');
  await sendValues(client, topic, 0, ['a', 'b', null, 'd']);
  const first = new Reader(t, [topic]);
  await until('all is read', () => first.seen.length === 4);
  assert.deepEqual(first.values, ['a', 'b', 'null', 'd']);
  const partition = await first.partition();
  assert.equal(partition.topicId?.length, 32);
  assert.deepEqual([partition.startOffset, partition.startMetadata, partition.position], [null, '', 4]);
  await until('the end is known', () => partition.end === 4);
  await first.consumer.commit([{ partition, offset: 3, metadata: '{"u":9}' }]);
  assert.deepEqual([partition.committed, partition.lag], [3, 1]);
  await first.consumer.close();
  assert.deepEqual(first.events, [`closed ${topic}/0`]);
  await assert.rejects(first.consumer.commit([{ partition, offset: 4, metadata: null }]), CommitRefused);
  const second = new Reader(t, [topic]);
  await until('the rest is read', () => second.seen.length === 1);
  const again = await second.partition();
  assert.deepEqual([again.startOffset, again.startMetadata, second.values], [3, '{"u":9}', ['d']]);
  const large = { partition: again, offset: 4, metadata: 'x'.repeat(10_000) };
  await assert.rejects(second.consumer.commit([large]), /cannot store offsets: OFFSET_METADATA_TOO_LARGE/);
});

test('every codec is read, and batches of several partitions each in order', { skip }, async (t) => {
  const topic = await freshTopic(kafka.brokers, 'reader', { partitions: 3 });
  const expected: string[] = [];
  for (let i = 0; i < 60; i++) {
    const values = [`${i}`, `${i}+`];
    const offset = await sendValues(client, topic, i % 3, values, { codec: CODECS[i % CODECS.length]! });
    expected.push(...values.map((value, k) => `${topic}/${i % 3} ${offset + k} ${value}`));
  }
  const reader = new Reader(t, [topic]);
  await until('all is read', () => reader.seen.length === expected.length);
  const of = (lines: string[], n: number) => lines.filter((line) => line.startsWith(`${topic}/${n} `));
  for (const n of [0, 1, 2]) assert.deepEqual(of(reader.seen, n), of(expected, n));
});

test('a limit cuts a batch; raising it goes on where it was; a seek reads from elsewhere', { skip }, async (t) => {
  const topic = await freshTopic(kafka.brokers, 'reader');
  const values = Array.from({ length: 10 }, (_, i) => `${i}`);
  await sendValues(client, topic, 0, values);
  await sendValues(client, topic, 0, ['10', '11']);
  const reader = new Reader(t, [topic], {
    handler: {
      assigned: ([partition]) => {
        partition!.limit = 4;
        partition!.seek(2);
      },
    },
  });
  const partition = await reader.partition();
  await until('it stands at the limit', () => partition.position === 4);
  assert.deepEqual(reader.values, ['2', '3']);
  partition.limit = 10;
  await until('it stands at the next', () => partition.position === 10);
  partition.pause();
  partition.limit = Number.POSITIVE_INFINITY;
  partition.seek(8);
  partition.resume();
  await until('all is read', () => partition.position === 12);
  assert.deepEqual(reader.values, ['2', '3', '4', '5', '6', '7', '8', '9', '8', '9', '10', '11']);
  partition.seek('end');
  await until('the end is known', () => partition.position === 12);
  await sendValues(client, topic, 0, ['12']);
  await until('what comes after it is read', () => reader.values.at(-1) === '12');
  assert.equal(reader.values.length, 13);
});

test('transactions that are aborted are not seen; those that are open hold nobody up for good', { skip }, async (t) => {
  const topic = await freshTopic(kafka.brokers, 'reader');
  const producer = new kafkajs.Kafka({ brokers: [kafka.brokers], logLevel: kafkajs.logLevel.NOTHING }).producer({
    transactionalId: topic,
    maxInFlightRequests: 1,
    idempotent: true,
  });
  await producer.connect();
  t.after(() => producer.disconnect());
  const transaction = async (value: string, end: 'commit' | 'abort') => {
    const open = await producer.transaction();
    for (let i = 0; i < 3; i++) await open.send({ topic, messages: [{ value: `${value}${i}` }] });
    await open[end]();
  };
  await transaction('a', 'commit');
  await transaction('b', 'abort');
  await sendValues(client, topic, 0, ['plain']);
  await transaction('c', 'abort');
  await transaction('d', 'commit');
  await transaction('e', 'abort');
  const reader = new Reader(t, [topic]);
  await until('all is read', () => reader.seen.length >= 7);
  const partition = await reader.partition();
  await until('it passed what is behind', () => partition.position === partition.end && partition.position > 15);
  assert.deepEqual(reader.values, ['a0', 'a1', 'a2', 'plain', 'd0', 'd1', 'd2']);
  assert.equal(reader.consumer.status().aborted_records, 9);
  await reader.consumer.commit([{ partition, offset: partition.position, metadata: null }]);
  assert.equal(partition.lag, 0);
});

test('offsets beyond retention are skipped, said and counted; those beyond the end too', { skip }, async (t) => {
  const topic = await freshTopic(kafka.brokers, 'reader');
  for (let i = 0; i < 10; i++) await sendValues(client, topic, 0, [`${i}`]);
  await withAdmin(kafka.brokers, async (admin) => {
    await admin.fetchTopicMetadata({ topics: [topic] });
    await admin.deleteTopicRecords({ topic, partitions: [{ partition: 0, offset: '6' }] });
  });
  const behind = new Reader(t, [topic], { handler: { assigned: ([partition]) => partition!.seek(2) } });
  await until('the rest is read', () => behind.values.join('') === '6789');
  assert.deepEqual([behind.events, behind.consumer.status().skipped_offsets], [[`skipped ${topic}/0 2 6`], 4]);
  const options = { group: `${topic}-2`, outOfRange: 'end' } as const;
  const beyond = new Reader(t, [topic], {
    ...options,
    handler: { assigned: ([partition]) => partition!.seek(100) },
  });
  await until('it goes on at the end', () => beyond.events.length > 0);
  assert.deepEqual(beyond.events, [`skipped ${topic}/0 100 10`]);
  await sendValues(client, topic, 0, ['new']);
  await until('what comes is read', () => beyond.values.join() === 'new');
});

test('a topic that is made anew is said, lost and assigned with its other id, from its beginning', {
  skip,
}, async (t) => {
  const topic = await freshTopic(kafka.brokers, 'reader');
  for (let i = 0; i < 5; i++) await sendValues(client, topic, 0, [`old${i}`]);
  const reader = new Reader(t, [topic]);
  await until('the old one is read', () => reader.seen.length === 5);
  const { topicId } = await reader.partition();
  await withAdmin(kafka.brokers, async (admin) => {
    await admin.deleteTopics({ topics: [topic] });
    for (;;) {
      const made = await admin
        .createTopics({ topics: [{ topic, numPartitions: 1, replicationFactor: 1 }], waitForLeaders: false })
        .catch(() => false);
      if (made) break;
    }
  });
  client.topics.invalidate(topic);
  // More than the old one had: its place would lie within.
  for (let i = 0; i < 8; i++) await sendValues(client, topic, 0, [`new${i}`]);
  await until('all of the new one is read', () => reader.seen.length >= 13, 40_000);
  assert.deepEqual(reader.values.slice(5), ['new0', 'new1', 'new2', 'new3', 'new4', 'new5', 'new6', 'new7']);
  assert.deepEqual(reader.events, [`recreated ${topic}/0`]);
  assert.notEqual((await reader.partition()).topicId, topicId);
});

test('partitions that are added and topics that come are read without being asked', { skip }, async (t) => {
  const topic = await freshTopic(kafka.brokers, 'reader');
  const later = `${topic}-later`;
  const reader = new Reader(t, [topic, later], { instance: 'i' });
  await reader.partition();
  assert.deepEqual(reader.consumer.problems(), [
    `topic ${later} does not exist, and kafka.create_topics is false: create it`,
  ]);
  await withAdmin(kafka.brokers, (admin) => admin.createPartitions({ topicPartitions: [{ topic, count: 3 }] }));
  await until('the new partitions are there', () => reader.consumer.partitions.length === 3, 30_000);
  await withAdmin(kafka.brokers, (admin) => admin.createTopics({ topics: [{ topic: later, numPartitions: 2 }] }));
  await until('the new topic is there', () => reader.consumer.partitions.length === 5, 30_000);
  await sendValues(client, topic, 2, ['x']);
  await sendValues(client, later, 1, ['y']);
  await until('they are read', () => [...reader.values].sort().join('') === 'xy');
  assert.deepEqual(reader.events, [], 'what it had it kept');
  assert.deepEqual(reader.consumer.problems(), []);
});

test('whoever releases nothing is given no more than the budget; a batch above the budget comes alone', {
  skip,
}, async (t) => {
  const topic = await freshTopic(kafka.brokers, 'reader', { partitions: 4 });
  const values = Array.from({ length: 300 }, (_, i) => `${i}`.padEnd(1000, 'x'));
  for (let i = 0; i < 80; i++) await sendValues(client, topic, i % 4, values, { codec: i % 8 < 4 ? 'zstd' : 'none' });
  const budget = 4 << 20;
  const held: RecordSet[] = [];
  let [peak, free] = [0, false];
  const reader = new Reader(t, [topic], {
    budget,
    handler: {
      records: (set) => {
        peak = Math.max(peak, reader.consumer.status().held_bytes);
        reader.keep(set);
        if (free) set.release();
        else held.push(set);
      },
    },
  });
  await until('it is full', () => held.length >= 4 && reader.consumer.status().held_bytes > budget / 2);
  await sendValues(client, topic, 0, ['last']);
  const at = held.length;
  // A fetch is answered in between, and nothing comes of it.
  await until(
    'the broker tells of the last',
    () => reader.consumer.partitions.some((p) => (p.end ?? 0) % 300 === 1),
    30_000,
  );
  assert.ok(held.length <= at + 1, `${held.length}`);
  free = true;
  for (const set of held) set.release();
  await until('all is read', () => reader.seen.length === 80 * 300 + 1, 30_000);
  assert.ok(peak <= budget + 400_000, `${peak}`);
  await until('all is given back', () => reader.consumer.status().held_bytes < budget / 2);
  const small = new Reader(t, [topic], { budget: 64 << 10, group: `${topic}-small` });
  await until('with less than a batch all is read', () => small.seen.length === 80 * 300 + 1, 60_000);
});

test('a partition whose records nobody takes does not hold up the others', { skip }, async (t) => {
  const topic = await freshTopic(kafka.brokers, 'reader', { partitions: 2 });
  const values = Array.from({ length: 300 }, (_, i) => `${i}`.padEnd(1000, 'x'));
  for (let i = 0; i < 60; i++) await sendValues(client, topic, i % 2, values, { codec: 'zstd' });
  const stuck = Promise.withResolvers<void>();
  const counts = [0, 0];
  const reader = new Reader(t, [topic], {
    budget: 4 << 20,
    handler: {
      records: (set) => {
        counts[set.partition.partition]! += set.count;
        if (set.partition.partition === 0) return stuck.promise;
        set.release();
      },
    },
  });
  await until('the other is read to its end', () => counts[1] === 9000, 30_000);
  assert.equal(counts[0], 300);
  stuck.resolve();
  await reader.consumer.close();
});

test('a damaged batch is said and waited at; what is behind it is not passed on, other partitions are', {
  skip,
}, async (t) => {
  const topic = await freshTopic(kafka.brokers, 'reader', { partitions: 2 });
  for (const value of ['good', 'DAMAGED', 'behind']) await sendValues(client, topic, 0, [value]);
  await sendValues(client, topic, 1, ['other']);
  const dir = kafka.partitionDir(topic);
  const file = join(dir, readdirSync(dir).find((name) => name.endsWith('.log'))!);
  const damage = (from: string, to: string) => {
    const bytes = readFileSync(file);
    bytes.write(to, bytes.indexOf(from));
    writeFileSync(file, bytes);
  };
  damage('DAMAGED', 'dAMAGED');
  const reader = new Reader(t, [topic]);
  await until('what is good is read', () => reader.seen.length === 2);
  await until('it is said', () => reader.consumer.problems().length > 0);
  assert.match(
    reader.consumer.problems().join(),
    new RegExp(`^the batch at offset 1 of ${topic}/0 is damaged: its checksum does not hold; it is asked for again`),
  );
  damage('dAMAGED', 'DAMAGED');
  await until('once it is whole it is read', () => reader.seen.length === 4, 30_000);
  assert.deepEqual(reader.consumer.problems(), []);
});

test('a wrong password is said and waited out; so is a right that is missing', { skip }, async (t) => {
  const topic = await freshTopic(kafka.brokers, 'reader');
  await sendValues(client, topic, 0, ['x']);
  const sasl = { mechanism: 'scram-sha-256', username: 'alice', password: 'wrong' } as const;
  const own = newClient({ brokers: [kafka.saslBrokers], sasl });
  t.after(() => own.close());
  const reader = new Reader(t, [topic], { client: own });
  await until(
    'the password is said',
    () => /refuses the login of alice/.test(reader.consumer.problems().join()),
    30_000,
  );
  assert.equal(reader.consumer.state, 'connecting');
  const connection = { brokers: [kafka.saslBrokers], client_id: 'test', create_topics: false };
  own.change({ ...connection, sasl: { ...sasl, password: USERS.alice } });
  await until('the right is said', () => /give Read on the group/.test(reader.consumer.problems().join()), 30_000);
  own.change({ ...connection, sasl: { ...sasl, username: 'admin', password: USERS.admin } });
  await until('it reads', () => reader.values.join() === 'x', 30_000);
  await until('nothing is said any more', () => reader.consumer.problems().length === 0);
});

test('what a handler throws ends the consumer with it', { skip }, async (t) => {
  const topic = await freshTopic(kafka.brokers, 'reader');
  await sendValues(client, topic, 0, ['x']);
  const reader = new Reader(t, [topic], {
    handler: {
      records: () => {
        throw new Error('a fault');
      },
    },
  });
  await assert.rejects(reader.running, /^Error: a fault$/);
  assert.deepEqual([reader.events, reader.consumer.state], [[`closed ${topic}/0`], 'closed']);
});
