/**
 * kill -9 at random moments while StatsD counters come in: what was in a closed window is in Kafka, once. What was in an
 * open one is in the agent's memory alone, and may be gone with it.
 */
import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import { setTimeout as sleep } from 'node:timers/promises';
import { type AgentConfig, makeHome } from '../support/agent.ts';
import { freshTopic } from '../support/kafka.ts';
import { consume } from './consume.ts';
import { generator } from './sequence.ts';

export interface CountersOptions {
  brokers: string;
  rounds: number;
  delivery: 'at_least_once' | 'exactly_once';
  seed?: number;
  say?: (line: string) => void;
}

const WINDOW_MS = 1000;
/** A window that ended so long ago was written. */
const CLOSED_MS = 1500;
const BURST = 50;
const BURST_EVERY_MS = 50;
const LONGEST_LIFE_MS = 1500;

interface Burst {
  sent: number;
  round: number;
  /** Sent while the agent that had it lived for long enough to close its window. */
  safe: boolean;
}

export interface CountersResult {
  bursts: number;
  safe: number;
  doubled: number;
}

export async function killCounters({
  brokers,
  rounds,
  delivery,
  seed = 1,
  say,
}: CountersOptions): Promise<CountersResult> {
  const random = generator(seed);
  await using home = await makeHome();
  const topic = await freshTopic(brokers, 'crash-counters');
  const config: AgentConfig = {
    kafka: { brokers, delivery },
    metrics: { topic },
    statsd: { listen: 'udp://127.0.0.1:0', flush_interval: `${WINDOW_MS}ms` },
  };
  const bursts: Burst[] = [];
  const socket = createSocket('udp4');
  try {
    for (let round = 0; round < rounds; round++) {
      // In every third round Kafka cannot be reached, so that the next one has a backlog to send.
      const away = round % 3 === 1;
      const agent = await home.start(away ? { ...config, kafka: { brokers: '127.0.0.1:1', delivery } } : config);
      const port = await agent.statsdPort();
      const end = performance.now() + CLOSED_MS + WINDOW_MS + random(LONGEST_LIFE_MS);
      const mine: Burst[] = [];
      while (performance.now() < end) {
        const n = bursts.length;
        await send(socket, port, `hits:1|c|#n:${n}\n`.repeat(BURST));
        const burst = { sent: performance.now(), round, safe: false };
        bursts.push(burst);
        mine.push(burst);
        await sleep(BURST_EVERY_MS);
      }
      // The agent has taken them all: what is not in Kafka now is its own doing.
      const { conservation } = await agent.until(
        (s) => s.conservation.inputs.statsd!.received === mine.length * BURST,
        'all samples are received',
      );
      const now = performance.now();
      await agent.kill9();
      for (const burst of mine) burst.safe = burst.sent + WINDOW_MS + CLOSED_MS < now;
      say?.(`round ${round + 1}: ${mine.length} bursts, ${conservation.inputs.statsd!.forwarded} samples acknowledged`);
    }
  } finally {
    socket.close();
  }
  const last = await home.start(config);
  await last.until((s) => s.spool.records === 0, 'the local log is drained', 120_000);
  await last.settled(0);
  await last.stop();

  const sums = new Map<string, number>();
  const ids = new Map<string, string>();
  let doubled = 0;
  await consume(brokers, topic, (value) => {
    const text = value.toString();
    const metric = JSON.parse(text) as {
      name: string;
      value: number;
      attributes: { n: string };
      event: { id: string };
    };
    if (metric.name !== 'hits') return;
    const before = ids.get(metric.event.id);
    if (before !== undefined) {
      doubled++;
      assert.equal(text, before, 'a record that is sent again is the same record');
      return;
    }
    ids.set(metric.event.id, text);
    sums.set(metric.attributes.n, (sums.get(metric.attributes.n) ?? 0) + metric.value);
  });
  for (const [n, { safe, round }] of bursts.entries()) {
    const sum = sums.get(String(n)) ?? 0;
    assert.ok(sum <= BURST, `burst ${n} of round ${round + 1} was counted ${sum} times`);
    if (safe) assert.equal(sum, BURST, `burst ${n} of round ${round + 1} was in a closed window`);
  }
  // The spool's numbers outlive the process: the broker drops what it has.
  assert.equal(doubled, 0, `${doubled} records came twice`);
  return { bursts: bursts.length, safe: bursts.filter(({ safe }) => safe).length, doubled };
}

function send(socket: ReturnType<typeof createSocket>, port: number, text: string): Promise<void> {
  return new Promise((resolve, reject) => {
    socket.send(text, port, '127.0.0.1', (error) => (error ? reject(error) : resolve()));
  });
}
