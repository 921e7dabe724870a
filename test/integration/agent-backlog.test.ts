/** A local log that holds many files' lines goes to a Kafka that is there now, by agents that are ended in the middle. */
import assert from 'node:assert/strict';
import { randomInt } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { type AgentConfig, type Home, makeHome } from '../support/agent.ts';
import { readCommitted } from '../support/committed.ts';
import { sameInOrder } from '../support/crash.ts';
import { freshTopic, noKafka, type ProxiedKafka, sharedKafkaBehindProxy } from '../support/kafka.ts';
import { numbered } from '../support/lines.ts';

const skip = noKafka;
const FILES = 10;
const LINES = 12_000;
let kafka: ProxiedKafka;

before(async () => {
  if (!skip) kafka = await sharedKafkaBehindProxy();
});
after(async () => {
  await kafka?.[Symbol.asyncDispose]();
});

interface Backlog {
  topic: string;
  /** With brokers. */
  config: AgentConfig;
  /** Of each file. */
  lines: string[][];
}

/** Files that an agent without brokers has read; each has a key of its own. */
async function backlog(home: Home, name: string, more: Record<string, unknown> = {}): Promise<Backlog> {
  const topic = await freshTopic(kafka.brokers, name, { partitions: 4 });
  const lines = Array.from({ length: FILES }, (_, i) => numbered(`file${i}`, 0, LINES));
  for (const [i, of] of lines.entries()) await writeFile(home.path(`${i}.log`), `${of.join('\n')}\n`);
  const logs = [{ name: 'app', include: home.path('*.log'), topic, encoding: 'raw' }];
  const common = { partition_by: 'file', topic_prefix: topic };
  const alone = await home.start({ kafka: common, logs });
  await alone.until(
    (s) => s.logs[0]!.files.length === FILES && s.logs[0]!.files.every((file) => file.lag_bytes === 0),
    'all is in the local log',
  );
  await alone.stop();
  const config = { kafka: { ...common, brokers: kafka.proxied, ...more }, shutdown_timeout: '1s', logs };
  return { topic, config, lines };
}

/** Each file's lines are there once and in order, with what stands behind them. */
async function assertOnce({ topic, lines }: Backlog): Promise<void> {
  const values = (await readCommitted(kafka.brokers, topic)).map(({ value }) => value);
  for (const [i, of] of lines.entries()) {
    const prefix = `file${i} `;
    const difference = sameInOrder(
      values.filter((value) => value.startsWith(prefix)),
      of,
    );
    assert.equal(difference, null);
  }
  assert.equal(values.length, FILES * LINES);
}

async function drained(home: Home, config: AgentConfig): Promise<void> {
  const agent = await home.start(config);
  await agent.until((s) => s.spool.records === 0 && s.conservation.total.in_flight === 0, 'drained');
  await agent.stop();
}

/** An agent whose blocks are at Kafka, and whose acknowledgements do not come: it is ended so. */
async function endedInFlight(home: Home, config: AgentConfig, how: 'stop' | 'kill9', sent: number): Promise<void> {
  const agent = await home.start(config);
  await agent.until((s) => s.topics.reduce((sum, t) => sum + t.records, 0) >= sent, 'some are acknowledged');
  kafka.proxy.hold('replies');
  try {
    await sleep(300);
    await agent[how]();
  } finally {
    kafka.proxy.heal();
  }
}

test('kill -9 at any moment of the drain of many keys doubles nothing', { skip }, async () => {
  await using home = await makeHome();
  const found = await backlog(home, 'backlog-killed');
  for (let round = 0; round < 4; round++) await endedInFlight(home, found.config, 'kill9', 3000);
  for (let round = 0; round < 4; round++) {
    const agent = await home.start(found.config);
    await sleep(randomInt(250));
    await agent.kill9();
  }
  await drained(home, found.config);
  await assertOnce(found);
});

test('SIGTERM in the drain of many keys doubles nothing, acknowledgements held back or not', { skip }, async () => {
  await using home = await makeHome();
  const found = await backlog(home, 'backlog-stopped');
  for (let round = 0; round < 3; round++) await endedInFlight(home, found.config, 'stop', 3000);
  await drained(home, found.config);
  await assertOnce(found);
});

test('what is in flight when transactions are switched on goes out once', { skip }, async () => {
  await using home = await makeHome();
  const found = await backlog(home, 'backlog-exactly');
  await endedInFlight(home, found.config, 'kill9', 3000);
  const exactly = { ...found.config, kafka: { ...(found.config.kafka as object), delivery: 'exactly_once' } };
  // The old numbers hold until all that may be in Kafka is acknowledged, over another kill too.
  for (let round = 0; round < 2; round++) {
    const agent = await home.start(exactly);
    await sleep(randomInt(600));
    await agent.kill9();
  }
  await drained(home, exactly);
  await assertOnce(found);
});
