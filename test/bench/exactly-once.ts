/**
 * `delivery: exactly_once` beside the default: the same file at full speed, an agent's CPU time from its start until all
 * lines are acknowledged or committed, and what of it lies behind that of an agent that reads one line.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { createTopic, withAdmin } from '../support/kafka.ts';
import { AgentProcess } from './agent.ts';
import { type Bench, type Figure, median, progress } from './bench.ts';

const DELIVERIES = ['at_least_once', 'exactly_once'] as const;
/** The status is asked for so often in both, milliseconds: it costs the agent a part of a millisecond. */
const POLL_MS = 100;
const LIMIT_MS = 120_000;

interface Run {
  cpu: number;
  seconds: number;
  commits: number;
}

export async function exactlyOnce(bench: Bench): Promise<Figure[]> {
  const file = join(bench.dir, 'access.log');
  const one = join(bench.dir, 'one.log');
  writeFileSync(one, readFileSync(file).subarray(0, 200));
  const runs = { at_least_once: [] as Run[], exactly_once: [] as Run[] };
  const starts = { at_least_once: [] as number[], exactly_once: [] as number[] };
  for (let run = 1; run <= bench.runs; run++) {
    for (const delivery of DELIVERIES) {
      starts[delivery].push((await runAgent(bench, { delivery, file: one, lines: 1 })).cpu);
      runs[delivery].push(await runAgent(bench, { delivery, file, lines: bench.lines }));
    }
    const cost = (of: Run[]) => (of.at(-1)!.cpu / (bench.lines / 1e6)).toFixed(2);
    progress(
      `exactly once ${run}/${bench.runs}: ${cost(runs.exactly_once)}, default ${cost(runs.at_least_once)} CPU-s a million lines`,
    );
  }
  const million = bench.lines / 1e6;
  const net = (delivery: (typeof DELIVERIES)[number]) => {
    const started = median(starts[delivery]);
    return runs[delivery].map(({ cpu }) => (cpu - started) / million);
  };
  const [usual, exact] = [net('at_least_once'), net('exactly_once')];
  const seconds = (of: Run[]) => median(of.map((run) => bench.lines / run.seconds / 1000));
  return [
    { name: 'default: net of its start', value: median(usual), unit: 'CPU-s/M lines', runs: usual },
    { name: 'exactly once: net of its start', value: median(exact), unit: 'CPU-s/M lines', runs: exact },
    { name: 'exactly once / default', value: median(exact) / median(usual), unit: '', at_most: 1.15 },
    { name: 'default', value: seconds(runs.at_least_once), unit: 'k lines/s' },
    { name: 'exactly once', value: seconds(runs.exactly_once), unit: 'k lines/s' },
    { name: 'exactly once: transactions', value: median(runs.exactly_once.map((run) => run.commits)), unit: '' },
  ];
}

async function runAgent(
  bench: Bench,
  job: { delivery: (typeof DELIVERIES)[number]; file: string; lines: number },
): Promise<Run> {
  const topic = `bench-exactly-${Math.random().toString(36).slice(2, 10)}`;
  const { brokers } = bench.kafka;
  await createTopic(brokers, topic);
  await createTopic(brokers, `${topic}.positions`, { 'cleanup.policy': 'compact' });
  try {
    const { main, dir } = bench;
    await using agent = await AgentProcess.start({
      main,
      dir,
      brokers,
      topic,
      include: job.file,
      delivery: job.delivery,
    });
    for (;;) {
      const status = await agent.status();
      if (status && status.conservation.total.forwarded >= job.lines) {
        const cpu = agent.cpu().total;
        const seconds = (performance.now() - agent.started) / 1000;
        return { cpu, seconds, commits: status.kafka.transactions?.commits ?? 0 };
      }
      if (performance.now() - agent.started > LIMIT_MS) {
        throw new Error(`${status?.conservation.total.forwarded} of ${job.lines} lines forwarded: ${status?.reasons}`);
      }
      await sleep(POLL_MS);
    }
  } finally {
    await withAdmin(brokers, (admin) => admin.deleteTopics({ topics: [topic, `${topic}.positions`] }));
  }
}
