/** The whole agent stopped while blocks are on their way: the next start sends them again, and Kafka has them once. */
import assert from 'node:assert/strict';
import { appendFile, readdir, readFile, writeFile } from 'node:fs/promises';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { type AgentConfig, type Home, makeHome, type RunningAgent } from '../support/agent.ts';
import { createTopic, endOffsets, type Kafka, noKafka, startKafka, untilStored, withAdmin } from '../support/kafka.ts';
import { readValues } from '../support/kcat.ts';
import { assertValues, numbered } from '../support/lines.ts';

const skip = noKafka;
let kafka: Kafka;

before(async () => {
  if (!skip) kafka = await startKafka();
});
after(async () => {
  await kafka?.stop();
});

const LINES = 60_000;

interface Held {
  home: Home;
  topic: string;
  config: AgentConfig;
  lines: string[];
}

/** An agent that is stopped after it sent blocks whose acknowledgements are held back. */
async function stoppedInFlight(home: Home, topic: string, meanwhile?: () => Promise<void>): Promise<Held> {
  await createTopic(kafka.brokers, topic);
  const lines = numbered(topic, 0, LINES);
  const config: AgentConfig = {
    kafka: { brokers: kafka.proxied, compression: 'lz4' },
    shutdown_timeout: '2s',
    logs: [{ name: 'app', include: home.path('app.log'), topic, encoding: 'raw' }],
  };
  // The first lines make the connection and the producer known.
  await writeFile(home.path('app.log'), `${lines.slice(0, 10).join('\n')}\n`);
  const agent = await home.start(config);
  await agent.settled(10);
  kafka.proxy.hold('replies');
  await appendFile(home.path('app.log'), `${lines.slice(10).join('\n')}\n`);
  await agent.until((s) => s.conservation.total.in_flight > 15_000, 'lines are on their way');
  // Blocks of the window are at Kafka, none is acknowledged.
  await untilStored(kafka.brokers, topic, 8_000);
  await meanwhile?.();
  const began = Date.now();
  await agent.stop();
  assert.ok(Date.now() - began < 5000, `${Date.now() - began} ms to stop`);
  return { home, topic, config, lines };
}

/**
 * Resolves when Kafka has taken what is on its way. Killed with something unread it resets the connection, and the answers
 * that are held back are lost with it. It would be sent blocks again of which, killed and started anew, it remembers the
 * last one alone: those come twice, and count so.
 */
async function readByKafka(topic: string): Promise<void> {
  for (let before = -1; ; await sleep(1000)) {
    const [end = 0] = await endOffsets(kafka.brokers, topic);
    if (end === before) return;
    before = end;
  }
}

async function windowFiles(home: Home): Promise<string[]> {
  return readdir(home.path('data', 'window')).catch(() => []);
}

async function finish(agent: RunningAgent, { topic, lines, home }: Held): Promise<void> {
  await agent.until((s) => s.logs[0]?.files[0]?.lag_bytes === 0, 'everything is sent');
  const { total } = (await agent.settled(1)).conservation;
  assert.equal(total.received + total.recovered, total.forwarded);
  assert.deepEqual(await windowFiles(home), []);
  await agent.stop();
  await assertValues(kafka.brokers, topic, lines);
}

test('blocks whose acknowledgements are held back at the stop are in Kafka once, in order', { skip }, async () => {
  await using home = await makeHome();
  const held = await stoppedInFlight(home, 'held');
  assert.deepEqual(await windowFiles(home), ['held-0']);
  kafka.proxy.heal();
  const agent = await home.start(held.config);
  const { recovered } = (await agent.status()).conservation.inputs['logs.app']!;
  assert.ok(recovered > 5_000, `${recovered} lines recovered`);
  await finish(agent, held);
});

test('with Kafka dead at the stop and through another start and stop they are still there once', { skip }, async () => {
  await using home = await makeHome();
  const held = await stoppedInFlight(home, 'dead', async () => {
    await readByKafka('dead');
    await kafka.kill();
    kafka.proxy.heal();
  });
  // Nothing answers: what waits stays on disk, and the books say so.
  for (let i = 0; i < 2; i++) {
    const agent = await home.start(held.config);
    const { recovered, in_flight } = (await agent.status()).conservation.inputs['logs.app']!;
    assert.ok(recovered > 5_000 && in_flight >= recovered, `${recovered} recovered, ${in_flight} in flight`);
    if (i === 0) await agent.stop();
    else await agent.kill9();
    assert.deepEqual(await windowFiles(home), ['dead-0']);
  }
  await kafka.start();
  await finish(await home.start(held.config), held);
});

test('killed in the middle of sending them again, the next start still doubles nothing', { skip }, async () => {
  await using home = await makeHome();
  const held = await stoppedInFlight(home, 'twice');
  kafka.proxy.heal();
  kafka.proxy.hold('replies');
  const second = await home.start(held.config);
  await second.kill9();
  kafka.proxy.heal();
  // The second answer is lost, so some are acknowledged and some are not when it is killed.
  const third = await home.start(held.config);
  await third.kill9();
  await finish(await home.start(held.config), held);
});

test('without brokers they wait on disk, and go first once there are some again', { skip }, async () => {
  await using home = await makeHome();
  const held = await stoppedInFlight(home, 'brokerless');
  kafka.proxy.heal();
  const { kafka: brokers, ...without } = held.config;
  const alone = await home.start(without);
  await alone.until((s) => s.logs[0]?.files[0]?.lag_bytes === 0, 'the rest is in the local log');
  assert.match(alone.stderr, /in flight at the last stop wait for kafka\.brokers/);
  await alone.stop();
  await finish(await home.start({ ...without, kafka: brokers! }), held);
});

test('of a damaged window what checks is sent, and the rest is counted as lost', { skip }, async () => {
  await using home = await makeHome();
  const held = await stoppedInFlight(home, 'damaged');
  kafka.proxy.heal();
  const file = home.path('data', 'window', 'damaged-0');
  const bytes = await readFile(file);
  bytes[bytes.length - 1]! ^= 1;
  await writeFile(file, bytes);
  // So that it shows: the topic has lost what the file holds.
  await withAdmin(kafka.brokers, (admin) => admin.deleteTopics({ topics: ['damaged'] }));
  await createTopic(kafka.brokers, 'damaged');
  const agent = await home.start(held.config);
  const status = await agent.until((s) => s.logs[0]?.files[0]?.lag_bytes === 0, 'everything is sent');
  const [loss] = status.lost;
  assert.deepEqual([loss?.input, loss?.reason], ['logs.app', 'window_damaged']);
  assert.match(agent.stderr, /damaged-0 .* is damaged: \d+ items of it are lost, the rest is sent/);
  await agent.until((s) => s.conservation.total.in_flight === 0, 'nothing is in flight');
  await agent.stop();
  const stored = (await readValues(kafka.brokers, 'damaged')).map(String);
  const first = held.lines.indexOf(stored[0]!);
  const expected = [...held.lines.slice(first)];
  assert.equal(stored.length, expected.length - loss!.records);
  const set = new Set(stored);
  assert.deepEqual(
    stored,
    expected.filter((line) => set.has(line)),
    'in order, each once',
  );
});
