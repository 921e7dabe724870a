/**
 * The agent's side of a process that reads what is on a mount which may hang (child.ts). It is asked every second
 * whether it still turns; while it does not answer its mount hangs, which is said, counted, and shown by `status`.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { getCompileCacheDir } from 'node:module';
import { log } from '../../../log.ts';
import type { Mount } from '../../../mounts/mountinfo.ts';
import { withRightToRead } from '../../../native.ts';
import type { ToAgent, ToProcess } from './messages.ts';

/** After so long without an answer its mount hangs. */
const HANGS_MS = 3000;
/** One that hangs now and then is not said more often. */
const SAID_MS = 600_000;
const PROGRAM = new URL(import.meta.url.endsWith('.ts') ? './child.ts' : './child.js', import.meta.url);

export type FromPart = Extract<ToAgent, { part: number }>;

/** Who is told what is said of a part. */
export interface PartListener {
  readonly mount: Mount;
  told(message: FromPart): void;
  /** Nothing more will be said. */
  lost(why: string): void;
}

export class MountProcess {
  /** By device. */
  readonly mounts = new Map<string, Mount>();
  /** Since when it hangs, by the clock; null: it does not. */
  hanging: number | null = null;
  over = false;
  readonly #hangs: Map<string, number>;
  readonly #child: ChildProcess;
  readonly #listeners = new Map<number, PartListener>();
  #ready = false;
  /** When it was asked what it has not answered yet. */
  #asked: number | null = null;
  #said = Number.NEGATIVE_INFINITY;
  #toSay = false;

  /** `hangs`: by device, how often it was found to hang. */
  constructor(hangs: Map<string, number>) {
    this.#hangs = hangs;
    const cache = getCompileCacheDir();
    this.#child = withRightToRead(() =>
      fork(PROGRAM, [], {
        cwd: '/',
        env: cache === undefined ? {} : { NODE_COMPILE_CACHE: cache },
        execArgv: ['--no-warnings', '--max-semi-space-size=2'],
        serialization: 'advanced',
        stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
      }),
    );
    this.#child.on('message', (message) => this.#take(message as ToAgent));
    this.#child.on('error', (error) => this.end(error.message));
    this.#child.on('exit', (code, signal) => this.end(signal ?? `exit code ${code}`));
  }

  get parts(): number {
    return this.#listeners.size;
  }

  /** Of each of its mounts, while it hangs. */
  get troubles(): string[] {
    if (this.hanging === null) return [];
    const since = new Date(this.hanging).toISOString();
    return this.#names.map((name) => `${name} does not answer since ${since}: its files wait`);
  }

  get #names(): string[] {
    return [...this.mounts.values()].map(({ mountpoint, type }) => `the file system at ${mountpoint} (${type})`);
  }

  listen(part: number, listener: PartListener): void {
    this.#listeners.set(part, listener);
  }

  leave(part: number): void {
    this.#listeners.delete(part);
  }

  send(message: ToProcess): void {
    if (this.over || !this.#child.connected) return;
    // That it has ended is told by `exit`.
    this.#child.send(message, () => undefined);
  }

  /** Once a second. */
  ask(now: number): void {
    if (!this.#ready) return;
    if (this.#asked === null) {
      this.#asked = now;
      this.send({ kind: 'ping' });
    } else if (this.hanging === null && now - this.#asked > HANGS_MS) this.#hang(now - this.#asked);
  }

  /** One of its mounts is there no more. */
  forget({ device }: Mount): void {
    this.mounts.delete(device);
    this.#hangs.delete(device);
    for (const listener of this.#listeners.values()) if (listener.mount.device === device) listener.lost('it is gone');
  }

  /** It is killed; nothing is waited for, for what hangs in it may keep it for ever. */
  end(why: string): void {
    if (this.over) return;
    this.over = true;
    this.hanging = null;
    this.#child.kill('SIGKILL');
    if (this.#child.connected) this.#child.disconnect();
    this.#child.unref();
    for (const listener of this.#listeners.values()) listener.lost(why);
    this.#listeners.clear();
  }

  #take(message: ToAgent): void {
    if (this.over) return;
    if (message.kind === 'ready') this.#ready = true;
    else if (message.kind === 'pong') this.#answers();
    else if (message.kind === 'said') log[message.level](message.message);
    else this.#listeners.get(message.part)?.told(message);
  }

  #hang(waited: number): void {
    this.hanging = Date.now() - waited;
    for (const device of this.mounts.keys()) this.#hangs.set(device, (this.#hangs.get(device) ?? 0) + 1);
    const now = performance.now();
    if (now - this.#said < SAID_MS) return;
    this.#said = now;
    this.#toSay = true;
    const help = 'they go on when it does, and nothing else waits for it';
    for (const name of this.#names) log.warn(`${name} does not answer: its files wait; ${help}`);
  }

  #answers(): void {
    this.#asked = null;
    if (this.hanging === null) return;
    const seconds = Math.round((Date.now() - this.hanging) / 1000);
    this.hanging = null;
    if (this.#toSay) for (const name of this.#names) log.info(`${name} answers again, after ${seconds} s`);
    this.#toSay = false;
  }
}
