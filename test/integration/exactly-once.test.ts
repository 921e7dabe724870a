/** kafka.delivery: exactly_once, on a real Kafka: what read_committed consumers see is what was written, once, in order. */
import assert from 'node:assert/strict';
import { randomInt } from 'node:crypto';
import { cp, mkdir, rm, writeFile } from 'node:fs/promises';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { StatsD } from 'hot-shots';
import { type AgentConfig, type Home, makeHome, type RunningAgent } from '../support/agent.ts';
import { committedValues, readCommitted } from '../support/committed.ts';
import { killAgain, sameInOrder } from '../support/crash.ts';
import { createTopic, freshTopic, type Kafka, noKafka, startKafka } from '../support/kafka.ts';
import { numbered, Writer } from '../support/lines.ts';

const skip = noKafka;
const LIMIT_MS = 120_000;
let kafka: Kafka;

before(async () => {
  if (!skip) kafka = await startKafka();
});
after(async () => {
  await kafka?.stop();
});

interface Setting {
  topic: string;
  config: AgentConfig;
  file: string;
}

/** One file that goes to one topic. */
async function setting(home: Home, name: string, more: Record<string, unknown> = {}): Promise<Setting> {
  await mkdir(home.path('logs'));
  const topic = await freshTopic(kafka.brokers, name);
  const config: AgentConfig = {
    kafka: { brokers: kafka.brokers, delivery: 'exactly_once', topic_prefix: topic, ...more },
    logs: [{ name: 'app', include: home.path('logs', '*.log'), topic, encoding: 'raw' }],
  };
  return { topic, config, file: home.path('logs', 'app.log') };
}

async function assertCommitted(topic: string, lines: readonly string[]): Promise<void> {
  const difference = sameInOrder(await committedValues(kafka.brokers, topic), lines);
  assert.equal(difference, null);
}

async function readToTheEnd(agent: RunningAgent): Promise<void> {
  await agent.until((s) => s.logs[0]!.files[0]?.lag_bytes === 0, 'everything is committed', LIMIT_MS);
  await agent.settled(0, LIMIT_MS);
}

const commits = (n: number) => (s: Awaited<ReturnType<RunningAgent['status']>>) =>
  (s.kafka.transactions?.commits ?? 0) >= n;

test('what is written arrives once and in order, over a SIGTERM and a restart', { skip }, async () => {
  await using home = await makeHome();
  const { topic, config, file } = await setting(home, 'normal');
  const old = numbered('app', 0, 50_000);
  await writeFile(file, `${old.join('\n')}\n`);
  const first = await home.start(config);
  await first.until((s) => s.conservation.total.forwarded > 0, 'lines flow');
  await first.stop();
  await using writer = new Writer(file, 'new', 2000);
  const second = await home.start(config);
  await second.until(commits(3), 'transactions are committed');
  const lines = [...old, ...(await writer.stop())];
  await readToTheEnd(second);
  await second.stop();
  await assertCommitted(topic, lines);
  // What the second start had to learn from Kafka was nothing: the first had stored all of it.
  assert.doesNotMatch(second.stderr, /positions were committed/);
});

test('kill -9 at random moments loses nothing and doubles nothing', { skip }, async () => {
  await using home = await makeHome();
  const { topic, config, file } = await setting(home, 'killed');
  await using writer = new Writer(file, 'app', 3000);
  await killAgain(home, config, { rounds: 8, longest: 2500 });
  const agent = await home.start(config);
  await agent.until(commits(1), 'transactions are committed');
  const lines = await writer.stop();
  await readToTheEnd(agent);
  await agent.stop();
  await assertCommitted(topic, lines);
});

test('a broker that is killed under load and comes back has all of it once', { skip }, async () => {
  await using home = await makeHome();
  const { topic, config, file } = await setting(home, 'broker');
  await using writer = new Writer(file, 'app', 3000);
  const agent = await home.start(config);
  for (let round = 0; round < 2; round++) {
    const before = (await agent.status()).kafka.transactions!.commits;
    await agent.until(commits(before + 2), 'transactions are committed', LIMIT_MS);
    await sleep(randomInt(500));
    await kafka.kill();
    await agent.until((s) => s.kafka.state !== 'connected' && !s.ready, 'the status says so');
    await kafka.start();
  }
  const before = (await agent.status()).kafka.transactions!.commits;
  await agent.until(commits(before + 2), 'transactions are committed', LIMIT_MS);
  const lines = await writer.stop();
  await readToTheEnd(agent);
  await agent.stop();
  // Had another test's broker its port for a while, lines are rightly there.
  assert.doesNotMatch(agent.stderr, /another cluster/);
  await assertCommitted(topic, lines);
});

