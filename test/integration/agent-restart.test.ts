/** The whole agent stopped, killed and started again, with Kafka and without. */
import assert from 'node:assert/strict';
import { appendFile, mkdir, writeFile } from 'node:fs/promises';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { StatsD } from 'hot-shots';
import { type AgentConfig, makeHome } from '../support/agent.ts';
import { freshTopic, noKafka, sharedKafka } from '../support/kafka.ts';
import { readRecords, readValues } from '../support/kcat.ts';
import { assertValues, numbered, Writer } from '../support/lines.ts';

const skip = noKafka;
let kafka: Awaited<ReturnType<typeof sharedKafka>>;

before(async () => {
  if (!skip) kafka = await sharedKafka();
});
after(async () => {
  await kafka?.[Symbol.asyncDispose]();
});

interface Metric {
  name: string;
  type: string;
  value: number;
  count: number;
  sum: number;
  '@timestamp': string;
  start: string;
  interval: number;
  attributes: Record<string, string>;
  event: { id: string; dataset: string };
}

async function readMetrics(topic: string): Promise<Metric[]> {
  return (await readValues(kafka.brokers, topic)).map((value) => JSON.parse(value.toString()) as Metric);
}

/** The sum of a counter's values, by the value of its tag `n`. */
function sums(metrics: readonly Metric[], name: string): Record<string, number> {
  const sums: Record<string, number> = {};
  for (const { name: n, value, attributes } of metrics) {
    if (n === name) sums[attributes.n!] = (sums[attributes.n!] ?? 0) + value;
  }
  return sums;
}

function assertUniqueIds(metrics: readonly Metric[]): void {
  assert.equal(new Set(metrics.map((metric) => metric.event.id)).size, metrics.length, 'event.id is unique');
}

/** A client that has handed everything to the kernel when `close` is done. */
function client(port: number) {
  const statsd = new StatsD({ host: '127.0.0.1', port, maxBufferSize: 1400, bufferFlushInterval: 10 });
  const close = () =>
    new Promise<void>((resolve, reject) => statsd.close((error) => (error ? reject(error) : resolve())));
  return { statsd, close };
}

test('what hot-shots sends comes out of Kafka, summed up', { skip }, async () => {
  await using home = await makeHome();
  const topic = await freshTopic(kafka.brokers, 'metrics');
  const agent = await home.start({
    kafka: { brokers: kafka.brokers },
    metrics: { topic },
    statsd: { listen: 'udp://127.0.0.1:0', flush_interval: '1s' },
  });
  const { statsd, close } = client(await agent.statsdPort());
  const wanted: Record<string, number> = {};
  let samples = 0;
  // Across three windows at least.
  for (let round = 0; round < 30; round++) {
    for (let i = 0; i < 200; i++) {
      statsd.increment('hits', i, [`n:${i % 7}`]);
      wanted[i % 7] = (wanted[i % 7] ?? 0) + i;
      statsd.timing('took', i);
      statsd.gauge('depth', round * 1000 + i);
      statsd.set('users', `user-${i % 50}`);
      samples += 4;
    }
    await sleep(100);
  }
  await close();
  await agent.until((s) => s.conservation.inputs.statsd!.received === samples, 'all samples are received');
  await agent.settled(samples);
  await agent.stop();

  const metrics = await readMetrics(topic);
  assertUniqueIds(metrics);
  assert.deepEqual(sums(metrics, 'hits'), wanted);
  const took = metrics.filter((metric) => metric.name === 'took');
  assert.equal(
    took.reduce((sum, { count }) => sum + count, 0),
    30 * 200,
  );
  assert.equal(
    took.reduce((all, { sum }) => all + sum, 0),
    (30 * 199 * 200) / 2,
  );
  assert.equal(metrics.findLast((metric) => metric.name === 'depth')!.value, 29_199);
  for (const users of metrics.filter((metric) => metric.name === 'users'))
    assert.ok(users.value > 0 && users.value <= 50);
  assert.ok(took.length >= 3, `${took.length} windows`);
  // The first window begins with the agent and the last one ends with it.
  const whole = took.filter((metric) => metric.interval === 1);
  assert.ok(whole.length >= 2);
  for (const metric of whole) {
    assert.equal(Date.parse(metric['@timestamp']) % 1000, 0, 'windows are aligned to the clock');
    assert.equal(Date.parse(metric['@timestamp']) - Date.parse(metric.start), 1000);
  }
});

