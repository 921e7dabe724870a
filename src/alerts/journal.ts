/**
 * What of alerts survives a restart: `<data_dir>/alerts.journal`, a line for each step, all of it or nothing.
 *
 *   <crc32, 8 hex digits> {"change":12,"states":{ID:state},"gone":[ID],"queued":[...],"done":[...],"silences":{ID:...},"ended":[ID],"receivers":{NAME:...}}
 *
 * A step is written and synced before anybody is told of it. The file is written anew when most of it is of the past. A line
 * whose checksum does not hold is left out: at the end it is one that a kill cut short, before it is said.
 */

import type { FileHandle } from 'node:fs/promises';
import { readFile } from 'node:fs/promises';
import { crc32 } from 'node:zlib';
import { replaceAndKeep } from '../core/files.ts';
import { log } from '../log.ts';
import type { InstanceState } from './instance.ts';
import type { Notification } from './notification.ts';
import type { KnownReceivers } from './receiver.ts';
import type { Silence } from './silences.ts';

/** A file that is larger, and has more than twice of what there is, is written anew. */
const COMPACT_BYTES = 1 << 20;
const FORMAT = 1;

export interface JournalStep {
  /** The number of the last change. */
  change?: number;
  states?: Record<string, InstanceState>;
  gone?: readonly string[];
  queued?: readonly Notification[];
  /** Numbers of notifications that need not be told any more. */
  done?: readonly number[];
  silences?: Record<string, Silence>;
  ended?: readonly string[];
  /** All that are told from now on. */
  receivers?: KnownReceivers;
}

/** All that is so. */
export class Kept {
  change = 0;
  readonly states = new Map<string, InstanceState>();
  readonly queued = new Map<number, Notification>();
  readonly silences = new Map<string, Silence>();
  /** Where the states are, in place of `states`; null: there. */
  live: (() => Iterable<readonly [id: string, InstanceState]>) | null = null;
  /** Null: who was told is not known. */
  receivers: KnownReceivers | null = null;

  apply({ change, states, gone, queued, done, silences, ended, receivers }: JournalStep): void {
    if (change !== undefined) this.change = Math.max(this.change, change);
    if (this.live === null) {
      for (const [id, state] of Object.entries(states ?? {})) this.states.set(id, state);
      for (const id of gone ?? []) this.states.delete(id);
    }
    for (const one of queued ?? []) this.queued.set(one.id, one);
    for (const id of done ?? []) this.queued.delete(id);
    for (const [id, silence] of Object.entries(silences ?? {})) this.silences.set(id, silence);
    for (const id of ended ?? []) this.silences.delete(id);
    if (receivers !== undefined) this.receivers = receivers;
  }

  get whole(): JournalStep & { format: number } {
    return {
      format: FORMAT,
      change: this.change,
      states: Object.fromEntries(this.live?.() ?? this.states),
      queued: [...this.queued.values()],
      silences: Object.fromEntries(this.silences),
      ...(this.receivers !== null && { receivers: this.receivers }),
    };
  }
}

export class AlertJournal {
  readonly kept = new Kept();
  readonly #path: string;
  #file: FileHandle | null = null;
  #bytes = 0;
  #wholeBytes = 0;
  #isClosed = false;
  #writing: Promise<void> = Promise.resolve();
  /** Why what changes is not written down; null: it is. */
  error: string | null = null;

  private constructor(path: string) {
    this.#path = path;
  }

  /** Throws where what is there is of a newer format. */
  static async open(path: string): Promise<AlertJournal> {
    const journal = new AlertJournal(path);
    await journal.#read();
    return journal;
  }

  /** Takes a step; resolves when it is on the medium, or cannot be: then `error` says why, and it is so all the same. */
  take(step: JournalStep, { sync = true } = {}): Promise<void> {
    this.kept.apply(step);
    const line = lineOf(step);
    this.#writing = this.#writing.then(() => this.#write(line, sync));
    return this.#writing;
  }

  /** From now on the states are these, wherever all is written: they are not held twice. */
  follow(states: () => Iterable<readonly [id: string, InstanceState]>): void {
    this.kept.states.clear();
    this.kept.live = states;
  }

  /** The states are in `kept` again, for who goes on with them. */
  recall(): void {
    const { live, states } = this.kept;
    if (live === null) return;
    this.kept.live = null;
    for (const [id, state] of live()) states.set(id, state);
  }

  /** Resolves when all that was taken is on the medium, or cannot be. */
  async written(): Promise<void> {
    await this.#writing;
  }

  async close(): Promise<void> {
    await this.#writing;
    await this.#file?.close();
    this.#file = null;
    this.#isClosed = true;
  }

  async #write(line: Buffer, sync: boolean): Promise<void> {
    // What comes behind the end comes again.
    if (this.#isClosed) return;
    try {
      if (this.#file === null || this.#bytes > Math.max(COMPACT_BYTES, this.#wholeBytes * 2)) await this.#compact();
      else {
        await this.#file.appendFile(line);
        if (sync) await this.#file.datasync();
        this.#bytes += line.length;
      }
      this.error = null;
    } catch (error) {
      // A line that is there in part would hide those behind it.
      await this.#file?.close().catch(() => undefined);
      this.#file = null;
      this.error = `cannot write ${this.#path}: ${(error as Error).message}: a restart does not know what fires`;
      log.warnOnce('alerts journal', this.error);
    }
  }

  /** Writes all that is so. */
  async #compact(): Promise<void> {
    const whole = lineOf(this.kept.whole);
    await this.#file?.close();
    this.#file = null;
    this.#file = await replaceAndKeep(this.#path, [whole]);
    this.#bytes = whole.length;
    this.#wholeBytes = whole.length;
  }

  async #read(): Promise<void> {
    let text: string;
    try {
      text = await readFile(this.#path, 'utf8');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT')
        this.#lost(`cannot read ${this.#path}: ${(error as Error).message}: going on without it`);
      return;
    }
    let damaged = 0;
    const lines = text.split('\n');
    // What stands behind the last line feed was cut short.
    lines.pop();
    for (const line of lines) {
      const step = stepOf(line);
      if (step === null) damaged++;
      else if ((step.format ?? FORMAT) > FORMAT) {
        throw new Error(
          `${this.#path} was written by a newer runnel (format ${step.format}); this one reads up to ${FORMAT}`,
        );
      } else this.kept.apply(step);
    }
    if (damaged > 0) this.#lost(`${this.#path}: ${damaged} of ${lines.length} lines are damaged and left out`);
  }

  /** Numbers were given that are not known any more: none of them may be given again. */
  #lost(what: string): void {
    log.warn(what);
    this.kept.change = Math.max(this.kept.change, Date.now());
  }
}

function lineOf(step: object): Buffer {
  const text = JSON.stringify(step);
  return Buffer.from(`${crc32(text).toString(16).padStart(8, '0')} ${text}\n`);
}

/** Null: it is damaged. */
function stepOf(line: string): (JournalStep & { format?: number }) | null {
  const text = line.slice(9);
  if (line[8] !== ' ' || Number.parseInt(line.slice(0, 8), 16) !== crc32(text)) return null;
  try {
    return JSON.parse(text) as JournalStep & { format?: number };
  } catch {
    return null;
  }
}
