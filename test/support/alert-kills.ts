/**
 * An agent with alerts, killed at any moment while values go up and down. In the end each change must be recorded and told,
 * none left out between two others, and conditions that take longer than any process lives must have been met.
 */
import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import { setTimeout as sleep } from 'node:timers/promises';
import { makeHome } from './agent.ts';
import { alertingAgent } from './alerting-agent.ts';
import { startHooks } from './hooks.ts';
import { createTopic } from './kafka.ts';
import { readRecords } from './kcat.ts';
import { freePort } from './ports.ts';
import { until } from './until.ts';

/** Longer than a process looks. */
const LONG_MS = 3000;
/** Of how many rounds there are: until what takes long has fired. */
const MOST_ROUNDS = 4;
/** How long the receiver may take to answer. */
const SLOWEST_MS = 300;

const RULES = [
  { name: 'hot', metric: 'temp', by: 'room', fire: '> 50', clear: '< 40' },
  { name: 'long', metric: 'load', fire: '> 50', for: `${LONG_MS}ms`, keep: `${LONG_MS}ms` },
];

export interface AlertsKilled {
  kills: number;
  /** Changes, and those of the rule whose conditions take long. */
  changes: number;
  long: number;
  /** Told, or recorded, once more. */
  toldAgain: number;
  recordedAgain: number;
}

interface AlertDocument {
  event: { id: string; action: string };
  rule: { name: string };
  alert: { fingerprint: string; change: number; state: string; previous: string };
}

/** `rounds`: at least. `pause`: how long each process runs after it was ready, milliseconds, not all of LONG_MS. */
export async function killAlerts(
  brokers: string,
  topic_prefix: string,
  rounds: number,
  pause: (round: number) => number,
): Promise<AlertsKilled> {
  await createTopic(brokers, `${topic_prefix}.alerts`, { partitions: 1 });
  await using home = await makeHome();
  await using hooks = await startHooks();
  hooks.answer = async () => {
    await sleep(Math.random() * SLOWEST_MS);
    return { code: 200 };
  };
  const port = await freePort();
  const config = {
    kafka: { brokers: [brokers], topic_prefix },
    ...alertingAgent(port, hooks.url, RULES),
  };
  const toldOf = (rule: string) =>
    hooks.taken
      .map(({ body }) => JSON.parse(body) as { status: string; groupLabels: { alertname: string } })
      .filter(({ groupLabels }) => groupLabels.alertname === rule);
  const socket = createSocket('udp4');
  let [temp, load] = [60, 60];
  let turns = 0;
  const sending = setInterval(() => {
    if (--turns <= 0) {
      temp = temp > 50 ? 20 : 60;
      turns = 4 + Math.random() * 12;
    }
    const last = toldOf('long').at(-1);
    load = last?.status === 'firing' ? 20 : 60;
    socket.send(`temp:${temp}|g|#room:a\nload:${load}|g`, port, '127.0.0.1');
  }, 100);
  let long = 0;
  let kills = 0;
  try {
    for (; kills < rounds || (toldOf('long').length === 0 && kills < rounds * MOST_ROUNDS); kills++) {
      const agent = await home.start(config);
      await sleep(Math.min(pause(kills), LONG_MS - 500));
      await agent.kill9();
    }
    long = toldOf('long').length;
    clearInterval(sending);
    const agent = await home.start(config);
    // One more change, which is told after all before it.
    const end = toldOf('hot').at(-1)?.status === 'firing' ? 'resolved' : 'firing';
    const ending = setInterval(
      () => socket.send(`temp:${end === 'firing' ? 60 : 20}|g|#room:a`, port, '127.0.0.1'),
      100,
    );
    try {
      await until('the last change is told', () => toldOf('hot').at(-1)?.status === end);
      await agent.until(({ alerts }) => alerts.receivers.every(({ waiting }) => waiting === 0), 'all is told');
    } finally {
      clearInterval(ending);
    }
    await agent.until(({ conservation }) => conservation.total.in_flight === 0, 'all is in Kafka');
    await agent.stop();
  } finally {
    clearInterval(sending);
    socket.close();
  }
  const read = (await readRecords(brokers, `${topic_prefix}.alerts`)).map(({ value }) => String(value));
  const all = new Map<string, AlertDocument>();
  const texts = new Map<string, string>();
  for (const text of read) {
    const document = JSON.parse(text) as AlertDocument;
    const { id } = document.event;
    assert.equal(text, texts.get(id) ?? text, 'the same id, another document');
    texts.set(id, text);
    all.set(id, document);
  }
  const changes = [...all.values()].sort((a, b) => a.alert.change - b.alert.change);
  for (const { name } of RULES) {
    const actions = changes.filter(({ rule }) => rule.name === name).map(({ event }) => event.action);
    for (const [i, action] of actions.entries()) {
      assert.equal(action, i % 2 === 0 ? 'firing' : 'resolved', `${name}: ${actions}`);
    }
  }
  const told = hooks.taken.map(({ headers }) => String(headers['idempotency-key']));
  const toldChanges = new Set(told.map((key) => key.split('-').slice(0, 2).join('-')));
  assert.deepEqual(
    [...toldChanges].sort(),
    changes.map(({ alert }) => `${alert.fingerprint}-${alert.change}`).sort(),
    'what is recorded and what is told differ',
  );
  const again = told.length - new Set(told).size;
  assert.equal(new Set(told).size, toldChanges.size, 'the same change under two keys');
  assert.ok(again <= kills, `${again} told again in ${kills} kills`);
  assert.ok(long > 0, `what takes ${LONG_MS} ms never fired in ${kills} kills`);
  return { kills, changes: changes.length, long, toldAgain: again, recordedAgain: read.length - texts.size };
}
