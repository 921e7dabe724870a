/**
 * A real PostgreSQL for tests: Debian's, a cluster of its own in a temporary folder, reached over a unix socket alone.
 *
 *   await using postgres = await startPostgres();
 *   await using pool = postgres.pool();
 *
 * Where it is missing and can be installed (root, apt-get), it is, once; nothing of it is started by that. It refuses to
 * run as root: then it runs as the user that the packages made.
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chownSync, existsSync, globSync, readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { notInstalled } from './debian.ts';

const START_MS = 60_000;
const USER = 'postgres';
const ROOT = process.getuid?.() === 0;

/** Where its programs are; empty where it is not installed. Debian does not put them into the PATH. */
let bin = '';
/** Why there is no PostgreSQL here, for a test's `skip` option; false when there is. */
export const noPostgres: string | false = whyNot();

function findBin(): string {
  const version = (name: string) => Number(name.split('/').at(-3));
  const found = globSync('/usr/lib/postgresql/*/bin/initdb').sort((a, b) => version(b) - version(a));
  return found[0] ? path.dirname(found[0]) : '';
}

function whyNot(): string | false {
  const reason = notInstalled('PostgreSQL', 'ls /usr/lib/postgresql/*/bin/initdb', 'postgresql');
  bin = findBin();
  return reason;
}

/** As whom it runs. */
function identity(): { uid?: number; gid?: number } {
  if (!ROOT) return {};
  const id = (flag: string) => Number(spawnSync('id', [flag, USER], { encoding: 'utf8' }).stdout);
  return { uid: id('-u'), gid: id('-g') };
}

const running = new Set<Postgres>();
process.on('exit', () => {
  for (const server of running) server.killNow();
});

export interface PostgresOptions {
  /** More of its settings, or others: `{fsync: 'off'}`. */
  settings?: Record<string, string>;
}

export async function startPostgres(options: PostgresOptions = {}): Promise<Postgres> {
  if (noPostgres) throw new Error(noPostgres);
  const dir = await mkdtemp(path.join(tmpdir(), 'runnel-postgres-'));
  const { uid, gid } = identity();
  if (uid !== undefined) chownSync(dir, uid, gid!);
  const server = new Postgres(dir, options);
  server.initialise();
  await server.start();
  return server;
}

export class Postgres implements AsyncDisposable {
  /** Holds the cluster (`data`) and its socket. */
  readonly dir: string;
  readonly #settings: Record<string, string>;
  readonly #pools: pg.Pool[] = [];
  #child: ChildProcess | null = null;
  #said = '';

  constructor(dir: string, { settings = {} }: PostgresOptions) {
    this.dir = dir;
    this.#settings = {
      listen_addresses: '',
      unix_socket_directories: dir,
      shared_buffers: '32MB',
      max_connections: '60',
      ...settings,
    };
  }

  /** How pg reaches it. */
  get connection(): { host: string; user: string; database: string } {
    return { host: this.dir, user: USER, database: 'postgres' };
  }

  get pid(): number {
    return this.#child!.pid!;
  }

  /** Makes the cluster. */
  initialise(): void {
    const args = ['-D', path.join(this.dir, 'data'), '-U', USER, '-A', 'trust', '-E', 'UTF8', '--no-locale', '-N'];
    const { status, stderr } = spawnSync(path.join(bin, 'initdb'), args, {
      ...identity(),
      cwd: this.dir,
      encoding: 'utf8',
    });
    if (status !== 0) throw new Error(`initdb ended with ${status}: ${stderr}`);
  }

  /** Starts it and waits until it takes statements: after a kill, when it has recovered. */
  async start(): Promise<void> {
    const settings = Object.entries(this.#settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
    const until = performance.now() + START_MS;
    for (;;) {
      const child = spawn(path.join(bin, 'postgres'), ['-D', path.join(this.dir, 'data'), ...settings], {
        ...identity(),
        cwd: this.dir,
        stdio: ['ignore', 'ignore', 'pipe'],
      });
      this.#child = child;
      running.add(this);
      this.#said = '';
      child.stderr.setEncoding('utf8').on('data', (text: string) => (this.#said = (this.#said + text).slice(-20_000)));
      while (child.exitCode === null && child.signalCode === null) {
        if (await this.#answers()) return;
        if (performance.now() > until) throw new Error(`PostgreSQL does not answer: ${this.#said}`);
        await sleep(20);
      }
      // What is left of one that was killed may still hold its memory for a moment.
      if (!/shared memory block|lock file/.test(this.#said) || performance.now() > until) {
        throw new Error(`PostgreSQL ended with ${child.exitCode ?? child.signalCode}: ${this.#said}`);
      }
      await sleep(50);
    }
  }

  async #answers(): Promise<boolean> {
    const client = new pg.Client({ ...this.connection, connectionTimeoutMillis: 1000 });
    client.on('error', () => undefined);
    try {
      await client.connect();
      await client.query('SELECT 1');
      return true;
    } catch {
      // Not there yet, or recovering: `start` says how long is long enough.
      return false;
    } finally {
      await client.end().catch(() => undefined);
    }
  }

  /** A pool for the test itself, ended with the server. */
  pool(options: pg.PoolConfig = {}): pg.Pool {
    const pool = new pg.Pool({ ...this.connection, connectionTimeoutMillis: 5000, ...options });
    pool.on('error', () => undefined);
    this.#pools.push(pool);
    return pool;
  }

  /** Ends all of its processes at once (SIGKILL); its data stay for `start`. */
  async kill(): Promise<void> {
    const child = this.#child;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const exited = once(child, 'exit');
    this.killNow();
    await exited;
  }

  killNow(): void {
    running.delete(this);
    const child = this.#child;
    if (!child?.pid || child.exitCode !== null || child.signalCode !== null) return;
    // Stopped first: it would start others in place of those that are gone.
    child.kill('SIGSTOP');
    for (const pid of childrenOf(child.pid)) signal(pid, 'SIGKILL');
    child.kill('SIGKILL');
  }

  /** All of its processes stop where they are; connections stay open. */
  freeze(): void {
    for (const pid of [this.pid, ...childrenOf(this.pid)]) signal(pid, 'SIGSTOP');
  }

  thaw(): void {
    for (const pid of [this.pid, ...childrenOf(this.pid)]) signal(pid, 'SIGCONT');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#pools.map((pool) => (pool.ended ? null : pool.end())));
    await this.kill();
    if (existsSync(this.dir)) await rm(this.dir, { recursive: true, force: true });
  }
}

function childrenOf(parent: number): number[] {
  return globSync('/proc/[0-9]*/stat').flatMap((file) => {
    try {
      const text = readFileSync(file, 'utf8');
      const ppid = Number(text.slice(text.lastIndexOf(')') + 2).split(' ')[1]);
      return ppid === parent ? [Number(file.split('/')[2])] : [];
    } catch {
      // It has ended meanwhile.
      return [];
    }
  });
}

function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch {
    // It has ended meanwhile.
  }
}
