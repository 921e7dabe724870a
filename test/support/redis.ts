/**
 * A real Redis for tests: Debian's redis-server on a free port of the loopback interface, with an append-only file.
 *
 *   await using redis = await startRedis();
 *
 * Where it is missing and can be installed (root, apt-get), it is, once; nothing of it is started by that.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Redis as Client } from 'ioredis';
import { notInstalled } from './debian.ts';
import { freePort } from './ports.ts';

const PROGRAM = 'redis-server';
const START_MS = 20_000;

/** Why there is no Redis here, for a test's `skip` option; false when there is. */
export const noRedis = notInstalled(PROGRAM, `command -v ${PROGRAM}`, PROGRAM);

export interface RedisServerOptions {
  fsync?: 'always' | 'everysec' | 'no';
  /** More of its options: `['--maxmemory', '10mb']`. */
  args?: readonly string[];
  /** It is a sentinel that watches the primary at this port, by the name of main. */
  sentinelOf?: number;
}

const running = new Set<ChildProcess>();
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});

export async function startRedis(options: RedisServerOptions = {}): Promise<RedisServer> {
  if (noRedis) throw new Error(noRedis);
  const server = new RedisServer(await mkdtemp(path.join(tmpdir(), 'runnel-redis-')), await freePort(), options);
  await server.start();
  return server;
}

export class RedisServer implements AsyncDisposable {
  readonly port: number;
  readonly dir: string;
  readonly #options: RedisServerOptions;
  readonly #clients: Client[] = [];
  #child: ChildProcess | null = null;

  constructor(dir: string, port: number, options: RedisServerOptions) {
    this.dir = dir;
    this.port = port;
    this.#options = options;
  }

  get url(): string {
    return `redis://127.0.0.1:${this.port}`;
  }

  get pid(): number {
    return this.#child!.pid!;
  }

  /** A client for the test itself, ended with the server. It waits for what is not there. */
  client(): Client {
    const client = new Client({
      host: '127.0.0.1',
      port: this.port,
      retryStrategy: () => 20,
      maxRetriesPerRequest: null,
    });
    client.on('error', () => undefined);
    this.#clients.push(client);
    return client;
  }

  async start(): Promise<void> {
    const fsync = this.#options.fsync ?? 'everysec';
    const args = [
      '--port',
      `${this.port}`,
      '--bind',
      '127.0.0.1',
      '--dir',
      this.dir,
      '--save',
      '',
      '--logfile',
      'redis.log',
    ];
    const aof = ['--appendonly', 'yes', '--appendfsync', fsync];
    const { sentinelOf, args: more = [] } = this.#options;
    const all = sentinelOf === undefined ? [...args, ...aof, ...more] : await this.#sentinel(sentinelOf);
    const child = spawn(PROGRAM, all, { stdio: 'ignore' });
    this.#child = child;
    running.add(child);
    child.once('exit', () => running.delete(child));
    const until = performance.now() + START_MS;
    while (!(await answers(this.port))) {
      if (child.exitCode !== null)
        throw new Error(`${PROGRAM} ended with ${child.exitCode}: see ${this.dir}/redis.log`);
      if (performance.now() > until) throw new Error(`${PROGRAM} does not answer: see ${this.dir}/redis.log`);
      await sleep(10);
    }
  }

  /** It writes what it learns into its file. */
  async #sentinel(port: number): Promise<string[]> {
    const file = path.join(this.dir, 'sentinel.conf');
    const lines = [
      `monitor main 127.0.0.1 ${port} 1`,
      'down-after-milliseconds main 500',
      'failover-timeout main 3000',
    ];
    const own = `port ${this.port}\nbind 127.0.0.1\ndir ${this.dir}\nlogfile redis.log\n`;
    await writeFile(file, own + lines.map((line) => `sentinel ${line}\n`).join(''));
    return [file, '--sentinel'];
  }

  /** Ends it at once (SIGKILL); its data stay for `start`. */
  async kill(): Promise<void> {
    const child = this.#child;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    child.kill('SIGKILL');
    await once(child, 'exit');
  }

  freeze(): void {
    this.#child!.kill('SIGSTOP');
  }

  thaw(): void {
    this.#child!.kill('SIGCONT');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const client of this.#clients) client.disconnect();
    await this.kill();
    if (existsSync(this.dir)) await rm(this.dir, { recursive: true, force: true });
  }
}

/** Whether it says PONG: not while it is loading. */
function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => socket.write('PING\r\n'));
    socket.setTimeout(1000, () => socket.destroy());
    socket.on('data', (data) => {
      resolve(data.toString().startsWith('+PONG'));
      socket.destroy();
    });
    socket.on('error', () => undefined);
    socket.on('close', () => resolve(false));
  });
}
