/**
 * The agent as its users run it: the program in a process of its own, driven through its configuration, signals and
 * HTTP alone.
 *
 *   await using home = await makeHome();                      a folder with logs/ and data/, removed at the end
 *   const agent = await home.start({ kafka: {...}, logs: [...] });
 *   await agent.settled(200_000);                             that many items are safe, nothing is in flight
 *   await agent.stop();                                       SIGTERM; its exit code is 0
 *
 * While it runs its status is read every 100 ms, and at each reading
 *
 *   received + recovered = forwarded + filtered + dropped + in_flight
 *
 * must hold, of every input and of all; `settled`, `stop` and `kill9` fail when it did not.
 */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { Books, Status } from '../../src/report/shape.ts';
import { freePort } from './ports.ts';

const MAIN = fileURLToPath(new URL('../../src/main.ts', import.meta.url));
const FAST_CLOCK = new URL('fast-clock.ts', import.meta.url).href;
const STATUS_ATTEMPTS = 5;
const START_TIMEOUT_MS = 20_000;
const SAMPLE_MS = 100;

/** A configuration in the YAML's own keys; what is left out is made so that agents do not get in each other's way. */
export interface AgentConfig {
  kafka?: Record<string, unknown>;
  logs?: readonly Record<string, unknown>[];
  statsd?: Record<string, unknown>;
  metrics?: Record<string, unknown>;
  [section: string]: unknown;
}

/** Before a command of root's: takes from it the right to open what its mode forbids. Others never had it. */
const BOUND = process.getuid?.() === 0 ? ['setpriv', '--bounding-set=-dac_override,-dac_read_search', '--'] : [];
/** Whether there are files that an agent started with `bound` cannot open. */
export const canBind = BOUND.length === 0 || spawnSync(BOUND[0]!, [...BOUND.slice(1), 'true']).status === 0;

interface HowToRun {
  /** It may open only what modes allow, also when root's. */
  bound?: boolean;
  /** How many times as fast as the machine's its clocks go. */
  clock?: number;
  /** Put before the program: what changes who it is, and ends by running what follows. */
  through?: readonly string[];
  /** JavaScript that runs in it before it does. */
  preload?: string;
  /** The program: a built one's `main.js`. Default: the sources as they are. */
  main?: string;
  /** How often its status is read to check the books. */
  sampleMs?: number;
}

const running = new Set<ChildProcess>();
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});

export async function makeHome(): Promise<Home> {
  return new Home(await mkdtemp(path.join(tmpdir(), 'runnel-agent-')));
}

/** What stays when an agent ends: its data_dir and the files that it reads. */
export class Home implements AsyncDisposable {
  readonly dir: string;
  readonly dataDir: string;
  readonly #agents: RunningAgent[] = [];

  constructor(dir: string) {
    this.dir = dir;
    this.dataDir = path.join(dir, 'data');
  }

  /** A path in the folder. */
  path(...names: string[]): string {
    return path.join(this.dir, ...names);
  }

  /** Writes the configuration, and gives the path of its file. JSON is YAML. */
  async configure(config: AgentConfig): Promise<string> {
    const file = this.path('runnel.yaml');
    const whole = {
      host: 'web-1',
      data_dir: this.dataDir,
      shutdown_timeout: '20s',
      admin: { listen: `127.0.0.1:${await freePort()}` },
      ...config,
      metrics: { host: false, ...config.metrics },
      statsd: { listen: [], ...config.statsd },
    };
    await writeFile(file, JSON.stringify(whole, null, 2));
    return file;
  }

  /** Starts an agent and waits until it is healthy. */
  async start(config: AgentConfig, how: HowToRun = {}): Promise<RunningAgent> {
    const file = await this.configure(config);
    const agent = new RunningAgent(file, how);
    this.#agents.push(agent);
    await agent.healthy();
    return agent;
  }

  /** Ends what runs and removes all of it. */
  async [Symbol.asyncDispose](): Promise<void> {
    for (const agent of this.#agents) await agent.end('SIGKILL');
    await rm(this.dir, { recursive: true, force: true });
  }
}

export class RunningAgent {
  readonly #child: ChildProcess;
  readonly #file: string;
  readonly #exited: Promise<unknown>;
  readonly #violations: string[] = [];
  readonly #sampling: Promise<void>;
  readonly #sampleMs: number;
  #stderr = '';
  #address = '';
  #ended = false;
  /** Readings of the status at which the books were checked. */
  samples = 0;

  constructor(file: string, how: HowToRun) {
    this.#file = file;
    this.#child = spawnAgent(['run', '-c', file], how);
    this.#child.stderr!.setEncoding('utf8').on('data', (text: string) => (this.#stderr += text));
    this.#child.stdout!.resume();
    this.#exited = once(this.#child, 'close').then(() => (this.#ended = true));
    this.#sampleMs = how.sampleMs ?? SAMPLE_MS;
    this.#sampling = this.#sample();
  }

  get pid(): number {
    return this.#child.pid!;
  }

  /** What it logged. */
  get stderr(): string {
    return this.#stderr;
  }

  /** `http://127.0.0.1:PORT` */
  get admin(): string {
    return this.#address;
  }

