/** The sender against a real Kafka whose connections, process and settings are disturbed. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { Sender } from '../../src/kafka/send/sender.ts';
import type { ProducerIdentity } from '../../src/kafka/send/sequence.ts';
import { makeBlock } from '../support/blocks.ts';
import { createTopic, type Kafka, noKafka, startKafka, untilStored, withAdmin } from '../support/kafka.ts';
import { readRecords, readValues } from '../support/kcat.ts';
import { Lane, type LaneOptions } from '../support/sender-lane.ts';

const skip = noKafka;
let kafka: Kafka;

before(async () => {
  if (!skip) kafka = await startKafka();
});
after(async () => {
  await kafka?.stop();
});

const laneTo = (topic: string, options: LaneOptions = {}) => new Lane(kafka, topic, options);

test('forty cut connections lose nothing, double nothing and keep the order', { skip }, async () => {
  await createTopic(kafka.brokers, 'cut');
  await using lane = laneTo('cut');
  const cuts = kafka.proxy.cuts;
  let done = false;
  const cutting = (async () => {
    for (let i = 0; kafka.proxy.cuts - cuts < 40; i++) {
      // Some in the middle of a request, some before an answer, some of a connection that is just being made.
      await Promise.race([kafka.proxy.cutAfter(100 + ((i * 937) % 6000), i % 2 ? 'replies' : 'requests'), sleep(500)]);
    }
    done = true;
  })();
  while (!done) await lane.putMany(20);
  await cutting;
  await lane.putMany(20);
  await lane.check();
  assert.ok(lane.settled.length > 200, `${lane.settled.length} blocks`);
  assert.ok(lane.sender.status.retries > 20, `${lane.sender.status.retries} blocks sent again`);
  assert.equal(lane.sender.status.possible_duplicates, 0);
});

test('a broker that is killed and comes back gets all of it, once', { skip }, async () => {
  await createTopic(kafka.brokers, 'killed');
  await using lane = laneTo('killed');
  const putting = lane.putMany(400);
  while (lane.settled.length < 50) await sleep(5);
  await kafka.kill();
  while (lane.client.state === 'connected') await sleep(5);
  await sleep(1000);
  assert.match(lane.sender.status.error ?? '', /refuses connections|closed|reset|ended/i);
  await kafka.start();
  await putting;
  await lane.check();
  assert.equal(lane.client.state, 'connected');
});

test('a broker that hangs is left after the request timeout, and gets all of it once it moves again', {
  skip,
}, async () => {
  await createTopic(kafka.brokers, 'hung');
  await using lane = laneTo('hung', { request_timeout: 500, connect_timeout: 500 });
  const putting = lane.putMany(200);
  while (lane.settled.length < 50) await sleep(5);
  kafka.pause();
  try {
    while (lane.client.state === 'connected') await sleep(20);
    await sleep(1200);
    assert.match(lane.sender.status.error ?? '', /no answer within|no connection within|closed/);
  } finally {
    kafka.resume();
  }
  await putting;
  await lane.check();
});

test('answers that are held back make no duplicates', { skip }, async () => {
  await createTopic(kafka.brokers, 'held');
  await using lane = laneTo('held', { request_timeout: 400, connect_timeout: 400 });
  await lane.putMany(10);
  kafka.proxy.hold('replies');
  const putting = lane.putMany(50);
  await sleep(1500);
  kafka.proxy.heal();
  await putting;
  await lane.check();
});

test('a topic that is missing holds up only its own data, and goes on when it is there', { skip }, async () => {
  await createTopic(kafka.brokers, 'good');
  await using late = laneTo('late');
  await using good = laneTo('good');
  const both = new Sender(late.client, { topic: 'good', partition: 0 });
  await late.putMany(5);
  await good.putMany(50);
  let settled = false;
  await both.put(await makeBlock('good', ['by the same client']), () => {
    settled = true;
  });
  await both.drained(AbortSignal.timeout(10_000));
  assert.ok(settled);
  good.sent.push('by the same client');
  await good.sender.drained(AbortSignal.timeout(10_000));
  await sleep(300);
  assert.match(late.sender.status.error ?? '', /^topic_missing: /);
  assert.deepEqual(late.settled, []);
  await createTopic(kafka.brokers, 'late');
  await late.check();
  await both.stop();
});

test('a topic that may be created is', { skip }, async () => {
  await using lane = laneTo('made-by-us', { create_topics: true });
  await lane.putMany(10);
  await lane.check();
});

test('a topic that is deleted while it is written to goes on in the new one', { skip }, async () => {
  await using lane = laneTo('deleted', { create_topics: true });
  await lane.putMany(10);
  await lane.sender.drained(AbortSignal.timeout(10_000));
  await withAdmin(kafka.brokers, (admin) => admin.deleteTopics({ topics: ['deleted'] }));
  // Until the broker has put the partition away it takes what comes, and that goes with it.
  while (existsSync(kafka.partitionDir('deleted'))) await sleep(5);
  const before = lane.sent.length;
  await lane.putMany(10);
  await lane.sender.drained(AbortSignal.timeout(30_000));
  const stored = (await readValues(kafka.brokers, 'deleted')).map(String);
  assert.deepEqual(stored, lane.sent.slice(before));
});

for (const codec of ['none', 'gzip', 'snappy', 'lz4', 'zstd'] as const) {
  test(`blocks that are larger than the topic takes are split, in order (${codec})`, { skip }, async () => {
    const topic = `small-${codec}`;
    await createTopic(kafka.brokers, topic, { 'max.message.bytes': 20_000 });
    await using lane = new Lane(kafka, topic);
    const sent: string[] = [];
    for (let b = 0; b < 12; b++) {
      // Every third block is some ten times too large; hex compresses to about a half.
      const values = Array.from(
        { length: b % 3 === 1 ? 400 : 5 },
        (_, i) => `${b}-${i} ${randomBytes(250).toString('hex')}`,
      );
      sent.push(...values);
      await lane.sender.put(await makeBlock(topic, values, { codec }), () => lane.settled.push(b));
    }
    await lane.sender.drained(AbortSignal.timeout(30_000));
    assert.deepEqual(lane.settled, [...Array(12).keys()]);
    assert.deepEqual((await readValues(kafka.brokers, topic)).map(String), sent);
    const { cut, possible_duplicates } = lane.sender.status;
    assert.deepEqual([cut, possible_duplicates], [0, 0]);
  });
}

test('a record that is too large alone is cut in its place', { skip }, async () => {
  await createTopic(kafka.brokers, 'large', { 'max.message.bytes': 20_000 });
  await using lane = laneTo('large');
  const message = randomBytes(30_000).toString('base64');
  const document = JSON.stringify({ message, log: { offset: 7 }, host: { name: 'web-1' } });
  const values = ['before', document, 'between', 'é'.repeat(40_000), 'after'];
  for (const codec of ['none', 'zstd'] as const) {
    await lane.sender.put(await makeBlock('large', values, { codec }), () => undefined);
  }
  await lane.put('the next block');
  await lane.sender.drained(AbortSignal.timeout(30_000));
  const stored = (await readValues(kafka.brokers, 'large')).map(String);
  assert.equal(stored.length, 11);
  assert.equal(stored[10], 'the next block');
  for (const at of [0, 5]) {
    assert.deepEqual([stored[at], stored[at + 2], stored[at + 4]], ['before', 'between', 'after']);
    const kept = JSON.parse(stored[at + 1]!);
    assert.ok(kept.message.length > 5000 && message.startsWith(kept.message));
    assert.deepEqual(kept.log, { offset: 7, flags: ['truncated'] });
  }
  assert.match(stored[3]!, /^é{5000,}$/);
  assert.equal(stored[8], values[3], 'fits when compressed');
  assert.equal(lane.sender.status.cut, 3);
});

test('a clock that is a day ahead holds up nothing', { skip }, async () => {
  await createTopic(kafka.brokers, 'clock');
  await using lane = laneTo('clock');
  const time = Date.now() + 86_400_000;
  for (let i = 0; i < 10; i++) await lane.sender.put(await makeBlock('clock', [`${i}`], { time }), () => undefined);
  await lane.sender.drained(AbortSignal.timeout(20_000));
  const stored = await readRecords(kafka.brokers, 'clock');
  assert.deepEqual(
    stored.map((record) => String(record.value)),
    ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9'],
  );
  for (const record of stored) assert.ok(Math.abs(record.time - Date.now()) < 120_000);
});

test('a second sender with the identity of the first doubles nothing', { skip }, async () => {
  await createTopic(kafka.brokers, 'resumed');
  const identities: ProducerIdentity[] = [];
  const onIdentity = async (identity: ProducerIdentity) => void identities.push(identity);
  await using first = laneTo('resumed', { sender: { onIdentity } });
  await first.putMany(9);
  await first.check();
  // As after kill -9: the last four blocks are sent again, under the same numbers.
  await using second = laneTo('resumed', { sender: { identity: { ...identities[0]!, sequence: 9 } } });
  for (const values of [[9, 10, 11], [12], [13, 14], [15, 16, 17]]) await second.put(...values.map((n) => `line-${n}`));
  await second.put('line-18');
  await second.sender.drained(AbortSignal.timeout(10_000));
  const stored = (await readValues(kafka.brokers, 'resumed')).map(String);
  assert.deepEqual(stored, [...first.sent, 'line-18']);
  assert.equal(second.sender.status.possible_duplicates, 0);
});

test('a producer id that another one goes on with, in a higher epoch, is left to it, and nothing is lost or twice', {
  skip,
}, async () => {
  await createTopic(kafka.brokers, 'epoch');
  const ids: ProducerIdentity[] = [];
  const said: (string | null)[] = [];
  const onIdentity = async (identity: ProducerIdentity) => {
    ids.push(identity);
    said.push(lane.sender.status.error);
  };
  await using lane = laneTo('epoch', { sender: { onIdentity } });
  await lane.putMany(9);
  await lane.sender.drained(AbortSignal.timeout(10_000));
  await using other = laneTo('epoch', { sender: { identity: { ...ids[0]!, epoch: 1, sequence: 0 } } });
  await other.put('of the other');
  await other.sender.drained(AbortSignal.timeout(10_000));
  lane.sent.push('of the other');
  await lane.putMany(40);
  await lane.sender.drained(AbortSignal.timeout(30_000));
  assert.equal(ids.length, 2);
  assert.match(said[1] ?? '', /^epoch-0: INVALID_PRODUCER_EPOCH/);
  assert.deepEqual(lane.settled, [...Array(49).keys()]);
  assert.deepEqual((await readValues(kafka.brokers, 'epoch')).map(String), lane.sent);
  assert.equal(lane.sender.status.error, null);
  assert.equal(lane.sender.status.possible_duplicates, 0, 'what is refused for its epoch is not there');
});

test('what was written before another one went on with the producer id counts as possibly there twice, no more', {
  skip,
}, async () => {
  await createTopic(kafka.brokers, 'epoch-lost');
  const ids: ProducerIdentity[] = [];
  const onIdentity = async (identity: ProducerIdentity) => void ids.push(identity);
  await using lane = laneTo('epoch-lost', { sender: { onIdentity } });
  await lane.putMany(9);
  await lane.sender.drained(AbortSignal.timeout(10_000));
  const before = lane.sent.length;
  kafka.proxy.hold('replies');
  await lane.putMany(3);
  const lost = lane.sent.slice(before);
  await untilStored(kafka.brokers, 'epoch-lost', lane.sent.length);
  const identity = { ...ids[0]!, epoch: 1, sequence: 0 };
  await using other = laneTo('epoch-lost', { brokers: [kafka.brokers], sender: { identity } });
  await other.put('of the other');
  await other.sender.drained(AbortSignal.timeout(10_000));
  kafka.proxy.cut();
  kafka.proxy.heal();
  // What is put before it sees that might go out on the old connection, and be as unsure.
  while (lane.sender.status.error === null && lane.sender.status.retries === 0) await sleep(1);
  await lane.putMany(40);
  await lane.sender.drained(AbortSignal.timeout(30_000));
  const stored = (await readValues(kafka.brokers, 'epoch-lost')).map(String);
  const expected = [...lane.sent.slice(0, before), ...lost, 'of the other', ...lane.sent.slice(before)];
  assert.deepEqual(stored, expected);
  assert.equal(lane.sender.status.possible_duplicates, lost.length);
});