test('what was collected without Kafka goes to Kafka once there is one, before fresh lines', { skip }, async () => {
  await using home = await makeHome();
  await mkdir(home.path('logs'));
  const logs = await freshTopic(kafka.brokers, 'late-logs');
  const topic = await freshTopic(kafka.brokers, 'late-metrics');
  const config: AgentConfig = {
    logs: [{ name: 'app', include: home.path('logs', '*.log'), topic: logs, encoding: 'raw' }],
    metrics: { topic, interval: '1s', host: { cpu: true, memory: true, load: true } },
    statsd: { listen: 'udp://127.0.0.1:0', flush_interval: '1s' },
  };
  await using writer = new Writer(home.path('logs', 'app.log'), 'app', 5000);

  const alone = await home.start(config);
  const { statsd, close } = client(await alone.statsdPort());
  for (let i = 0; i < 1000; i++) statsd.increment('hits', 1, [`n:${i % 3}`]);
  await close();
  await alone.until((s) => {
    const { inputs } = s.conservation;
    return (
      s.spool.records > 0 && inputs.statsd!.received === 1000 && inputs.host!.received > 0 && s.logs[0]!.lines > 8000
    );
  }, 'everything is collected');
  const { kafka: none } = await alone.status();
  assert.equal(none.state, 'not_configured');
  await alone.stop();

  const online = await home.start({ ...config, kafka: { brokers: kafka.brokers } });
  const first = (await online.status()).conservation.inputs;
  assert.equal(first.statsd!.recovered, 1000);
  assert.ok(first['logs.app']!.recovered > 8000 && first.host!.recovered > 0, JSON.stringify(first));
  const again = client(await online.statsdPort());
  for (let i = 0; i < 500; i++) again.statsd.increment('hits', 1, [`n:${i % 3}`]);
  await again.close();
  await online.until((s) => s.conservation.inputs.statsd!.received === 500, 'the samples are received');
  await sleep(500);
  const lines = await writer.stop();
  const { total } = (await online.settled(lines.length + 1500)).conservation;
  assert.equal(total.recovered + total.received, total.forwarded);
  await online.until((s) => s.spool.records === 0, 'the local log is empty');
  await online.stop();

  await assertValues(kafka.brokers, logs, lines);
  const metrics = await readMetrics(topic);
  assertUniqueIds(metrics);
  assert.deepEqual(sums(metrics, 'hits'), { 0: 501, 1: 500, 2: 499 });
  assert.ok(metrics.some((metric) => metric.event.dataset === 'host'));

  // Once drained it stays drained.
  const third = await home.start({ ...config, kafka: { brokers: kafka.brokers }, metrics: { topic } });
  assert.equal((await third.status()).conservation.total.recovered, 0);
  await third.stop();
  await assertValues(kafka.brokers, logs, lines);
});

test('SIGTERM under load and a new start lose nothing and double nothing', { skip }, async () => {
  await using home = await makeHome();
  await mkdir(home.path('logs'));
  const logs = await freshTopic(kafka.brokers, 'term-logs');
  const topic = await freshTopic(kafka.brokers, 'term-metrics');
  const config: AgentConfig = {
    kafka: { brokers: kafka.brokers },
    logs: [{ name: 'app', include: home.path('logs', '*.log'), topic: logs, encoding: 'raw' }],
    metrics: { topic },
    statsd: { listen: 'udp://127.0.0.1:0', flush_interval: '10s' },
  };
  const file = home.path('logs', 'app.log');
  const old: string[] = [];
  await writeFile(file, '');
  let sent = 0;
  for (let round = 0; round < 3; round++) {
    // Each round has lines of its own: a quick one before it may have left nothing behind.
    const more = numbered('app', old.length, 150_000);
    for (const line of more) old.push(line);
    await appendFile(file, `${more.join('\n')}\n`);
    const agent = await home.start(config);
    const { statsd, close } = client(await agent.statsdPort());
    for (let i = 0; i < 500; i++) statsd.increment('hits', 1, ['n:0']);
    sent += 500;
    await close();
    await agent.until((s) => s.conservation.inputs.statsd!.received === 500, 'the samples are received');
    await agent.until((s) => s.conservation.inputs['logs.app']!.forwarded > 2000, 'lines flow');
    const began = Date.now();
    await agent.stop();
    assert.ok(Date.now() - began < 10_000, `${Date.now() - began} ms to stop`);
  }
  await using writer = new Writer(file, 'new', 10_000);
  const agent = await home.start(config);
  await sleep(500);
  const lines = [...old, ...(await writer.stop())];
  await agent.until((s) => s.logs[0]!.files[0]?.lag_bytes === 0, 'everything is read');
  await agent.settled(0);
  await agent.stop();
  await assertValues(kafka.brokers, logs, lines);
  const metrics = await readMetrics(topic);
  assertUniqueIds(metrics);
  assert.deepEqual(sums(metrics, 'hits'), { 0: sent });
});

