/**
 * What an outage costs: a backlog in the local log that is drained, the way through it against the direct one, the time
 * that a start after kill -9 takes with that backlog, and memory while Kafka stays away and files go on being written.
 */
import { randomBytes } from 'node:crypto';
import { appendFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { createTopic, withAdmin } from '../support/kafka.ts';
import { AgentProcess } from './agent.ts';
import { type Bench, type Figure, median, progress } from './bench.ts';
import { runAgent } from './throughput.ts';

const LIMIT_MS = 600_000;
const FILES = 50;

export async function recovery(bench: Bench): Promise<Figure[]> {
  const file = join(bench.dir, 'access.log');
  const direct = await runAgent(bench, { file, lines: bench.lines, encoding: 'raw', codec: 'zstd' });
  const topic = `recovery-${randomBytes(4).toString('hex')}`;
  await createTopic(bench.kafka.brokers, topic);
  const dataDir = join(bench.dir, `${topic}-data`);
  const setup = { main: bench.main, dir: bench.dir, topic, include: file, dataDir, codec: 'zstd' };
  try {
    progress('into the local log ...');
    const collecting = await AgentProcess.start({ ...setup, brokers: null });
    await until(async () => (await collecting.status())?.logs[0]?.lines === bench.lines);
    await until(async () => (await collecting.status())?.logs[0]?.files[0]?.lag_bytes === 0);
    const spooled = (await collecting.status())!.spool.bytes / 1e6;
    const stored = collecting.cpu().total;
    await collecting.kill();

    progress('killed and started again ...');
    const draining = await AgentProcess.start({ ...setup, brokers: bench.kafka.brokers });
    await until(async () => (await draining.status())?.ready === true);
    const ready = (performance.now() - draining.started) / 1000;
    await until(async () => ((await draining.status())?.topics[0]?.records ?? 0) > 0);
    const first = (performance.now() - draining.started) / 1000;
    await until(async () => (await draining.status())?.topics[0]?.records === bench.lines);
    const seconds = (performance.now() - draining.started) / 1000 - first;
    const drained = draining.cpu().total;
    const peak = draining.memory().peak;
    await draining.stop();

    const text = bench.lines * 200;
    return [
      { name: 'backlog in the local log', value: spooled, unit: 'MB' },
      { name: 'start after kill -9 with it: ready', value: ready, unit: 's' },
      { name: 'start after kill -9 with it: first ack', value: first, unit: 's' },
      { name: 'drain', value: bench.lines / seconds / 1000, unit: 'k lines/s' },
      { name: 'drain, text before compression', value: text / seconds / 1e6, unit: 'MB/s' },
      { name: 'drain: memory', value: peak, unit: 'MB at most', at_most: 200 },
      { name: 'by way of the local log / direct: CPU', value: (stored + drained) / direct.cpu, unit: '' },
    ];
  } finally {
    await withAdmin(bench.kafka.brokers, (admin) => admin.deleteTopics({ topics: [topic] }));
  }
}

/** Fifty files are written for `--idle` seconds while no broker can be reached. */
export async function away(bench: Bench): Promise<Figure[]> {
  const { kafka } = bench;
  const topic = `away-${randomBytes(4).toString('hex')}`;
  await createTopic(kafka.brokers, topic);
  const logs = join(bench.dir, topic);
  mkdirSync(logs);
  const paths = Array.from({ length: FILES }, (_, i) => join(logs, `${i}.log`));
  for (const path of paths) writeFileSync(path, 'first\n');
  const lines = `${'x'.repeat(199)}\n`.repeat(100);
  await using agent = await AgentProcess.start({
    main: bench.main,
    dir: bench.dir,
    brokers: kafka.proxied,
    topic,
    include: join(logs, '*.log'),
  });
  await until(async () => ((await agent.status())?.topics[0]?.records ?? 0) >= FILES);
  const before = agent.memory().now;
  kafka.proxy.refuse();
  const samples: number[] = [];
  try {
    progress(`no broker for ${bench.idleSeconds} s ...`);
    for (let second = 0; second < bench.idleSeconds; second++) {
      for (const path of paths) appendFileSync(path, lines);
      await sleep(1000);
      samples.push(agent.memory().now);
    }
  } finally {
    kafka.proxy.heal();
  }
  const half = Math.floor(samples.length / 2);
  return [
    { name: 'away: memory before', value: before, unit: 'MB' },
    { name: 'away: memory, highest', value: agent.memory().peak, unit: 'MB' },
    {
      name: 'away: second half / first half',
      value: median(samples.slice(half)) / median(samples.slice(0, half)),
      unit: '',
    },
  ];
}

async function until(so: () => Promise<boolean>): Promise<void> {
  const end = performance.now() + LIMIT_MS;
  while (!(await so())) {
    if (performance.now() > end) throw new Error('waited in vain');
    await sleep(20);
  }
}
