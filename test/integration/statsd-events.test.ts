/** StatsD's events and service checks through the whole agent, to their topics in Kafka. */
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, test } from 'node:test';
import { StatsD } from 'hot-shots';
import { type AgentConfig, makeHome } from '../support/agent.ts';
import { noKafka, sharedKafka } from '../support/kafka.ts';
import { readRecords } from '../support/kcat.ts';

const skip = noKafka;
let kafka: Awaited<ReturnType<typeof sharedKafka>>;

before(async () => {
  if (!skip) kafka = await sharedKafka();
});
after(async () => {
  await kafka?.[Symbol.asyncDispose]();
});

/** Sends so many of each, numbered from `from` on. */
async function send(port: number, from: number, count: number): Promise<void> {
  const statsd = new StatsD({ host: '127.0.0.1', port, maxBufferSize: 0 });
  for (let i = from; i < from + count; i++) {
    statsd.event(`deploy ${i}`, 'größer\nals', { alert_type: 'warning', source_type_name: 'ci' }, [`n:${i}`]);
    statsd.check('db.up', statsd.CHECKS.CRITICAL, { message: `refused ${i}` }, [`n:${i}`]);
  }
  await new Promise<void>((resolve, reject) => statsd.close((error) => (error ? reject(error) : resolve())));
}

test('events and checks come once, those of a time without Kafka too', { skip }, async () => {
  await using home = await makeHome();
  const prefix = `events-${randomUUID()}`;
  const config: AgentConfig = {
    host: 'web-1',
    tags: { env: 'test' },
    metrics: { host: false },
    statsd: { listen: 'udp://127.0.0.1:0', flush_interval: '1s' },
  };
  const alone = await home.start({ ...config, kafka: { topic_prefix: prefix } });
  await send(await alone.statsdPort(), 0, 50);
  await alone.until((s) => s.conservation.inputs.statsd!.received === 100, 'all are received');
  await alone.stop();
  const online = await home.start({ ...config, kafka: { brokers: kafka.brokers, topic_prefix: prefix } });
  await send(await online.statsdPort(), 50, 50);
  const { conservation } = await online.until(
    (s) => s.conservation.inputs.statsd!.forwarded === 200,
    'all are in Kafka',
  );
  assert.deepEqual([conservation.total.dropped, conservation.total.unaccounted], [0, 0]);
  await online.stop();

  const records = await readRecords(kafka.brokers, `${prefix}.events`);
  const events = records.map(({ value }) => JSON.parse(String(value)));
  assert.deepEqual(
    events.map(({ title }) => title),
    Array.from({ length: 100 }, (_, i) => `deploy ${i}`),
  );
  assert.deepEqual(new Set(records.map(({ key }) => String(key))), new Set(['web-1']));
  const { '@timestamp': time, event, ...rest } = events[7];
  const { id, ...kind } = event;
  assert.ok(Date.parse(time) > 0 && typeof id === 'string');
  assert.deepEqual(kind, { kind: 'event', dataset: 'statsd', provider: 'ci', severity: 'warning' });
  assert.deepEqual(rest, {
    message: 'größer\nals',
    title: 'deploy 7',
    tags: { n: '7' },
    host: { name: 'web-1' },
    labels: { env: 'test' },
  });
  const checks = (await readRecords(kafka.brokers, `${prefix}.metrics`)).map(({ value }) => JSON.parse(String(value)));
  assert.deepEqual(
    checks.map(({ name, type, value, message, attributes }) => [name, type, value, message, attributes]),
    Array.from({ length: 100 }, (_, i) => [
      'check.status',
      'gauge',
      2,
      `refused ${i}`,
      { check: 'db.up', n: String(i) },
    ]),
  );
  assert.equal(new Set([...events, ...checks].map((record) => record.event.id)).size, 200);
});