  async healthy(): Promise<void> {
    const { admin } = JSON.parse(await readFile(this.#file, 'utf8')) as { admin: { listen: string } };
    this.#address = `http://${admin.listen}`;
    const deadline = Date.now() + START_TIMEOUT_MS;
    for (;;) {
      const answer = await fetch(`${this.#address}/health`).catch(() => null);
      await answer?.arrayBuffer();
      if (answer?.status === 200) return;
      assert.ok(!this.#ended, `the agent ended with ${this.#child.exitCode}:\n${this.#stderr}`);
      assert.ok(Date.now() < deadline, `the agent is not healthy:\n${this.#stderr}`);
      await sleep(20);
    }
  }

  async status(): Promise<Status> {
    for (let attempt = 1; ; attempt++) {
      try {
        const answer = await fetch(`${this.#address}/status`);
        assert.equal(answer.status, 200);
        return (await answer.json()) as Status;
      } catch (error) {
        // An idle connection may end just as it is used again, where the agent's clock goes faster than ours.
        if (!(error instanceof TypeError) || attempt === STATUS_ATTEMPTS || this.#ended) throw error;
      }
    }
  }

  /** The status once it is so. */
  async until(so: (status: Status) => boolean, what: string, limitMs = 60_000): Promise<Status> {
    const deadline = Date.now() + limitMs;
    for (;;) {
      const status = await this.status();
      if (so(status)) return status;
      const { reasons, lost, conservation, topics } = status;
      const said = JSON.stringify({ reasons, lost, conservation, topics }, null, 1);
      assert.ok(Date.now() < deadline, `${what}: not so after ${limitMs} ms: ${said}\n${this.#stderr}`);
      await sleep(50);
    }
  }

  /** Waits until `forwarded` items are safe and nothing is in flight; nothing may have been dropped. */
  async settled(forwarded: number, limitMs = 60_000): Promise<Status> {
    const done = ({ total }: Status['conservation']) => total.forwarded >= forwarded && total.in_flight === 0;
    const status = await this.until((s) => done(s.conservation), `${forwarded} items are settled`, limitMs);
    assert.equal(status.conservation.total.dropped, 0);
    assert.deepEqual(status.lost, []);
    this.assertBalanced();
    return status;
  }

  /** The port of its first StatsD listener. */
  async statsdPort(): Promise<number> {
    const { statsd } = await this.status();
    return Number(statsd.listeners[0]!.address.split(':').at(-1));
  }

  /** SIGTERM; waits for the end, which must be clean. */
  async stop(): Promise<void> {
    await this.end('SIGTERM');
    assert.equal(this.#child.exitCode, 0, `exit code ${this.#child.exitCode}:\n${this.#stderr}`);
    this.assertBalanced();
  }

  async kill9(): Promise<void> {
    await this.end('SIGKILL');
    this.assertBalanced();
  }

  /** Its exit code, once it has ended by itself. */
  async ended(limitMs = 60_000): Promise<number | null> {
    const late = sleep(limitMs, 'late', { ref: false });
    if ((await Promise.race([this.#exited, late])) === 'late') assert.fail(`the agent does not end:\n${this.#stderr}`);
    return this.#child.exitCode;
  }

  async end(signal: NodeJS.Signals): Promise<void> {
    if (!this.#ended) this.#child.kill(signal);
    await this.#exited;
    await this.#sampling;
  }

  assertBalanced(): void {
    assert.deepEqual(this.#violations, []);
  }

  async #sample(): Promise<void> {
    while (!this.#ended) {
      await Promise.race([sleep(this.#sampleMs), this.#exited]);
      const answer = this.#address === '' ? null : await fetch(`${this.#address}/status`).catch(() => null);
      // It may end in the middle of an answer.
      const status = (await answer?.json().catch(() => null)) as Status | null | undefined;
      if (!status?.conservation) continue;
      this.samples++;
      for (const [input, books] of [['all', status.conservation.total] as const, ...inputs(status)]) {
        if (this.#violations.length < 20 && !balanced(books)) {
          this.#violations.push(`${status.time} ${input}: ${JSON.stringify(books)}`);
        }
      }
    }
  }
}

function inputs(status: Status): [string, Books][] {
  return Object.entries(status.conservation.inputs);
}

function balanced({ received, recovered, forwarded, filtered, dropped, in_flight, unaccounted }: Books): boolean {
  const all = [received, recovered, forwarded, filtered, dropped, in_flight];
  return (
    unaccounted === 0 && received + recovered === forwarded + filtered + dropped + in_flight && all.every((n) => n >= 0)
  );
}

export function spawnAgent(args: readonly string[], how: HowToRun = {}): ChildProcess {
  const { bound = false, clock, through = [], preload, main = MAIN } = how;
  const first = clock === undefined ? [] : ['--import', FAST_CLOCK];
  if (preload !== undefined) first.push('--import', `data:text/javascript,${encodeURIComponent(preload)}`);
  const [program, ...rest] = [...(bound ? BOUND : []), ...through, process.execPath, ...first, main, ...args];
  const env = { ...process.env, ...(clock !== undefined && { RUNNEL_TEST_CLOCK: String(clock) }) };
  const child = spawn(program!, rest, { stdio: ['ignore', 'pipe', 'pipe'], env });
  running.add(child);
  child.once('exit', () => running.delete(child));
  return child;
}

export interface Ended {
  code: number | null;
  stdout: string;
  stderr: string;
}

/** Runs a command of the program to its end. */
export function runnel(...args: string[]): Promise<Ended> {
  return end(spawnAgent(args));
}

/** The same without the rights that root has beyond modes. */
export function boundRunnel(...args: string[]): Promise<Ended> {
  return end(spawnAgent(args, { bound: true }));
}

async function end(child: ChildProcess): Promise<Ended> {
  const result = { stdout: '', stderr: '' };
  for (const stream of ['stdout', 'stderr'] as const) {
    child[stream]!.setEncoding('utf8').on('data', (text: string) => (result[stream] += text));
  }
  const timer = setTimeout(() => child.kill('SIGKILL'), START_TIMEOUT_MS);
  const [code] = await once(child, 'close');
  clearTimeout(timer);
  return { code: code as number | null, ...result };
}