test('an agent that is frozen for longer than its transaction may take goes on by itself', { skip }, async () => {
  await using home = await makeHome();
  const { topic, config, file } = await setting(home, 'frozen', { transaction_timeout: '2s' });
  await using writer = new Writer(file, 'app', 2000);
  const agent = await home.start(config);
  for (let round = 0; round < 3; round++) {
    await agent.until((s) => s.kafka.transactions?.open_seconds !== null, 'a transaction is open', LIMIT_MS);
    process.kill(agent.pid, 'SIGSTOP');
    // The broker looks for what has timed out every ten seconds.
    await sleep(round === 0 ? 13_000 : 3000);
    process.kill(agent.pid, 'SIGCONT');
    const before = (await agent.status()).kafka.transactions!.commits;
    await agent.until(commits(before + 2), 'transactions are committed', LIMIT_MS);
  }
  const lines = await writer.stop();
  await readToTheEnd(agent);
  const { transactions } = (await agent.status()).kafka;
  assert.ok(transactions!.aborts > 0, JSON.stringify(transactions));
  await agent.stop();
  await assertCommitted(topic, lines);
});

test('of two agents with the same id the older one ends, with a sentence and exit code 1', { skip }, async () => {
  await using home = await makeHome();
  await using copy = await makeHome();
  const { topic, config, file } = await setting(home, 'copied');
  await using writer = new Writer(file, 'app', 1000);
  const older = await home.start(config);
  await older.until(commits(2), 'transactions are committed', LIMIT_MS);
  // A copy is made of an agent that stands still; it was killed, so the copy has no lock either.
  await older.kill9();
  const noSocket = (path: string) => !path.endsWith('.sock');
  await cp(home.dataDir, copy.dataDir, { recursive: true, filter: noSocket });
  const first = await home.start(config);
  await first.until(commits(1), 'transactions are committed', LIMIT_MS);
  const second = await copy.start(config);
  assert.equal(await first.ended(), 1);
  assert.match(first.stderr, /another agent works under the id of this one, [0-9a-f]{16} \(pid \d+ on web-1/);
  await second.until(commits(1), 'transactions are committed', LIMIT_MS);
  const lines = await writer.stop();
  await readToTheEnd(second);
  await second.stop();
  await assertCommitted(topic, lines);
});

test('StatsD goes through the local log once, over kill -9', { skip }, async () => {
  await using home = await makeHome();
  const topic = await freshTopic(kafka.brokers, 'statsd');
  const config: AgentConfig = {
    kafka: { brokers: kafka.brokers, delivery: 'exactly_once', topic_prefix: topic },
    metrics: { topic },
    statsd: { listen: 'udp://127.0.0.1:0', flush_interval: '1s' },
  };
  let sent = 0;
  await killAgain(home, config, {
    rounds: 5,
    longest: 900,
    alive: async (agent) => {
      const statsd = new StatsD({ host: '127.0.0.1', port: await agent.statsdPort(), maxBufferSize: 1400 });
      for (let i = 0; i < 3000; i++) statsd.increment('hits', 1, [`n:${i % 100}`]);
      sent += 3000;
      await new Promise<void>((resolve, reject) => statsd.close((error) => (error ? reject(error) : resolve())));
      await agent.until((s) => s.conservation.inputs.statsd!.received === 3000, 'the samples are received');
      // Whatever window they fell into: it is closed, and was written. Whether it is committed is chance.
      await sleep(1300);
      await agent.until((s) => s.spool.records + s.topics[0]!.records >= 100, 'the window is closed');
    },
  });
  const agent = await home.start(config);
  await agent.until((s) => s.spool.records === 0 && s.topics.every((t) => t.in_flight === 0), 'drained', LIMIT_MS);
  await agent.settled(0, LIMIT_MS);
  await agent.stop();
  const metrics = (await committedValues(kafka.brokers, topic)).map((value) => JSON.parse(value));
  const ids = new Set(metrics.map((metric) => metric.event.id));
  assert.equal(ids.size, metrics.length, 'event.id is unique');
  const hits = metrics.filter(({ name }) => name === 'hits').reduce((sum, { value }) => sum + value, 0);
  assert.equal(hits, sent);
});

test('without its positions an agent reads them from Kafka, and nothing of the files again', { skip }, async () => {
  await using home = await makeHome();
  const { topic, config } = await setting(home, 'lost');
  const files = ['a', 'b', 'c'].map((name) => home.path('logs', `${name}.log`));
  const write = (round: number) =>
    Promise.all(
      files.map((file, i) => writeFile(file, `${numbered(`${i}`, round * 1000, 1000).join('\n')}\n`, { flag: 'a' })),
    );
  await write(0);
  for (let round = 1; round <= 2; round++) {
    const agent = await home.start(config);
    await agent.settled(3000, LIMIT_MS);
    // The first time the process could note what it had; the second time not.
    if (round === 1) await agent.stop();
    else await agent.kill9();
    await rm(home.path('data', 'positions'));
    if (round === 2) await rm(home.path('data', 'positions.topic'), { force: true });
    await write(round);
  }
  const agent = await home.start(config);
  await agent.settled(3000, LIMIT_MS);
  assert.match(agent.stderr, /\.positions: read from its beginning/);
  await agent.stop();
  const records = await readCommitted(kafka.brokers, topic);
  for (const [i] of files.entries()) {
    const values = records.map(({ value }) => value).filter((value) => value.startsWith(`${i} `));
    assert.equal(sameInOrder(values, numbered(`${i}`, 0, 3000)), null);
  }
  // The id of a file is the same in all records, and each offset is there once.
  const places = new Set(records.map(({ headers }) => `${headers.file} ${headers.offset}`));
  assert.equal(places.size, records.length);
  assert.equal(new Set(records.map(({ headers }) => headers.file)).size, files.length);
});

test('files wait until Kafka says how far they are; StatsD does not', { skip }, async () => {
  await using home = await makeHome();
  const { topic, config, file } = await setting(home, 'away', { brokers: '127.0.0.1:1' });
  const lines = numbered('app', 0, 100);
  await writeFile(file, `${lines.join('\n')}\n`);
  const statsd = { listen: 'udp://127.0.0.1:0', flush_interval: '1s' };
  const metrics = { topic: `${topic}.metrics` };
  const away = await home.start({ ...config, statsd, metrics });
  const client = new StatsD({ host: '127.0.0.1', port: await away.statsdPort() });
  client.increment('hits');
  await new Promise((resolve) => client.close(resolve));
  const status = await away.until((s) => s.spool.records === 1, 'the sample is in the local log');
  assert.ok(
    status.topics.some((t) => t.topic === topic && /files are not read until it is/.test(t.error ?? '')),
    JSON.stringify(status.topics),
  );
  assert.equal(status.logs[0]!.lines, 0);
  await away.stop();
  const there = await home.start({
    ...config,
    kafka: { ...(config.kafka as object), brokers: kafka.brokers },
    statsd,
    metrics,
  });
  await there.settled(101, LIMIT_MS);
  await there.stop();
  await assertCommitted(topic, lines);
  assert.equal((await committedValues(kafka.brokers, `${topic}.metrics`)).length, 1);
});

test('a Kafka that cannot keep the books of transactions is told, and files are read as soon as it can', {
  skip,
}, async () => {
  // As a single broker does by default: the topic of transactions would have three replicas.
  await using single = await startKafka({ properties: { 'transaction.state.log.replication.factor': 3 } });
  await using home = await makeHome();
  await createTopic(single.brokers, 'books');
  const lines = numbered('app', 0, 1000);
  await writeFile(home.path('app.log'), `${lines.join('\n')}\n`);
  const agent = await home.start({
    kafka: { brokers: single.brokers, delivery: 'exactly_once' },
    logs: [{ name: 'app', include: home.path('app.log'), topic: 'books', encoding: 'raw' }],
  });
  const why = /^topic books: cannot find the transactions coordinator: COORDINATOR_NOT_AVAILABLE.*files are not read/;
  await agent.until((s) => s.reasons.some((reason) => why.test(reason)), 'the status says why');
  await agent.until(
    () => /COORDINATOR_NOT_AVAILABLE.*has __transaction_state its replicas\?/.test(agent.stderr),
    'so does the log',
  );
  await createTopic(single.brokers, '__transaction_state', { partitions: 4, 'cleanup.policy': 'compact' });
  const { reasons } = await agent.settled(lines.length, LIMIT_MS);
  assert.deepEqual(reasons, []);
  await agent.stop();
  assert.equal(sameInOrder(await committedValues(single.brokers, 'books'), lines), null);
});

test('stopped while Kafka does not answer, the open transaction is nowhere and all of it comes later', {
  skip,
}, async () => {
  await using home = await makeHome();
  const { topic, config, file } = await setting(home, 'deadline');
  await using writer = new Writer(file, 'app', 2000);
  const agent = await home.start({ ...config, shutdown_timeout: '2s' });
  await agent.until(commits(2), 'transactions are committed', LIMIT_MS);
  kafka.pause();
  try {
    await sleep(500);
    await agent.stop();
  } finally {
    kafka.resume();
  }
  const again = await home.start(config);
  await again.until(commits(1), 'transactions are committed', LIMIT_MS);
  const lines = await writer.stop();
  await readToTheEnd(again);
  await again.stop();
  await assertCommitted(topic, lines);
});

for (const compression of ['none', 'zstd']) {
  test(`little memory makes small transactions, and nothing stands still (${compression})`, { skip }, async () => {
    await using home = await makeHome();
    const { topic, config, file } = await setting(home, `small-${compression}`, { compression, create_topics: true });
    const lines = numbered('app', 0, 40_000);
    await writeFile(file, `${lines.join('\n')}\n`);
    const agent = await home.start({ ...config, buffer_memory: '10MiB' });
    await agent.settled(lines.length, LIMIT_MS);
    await agent.stop();
    await assertCommitted(topic, lines);
  });
}
