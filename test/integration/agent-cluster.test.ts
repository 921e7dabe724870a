/** The whole agent before three brokers: leaders move and brokers die, and all lines arrive, once, in order. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { makeHome } from '../support/agent.ts';
import { noKafka } from '../support/kafka.ts';
import { type Cluster, startCluster } from '../support/kafka-cluster.ts';
import { assertValues, Writer } from '../support/lines.ts';

const skip = noKafka;
let cluster: Cluster;

before(async () => {
  if (!skip) cluster = await startCluster();
});
after(async () => {
  await cluster?.[Symbol.asyncDispose]();
});

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

  // Away from its node altogether: the old leader answers NOT_LEADER or UNKNOWN_TOPIC.
  const { leader } = await cluster.partition(topic);
  await cluster.moveLeader(topic);
  let moved = leader;
  for (let isr = 0; moved === leader || moved < 1 || isr < 2; ) {
    const partition = await cluster.partition(topic);
    moved = partition.leader;
    isr = partition.isr.filter((id) => id !== leader).length;
  }
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
