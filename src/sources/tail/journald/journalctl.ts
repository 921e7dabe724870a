/**
 * One `journalctl` that follows the journal, and what it writes as entries. A program of its own, as the library blocks,
 * and a journal may lie where reading hangs; it also costs less than half of calling the library from here, entry by entry.
 *
 *   journalctl -o export --follow --cursor=... --pipe--> parser --> entries
 *
 * It reads no further than the pipe takes: nothing piles up here. It ends with this process, as its pipe does.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { abortable, aborted } from '../../../core/abort.ts';
import { log } from '../../../log.ts';
import { type ExportedEntry, ExportParser } from './export-format.ts';
import { ASKED } from './fields.ts';
import type { JournaldConfig } from './options.ts';

/** What it says of what is wrong is kept up to here. */
const SAID_BYTES = 1024;
/** It says so where it has begun, or where it will not be seen. */
const IDLE_TALK = /^(?:-- |$)/;
/** What each entry has, asked for or not. */
const ADDRESSES = ['__CURSOR', '__REALTIME_TIMESTAMP'];

export class Journalctl {
  readonly #child: ChildProcess;
  readonly #parser: ExportParser;
  #next: ExportedEntry | null = null;
  #ended = false;
  #closed = false;
  #said = '';
  #why: string | null = null;
  #wake: () => void = () => undefined;

  /**
   * It begins at the entry with this cursor, or with what comes behind where that is not there, or is not selected; null:
   * with the first one there is. `most`: bytes of a message that are kept. `name`: of the input, in messages.
   *
   * Not with --after-cursor: it passes over an entry in any case, also where that is another one. With --merge: without it
   * what follows has the last boot's entries only, and what was said while the machine went down would be left out.
   */
  constructor(config: JournaldConfig, from: string | null, most: number, name: string) {
    this.#parser = new ExportParser([...ADDRESSES, ...ASKED], most);
    const begin = from === null ? [] : [`--cursor=${from}`];
    const follow = ['--follow', '--merge', '--no-tail', `--output-fields=${ASKED.join(',')}`, ...begin];
    this.#child = start([...follow, ...selecting(config)]);
    this.#child.stdout?.on('readable', () => this.#wake());
    this.#child.stderr?.on('data', (chunk: Buffer) => {
      const text = chunk.toString('utf8', 0, SAID_BYTES);
      if (this.#said.length < SAID_BYTES) this.#said += text;
      for (const line of text.split('\n').filter((one) => !IDLE_TALK.test(one))) {
        log.warnOnce(`journalctl ${name} ${line}`, `logs ${name}: journalctl says: ${line}`);
      }
    });
    this.#child.once('error', (error: NodeJS.ErrnoException) => this.#end(whyNot(error)));
    this.#child.once('close', (code, signal) => this.#end(`journalctl has ended (${signal ?? `exit code ${code}`})`));
  }

  /** Resolves when an entry is there (true), or when none will come any more. Throws where what comes is no journal's. */
  async some(stopped: AbortSignal): Promise<boolean> {
    while (!stopped.aborted && !this.#closed) {
      if (this.peek()) return true;
      if (this.#ended) return false;
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#wake = resolve;
      await abortable(promise, stopped).catch(() => undefined);
    }
    return false;
  }

  /** The next entry, if it is there; it stays the next one until it is taken. */
  peek(): ExportedEntry | null {
    while (!this.#next && !this.#closed) {
      this.#next = this.#parser.next();
      if (this.#next) break;
      const piece = this.#child.stdout?.read() as Buffer | null | undefined;
      if (!piece) break;
      this.#parser.push(piece);
    }
    return this.#next;
  }

  take(): void {
    this.#next = null;
  }

  /** Why it has ended, where nobody has closed it. */
  get failure(): string | null {
    return this.#closed ? null : this.#why;
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** What was not taken is not kept. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#next = null;
    this.#child.stdout?.destroy();
    this.#child.stderr?.destroy();
    this.#child.kill('SIGKILL');
    this.#wake();
  }

  #end(why: string): void {
    this.#ended = true;
    const said = this.#said.trim().split('\n').at(-1);
    this.#why ??= said ? `${why}: ${said}` : why;
    this.#wake();
  }
}

/**
 * Of all entries the cursor of the last one, or of the first at or behind a cursor; null: there is none. Rejects where the
 * journal cannot be read.
 */
export async function cursorOf(
  which: 'last' | { at: string },
  { directory }: JournaldConfig,
  stopped: AbortSignal,
): Promise<string | null> {
  const where = directory === undefined ? [] : [`--directory=${directory}`];
  const from = which === 'last' ? [] : [`--cursor=${which.at}`];
  const child = start(['--lines=1', '--output-fields=_BOOT_ID', ...where, ...from]);
  const parser = new ExportParser(ADDRESSES, 0);
  let said = '';
  child.stderr?.on('data', (chunk: Buffer) => {
    said = (said + chunk.toString()).slice(0, SAID_BYTES);
  });
  child.stdout?.on('data', (chunk: Buffer) => parser.push(chunk));
  const ended = new Promise<number | null>((resolve, reject) => {
    child.once('error', (error) => reject(new Error(whyNot(error))));
    child.once('close', resolve);
  });
  const code = await Promise.race([ended, aborted(stopped)]);
  if (stopped.aborted) child.kill('SIGKILL');
  stopped.throwIfAborted();
  if (code !== 0) throw new Error(`journalctl has ended (exit code ${code}): ${said.trim()}`);
  return parser.next()?.fields.get('__CURSOR')?.toString('latin1') ?? null;
}

/** What it is to read. Names and values go behind `--`, so that none is taken for an option. */
function selecting({ units, match, directory }: JournaldConfig): string[] {
  const where = directory === undefined ? [] : [`--directory=${directory}`];
  return [...where, ...units.map((unit) => `--unit=${unit}`), '--', ...match];
}

function start(options: readonly string[]): ChildProcess {
  const { NOTIFY_SOCKET: _, WATCHDOG_USEC: __, WATCHDOG_PID: ___, ...env } = process.env;
  const fixed = ['--output=export', '--no-pager', '--quiet'];
  const stdio = ['ignore', 'pipe', 'pipe'] as const;
  return spawn('journalctl', [...fixed, ...options], { cwd: '/', stdio: [...stdio], env: { ...env, LC_ALL: 'C' } });
}

function whyNot({ code, message }: NodeJS.ErrnoException): string {
  if (code !== 'ENOENT') return `journalctl cannot be started: ${message}`;
  return 'the journal cannot be read without journalctl, which is not installed: install systemd, or take out journald';
}
