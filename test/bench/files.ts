/**
 * Many files: what they cost while nobody writes to them, how soon they are read at a start, whether a quiet one waits
 * behind a hot one, and what a file costs that is written a line at a time.
 */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { appendFileSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { freshTopic } from '../support/kafka.ts';
import { AgentProcess, type AgentSetup } from './agent.ts';
import { type Bench, type Figure, median, progress, quantile } from './bench.ts';
import { Arrivals } from './quiet.ts';

const A_DIRECTORY = 1000;
/** Each look goes over all files. */
const POLL_MS = 250;
const QUIET = 999;
const HOT_APPENDS = 200;
const BACKLOG_BYTES = 1 << 20;
const LINES_A_SECOND = 50_000;
/** The hot file: 50 MB a second, in lines so long that a consumer keeps up with their number. */
const HOT = { lines: 10_000, bytes: 5000 };
const LINE = `${'x'.repeat(99)}\n`;

/** A folder of `count` files of these contents, a thousand a directory. */
function makeFiles(root: string, count: number, content: (i: number) => string): string[] {
  return Array.from({ length: count }, (_, i) => {
    const folder = join(root, String(Math.floor(i / A_DIRECTORY)));
    if (i % A_DIRECTORY === 0) mkdirSync(folder, { recursive: true });
    const path = join(folder, `app-${i}.log`);
    writeFileSync(path, content(i));
    return path;
  });
}

/** Waits until so many files are found and lines read; milliseconds since the agent's start. */
async function until(agent: AgentProcess, files: number, lines: number): Promise<{ found: number; read: number }> {
  let found = 0;
  for (;;) {
    await sleep(POLL_MS);
    const pid = agent.pid;
    // It does not listen yet.
    const tailed = await agent.tailed();
    const now = performance.now() - agent.started;
    if (!tailed || !pid) continue;
    if (found === 0 && tailed.files_total >= files) found = now;
    if (found > 0 && tailed.lines >= lines) return { found, read: now };
  }
}

async function setup(bench: Bench, name: string, include: string): Promise<AgentSetup> {
  const { main, dir, kafka } = bench;
  return { main, dir, brokers: kafka.brokers, topic: await freshTopic(kafka.brokers, `bench-${name}`), include };
}

/** Ten thousand files that nobody writes to: CPU, and what each adds to the heap of the tail source. */
export async function quietFiles(bench: Bench): Promise<Figure[]> {
  const count = Math.ceil(bench.files / 10);
  const root = join(bench.dir, 'quiet-files');
  makeFiles(root, count, (i) => `line of file ${i}\n`);
  const agent = await AgentProcess.start(await setup(bench, 'quiet', join(root, '*/*.log')));
  let percent: number;
  let memory: number;
  try {
    await until(agent, count, count);
    // The first ten seconds belong to the start.
    await sleep(10_000);
    progress(`idle for ${bench.idleSeconds} s`);
    const before = agent.cpu().total;
    await sleep(bench.idleSeconds * 1000);
    percent = ((agent.cpu().total - before) / bench.idleSeconds) * 100;
    memory = agent.memory().now;
  } finally {
    await agent.stop();
  }
  const heap = new URL('heap.ts', import.meta.url).pathname;
  const bytes = Number(execFileSync(process.execPath, ['--expose-gc', heap, join(root, '*/*.log'), String(count)]));
  rmSync(root, { recursive: true });
  const name = `${count} quiet files`;
  return [
    { name: `${name}: CPU`, value: percent, unit: '% of a core', at_most: 1 },
    { name: `${name}: heap a file`, value: bytes, unit: 'bytes', at_most: 1536 },
    { name: `${name}: memory`, value: memory, unit: 'MB' },
  ];
}

/** One file written at full speed beside 999 quiet ones, in one directory: append to Kafka of the quiet ones. */
export async function hotAndQuiet(bench: Bench): Promise<Figure[]> {
  const root = join(bench.dir, 'hot-and-quiet');
  const paths = makeFiles(root, QUIET, () => '');
  const config = await setup(bench, 'hot', join(root, '*/*.log'));
  using arrivals = new Arrivals(bench.kafka.brokers, config.topic, 'append');
  await using agent = await AgentProcess.start(config);
  await until(agent, QUIET, 0);
  using _hot = write(join(root, '0/hot.log'), 'bulk', HOT.lines, HOT.bytes);
  await sleep(2000);
  const times: number[] = [];
  for (let i = 0; i < HOT_APPENDS; i++) {
    await sleep(20 + ((i * 37) % 100));
    const line = `append ${i}.`;
    const appended = performance.now();
    appendFileSync(paths[(i * 7919) % QUIET]!, `${line}\n`);
    await arrivals.of(line);
    times.push(performance.now() - appended);
  }
  return [
    { name: '1 hot and 999 quiet files: quiet, p50', value: median(times), unit: 'ms' },
    { name: '1 hot and 999 quiet files: quiet, p99', value: quantile(times, 0.99), unit: 'ms', at_most: 150 },
  ];
}

/** A thousand files of 1 MB that are there at the start. */
export async function backlog(bench: Bench): Promise<Figure[]> {
  const count = Math.ceil(bench.files / 100);
  const root = join(bench.dir, 'backlog');
  const lines = Math.floor(BACKLOG_BYTES / LINE.length);
  makeFiles(root, count, () => LINE.repeat(lines));
  await using agent = await AgentProcess.start(await setup(bench, 'backlog', join(root, '*/*.log')));
  const { read } = await until(agent, count, count * lines);
  const cpu = agent.cpu().total;
  const million = (count * lines) / 1e6;
  rmSync(root, { recursive: true });
  return [
    { name: `${count} files of 1 MB at the start: read`, value: read / 1000, unit: 's' },
    { name: `${count} files of 1 MB at the start: CPU`, value: cpu / million, unit: 's / M lines' },
    { name: `${count} files of 1 MB: memory`, value: agent.memory().peak, unit: 'MB', at_most: 200 },
  ];
}

/** A hundred thousand files: a first start, and one that knows them, when one in ten has been written to meanwhile. */
export async function many(bench: Bench): Promise<Figure[]> {
  const count = bench.files;
  const root = join(bench.dir, 'many');
  const paths = makeFiles(root, count, (i) => `2026-11-22T14:00:00Z line of file ${i}\n`);
  const config = { ...(await setup(bench, 'many', join(root, '*/*.log'))), dataDir: join(bench.dir, 'many-data') };
  const first = await AgentProcess.start(config);
  let fresh: { found: number; read: number };
  let peak: number;
  try {
    fresh = await until(first, count, count);
    peak = first.memory().peak;
  } finally {
    await first.stop();
  }
  for (let i = 0; i < count; i += 10) appendFileSync(paths[i]!, `2026-11-22T14:01:00Z line two of file ${i}\n`);
  await using second = await AgentProcess.start(config);
  const known = await until(second, count, Math.ceil(count / 10));
  const again = second.memory().peak;
  rmSync(root, { recursive: true });
  const name = `${count} files`;
  return [
    { name: `${name}, first start: found`, value: fresh.found / 1000, unit: 's', at_most: 5 },
    { name: `${name}, first start: each line read`, value: fresh.read / 1000, unit: 's' },
    { name: `${name}, first start: memory`, value: peak, unit: 'MB' },
    { name: `${name}, 90 % idle, start: all read`, value: known.read / 1000, unit: 's', at_most: 5 },
    { name: `${name}, 90 % idle, start: memory`, value: again, unit: 'MB', at_most: 250 },
  ];
}

/** 50,000 lines a second, written a line at a time and in bulk: what the agent's CPU time is for either. */
export async function lineWrites(bench: Bench): Promise<Figure[]> {
  const seconds = Math.max(5, Math.ceil(bench.idleSeconds / 4));
  const cost = async (how: 'line' | 'bulk'): Promise<number> => {
    const folder = join(bench.dir, `writes-${how}`);
    mkdirSync(folder, { recursive: true });
    await using agent = await AgentProcess.start(await setup(bench, how, join(folder, '*.log')));
    await until(agent, 0, 0);
    using _writer = write(join(folder, 'a.log'), how, LINES_A_SECOND, LINE.length);
    await sleep(3000);
    const [cpu, from] = [agent.cpu().total, (await agent.tailed())!.lines];
    await sleep(seconds * 1000);
    const lines = (await agent.tailed())!.lines - from;
    progress(`${how}: ${Math.round(lines / seconds)} lines a second`);
    return (agent.cpu().total - cpu) / (lines / 1e6);
  };
  const runs: number[] = [];
  for (let run = 0; run < bench.runs; run++) {
    const bulk = await cost('bulk');
    runs.push((await cost('line')) / bulk);
  }
  return [{ name: 'a line a write, CPU of that in bulk', value: median(runs), unit: '', at_most: 2, runs }];
}

/** A process that writes about `perSecond` lines a second until it is disposed of: a write for each, or one in 20 ms. */
function write(path: string, how: 'line' | 'bulk', perSecond: number, bytes: number): Disposable {
  const writer = new URL('line-writer.ts', import.meta.url).pathname;
  const child: ChildProcess = spawn(process.execPath, [writer, path, how, String(perSecond), String(bytes)], {
    stdio: 'inherit',
  });
  const exited = once(child, 'exit');
  return {
    [Symbol.dispose]() {
      child.kill('SIGKILL');
      // Where it has ended by itself, there is nothing to wait for.
      exited.catch(() => undefined);
    },
  };
}
