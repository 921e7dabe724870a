/** File systems that hang, in a mount namespace of their own: nothing else on this machine comes to them. */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { accessSync, constants } from 'node:fs';
import { createInterface, type Interface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const SERVER = fileURLToPath(new URL('fuse-server.ts', import.meta.url));

/** Why there can be none here; null: there can. */
export const noFuse = whyNot();

function whyNot(): string | null {
  if (process.platform !== 'linux') return 'this is not Linux';
  if (process.getuid?.() !== 0) return 'it takes root to mount a file system';
  try {
    accessSync('/dev/fuse', constants.R_OK | constants.W_OK);
  } catch {
    return 'there is no /dev/fuse';
  }
  const inside = ['--mount', '--propagation', 'private', 'mount', '-t', 'tmpfs', 'none', '/mnt'];
  return spawnSync('unshare', inside).status === 0 ? null : 'it is not allowed to mount a file system';
}

/** How a test says that it was not run. */
export const withFuse = { skip: noFuse === null ? false : `NOT TESTED: ${noFuse}` };

const running = new Set<ChildProcess>();
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});

/** A process that has the namespace, and commands run in it. */
export class Namespace implements AsyncDisposable {
  readonly #holder: ChildProcess;
  readonly #fuses: Fuse[] = [];

  private constructor(holder: ChildProcess) {
    this.#holder = holder;
  }

  static async make(): Promise<Namespace> {
    const holder = start('unshare', ['--mount', '--propagation', 'private', 'sh', '-c', 'echo; exec cat']);
    await once(holder.stdout!, 'data');
    return new Namespace(holder);
  }

  /** What is put before a command. */
  get through(): string[] {
    return ['nsenter', '--mount', `--target=${this.#holder.pid}`, '--'];
  }

  run(...command: string[]): void {
    const [program, ...args] = [...this.through, ...command];
    const done = spawnSync(program!, args, { encoding: 'utf8' });
    assert.equal(done.status, 0, `${command.join(' ')}: ${done.stderr}`);
  }

  /** Mounts at `dir` what `backing` holds. */
  async fuse(backing: string, dir: string): Promise<Fuse> {
    const [program, ...args] = [...this.through, process.execPath, SERVER, backing, dir];
    const fuse = new Fuse(start(program!, args));
    this.#fuses.push(fuse);
    await fuse.said('ready');
    return fuse;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const fuse of this.#fuses) await fuse.die();
    await end(this.#holder);
  }
}

export class Fuse {
  readonly #server: ChildProcess;
  readonly #lines: Interface;
  readonly #heard: string[] = [];
  #wake: () => void = () => undefined;

  constructor(server: ChildProcess) {
    this.#server = server;
    this.#lines = createInterface({ input: server.stdout! });
    this.#lines.on('line', (line) => {
      this.#heard.push(line);
      this.#wake();
    });
  }

  /** Waits until it has said this; gives the rest of the line. */
  async said(start: string): Promise<string> {
    for (;;) {
      const found = this.#heard.findIndex((line) => line.startsWith(start));
      if (found >= 0)
        return this.#heard
          .splice(0, found + 1)
          .at(-1)!
          .slice(start.length)
          .trim();
      assert.equal(this.#server.exitCode, null, 'the file system has ended');
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  /** Answers nothing from now on; with numbers of FUSE's requests, none of these. */
  hang(...requests: number[]): Promise<number> {
    return this.#tell('hang', ...requests);
  }

  /** Answers everything so much later, milliseconds. */
  slow(later: number): Promise<number> {
    return this.#tell('slow', later);
  }

  /** Answers again, and first what waits. */
  answer(): Promise<number> {
    return this.#tell('answer');
  }

  /** How many wait for an answer. */
  waiting(): Promise<number> {
    return this.#tell('waiting');
  }

  /** It is gone: whoever waits is told so. */
  async die(): Promise<void> {
    await end(this.#server);
  }

  async #tell(name: string, ...numbers: number[]): Promise<number> {
    this.#server.stdin!.write(`${[name, ...numbers].join(' ')}\n`);
    return Number(await this.said(`ok ${name}`));
  }
}

function start(program: string, args: string[]): ChildProcess {
  const child = spawn(program, args, { stdio: ['pipe', 'pipe', 'inherit'] });
  running.add(child);
  child.once('exit', () => running.delete(child));
  return child;
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, 'exit');
  child.kill('SIGKILL');
  await exited;
}