test('kill -9 under load loses nothing, and doubles at most the unacknowledged window', { skip }, async () => {
  await using home = await makeHome();
  await mkdir(home.path('logs'));
  const logs = await freshTopic(kafka.brokers, 'kill-logs');
  const config: AgentConfig = {
    kafka: { brokers: kafka.brokers },
    logs: [{ name: 'app', include: home.path('logs', '*.log'), topic: logs, encoding: 'raw' }],
  };
  const file = home.path('logs', 'app.log');
  const old: string[] = [];
  await writeFile(file, '');
  const kills = 5;
  for (let round = 0; round < kills; round++) {
    // Each round has lines of its own: a quick one before it may have left nothing behind.
    const more = numbered('app', old.length, 60_000);
    for (const line of more) old.push(line);
    await appendFile(file, `${more.join('\n')}\n`);
    const agent = await home.start(config);
    await agent.until((s) => s.conservation.total.forwarded > 1000 * round, 'lines flow');
    await agent.kill9();
  }
  await using writer = new Writer(file, 'new', 10_000);
  const agent = await home.start(config);
  await sleep(500);
  const lines = [...old, ...(await writer.stop())];
  await agent.until((s) => s.logs[0]!.files[0]?.lag_bytes === 0, 'everything is read');
  await agent.settled(0);
  await agent.stop();

  // The order of first sights is the file's, and each new start begins where one before had been.
  const records = await readRecords(kafka.brokers, logs);
  let next = 0;
  let doubled = 0;
  let steps = 0;
  let from = -1;
  const at = new Map(lines.map((line, i) => [line, i]));
  for (const { value } of records) {
    const i = at.get(String(value)) ?? assert.fail(`nobody wrote ${value}`);
    assert.ok(i <= next, `line ${next} is missing before line ${i}`);
    if (i === next) next++;
    else doubled++;
    if (i !== from + 1) steps++;
    from = i;
  }
  assert.equal(next, lines.length);
  assert.ok(steps <= kills, `${steps} steps back`);
  // Five blocks of half a megabyte, each at least of lines of 90 bytes, and what one batch of acknowledgements holds.
  assert.ok(doubled <= kills * 6 * 5600, `${doubled} lines twice`);
});

test('kill -9 with Kafka away and closed windows in the local log loses none of them, and doubles none', {
  skip,
}, async () => {
  await using home = await makeHome();
  const topic = await freshTopic(kafka.brokers, 'kill-metrics');
  const config: AgentConfig = {
    metrics: { topic },
    statsd: { listen: 'udp://127.0.0.1:0', flush_interval: '1s' },
    spool: { sync: 'always' },
  };
  let sent = 0;
  // A port that nobody listens on: Kafka is away.
  for (const brokers of ['127.0.0.1:1', '127.0.0.1:1', kafka.brokers, kafka.brokers]) {
    const agent = await home.start({ ...config, kafka: { brokers } });
    const { statsd, close } = client(await agent.statsdPort());
    for (let i = 0; i < 700; i++) statsd.increment('hits', 1, ['n:0']);
    sent += 700;
    await close();
    await agent.until((s) => s.conservation.inputs.statsd!.received === 700, 'the samples are received');
    // Whatever window they fell into: it is closed, and was written.
    await sleep(2500);
    await agent.kill9();
  }
  const agent = await home.start({ ...config, kafka: { brokers: kafka.brokers } });
  await agent.until((s) => s.spool.records === 0, 'the local log is drained');
  await agent.settled(0);
  await agent.stop();
  const metrics = await readMetrics(topic);
  assertUniqueIds(metrics);
  assert.deepEqual(sums(metrics, 'hits'), { 0: sent });
});
