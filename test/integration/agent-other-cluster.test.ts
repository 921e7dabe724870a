/**
 * The whole agent, when the brokers' volumes are wiped while it lives: another cluster is at their address, in which its
 * producer ids and sequence numbers are somebody else's. What is acknowledged is there all the same.
 */
import assert from 'node:assert/strict';
import { appendFile } from 'node:fs/promises';
import { after, before, test } from 'node:test';
import { KafkaClient } from '../../src/kafka/connect/client.ts';
import { Sender } from '../../src/kafka/send/sender.ts';
import { type Home, makeHome, type RunningAgent } from '../support/agent.ts';
import { makeBlock } from '../support/blocks.ts';
import { committedValues } from '../support/committed.ts';
import { createTopic, type Kafka, noKafka, startKafka } from '../support/kafka.ts';

const skip = noKafka;
const TOPICS = ['plain', 'exact'] as const;
let kafka: Kafka;

before(async () => {
  if (!skip) kafka = await startKafka();
});
after(async () => {
  await kafka?.stop();
});

/** One file that goes to the topic of this name; its lines are written and acknowledged one by one. */
class Feed {
  readonly home: Home;
  readonly topic: string;
  agent!: RunningAgent;
  written = 0;

  constructor(home: Home, topic: string) {
    this.home = home;
    this.topic = topic;
  }

  async start(): Promise<void> {
    this.agent = await this.home.start({
      kafka: {
        brokers: kafka.brokers,
        delivery: this.topic === 'exact' ? 'exactly_once' : 'at_least_once',
        topic_prefix: this.topic,
        create_topics: false,
        linger: '5ms',
      },
      logs: [{ name: 'app', include: this.home.path('app.log'), topic: this.topic, encoding: 'raw' }],
    });
  }

  async write(count: number): Promise<string[]> {
    const lines: string[] = [];
    for (let i = 0; i < count; i++) {
      lines.push(`${this.topic} ${this.written++}`);
      const { conservation } = await this.agent.status();
      await appendFile(this.home.path('app.log'), `${lines.at(-1)}\n`);
      await this.agent.settled(conservation.total.forwarded + 1);
    }
    return lines;
  }
}

/** Others have the first producer ids of the cluster, and ten records each in these topics. */
async function others(): Promise<string[]> {
  const client = new KafkaClient({ brokers: [kafka.brokers], client_id: 'other', create_topics: false });
  const values: string[] = [];
  for (let producerId = 0n; producerId < 4n; producerId++) {
    for (const topic of TOPICS) {
      await client.leader(topic, 0);
      const identity = { ...client.topicIdentity(topic), producerId, epoch: 0, sequence: 0 };
      const sender = new Sender(client, { topic, partition: 0, identity });
      for (let i = 0; i < 10; i++) {
        if (topic === 'plain') values.push(`other ${producerId} ${i}`);
        await sender.put(await makeBlock(topic, [`other ${producerId} ${i}`]), () => undefined);
        await sender.drained(AbortSignal.timeout(20_000));
      }
      await sender.stop();
    }
  }
  client.close();
  return values;
}

test('what is acknowledged after the volumes were wiped is in the new cluster, under another id or its old one', {
  skip,
}, async () => {
  await using home = await makeHome();
  await using exactHome = await makeHome();
  const feeds = [new Feed(home, 'plain'), new Feed(exactHome, 'exact')];
  for (const topic of [...TOPICS, 'exact.positions']) await createTopic(kafka.brokers, topic);
  await Promise.all(feeds.map((feed) => feed.start()));
  await Promise.all(feeds.map((feed) => feed.write(7)));
  const first = kafka.clusterId;

  for (const id of ['another', 'the same']) {
    await (id === 'another' ? kafka.renew() : kafka.renew(kafka.clusterId));
    for (const topic of [...TOPICS, 'exact.positions']) await createTopic(kafka.brokers, topic);
    const theirs = await others();
    for (const feed of feeds) {
      const lines = await feed.write(3);
      assert.deepEqual(await committedValues(kafka.brokers, feed.topic), [...theirs, ...lines], id);
      const { cluster } = (await feed.agent.status()).kafka;
      assert.deepEqual([cluster?.id, cluster?.before, cluster?.changes], [kafka.clusterId, first, 1]);
    }
  }

  // The positions of the transactions are those of the new cluster.
  const [, exact] = feeds;
  const before = await committedValues(kafka.brokers, 'exact');
  const more = await exact!.write(3);
  await exact!.agent.kill9();
  await exact!.start();
  more.push(...(await exact!.write(3)));
  assert.deepEqual(await committedValues(kafka.brokers, 'exact'), [...before, ...more]);
  assert.doesNotMatch(exact!.agent.stderr, /does not have offset|read from its beginning/);
  await Promise.all(feeds.map((feed) => feed.agent.stop()));
});
