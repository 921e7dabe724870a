/** A sender that is stopped with packets on their way, and the one that goes on after it; and what is refused for good. */

import assert from 'node:assert/strict';
import { readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { Accounts } from '../../../src/core/account.ts';
import { KafkaClient } from '../../../src/kafka/connect/client.ts';
import { DeadLetters } from '../../../src/kafka/send/dead-letter.ts';
import { SavedWindows } from '../../../src/kafka/send/saved-windows.ts';
import { Sender, type SenderOptions } from '../../../src/kafka/send/sender.ts';
import { checkCrc, readHeader, records } from '../../../src/records/record-batch.ts';
import { makeBlock } from '../../support/blocks.ts';
import { directory } from '../../support/directory.ts';
import { FakeBroker, type Fault } from '../../support/fake-broker.ts';
import { until } from '../../support/until.ts';

const TOPIC = 't';

function connect(broker: { address: string }, options: Partial<SenderOptions> = {}) {
  const client = new KafkaClient({
    brokers: [broker.address],
    client_id: 'test',
    create_topics: false,
    request_timeout: 60_000,
    longest_pause: 20,
  });
  const sender = new Sender(client, { topic: TOPIC, partition: 0, longest_pause: 20, ...options });
  const stop = async () => {
    await sender.stop();
    client.close();
  };
  return { client, sender, stop };
}

/** Puts `count` blocks of two records; gives their values, and how each was settled. */
async function put(sender: Sender, count: number, from = 0) {
  const values: string[] = [];
  const settled: string[] = [];
  for (let i = from; i < from + count; i++) {
    const pair = [`r${2 * i}`, `r${2 * i + 1}`];
    values.push(...pair);
    void sender.put(await makeBlock(TOPIC, pair), (where = 'there') => settled.push(`${i} ${where}`));
  }
  return { values, settled };
}

test('a broker that says nothing holds up no stop', async () => {
  await using broker = await FakeBroker.start();
  broker.initAnswers = false;
  const { client, sender, stop } = connect(broker);
  const { settled } = await put(sender, 1);
  await until('the topic is known', () => client.topics.known(TOPIC) > 0);
  await sleep(50);
  const began = performance.now();
  await stop();
  assert.ok(performance.now() - began < 1000);
  assert.deepEqual(settled, []);
});

/** A broker that answers the first two batches and then nothing, to a sender that is stopped then. */
async function stopped(t: TestContext, dir: string, fault: (number: number) => Fault) {
  const broker = await FakeBroker.start(({ number }) => fault(number));
  t.after(() => broker[Symbol.asyncDispose]());
  const { sender, stop } = connect(broker);
  const { values, settled } = await put(sender, 9);
  await until('all is seen by the broker', () => broker.seen.length === 7);
  await stop();
  const windows = await SavedWindows.open(dir, new Accounts());
  await windows.keep(sender);
  return { broker, values, settled };
}

async function resumed(broker: FakeBroker, dir: string, fresh: string[] = []) {
  const windows = await SavedWindows.open(dir, new Accounts());
  const { sender, stop } = connect(broker);
  await windows.resend(windows.found[0]!, sender, AbortSignal.timeout(20_000));
  for (const value of fresh) await sender.put(await makeBlock(TOPIC, [value]), () => undefined);
  await sender.drained(AbortSignal.timeout(20_000));
  assert.deepEqual(await readdir(join(dir, 'window')), []);
  assert.deepEqual([...windows.pending()].map(({ weight }) => weight).filter(Boolean), []);
  await stop();
  return sender.status;
}

for (const [what, fault] of [
  ['taken and not answered', (n: number) => (n >= 2 && n < 7 ? 'silence' : null)],
  [
    'on their way, of which the first was taken',
    (n: number) => (n === 2 ? 'silence' : n > 2 && n < 7 ? 'ignore' : null),
  ],
] as const) {
  test(`blocks that were ${what} are there once after the next start`, async (t) => {
    const dir = directory(t);
    const { broker, values, settled } = await stopped(t, dir, fault as (n: number) => Fault);
    const kept = Array.from({ length: 5 }, (_, i) => `${i + 2} kept`);
    assert.deepEqual(settled, ['0 there', '1 there', ...kept]);
    const { possible_duplicates, records } = await resumed(broker, dir, ['fresh']);
    assert.deepEqual(broker.stored, [...values.slice(0, 14), 'fresh']);
    assert.deepEqual([possible_duplicates, records], [0, 11]);
    // What is new has numbers of its own: in a data_dir from a backup the next ones may have been used since.
    const ids = broker.seen.map(({ producerId }) => producerId);
    assert.equal(new Set(ids.slice(0, -1)).size, 1);
    assert.notEqual(ids.at(-1), ids[0]);
  });
}

test('stopped again before all of them are acknowledged, the rest is kept again', async (t) => {
  const dir = directory(t);
  const { broker, values } = await stopped(t, dir, (n) => ((n >= 2 && n < 7) || (n >= 8 && n < 12) ? 'silence' : null));
  const windows = await SavedWindows.open(dir, new Accounts());
  const { sender, stop } = connect(broker);
  windows.resend(windows.found[0]!, sender, new AbortController().signal).catch(() => undefined);
  await until('much is sent again', () => broker.seen.length >= 12);
  await stop();
  await windows.keep(sender);
  assert.equal((await SavedWindows.open(dir, new Accounts())).found[0]!.packets.length, 4);
  await resumed(broker, dir);
  assert.deepEqual(broker.stored, values.slice(0, 14));
});

test('in another cluster they go out under a new producer id, since the old one is somebody else there', async (t) => {
  const dir = directory(t);
  const { values } = await stopped(t, dir, (n) => (n >= 2 && n < 7 ? 'silence' : null));
  await using other = await FakeBroker.start();
  other.clusterId = 'another';
  other.producers = 5000;
  await resumed(other, dir);
  assert.deepEqual(other.stored, values.slice(4, 14));
  assert.deepEqual(
    other.seen.map(({ producerId, sequence }) => [producerId, sequence]),
    [0, 2, 4, 6, 8].map((sequence) => [5000n, sequence]),
  );
});

test('what waits for another cluster and was not sent there survives a stop', async (t) => {
  const dir = directory(t);
  const { values } = await stopped(t, dir, (n) => (n >= 2 && n < 7 ? 'silence' : null));
  await using other = await FakeBroker.start(() => 'ignore');
  other.clusterId = 'another';
  other.initError = 15;
  const windows = await SavedWindows.open(dir, new Accounts());
  const { sender, client, stop } = connect(other);
  windows.resend(windows.found[0]!, sender, new AbortController().signal).catch(() => undefined);
  await until('the other cluster is met', () => client.clusterId === 'another');
  await sleep(50);
  await stop();
  await windows.keep(sender);
  await using good = await FakeBroker.start();
  good.clusterId = 'another';
  await resumed(good, dir);
  assert.deepEqual(good.stored, values.slice(4, 14));
});

test('a disk that takes nothing leaves positions where they are', async (t) => {
  const dir = directory(t);
  await writeFile(join(dir, 'window'), 'in the way');
  const broker = await FakeBroker.start(() => 'silence');
  t.after(() => broker[Symbol.asyncDispose]());
  const { sender, stop } = connect(broker);
  const { settled } = await put(sender, 3);
  await until('the first is sent', () => broker.seen.length === 1);
  await stop();
  await rm(join(dir, 'window'));
  const windows = await SavedWindows.open(dir, new Accounts());
  await writeFile(join(dir, 'window'), 'in the way');
  await windows.keep(sender);
  assert.deepEqual(settled, []);
});

test('a record that Kafka refuses for good is kept aside, and all others arrive once, in order', async (t) => {
  const dir = directory(t);
  const poison = new Set(['r3', 'r10', 'r11', 'r40']);
  await using broker = await FakeBroker.start(({ values }) => (values.some((v) => poison.has(v)) ? 87 : null));
  const { sender, stop } = connect(broker, { deadLetters: new DeadLetters(dir) });
  const refused: number[] = [];
  const sent: string[] = [];
  for (let i = 0; i < 10; i++) {
    const values = Array.from({ length: 5 }, (_, j) => `r${i * 5 + j}`);
    sent.push(...values);
    await sender.put(await makeBlock(TOPIC, values), (_, n = 0) => refused.push(n));
  }
  await sender.drained(AbortSignal.timeout(20_000));
  await stop();
  assert.deepEqual(
    broker.stored,
    sent.filter((value) => !poison.has(value)),
  );
  assert.deepEqual(refused, [1, 0, 2, 0, 0, 0, 0, 0, 1, 0]);
  assert.deepEqual([sender.status.records, sender.status.in_flight, sender.status.possible_duplicates], [46, 0, 0]);
  const path = join(dir, 'dead-letter', 't-0', '00000000000000000000.log');
  assert.equal((await stat(path)).mode & 0o777, 0o600);
  const log = await readFile(path);
  const kept: string[] = [];
  for (let at = 0; at < log.length; at += readHeader(log, at)!.bytes) {
    assert.ok(checkCrc(log, at));
    for (const { value } of records(log.subarray(at + 61, at + readHeader(log, at)!.bytes))) kept.push(String(value));
  }
  assert.deepEqual(kept, [...poison]);
});

test('when there is no more room for what is refused, it waits', async (t) => {
  const dir = directory(t);
  await using broker = await FakeBroker.start(() => 87);
  const { sender, stop } = connect(broker, { deadLetters: new DeadLetters(dir, 200) });
  const { settled } = await put(sender, 3);
  await until('much is sent', () => broker.seen.length > 20);
  await stop();
  assert.deepEqual(settled, ['0 there']);
  assert.equal(sender.status.in_flight, 4);
  assert.match(sender.status.error ?? '', /INVALID_RECORD/);
});

test('who waits for Kafka goes on as soon as another one has reached it', async (t) => {
  const dead = await FakeBroker.start();
  const { address } = dead;
  await dead[Symbol.asyncDispose]();
  const client = new KafkaClient({
    brokers: [address],
    client_id: 'test',
    create_topics: false,
    longest_pause: 600_000,
  });
  t.after(() => client.close());
  // Its pauses have grown to 3 s at least when the broker is back.
  const waiting = client.partitions(TOPIC);
  await sleep(4000);
  await using broker = await FakeBroker.start(() => null, Number(address.split(':')[1]));
  const began = Date.now();
  await client.connect();
  await waiting;
  assert.ok(Date.now() - began < 1000, `${Date.now() - began} ms`);
  assert.equal(broker.seen.length, 0);
});
