/** `runnel sink topk` as a process, between a real Kafka and a real Redis. */
// Slow: processes that are killed
import assert from 'node:assert/strict';
import { rm } from 'node:fs/promises';
import { after, before, type TestContext, test } from 'node:test';
import { KafkaClient } from '../../src/kafka/connect/client.ts';
import { runnel } from '../support/agent.ts';
import { createTopic, noKafka, type SharedKafka, sharedKafka, withAdmin } from '../support/kafka.ts';
import { sendValues } from '../support/produce.ts';
import { noRedis, type RedisServer, startRedis } from '../support/redis.ts';
import { counted, metricRecord, TopkProcess, type TopkSetting, topkKills, topkSetting } from '../support/topk-kills.ts';
import { until } from '../support/until.ts';

const skip = noKafka || noRedis;
let kafka: SharedKafka;
let server: RedisServer;
let client: KafkaClient;
before(async () => {
  if (skip) return;
  kafka = await sharedKafka();
  server = await startRedis();
  client = new KafkaClient({ brokers: [kafka.brokers], client_id: 'test', create_topics: false, quiet: true });
});
after(async () => {
  client?.close();
  await server?.[Symbol.asyncDispose]();
  await kafka?.[Symbol.asyncDispose]();
});

test('three kills of the consumer and three of Redis: every sum is exact', { skip }, async () => {
  await topkKills({ brokers: kafka.brokers, kills: 3, records: 28_000, fsync: 'everysec' });
});

async function setting(t: TestContext, more?: object): Promise<TopkSetting> {
  const made = await topkSetting(kafka.brokers, server.url, more);
  t.after(() => rm(made.dir, { recursive: true, force: true }));
  return made;
}

function start(t: TestContext, { config }: TopkSetting): TopkProcess {
  const process = new TopkProcess(config);
  t.after(() => process.end('SIGKILL'));
  return process;
}

const values = (count: number) => Array.from({ length: count }, (_, i) => metricRecord(i, count));

async function countedIs(where: TopkSetting, count: number, process: TopkProcess): Promise<void> {
  let now = -1;
  const redis = server.client();
  void (async () => {
    while (now !== count) now = await counted(redis, where);
  })();
  await until(`${count} are counted: ${process.stderr}`, () => now === count, 60_000);
}

test('two processes share the work, and one goes on where the other ends', { skip }, async (t) => {
  const made = await setting(t);
  const first = start(t, made);
  for (let p = 0; p < 4; p++) await sendValues(client, made.topic, p, values(1000));
  await countedIs(made, 4000, first);
  const second = start(t, made);
  await until('both have partitions', () => /slot 1/.test(second.stderr) && /started/.test(second.stderr), 60_000);
  for (let p = 0; p < 4; p++) await sendValues(client, made.topic, p, values(1000));
  await countedIs(made, 8000, second);
  assert.equal(await first.end('SIGTERM'), 0);
  for (let p = 0; p < 4; p++) await sendValues(client, made.topic, p, values(1000));
  await countedIs(made, 12_000, second);
  const one = await runnel('topk', 'records', '-c', made.config, '--window', '1d', '--limit', '9', '--json');
  assert.equal(one.code, 0, one.stderr);
});

test('status, figures and rankings are served', { skip }, async (t) => {
  const made = await setting(t);
  const process = start(t, made);
  await sendValues(client, made.topic, 0, values(1000));
  await countedIs(made, 1000, process);
  const get = async (path: string) => {
    const answer = await fetch(`${made.admin}${path}`);
    return { code: answer.status, text: await answer.text() };
  };
  assert.equal((await get('/health')).code, 200);
  const status = JSON.parse((await get('/status')).text);
  assert.equal(status.books.written, 1000);
  assert.equal(status.consumers[0].redis.version.split('.').length, 3);
  assert.deepEqual(status.consumers[0].windows[1], { window: '10m', of: '1m', kept_seconds: 43_200 });
  const { text } = await get('/metrics');
  assert.match(text, /runnel_topk_entries_total\{consumer="topk-\w+"\} [1-9]/);
  assert.match(text, /runnel_sink_written_total\{consumer="topk-\w+"\} 1000/);
  const all = ['1d', '1h', '10m'].map((window) => get(`/topk/records?window=${window}&limit=5`));
  for (const { code, text } of await Promise.all(all)) {
    assert.equal(code, 200);
    assert.ok(Array.isArray(JSON.parse(text).names));
  }
  assert.equal((await get('/topk/none')).code, 404);
});

test('a Redis that may evict is refused with a sentence', { skip }, async (t) => {
  await using other = await startRedis({ args: ['--maxmemory-policy', 'allkeys-lru'] });
  const made = await topkSetting(kafka.brokers, other.url);
  t.after(() => rm(made.dir, { recursive: true, force: true }));
  const ended = await runnel('sink', 'topk', '-c', made.config);
  assert.equal(ended.code, 1);
  assert.match(ended.stderr, /may evict keys \(maxmemory-policy allkeys-lru\).*set maxmemory-policy noeviction/);
  const setup = await runnel('sink', 'topk', '-c', made.config, '--setup');
  assert.equal(setup.code, 1);
});

test('--setup says that Redis is fit, and what is written', { skip }, async (t) => {
  const made = await setting(t);
  const { code, stdout, stderr } = await runnel('sink', 'topk', '-c', made.config, '--setup');
  assert.equal(code, 0, stderr);
  assert.match(
    stdout,
    /^Redis at 127\.0\.0\.1:\d+ \d+\.\d+\.\d+ is fit for it\nwindows that are written: 1m, 1h; added up when they are read: 10m, 1d\n$/,
  );
});

test('a topic that is made anew is counted from its beginning', { skip }, async (t) => {
  const made = await setting(t);
  const process = start(t, made);
  for (let p = 0; p < 4; p++) await sendValues(client, made.topic, p, values(500));
  await countedIs(made, 2000, process);
  await withAdmin(kafka.brokers, (admin) => admin.deleteTopics({ topics: [made.topic] }));
  await createTopic(kafka.brokers, made.topic, { partitions: 4 });
  client.topics.invalidate(made.topic);
  for (let p = 0; p < 4; p++) await sendValues(client, made.topic, p, values(300));
  await countedIs(made, 1200, process);
  const { stdout } = await runnel('topk', 'records', '-c', made.config, '--window', '1d', '--json');
  assert.ok(JSON.parse(stdout).names.length > 0);
  assert.match(process.stderr, /was made anew/);
});
