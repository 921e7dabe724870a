/**
 * Spans beside other work: 40,000 a second while a file is read at full speed, none of them refused; and the memory that a
 * flood of requests takes, beyond what the agent has when it is idle.
 */
import { execFile } from 'node:child_process';
import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { createTopic } from '../support/kafka.ts';
import { freePorts } from '../support/ports.ts';
import { writeAccessLog } from './access-log.ts';
import { AgentProcess } from './agent.ts';
import { type Bench, type Figure, progress } from './bench.ts';

const run = promisify(execFile);
const programOf = (name: string) => new URL(name, import.meta.url).pathname;
const SENDER = programOf('./otlp-sender.ts');
const FLOOD = programOf('./otlp-flood.ts');

/** 8 clients, 512 spans a request: 40,960 spans a second. */
const PACED = ['512', '8', '10', '80'];
const LINES = 5_000_000;
/** `buffer_memory` of 32 MiB, and 30 MB. */
const MOST_GROWTH = (32 * 2 ** 20) / 1e6 + 30;
/** Connections, seconds, bytes of a body; `max_request` is 8 MiB. */
const FLOODS = {
  plain: ['64', '5', '7000000'],
  gzip: ['64', '5', '7000000'],
  slow: ['64', '5', '7000000'],
  bytes: ['16', '5', '2000000'],
  grpc: ['16', '5', '7000000'],
};

/** At most so long; small bodies. */
const STORM = ['1000', '60', '2000'];
const STORM_CALLS = 100_000;

interface Intake {
  agent: AgentProcess;
  http: string;
  grpc: string;
}

async function start(
  { main, dir }: Bench,
  setup: { brokers: string | null; topic: string; include: string | null; node?: readonly string[] },
): Promise<Intake> {
  const [http, grpc] = (await freePorts(2)).map((port) => `127.0.0.1:${port}`) as [string, string];
  const otlp = { http: [http], grpc: [grpc], signals: ['traces'], spool: { max_size: '4GiB' } };
  const agent = await AgentProcess.start({ main, dir, ...setup, more: { otlp } });
  await agent.until(({ otlp }) => otlp.listeners.length === 2 && otlp.listeners.every(({ error }) => error === null));
  return { agent, http, grpc };
}

/** The sender ends with an error at the first request that is refused. */
export async function besideFile(bench: Bench): Promise<Figure[]> {
  const { dir, kafka } = bench;
  const topic = 'bench-traces-beside';
  await createTopic(kafka.brokers, `${topic}.traces`, { partitions: 12 });
  await createTopic(kafka.brokers, topic, { partitions: 4 });
  const include = join(dir, 'beside.log');
  writeAccessLog(include, LINES);
  const out = join(dir, 'traces-loop-delay');
  const preload = new URL('./loop-delay.mjs', import.meta.url);
  preload.searchParams.set('out', out);
  const { agent, http } = await start(bench, {
    brokers: kafka.brokers,
    topic,
    include,
    node: ['--import', preload.href],
  });
  try {
    const before = await agent.tailed();
    const { stdout } = await run(process.execPath, [SENDER, 'http', http, ...PACED]);
    const { spans, seconds, p99 } = JSON.parse(stdout) as { spans: number; seconds: number; p99: number };
    const after = await agent.tailed();
    const status = await agent.until(() => true);
    const refused = status.otlp.listeners.reduce((sum, one) => sum + one.refused, 0);
    const lines = (after?.lines ?? 0) - (before?.lines ?? 0);
    progress(`  ${spans} spans in ${seconds} s, p99 ${p99} ms, beside ${lines} lines`);
    await agent.stop();
    return [
      { name: 'traces beside a file, spans', value: spans / seconds, unit: 'spans/s', at_least: 40_000 },
      { name: 'traces beside a file, lines', value: lines / seconds, unit: 'lines/s' },
      { name: 'traces beside a file, refused', value: refused, unit: 'requests', at_most: 0 },
      { name: 'traces beside a file, answer, p99', value: p99, unit: 'ms' },
      { name: 'traces beside a file, event loop, p99', value: Number(readFileSync(out)), unit: 'ms', at_most: 20 },
    ];
  } finally {
    await agent.stop();
    rmSync(include);
  }
}

export async function tracesFlood(bench: Bench): Promise<Figure[]> {
  const figures: Figure[] = [];
  for (const [kind, numbers] of Object.entries(FLOODS)) {
    const { agent, http, grpc } = await start(bench, { brokers: null, topic: 'bench-flood', include: null });
    try {
      const [how, address] = kind === 'grpc' ? ['grpc', grpc] : ['plain', http];
      await run(process.execPath, [FLOOD, how, address, '1', '1', '20000']);
      const idle = agent.memory().now;
      const { stdout } = await run(process.execPath, [FLOOD, kind, address, ...numbers]);
      const { peak } = agent.memory();
      progress(`  ${kind}: ${idle.toFixed(0)} -> ${peak.toFixed(0)} MB, answered ${stdout}`);
      figures.push({ name: `traces, flood: ${kind}, memory`, value: peak - idle, unit: 'MB', at_most: MOST_GROWTH });
    } finally {
      await agent.stop();
    }
  }
  return figures;
}

/** A thousand connections, each with a hundred calls at once: all are answered, and nothing else is held up. */
export async function tracesStorm(bench: Bench): Promise<Figure[]> {
  const out = join(bench.dir, 'storm-loop-delay');
  const preload = new URL('./loop-delay.mjs', import.meta.url);
  preload.searchParams.set('out', out);
  const node = ['--import', preload.href];
  const { agent, grpc } = await start(bench, { brokers: null, topic: 'bench-storm', include: null, node });
  try {
    await run(process.execPath, [FLOOD, 'grpc', grpc, '1', '1', '20000']);
    const idle = agent.memory().now;
    const { stdout } = await run(process.execPath, [FLOOD, 'storm', grpc, ...STORM]);
    const { peak } = agent.memory();
    progress(`  storm: ${idle.toFixed(0)} -> ${peak.toFixed(0)} MB, answered ${stdout}`);
    const answered = (JSON.parse(stdout) as Record<string, number>)['0'] ?? 0;
    await agent.stop();
    const loop = Number(readFileSync(out));
    return [
      { name: 'traces, storm, not answered', value: STORM_CALLS - answered, unit: 'calls', at_most: 0 },
      { name: 'traces, storm, event loop, p99', value: loop, unit: 'ms', at_most: 20 },
      { name: 'traces, storm, memory', value: peak - idle, unit: 'MB', at_most: MOST_GROWTH },
    ];
  } finally {
    await agent.stop();
  }
}
