/**
 * A file into Kafka at full speed, acks=all, beside kcat (librdkafka) on the same file with the same codec. Kafka takes
 * its share of the machine, so CPU seconds for a million lines are what counts; lines a second say what is left beside it.
 *
 * The agent's CPU time is that of its whole process, from its start until Kafka has acknowledged the last line; `net` is
 * that without what an agent needs that reads one line. kcat's is from its start to its end.
 */
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Admin } from 'kafkajs';
import { createTopic, withAdmin } from '../support/kafka.ts';
import { AgentProcess } from './agent.ts';
import { type Bench, type Figure, median, progress } from './bench.ts';
import { children, memoryMb } from './proc.ts';

/** Short enough that the time to see the last acknowledgement is no part of the figure. */
const POLL_MS = 20;
const LIMIT_MS = 120_000;

export interface Run {
  cpu: number;
  seconds: number;
  peakMb: number;
}

interface Job {
  file: string;
  lines: number;
  encoding: 'raw' | 'json';
  codec: string;
  node?: string[];
  /** Of the input; `routed` is a topic that its steps may send to. */
  options?: object | ((routed: string) => object);
}

/** One agent, one file, until `lines` records of it are in Kafka: no more and no less. */
export async function runAgent(bench: Bench, job: Job): Promise<Run> {
  return await withTopic(bench, async (topic, admin) => {
    const { main, dir, kafka } = bench;
    const { file: include, encoding, codec, node = [] } = job;
    const routed = typeof job.options === 'function' ? `${topic}-routed` : null;
    if (routed) await createTopic(kafka.brokers, routed);
    const options = typeof job.options === 'function' ? job.options(routed!) : (job.options ?? {});
    const storedOf = async () => (await recordsOf(admin, topic)) + (routed ? await recordsOf(admin, routed) : 0);
    await using agent = await AgentProcess.start({
      main,
      dir,
      brokers: kafka.brokers,
      topic,
      include,
      encoding,
      codec,
      node,
      options,
      // Not those that steps make of its lines.
      ...(routed && { metricsTopic: `${topic}-metrics` }),
    });
    for (;;) {
      const stored = await storedOf();
      if (stored >= job.lines) break;
      if (performance.now() - agent.started > LIMIT_MS) throw new Error(`${stored} of ${job.lines} lines in Kafka`);
      await sleep(POLL_MS);
    }
    const cpu = agent.cpu().total;
    const seconds = (performance.now() - agent.started) / 1000;
    const peakMb = agent.memory().peak;
    await agent.stop();
    const stored = await storedOf();
    if (routed) await admin.deleteTopics({ topics: [routed] });
    if (stored !== job.lines) throw new Error(`Kafka has ${stored} records of ${job.lines} lines`);
    return { cpu, seconds, peakMb };
  });
}

