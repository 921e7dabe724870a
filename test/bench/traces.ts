/**
 * What spans over OTLP cost the agent: CPU of its whole process, from a request to the synced local log, and from there to
 * Kafka; and how long an answer takes, as it waits for the disk.
 */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { createTopic } from '../support/kafka.ts';
import { freePorts } from '../support/ports.ts';
import { AgentProcess } from './agent.ts';
import { type Bench, type Figure, progress } from './bench.ts';

const run = promisify(execFile);
const SENDER = new URL('./otlp-sender.ts', import.meta.url).pathname;
const PARTITIONS = 12;
let topics = 0;

interface Sent {
  spans: number;
  seconds: number;
  p50: number;
  p99: number;
}

interface Load {
  protocol: 'http' | 'grpc';
  spans: number;
  clients: number;
  seconds: number;
  rate?: number;
}

async function send(address: string, { protocol, spans, clients, seconds, rate = 0 }: Load): Promise<Sent> {
  const numbers = [spans, clients, seconds, rate].map(String);
  const { stdout } = await run(process.execPath, [SENDER, protocol, address, ...numbers]);
  return JSON.parse(stdout) as Sent;
}

interface Measured extends Sent {
  /** CPU seconds of the agent. */
  cpu: number;
  rss: number;
}

async function measure({ main, dir, kafka }: Bench, load: Load, toKafka: boolean): Promise<Measured> {
  const [http, grpc] = await freePorts(2);
  const topic = `bench-traces-${topics++}`;
  if (toKafka) await createTopic(kafka.brokers, `${topic}.traces`, { partitions: PARTITIONS });
  const agent = await AgentProcess.start({
    main,
    dir,
    brokers: toKafka ? kafka.brokers : null,
    topic,
    include: null,
    more: {
      otlp: {
        http: [`127.0.0.1:${http}`],
        grpc: [`127.0.0.1:${grpc}`],
        signals: ['traces'],
        spool: { max_size: '4GiB' },
      },
      traces: { metrics: { enabled: false } },
    },
  });
  try {
    await agent.until(({ otlp }) => otlp.listeners.length === 2 && otlp.listeners.every(({ error }) => error === null));
    const address = `127.0.0.1:${load.protocol === 'http' ? http : grpc}`;
    await send(address, { ...load, seconds: 1 });
    const { process: before } = await agent.until(() => true);
    const sent = await send(address, load);
    // What the warm-up left is little beside it.
    const { process: after } = await agent.until(({ conservation }) => !toKafka || conservation.total.in_flight === 0);
    const measured = { ...sent, cpu: after.cpu_seconds - before.cpu_seconds, rss: after.rss_bytes / 1e6 };
    progress(`  ${JSON.stringify(load)} ${toKafka ? 'to Kafka' : ''}: ${JSON.stringify(measured)}`);
    return measured;
  } finally {
    await agent.stop();
  }
}

export async function tracesFigures(bench: Bench): Promise<Figure[]> {
  const figures: Figure[] = [];
  const add = (name: string, { spans, cpu }: Measured, at_least: number) => {
    figures.push({ name, value: spans / cpu / 1e6, unit: 'M spans/CPU-s', at_least });
  };
  const batches = { spans: 512, clients: 4, seconds: 5 };
  const http = await measure(bench, { protocol: 'http', ...batches }, false);
  add('traces, http, 512, to the local log', http, 0.7);
  add('traces, grpc, 512, to the local log', await measure(bench, { protocol: 'grpc', ...batches }, false), 0.45);
  add('traces, http, 512, to 12 partitions', await measure(bench, { protocol: 'http', ...batches }, true), 0.3);
  const paced = await measure(bench, { protocol: 'http', spans: 64, clients: 8, seconds: 5, rate: 200 }, false);
  return [
    ...figures,
    { name: 'traces, 8 clients, 64, 200/s, p50', value: paced.p50, unit: 'ms' },
    { name: 'traces, 8 clients, 64, 200/s, p99', value: paced.p99, unit: 'ms', at_most: 20 },
    { name: 'traces, memory', value: http.rss, unit: 'MB' },
  ];
}
