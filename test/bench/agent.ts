/** The agent as users run it: the package built into a folder of its own, a process for each run. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { copyFileSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Status } from '../../src/report/shape.ts';
import { freePorts } from '../support/ports.ts';
import { cpuSeconds, memoryMb } from './proc.ts';

const ROOT = new URL('../..', import.meta.url).pathname;

/** Builds the package below `dir`, kernels included, and gives the path of its `main.js`. */
export function buildAgent(dir: string): string {
  const to = join(dir, 'package');
  mkdirSync(to, { recursive: true });
  execFileSync(process.execPath, [join(ROOT, 'scripts/build-dist.mjs'), join(to, 'dist')], { stdio: 'inherit' });
  copyFileSync(join(ROOT, 'package.json'), join(to, 'package.json'));
  symlinkSync(join(ROOT, 'node_modules'), join(to, 'node_modules'));
  return join(to, 'dist/main.js');
}

export interface AgentSetup {
  main: string;
  /** Where the agent's own folder is made. */
  dir: string;
  /** Null: none, all stays in the local log. */
  brokers: string | null;
  topic: string;
  /** The glob of `logs[0].include`; null: it reads no files. */
  include: string | null;
  encoding?: 'raw' | 'json';
  codec?: string;
  /** More options of `logs[0]`. */
  options?: object;
  delivery?: 'at_least_once' | 'exactly_once';
  /** Where metrics go; left out: to the topic of lines. */
  metricsTopic?: string;
  /** Host metrics every ten seconds and StatsD as well. */
  metrics?: boolean;
  /** Options for node. */
  node?: readonly string[];
  /** More sections of the configuration. */
  more?: object;
  /** Where it keeps its data, when that outlives this process. */
  dataDir?: string;
}

export class AgentProcess {
  /** When it was started, by `performance.now()`. */
  readonly started: number;
  readonly #child: ChildProcess;
  readonly #log: string[] = [];
  readonly #admin: string;

  private constructor(child: ChildProcess, started: number, admin: string) {
    this.#child = child;
    this.started = started;
    this.#admin = admin;
    child.stderr!.setEncoding('utf8').on('data', (text: string) => this.#log.push(text));
  }

  static async start(setup: AgentSetup): Promise<AgentProcess> {
    const dir = join(setup.dir, `agent-${randomBytes(4).toString('hex')}`);
    mkdirSync(dir);
    const [admin, statsd] = await freePorts(2);
    const config = {
      host: 'web-1',
      data_dir: setup.dataDir ?? join(dir, 'data'),
      kafka: {
        brokers: setup.brokers === null ? [] : [setup.brokers],
        create_topics: false,
        compression: setup.codec ?? 'zstd',
        delivery: setup.delivery ?? 'at_least_once',
        topic_prefix: setup.topic,
      },
      logs:
        setup.include === null
          ? []
          : [{ include: [setup.include], topic: setup.topic, encoding: setup.encoding ?? 'raw', ...setup.options }],
      metrics: { topic: setup.metricsTopic ?? setup.topic, ...(setup.metrics ? {} : { host: false }) },
      statsd: { listen: setup.metrics ? [`udp://127.0.0.1:${statsd}`] : [] },
      admin: { listen: `127.0.0.1:${admin}` },
      ...setup.more,
    };
    mkdirSync(config.data_dir, { recursive: true });
    // YAML is a superset of JSON.
    writeFileSync(join(dir, 'runnel.yaml'), JSON.stringify(config));
    const started = performance.now();
    const args = [...(setup.node ?? []), setup.main, 'run', '-c', join(dir, 'runnel.yaml')];
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'ignore', 'pipe'] });
    return new AgentProcess(child, started, `http://127.0.0.1:${admin}`);
  }

  get pid(): number {
    if (this.#child.exitCode !== null) throw new Error(`the agent has ended:\n${this.#log.join('')}`);
    return this.#child.pid!;
  }

  cpu(): ReturnType<typeof cpuSeconds> {
    return cpuSeconds(this.pid);
  }

  memory(): ReturnType<typeof memoryMb> {
    return memoryMb(this.pid);
  }

  /** Its status; null while it does not answer. */
  async status(): Promise<Status | null> {
    const answer = await fetch(`${this.#admin}/status`).catch(() => null);
    return answer ? ((await answer.json()) as Status) : null;
  }

  /** What its first input has found and read; null while it does not answer. */
  async tailed(): Promise<{ files_total: number; lines: number } | null> {
    const answer = await fetch(`${this.#admin}/status?files=0`).catch(() => null);
    return answer ? ((await answer.json()) as Status).logs[0]! : null;
  }

  /** The status once it is so. */
  async until(so: (status: Status) => boolean): Promise<Status> {
    for (;;) {
      if (this.#child.exitCode !== null) throw new Error(`the agent has ended:\n${this.#log.join('')}`);
      const status = await this.status();
      if (status && so(status)) return status;
      await sleep(20);
    }
  }

  async kill(): Promise<void> {
    this.#child.kill('SIGKILL');
    await once(this.#child, 'exit');
  }

  async stop(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    this.#child.kill('SIGTERM');
    await once(this.#child, 'exit');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }
}

/** The package's version, for the report. */
export function packageVersion(): string {
  return (JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { version: string }).version;
}
