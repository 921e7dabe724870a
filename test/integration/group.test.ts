/** A consumer group of processes: what is processed, by whom, and how often, whatever happens to them and to the broker. */
// Slow: processes that are killed, and a broker that is started anew
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { KafkaClient } from '../../src/kafka/connect/client.ts';
import { feed, Group } from '../support/group.ts';
import { type Kafka, noKafka, startKafka } from '../support/kafka.ts';
import { sendValues } from '../support/produce.ts';
import { until } from '../support/until.ts';

const skip = noKafka;
let kafka: Kafka;
let client: KafkaClient;
let dir: string;

before(async () => {
  if (skip) return;
  kafka = await startKafka({ properties: { 'group.min.session.timeout.ms': 1000 } });
  client = new KafkaClient({
    brokers: [kafka.brokers],
    client_id: 'test',
    create_topics: false,
    quiet: true,
    longest_pause: 500,
  });
  dir = mkdtempSync(join(tmpdir(), 'runnel-group-'));
});
after(async () => {
  Group.killAll();
  client?.close();
  await kafka?.stop();
  if (dir) rmSync(dir, { recursive: true, force: true });
});

async function newGroup(partitions: number): Promise<Group> {
  return Group.make(kafka.brokers, dir, partitions);
}

test('members join, leave and are killed, the broker is started anew: all is processed, and what is twice was not committed', {
  skip,
}, async () => {
  const group = await newGroup(8);
  const stop = feed(client, kafka.brokers, group.topic, 8);
  const [a, b] = [group.start(), group.start({ instance: 'b' })];
  await until('two share the partitions', () => group.has(a) === 4 && group.has(b) === 4, 60_000);
  const c = group.start();
  await until('three share them', () => group.has(c) >= 2 && group.has(a) + group.has(b) + group.has(c) === 8, 60_000);
  await group.end(a, 'SIGKILL');
  await until('two are left', () => group.has(b) === 4 && group.has(c) === 4, 60_000);
  await kafka.restart();
  const d = group.start();
  await until('another one came after the restart', () => group.has(d) >= 2, 60_000);
  assert.equal(await group.end(c, 'SIGTERM'), 0);
  await until('it gave its partitions away at once', () => group.has(b) === 4 && group.has(d) === 4, 60_000);
  const sent = await stop();
  await until('all is processed', () => group.tally().processed >= sent, 60_000);
  const { processed, twice, unexplained } = group.tally([a]);
  assert.equal(processed, sent);
  assert.deepEqual(unexplained, [], `${twice.length} twice`);
  for (const member of [b, d]) await group.end(member, 'SIGKILL');
});

test('a member that was frozen beyond its session writes nothing of what others have now', { skip }, async () => {
  const group = await newGroup(4);
  const stop = feed(client, kafka.brokers, group.topic, 4);
  const [a, b] = [group.start({ session_ms: 2000, delay_ms: 30 }), group.start({ session_ms: 2000, delay_ms: 30 })];
  await until('two share the partitions', () => group.has(a) === 2 && group.has(b) === 2, 60_000);
  group.freeze(a);
  await until('the other has all', () => group.has(b) === 4, 60_000);
  group.thaw(a);
  await until('both have their part again', () => group.has(a) === 2 && group.has(b) === 2, 60_000);
  const sent = await stop();
  await until('all is processed', () => group.tally().processed >= sent, 60_000);
  // What it had processed and not committed when it was frozen, the other had to do again.
  assert.deepEqual(group.tally([a]).unexplained, []);
  for (const member of [a, b]) await group.end(member, 'SIGTERM');
});

test('at rest a killed member repeats nothing', { skip }, async () => {
  const group = await newGroup(4);
  const [a, b] = [group.start(), group.start()];
  await until('two share the partitions', () => group.has(a) === 2 && group.has(b) === 2, 60_000);
  for (let i = 0; i < 40; i++) await sendValues(client, group.topic, i % 4, ['x', 'y']);
  const committed = () => [a, b].flatMap((n) => group.lines(n)).filter((line) => /^c \S+ 20$/.test(line)).length;
  await until('all is committed', () => committed() === 4, 30_000);
  await group.end(a, 'SIGKILL');
  await until('the other has all', () => group.has(b) === 4, 60_000);
  for (let i = 0; i < 8; i++) await sendValues(client, group.topic, i % 4, ['z']);
  await until('all is processed', () => group.tally().processed === 88, 30_000);
  assert.deepEqual(group.tally().twice, []);
  await group.end(b, 'SIGTERM');
});

test('a static member that is killed and comes back goes on at once, without a rebalance', { skip }, async () => {
  const group = await newGroup(4);
  const a = group.start({ instance: 'a', session_ms: 30_000 });
  const b = group.start({ instance: 'b', session_ms: 30_000 });
  await until('two share the partitions', () => group.has(a) === 2 && group.has(b) === 2, 60_000);
  const joins = group.joins(b).length;
  for (let i = 0; i < 8; i++) await sendValues(client, group.topic, i % 4, ['x', 'y']);
  await until('all is processed', () => group.tally().processed === 16, 30_000);
  await group.end(a, 'SIGKILL');
  const again = group.start({ instance: 'a', session_ms: 30_000 });
  const began = performance.now();
  await until('it is back', () => group.has(again) === 2, 20_000);
  // Far below the session, of which the others would wait for the rest; the start of the process is in it.
  assert.ok(performance.now() - began < 10_000);
  for (let i = 0; i < 4; i++) await sendValues(client, group.topic, i % 4, ['z']);
  await until('all is processed', () => group.tally().processed === 20, 30_000);
  assert.equal(group.joins(b).length, joins, 'the other saw nothing of it');
  assert.deepEqual(group.joins(again).at(-1)?.split(' ').slice(1), group.joins(a).at(-1)?.split(' ').slice(1));
  await group.end(again, 'SIGTERM');
  await group.end(b, 'SIGTERM');
});

test('of two processes with one instance id the older ends, and says so', { skip }, async () => {
  const group = await newGroup(2);
  const older = group.start({ instance: 'same' });
  await until('it has all', () => group.has(older) === 2, 60_000);
  const newer = group.start({ instance: 'same' });
  assert.equal(await group.exited(older), 1);
  assert.match(group.lines(older).at(-1)!, /^end another process is a member of group \S+ as same now: this one ends/);
  await until('the newer has all', () => group.has(newer) === 2, 30_000);
  await group.end(newer, 'SIGTERM');
});
