/**
 * Transactions against a real Kafka that dies between its answer to a commit and the markers: it may take the transaction
 * for complete without them when it comes back (KAFKA-20734).
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { KafkaClient } from '../../src/kafka/connect/client.ts';
import { type TransactionalProducer, Transactions } from '../../src/kafka/transactions/coordinator.ts';
import { Hanging } from '../../src/kafka/transactions/hanging.ts';
import { sealedHeader } from '../../src/records/record-batch.ts';
import { makeBlock } from '../support/blocks.ts';
import { committedValues } from '../support/committed.ts';
import { createTopic, type Kafka, noKafka, startKafka } from '../support/kafka.ts';

const skip = noKafka;
const LIMIT_MS = 60_000;
const TOPIC = 'hanging';
const PARTITIONS = [0, 1].map((partition) => ({ topic: TOPIC, partition }));
/** Without the mend it hangs in about a third of them. */
const ATTEMPTS = 2;

/** One process that writes in transactions under an id. */
class Writer implements Disposable {
  readonly client: KafkaClient;
  readonly transactions: Transactions;
  readonly hanging: Hanging;
  producer: TransactionalProducer | null = null;

  constructor(kafka: Kafka, transactionalId: string) {
    this.client = new KafkaClient({ brokers: [kafka.brokers], client_id: 'test', create_topics: false });
    this.transactions = new Transactions(this.client, { transactionalId, timeout: LIMIT_MS });
    this.hanging = new Hanging(this.client, this.transactions);
  }

  get signal(): AbortSignal {
    return AbortSignal.timeout(LIMIT_MS);
  }

  /** A transaction with a record in each partition, which is left open. */
  async write(value: string): Promise<void> {
    await this.hanging.open(this.producer!, PARTITIONS, this.signal);
    for (const { partition } of PARTITIONS) {
      const { body, count } = await makeBlock(TOPIC, [`${value}-${partition}`]);
      const { producerId, epoch } = this.producer!;
      const fields = { count, codec: 'none', time: Date.now(), producerId, epoch, sequence: 0 } as const;
      const header = sealedHeader(body, { ...fields, transactional: true });
      const link = await this.client.leader(TOPIC, partition, this.signal);
      const { id } = this.transactions;
      const { errorCode } = await this.client.produceOn(link, TOPIC, partition, { header, body }, id);
      assert.equal(errorCode, 0);
    }
  }

  async commit(): Promise<void> {
    this.hanging.ends({ isCommit: true, partitions: PARTITIONS });
    await this.transactions.end(this.producer!, true, this.signal);
  }

  [Symbol.dispose](): void {
    this.client.close();
  }
}

const both = (value: string) => PARTITIONS.map(({ partition }) => `${value}-${partition}`);

test('what was committed is there, though the broker died before it wrote so, and the next transaction aborts', {
  skip,
}, async () => {
  await using kafka = await startKafka();
  await createTopic(kafka.brokers, TOPIC, { partitions: PARTITIONS.length });
  const expected: string[] = [];
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    using writer = new Writer(kafka, `writer-${attempt}`);
    writer.producer = await writer.transactions.init(writer.signal);
    const value = `committed-${attempt}`;
    await writer.write(value);
    await writer.commit();
    await kafka.restart();
    expected.push(...both(value));
    await writer.hanging.open(writer.producer, PARTITIONS, writer.signal);
    await writer.transactions.end(writer.producer, false, writer.signal);
    assert.deepEqual((await committedValues(kafka.brokers, TOPIC)).sort(), expected.toSorted());
  }
});

test('the next process finds out what the last one had committed, and what it had not', { skip }, async () => {
  await using kafka = await startKafka();
  await createTopic(kafka.brokers, TOPIC, { partitions: PARTITIONS.length });
  const expected: string[] = [];
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const id = `writer-${attempt}`;
    using last = new Writer(kafka, id);
    last.producer = await last.transactions.init(last.signal);
    const value = `committed-${attempt}`;
    await last.write(value);
    await last.commit();
    await kafka.restart();
    expected.push(...both(value));
    using next = new Writer(kafka, id);
    await next.hanging.learn(PARTITIONS, next.signal);
    next.producer = await next.transactions.init(next.signal);
    await next.hanging.mend(next.producer, next.signal);
    await next.write('open');
    // Aborted by who comes next, but for its markers.
    using third = new Writer(kafka, id);
    await third.hanging.learn(PARTITIONS, third.signal);
    third.producer = await third.transactions.init(third.signal);
    await kafka.restart();
    await third.hanging.mend(third.producer, third.signal);
    await third.hanging.open(third.producer, PARTITIONS, third.signal);
    await third.transactions.end(third.producer, true, third.signal);
    assert.deepEqual((await committedValues(kafka.brokers, TOPIC)).sort(), expected.toSorted());
  }
});
