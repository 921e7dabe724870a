/** Another cluster under the same address, while the sender lives: its producer ids are somebody else's there. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { Accounts } from '../../../src/core/account.ts';
import { KafkaClient, type KafkaClientOptions } from '../../../src/kafka/connect/client.ts';
import { SavedWindows } from '../../../src/kafka/send/saved-windows.ts';
import { Sender, type SenderOptions } from '../../../src/kafka/send/sender.ts';
import { drain } from '../../../src/spool/drain.ts';
import { makeBlock } from '../../support/blocks.ts';
import { directory } from '../../support/directory.ts';
import { FakeBroker, type Fault } from '../../support/fake-broker.ts';
import { block, HERE, openSpool, TOPIC } from '../../support/spool-blocks.ts';

function connect(t: TestContext, address: string, options: Partial<SenderOptions & KafkaClientOptions> = {}) {
  const client = new KafkaClient({
    brokers: [address],
    client_id: 'test',
    create_topics: false,
    longest_pause: 20,
    ...options,
  });
  const sender = new Sender(client, { topic: TOPIC, partition: 0, longest_pause: 20, ...options });
  t.after(async () => {
    await sender.stop();
    client.close();
  });
  return { client, sender };
}

/** One after the other, each acknowledged before the next. */
async function send(sender: Sender, values: readonly string[]): Promise<void> {
  for (const value of values) {
    await sender.put(await makeBlock(TOPIC, [value]), () => undefined);
    await sender.drained(AbortSignal.timeout(20_000));
  }
}

/** Ends the broker, and starts one of another cluster at its address, whose producer ids begin anew. */
async function replace(broker: FakeBroker, script?: () => Fault): Promise<FakeBroker> {
  const port = Number(broker.address.split(':')[1]);
  await broker[Symbol.asyncDispose]();
  const other = await FakeBroker.start(script, port);
  other.clusterId = 'another';
  return other;
}

const numbered = (name: string, count: number) => Array.from({ length: count }, (_, i) => `${name} ${i}`);

test('what is acknowledged is there, though another agent has the numbers in the new cluster', async (t) => {
  const before = await FakeBroker.start();
  const { sender, client } = connect(t, before.address);
  await send(sender, numbered('old', 7));
  await using after = await replace(before);
  const { sender: other } = connect(t, after.address);
  await send(other, numbered('other', 10));
  await send(sender, numbered('new', 3));
  assert.deepEqual(after.stored, [...numbered('other', 10), ...numbered('new', 3)]);
  assert.equal(sender.status.possible_duplicates, 0);
  const { since, ...cluster } = client.cluster;
  assert.deepEqual(cluster, { id: 'another', changes: 1, before: 'fake' });
  assert.ok(Date.now() - Date.parse(since!) < 60_000);
});

test('what was in flight is sent to the new cluster, in order and once', async (t) => {
  const before = await FakeBroker.start(({ number }) => (number < 3 ? null : 'silence'));
  const { sender } = connect(t, before.address);
  const values = numbered('line', 9);
  const putting = values.map(async (value) => sender.put(await makeBlock(TOPIC, [value]), () => undefined));
  while (before.seen.length < 8) await new Promise((resolve) => setTimeout(resolve, 5));
  await using after = await replace(before);
  const { sender: other } = connect(t, after.address);
  await send(other, numbered('other', 10));
  await Promise.all(putting);
  await sender.drained(AbortSignal.timeout(20_000));
  assert.deepEqual(
    after.stored.filter((value) => value.startsWith('line')),
    values.slice(3),
  );
});

test('a right to a producer id that was missing is asked for in the new cluster at once', async (t) => {
  const before = await FakeBroker.start();
  before.initError = 31;
  const { sender } = connect(t, before.address);
  await send(sender, ['old']);
  await using after = await replace(before);
  await send(sender, ['new']);
  assert.deepEqual(
    [before, after].map(({ seen }) => seen.at(-1)!.producerId),
    [-1n, 1000n],
  );
});

test('addresses of two clusters at once are no loop without a pause, and nothing is lost', async (t) => {
  await using one = await FakeBroker.start();
  await using two = await FakeBroker.start();
  two.clusterId = 'another';
  const { sender, client } = connect(t, one.address, { brokers: [one.address, two.address] });
  await send(sender, numbered('line', 20));
  assert.deepEqual([...one.stored, ...two.stored].sort(), numbered('line', 20).sort());
  assert.ok(client.cluster.changes < 20);
});

test('what is stopped before it reached the new cluster is kept under the numbers of the old one', async (t) => {
  const dir = directory(t);
  const before = await FakeBroker.start(({ number }) => (number < 2 ? null : 'silence'));
  const { sender } = connect(t, before.address);
  const values = numbered('line', 4);
  const putting = values.map(async (value) => sender.put(await makeBlock(TOPIC, [value]), () => undefined));
  await Promise.all(putting);
  while (before.seen.length < 4) await new Promise((resolve) => setTimeout(resolve, 5));
  await using after = await replace(before);
  after.initAnswers = false;
  while (sender.status.error === null) await new Promise((resolve) => setTimeout(resolve, 5));
  await sender.stop();
  await (await SavedWindows.open(dir, new Accounts())).keep(sender);

  after.initAnswers = true;
  const { sender: other } = connect(t, after.address);
  await send(other, numbered('other', 10));
  const windows = await SavedWindows.open(dir, new Accounts());
  const { sender: next } = connect(t, after.address);
  await windows.resend(windows.found[0]!, next, AbortSignal.timeout(20_000));
  assert.deepEqual(after.stored, [...numbered('other', 10), ...values.slice(2)]);
});

test('a spool goes on under new producers, and remembers of which cluster they are', async (t) => {
  const dir = directory(t);
  const before = await FakeBroker.start();
  const { spool } = await openSpool(join(dir, 'spool'));
  const partition = spool.partition(TOPIC);
  const append = async (name: string, count: number) => {
    for (const value of numbered(name, count)) {
      await partition.append(await block([value], { codec: 'none' }));
      await partition.emptied(AbortSignal.timeout(20_000));
    }
  };
  const { client } = connect(t, before.address);
  const stop = new AbortController();
  const senders: Sender[] = [];
  const draining = drain(partition, {
    signal: stop.signal,
    target: async () => ({ partitions: await client.partitions(TOPIC), topic: client.topicIdentity(TOPIC) }),
    partitions: () => client.topics.known(TOPIC),
    sender: (partition, numbers) => {
      senders.push(new Sender(client, { topic: TOPIC, partition, longest_pause: 20, ...numbers }));
      return senders.at(-1)!;
    },
    onForwarded: () => undefined,
  });
  await append('old', 7);
  await using after = await replace(before);
  const { sender: other } = connect(t, after.address);
  await send(other, numbered('other', 10));
  await append('new', 3);
  assert.deepEqual(after.stored, [...numbered('other', 10), ...numbered('new', 3)]);
  assert.deepEqual(
    ['fake', 'another'].map((cluster) => partition.producers.holdIn({ ...HERE, cluster })),
    [false, true],
  );
  stop.abort();
  await draining;
  for (const sender of senders) await sender.stop();
  await spool.close();
});
