/** A real Alertmanager on a free port; ended, and started again with what it keeps. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePort } from './ports.ts';

const PROGRAM = 'prometheus-alertmanager';
export const NO_ALERTMANAGER =
  spawnSync(PROGRAM, ['--version']).status === 0
    ? false
    : `NOT TESTED: ${PROGRAM} is not installed (apt-get install ${PROGRAM})`;

export interface AmAlert {
  labels: Record<string, string>;
  annotations: Record<string, string>;
  fingerprint: string;
  startsAt: string;
  endsAt: string;
}

const running = new Set<ChildProcess>();
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});

export class RunningAlertmanager implements AsyncDisposable {
  readonly url: string;
  readonly #dir: string;
  readonly #port: number;
  #child: ChildProcess | null = null;

  private constructor(dir: string, port: number) {
    this.#dir = dir;
    this.#port = port;
    this.url = `http://127.0.0.1:${port}`;
  }

  /** `receiver`: the webhook that it tells. */
  static async start(receiver: string): Promise<RunningAlertmanager> {
    const dir = mkdtempSync(join(tmpdir(), 'runnel-alertmanager-'));
    writeFileSync(
      join(dir, 'am.yml'),
      `route: {receiver: w, group_by: [alertname], group_wait: 0s, group_interval: 1s}
receivers: [{name: w, webhook_configs: [{url: '${receiver}', send_resolved: true}]}]\n`,
    );
    const server = new RunningAlertmanager(dir, await freePort());
    await server.run();
    return server;
  }

  async run(): Promise<void> {
    const args = [`--config.file=${join(this.#dir, 'am.yml')}`, `--storage.path=${join(this.#dir, 'data')}`];
    args.push(`--web.listen-address=127.0.0.1:${this.#port}`, '--cluster.listen-address=', '--log.level=error');
    const child = spawn(PROGRAM, args, { stdio: 'ignore' });
    running.add(child);
    child.once('exit', () => running.delete(child));
    this.#child = child;
    for (;;) {
      if (child.exitCode !== null) throw new Error(`${PROGRAM} has ended`);
      const answer = await fetch(`${this.url}/-/ready`).catch(() => null);
      if (answer?.ok) return;
      await sleep(20);
    }
  }

  async end(signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
    const child = this.#child!;
    this.#child = null;
    child.kill(signal);
    if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
  }

  async alerts(): Promise<AmAlert[]> {
    return (await (await fetch(`${this.url}/api/v2/alerts`)).json()) as AmAlert[];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child) await this.end('SIGKILL');
    rmSync(this.#dir, { recursive: true, force: true });
  }
}
