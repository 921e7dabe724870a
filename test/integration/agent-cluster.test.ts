/** The whole agent before three brokers: leaders move and brokers die, and all lines arrive, once, in order. */
import assert from 'node:assert/strict';
import { appendFile, mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { KafkaClient } from '../../src/kafka/connect/client.ts';
import { partitionFor } from '../../src/records/murmur2.ts';
import { makeHome } from '../support/agent.ts';
import { committedValues } from '../support/committed.ts';
import { sameInOrder } from '../support/crash.ts';
import { type Kafka, noKafka, withAdmin } from '../support/kafka.ts';
import { type Cluster, startCluster } from '../support/kafka-cluster.ts';
import { readValues } from '../support/kcat.ts';
import { assertValues, numbered, Writer } from '../support/lines.ts';
import { eventually } from '../support/until.ts';

const skip = noKafka;
let cluster: Cluster;

before(async () => {
  if (!skip) cluster = await startCluster();
});
after(async () => {
  await cluster?.[Symbol.asyncDispose]();
});

/** Moves the leader away from its node altogether, which then answers NOT_LEADER or UNKNOWN_TOPIC. Gives the new one. */
async function movedLeader(topic: string): Promise<number> {
  const { leader } = await cluster.partition(topic);
  await cluster.moveLeader(topic);
  for (;;) {
    const partition = await cluster.partition(topic);
    const isr = partition.isr.filter((id) => id !== leader).length;
    if (partition.leader !== leader && partition.leader >= 1 && isr >= 2) return partition.leader;
    await sleep(50);
  }
}

test('leaders that move, a leader that is killed, and too few replicas lose nothing and double nothing', {
  skip,
}, async () => {
  await using home = await makeHome();
  const topic = 'moved';
  await cluster.createTopic(topic);
  const agent = await home.start({
    kafka: { brokers: cluster.brokers.split(',') },
    logs: [{ name: 'app', include: home.path('app.log'), topic, encoding: 'raw' }],
  });
  await using writer = new Writer(home.path('app.log'), 'app', 3000);
  const flows = async (what: string) => {
    const before = (await agent.status()).conservation.total.forwarded;
    return agent.until((s) => s.conservation.total.forwarded > before + 2000, what, 60_000);
  };
  await flows('lines flow');

  const moved = await movedLeader(topic);
  await flows('lines flow to the new leader');

  // Two replicas, and two must have a record: with one of them dead nothing is taken.
  const follower = (await cluster.partition(topic)).isr.find((id) => id !== moved)!;
  const dead = cluster.nodes[follower - 1]!;
  await dead.kill();
  const away = await agent.until(
    (s) => s.reasons.some((reason) => /^topic moved: moved-0: NOT_ENOUGH_REPLICAS/.test(reason)),
    'the status says why nothing is taken',
    60_000,
  );
  assert.equal(away.ready, false);
  await dead.start();
  await flows('lines flow again');

  const lines = await writer.stop();
  const { reasons, conservation } = await agent.settled(lines.length, 120_000);
  assert.deepEqual(reasons, []);
  assert.equal(conservation.total.forwarded, lines.length);
  await agent.stop();
  await assertValues(cluster.brokers, topic, lines);
});

test('with three replicas the death of the leader is an episode', { skip }, async () => {
  await using home = await makeHome();
  const topic = 'three';
  await cluster.createTopic(topic);
  const agent = await home.start({
    kafka: { brokers: cluster.brokers.split(',') },
    logs: [{ name: 'app', include: home.path('app.log'), topic, encoding: 'raw' }],
  });
  await using writer = new Writer(home.path('app.log'), 'app', 3000);
  await agent.until((s) => s.conservation.total.forwarded > 2000, 'lines flow');
  const dead = await cluster.leaderOf(topic);
  await dead.kill();
  const { conservation } = await agent.status();
  await agent.until((s) => s.conservation.total.forwarded > conservation.total.forwarded + 5000, 'lines flow', 60_000);
  const lines = await writer.stop();
  const { reasons, kafka } = await agent.settled(lines.length, 60_000);
  assert.deepEqual(reasons, []);
  assert.equal(kafka.state, 'connected');
  await agent.stop();
  await dead.start();
  await assertValues(cluster.brokers, topic, lines);
});

/** The node that keeps the books of the transactions of this agent's topic. */
async function coordinatorOf(dataDir: string, topic: string): Promise<Kafka> {
  const { agent_id } = JSON.parse(await readFile(join(dataDir, 'agent.json'), 'utf8'));
  const client = new KafkaClient({ brokers: cluster.brokers.split(','), client_id: 'test', create_topics: false });
  try {
    const { address } = await client.coordinator(`runnel-${agent_id}-${topic}`, AbortSignal.timeout(30_000));
    return cluster.nodes.find(({ brokers }) => brokers === address)!;
  } finally {
    client.close();
  }
}

test('exactly once: the death of the coordinator and leaders that move show read_committed readers each line once', {
  skip,
}, async () => {
  await using home = await makeHome();
  const topic = 'exact';
  await cluster.createTopic(topic);
  const agent = await home.start({
    kafka: { brokers: cluster.brokers.split(','), delivery: 'exactly_once', topic_prefix: topic },
    logs: [{ name: 'app', include: home.path('app.log'), topic, encoding: 'raw' }],
  });
  await using writer = new Writer(home.path('app.log'), 'app', 3000);
  const committed = async (what: string) => {
    const before = (await agent.status()).kafka.transactions!.commits;
    return agent.until((s) => s.kafka.transactions!.commits > before + 2, what, 60_000);
  };
  await committed('transactions are committed');

  const dead = await coordinatorOf(home.dataDir, topic);
  await dead.kill();
  // Whether the status says for a moment that something is wrong depends on how fast another takes over.
  await eventually('another coordinates', async () => (await coordinatorOf(home.dataDir, topic)) !== dead, 60_000);
  await committed('transactions are committed without it');
  await dead.start();
  await movedLeader(topic);
  await movedLeader(`${topic}.positions`);
  await committed('transactions are committed by the new leaders');

  const lines = await writer.stop();
  await agent.until((s) => s.logs[0]!.files[0]!.lag_bytes === 0, 'everything is committed', 60_000);
  const { reasons, conservation } = await agent.settled(lines.length, 60_000);
  assert.deepEqual(reasons, []);
  assert.equal(conservation.total.forwarded, lines.length);
  await agent.stop();
  assert.equal(sameInOrder(await committedValues(cluster.brokers, topic), lines), null);
});

test('with partition_by: file a partition whose broker is dead holds up its own files only', { skip }, async () => {
  await using home = await makeHome();
  const topic = 'by-file';
  const replicaAssignment = cluster.nodes.map((_, partition) => ({ partition, replicas: [partition + 1] }));
  const configEntries = [{ name: 'min.insync.replicas', value: '1' }];
  await withAdmin(cluster.brokers, (admin) =>
    admin.createTopics({ topics: [{ topic, replicaAssignment, configEntries }], waitForLeaders: true }),
  );
  await mkdir(home.path('logs'));
  const paths: string[] = [];
  for (let i = 0; paths.filter(Boolean).length < cluster.nodes.length; i++) {
    const path = home.path('logs', `${i}.log`);
    paths[partitionFor(`web-1:${path}`, cluster.nodes.length)] ??= path;
  }
  const written = paths.map(() => 0);
  const write = async (count: number) => {
    for (const [i, path] of paths.entries()) {
      await appendFile(path, `${numbered(`p${i}`, written[i]!, count).join('\n')}\n`);
      written[i]! += count;
    }
  };
  await write(100);
  const agent = await home.start({
    kafka: { brokers: cluster.brokers.split(','), partition_by: 'file' },
    logs: [{ name: 'app', include: home.path('logs', '*.log'), topic, encoding: 'raw' }],
  });
  await agent.settled(3 * 100);
  const dead = cluster.nodes[2]!;
  await dead.kill();
  for (let round = 0; round < 4; round++) {
    await write(60_000);
    await agent.until(
      ({ logs }) =>
        paths.slice(0, 2).every((path) => {
          const file = logs[0]!.files.find((one) => one.path === path)!;
          return file.size > 0 && file.committed === file.size && file.lines === written[0];
        }),
      'what is written to the others is safe',
      60_000,
    );
  }
  const { logs } = await agent.status();
  const away = logs[0]!.files.find(({ path }) => path === paths[2])!;
  assert.ok(away.lag_bytes > 10_000_000, `${away.lag_bytes}`);
  assert.equal(away.waiting?.reason, 'partition');
  await dead.start();
  await agent.settled(3 * written[0]!, 120_000);
  await agent.stop();
  const values = (await readValues(cluster.brokers, topic)).map(String);
  for (const i of paths.keys()) {
    const of = values.filter((value) => value.startsWith(`p${i} `));
    assert.deepEqual(of, numbered(`p${i}`, 0, written[i]!), `partition ${i}`);
  }
});