/** `kcat -P -l` on the same file; its CPU time is what the shell's `time` says. */
async function runKcat(bench: Bench, job: { file: string; lines: number; codec: string }): Promise<Run> {
  return await withTopic(bench, async (topic, admin) => {
    const args = [
      '-P',
      '-b',
      bench.kafka.brokers,
      '-t',
      topic,
      '-X',
      'acks=all',
      '-X',
      `compression.codec=${job.codec}`,
    ];
    if (job.codec === 'zstd') args.push('-X', 'compression.level=1');
    args.push('-l', job.file);
    const started = performance.now();
    const shell = spawn('bash', ['-c', 'TIMEFORMAT="%3U %3S"; time kcat "$@"', 'bash', ...args], {
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    let errors = '';
    shell.stderr.setEncoding('utf8').on('data', (text: string) => {
      errors += text;
    });
    let peakMb = 0;
    const watch = setInterval(() => {
      for (const pid of children(shell.pid!)) peakMb = Math.max(peakMb, memoryMb(pid).peak);
    }, 50);
    const [code] = await once(shell, 'close');
    clearInterval(watch);
    const seconds = (performance.now() - started) / 1000;
    const stored = await recordsOf(admin, topic);
    if (code !== 0 || stored !== job.lines) throw new Error(`kcat ended with ${code}, ${stored} records: ${errors}`);
    const [user, system] = errors.trim().split('\n').at(-1)!.split(' ').map(Number) as [number, number];
    return { cpu: user + system, seconds, peakMb };
  });
}

export async function throughput(bench: Bench): Promise<Figure[]> {
  const file = join(bench.dir, 'access.log');
  const one = join(bench.dir, 'one.log');
  writeFileSync(one, readFileSync(file).subarray(0, 200));
  const contests = [
    { name: 'raw zstd-1', encoding: 'raw', codec: 'zstd', atMost: 0.8 },
    { name: 'raw lz4', encoding: 'raw', codec: 'lz4', atMost: 1.0 },
    { name: 'json zstd-1', encoding: 'json', codec: 'zstd', atMost: 1.0 },
  ] as const;
  const startup: number[] = [];
  const results = contests.map((contest) => ({ ...contest, agent: [] as Run[], kcat: [] as Run[] }));
  for (let run = 1; run <= bench.runs; run++) {
    startup.push((await runAgent(bench, { file: one, lines: 1, encoding: 'raw', codec: 'zstd' })).cpu);
    for (const { name, encoding, codec, agent, kcat } of results) {
      kcat.push(await runKcat(bench, { file, lines: bench.lines, codec }));
      agent.push(await runAgent(bench, { file, lines: bench.lines, encoding, codec }));
      const cost = (r: Run) => (r.cpu / (bench.lines / 1e6)).toFixed(2);
      progress(
        `${name} ${run}/${bench.runs}: agent ${cost(agent.at(-1)!)}, kcat ${cost(kcat.at(-1)!)} CPU-s a million lines`,
      );
    }
  }
  const million = bench.lines / 1e6;
  const started = median(startup);
  return [
    { name: 'start: CPU until one line is acknowledged', value: started, unit: 'CPU-s', runs: startup },
    ...results.flatMap(({ name, atMost, agent, kcat }): Figure[] => {
      const cpu = (runs: Run[]) => runs.map((run) => run.cpu / million);
      const net = agent.map((run) => (run.cpu - started) / million);
      const theirs = median(cpu(kcat));
      return [
        { name: `${name}: agent`, value: median(cpu(agent)), unit: 'CPU-s/M lines', runs: cpu(agent) },
        { name: `${name}: agent, net of its start`, value: median(net), unit: 'CPU-s/M lines', runs: net },
        { name: `${name}: kcat, raw`, value: theirs, unit: 'CPU-s/M lines', runs: cpu(kcat) },
        { name: `${name}: agent / kcat`, value: median(cpu(agent)) / theirs, unit: '', at_most: atMost },
        { name: `${name}: net / kcat`, value: median(net) / theirs, unit: '' },
        {
          name: `${name}: agent`,
          value: median(agent.map((run) => bench.lines / run.seconds / 1000)),
          unit: 'k lines/s',
          ...(name.startsWith('json') ? { at_least: 700 } : {}),
        },
        {
          name: `${name}: kcat`,
          value: median(kcat.map((run) => bench.lines / run.seconds / 1000)),
          unit: 'k lines/s',
        },
        { name: `${name}: agent`, value: median(agent.map((run) => run.peakMb)), unit: 'MB at most', at_most: 200 },
        { name: `${name}: kcat`, value: median(kcat.map((run) => run.peakMb)), unit: 'MB at most' },
      ];
    }),
    await loopDelay(bench, file),
  ];
}

/** In a run of its own: an agent that measures itself is not the one whose CPU time counts. */
export async function loopDelay(
  bench: Bench,
  file: string,
  { what = 'at full speed', lines = bench.lines, options = {} as object } = {},
): Promise<Figure> {
  const out = join(bench.dir, 'loop-delay');
  const preload = new URL('./loop-delay.mjs', import.meta.url);
  preload.searchParams.set('out', out);
  const node = ['--import', preload.href];
  await runAgent(bench, { file, lines, encoding: 'json', codec: 'zstd', node, options });
  return {
    name: `event loop delay ${what}, p99`,
    value: Number(readFileSync(out, 'utf8')),
    unit: 'ms',
    at_most: 20,
  };
}

/** A topic of one partition that is gone afterwards, so that the disk holds one run at a time. */
async function withTopic<T>(bench: Bench, work: (topic: string, admin: Admin) => Promise<T>): Promise<T> {
  const topic = `bench-${randomBytes(4).toString('hex')}`;
  const { brokers } = bench.kafka;
  await createTopic(brokers, topic);
  return await withAdmin(brokers, async (admin) => {
    try {
      return await work(topic, admin);
    } finally {
      await admin.deleteTopics({ topics: [topic] });
    }
  });
}

async function recordsOf(admin: Admin, topic: string): Promise<number> {
  return Number((await admin.fetchTopicOffsets(topic))[0]!.high);
}
