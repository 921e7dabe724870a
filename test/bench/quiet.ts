/**
 * What a quiet machine sees: how soon a line is in Kafka after it was written, how soon after the agent's start, and
 * what the agent costs when nothing happens. Arrival is seen by a kcat that consumes: it is a little later than the
 * acknowledgement, so the figures err to the high side.
 */
import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { appendFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { freshTopic } from '../support/kafka.ts';
import { AgentProcess } from './agent.ts';
import { type Bench, type Figure, median, progress, quantile } from './bench.ts';
import { startPeers } from './peers.ts';

const APPENDS = 200;
const QUIET_FILES = 100;

/** Consumes a topic, and tells when a text comes by. `only`: of the records, those with this text are looked at. */
export class Arrivals implements Disposable {
  readonly #kcat: ChildProcessByStdio<null, Readable, null>;
  #text = '';
  #seen: () => void = () => undefined;

  constructor(brokers: string, topic: string, only?: string) {
    const args = ['-C', '-u', '-q', '-b', brokers, '-t', topic, '-p', '0', '-o', 'beginning', '-f', '%s\\n'];
    this.#kcat = spawn('kcat', args, { stdio: ['ignore', 'pipe', 'inherit'] });
    const grep = ['--line-buffered', '-F', only ?? ''];
    const lines =
      only === undefined
        ? this.#kcat.stdout
        : spawn('grep', grep, { stdio: [this.#kcat.stdout, 'pipe', 'inherit'] }).stdout!;
    lines.setEncoding('utf8').on('data', (text: string) => {
      this.#text += text;
      this.#seen();
    });
  }

  async of(text: string): Promise<void> {
    while (!this.#text.includes(text)) {
      await new Promise<void>((resolve) => {
        this.#seen = resolve;
      });
    }
    this.#text = '';
  }

  [Symbol.dispose](): void {
    this.#kcat.kill('SIGKILL');
  }
}

/** From exec to the first record, of a file that is there before: the agent as it is installed, metrics included. */
export async function start(bench: Bench): Promise<Figure[]> {
  const { main, dir, kafka } = bench;
  const include = join(dir, 'start.log');
  writeFileSync(include, 'first line\n');
  const times: number[] = [];
  for (let run = 0; run < bench.runs * 2 + 1; run++) {
    const topic = await freshTopic(kafka.brokers, 'bench-start');
    using arrivals = new Arrivals(kafka.brokers, topic);
    await sleep(500);
    const agent = await AgentProcess.start({ main, dir, brokers: kafka.brokers, topic, include, metrics: true });
    await arrivals.of('first line');
    times.push(performance.now() - agent.started);
    await agent.stop();
  }
  return [{ name: 'start to first record in Kafka', value: median(times), unit: 'ms', at_most: 500, runs: times }];
}

/** A line appended now and then, at no fixed distance from the one before. */
export async function latency(bench: Bench): Promise<Figure[]> {
  const { main, dir, kafka } = bench;
  const include = join(dir, 'quiet.log');
  writeFileSync(include, 'warm up\n');
  const topic = await freshTopic(kafka.brokers, 'bench-latency');
  using arrivals = new Arrivals(kafka.brokers, topic);
  await using _agent = await AgentProcess.start({ main, dir, brokers: kafka.brokers, topic, include });
  await arrivals.of('warm up');
  const times: number[] = [];
  for (let i = 0; i < APPENDS; i++) {
    await sleep(20 + ((i * 37) % 100));
    const line = `append ${i}.`;
    const appended = performance.now();
    appendFileSync(include, `${line}\n`);
    await arrivals.of(line);
    times.push(performance.now() - appended);
  }
  return [
    { name: 'append to Kafka, quiet file, p50', value: median(times), unit: 'ms' },
    { name: 'append to Kafka, quiet file, p99', value: quantile(times, 0.99), unit: 'ms', at_most: 100 },
  ];
}

/** Host metrics every ten seconds, StatsD without traffic, a hundred files that nobody writes; beside it, others' agents. */
export async function idle(bench: Bench): Promise<Figure[]> {
  const { main, dir, kafka, idleSeconds } = bench;
  const folder = join(dir, 'idle');
  mkdirSync(folder);
  for (let i = 0; i < QUIET_FILES; i++) writeFileSync(join(folder, `${i}.log`), `line of file ${i}\n`);
  const topic = await freshTopic(kafka.brokers, 'bench-idle');
  using arrivals = new Arrivals(kafka.brokers, topic);
  const include = join(folder, '*.log');
  await using agent = await AgentProcess.start({ main, dir, brokers: kafka.brokers, topic, include, metrics: true });
  await using peers = new AsyncDisposableStack();
  const others = (await startPeers(dir, include)).map((peer) => peers.use(peer));
  await arrivals.of('line of file');
  progress(`idle for ${idleSeconds} s`);
  // The first ten seconds belong to the start.
  await sleep(10_000);
  const before = agent.cpu().total;
  const theirs = others.map((peer) => peer.cpu());
  await sleep(idleSeconds * 1000);
  const percent = (spent: number) => (spent / idleSeconds) * 100;
  return [
    { name: 'idle, 100 quiet files: CPU', value: percent(agent.cpu().total - before), unit: '% of a core', at_most: 1 },
    { name: 'idle, 100 quiet files: memory', value: agent.memory().now, unit: 'MB', at_most: 85 },
    ...others.flatMap((peer, i): Figure[] => [
      { name: `idle, ${peer.name}: CPU`, value: percent(peer.cpu() - theirs[i]!), unit: '% of a core' },
      { name: `idle, ${peer.name}: memory`, value: peer.memory(), unit: 'MB' },
    ]),
  ];
}
