/**
 * Takes requests, and answers them when what they bring is on the medium.
 *
 *   room in the local log? -> queue -> a group: all that wait -> decided -> written and synced -> answered
 *                none: held, then refused                                   '-> failed: taken back, all refused
 *
 * One group at a time; there is no timer: while one is synced the next one comes together. So what comes again while its
 * first copy is being synced is decided after that.
 */

import { LINK_BYTES } from '../../audit/record.ts';
import { pause } from '../../core/abort.ts';
import { ChainingEnds } from '../../core/chained.ts';
import type { DurableLog, LogSection } from '../../core/durable-log.ts';
import { log } from '../../log.ts';
import type { Chains } from './chain.ts';
import { tryAgain } from './refusal.ts';
import { type AuditLine, type AuditRequest, idKeys, type TakenEvents } from './request.ts';
import { SentEvents } from './sent.ts';
import type { AuditStore } from './store.ts';

export interface AuditIntakeOptions {
  log: DurableLog;
  store: AuditStore;
  /** What there is no room for waits so long, milliseconds. */
  hold: number;
}

interface Job {
  /** Makes it part of the draft. */
  decide(chains: Chains, time: string): void;
  /** It is on the medium. */
  resolve(): void;
  reject(error: Error): void;
}

/** Around an event in the local log: link, headers, lengths. */
const AROUND = LINK_BYTES + 512;
/** Requests of one group. */
const MOST_OF_GROUP = 256;
/** Where the disk does not take lines of files, it is tried again. */
const RETRY_MS = 1000;
/** Requests that wait; bodies are bounded by the server's budget besides. */
const MOST_WAITING = 4096;

export class AuditIntake {
  readonly #o: AuditIntakeOptions;
  #queue: Job[] = [];
  #running: Promise<void> | null = null;
  /** Requests of the last group. */
  #together = 1;
  readonly sent = new SentEvents();
  readonly #closing = new AbortController();
  /** The disk does not take the group at hand in time. One for all groups: each of its own would be garbage. */
  #late = new AbortController();
  #timer: NodeJS.Timeout | undefined;
  #writing = false;
  /** Producers have moved, and neither the log nor the stored state says so: nobody is answered before it does. */
  #unsaved = false;
  /** Requests that wait for room now. */
  held = 0;
  /** Events that were taken. */
  taken = 0;
  /** Events that had been taken before. */
  duplicates = 0;
  /** Why the disk did not take the last group; null: it did. */
  error: string | null = null;

  constructor(options: AuditIntakeOptions) {
    this.#o = options;
  }

  /** Resolves when the request's events are on the medium. Rejects with an AuditRefusal; none of them is there then. */
  async take(request: AuditRequest): Promise<TakenEvents> {
    this.#refuseAtEnd();
    if (this.#queue.length >= MOST_WAITING) throw tryAgain('too many requests wait');
    const bytes = request.events.reduce((sum, event) => sum + event.bytes.length + AROUND, 0);
    const keys = idKeys(request);
    // What comes again needs no room.
    const needs = !this.#o.store.chains.knows(request, keys);
    const release = needs ? (this.#o.log.reserveNow(bytes) ?? (await this.#held(bytes))) : () => undefined;
    try {
      this.#refuseAtEnd();
      const taken = await this.#put((chains, time) => chains.decide(request, time, keys));
      if (taken.duplicate) this.duplicates += request.events.length;
      else this.taken += request.events.length;
      return taken;
    } finally {
      release();
    }
  }

  /** Resolves when these streams have a seal up to their last event. */
  async seal(names: readonly string[]): Promise<void> {
    if (names.length === 0) return;
    await this.#put((chains, time) => {
      for (const name of names) chains.seal(name, time);
    });
  }

  /**
   * Resolves when these lines of files are on the medium, however long it takes: they wait for room, for the disk, and while
   * `closed` says why nothing is taken. Rejects with ChainingEnds when the intake is closed before.
   */
  async takeLines(
    stream: string,
    lines: readonly AuditLine[],
    input: string,
    closed: () => string | null,
  ): Promise<void> {
    const bytes = lines.reduce((sum, line) => sum + line.bytes.length + AROUND, 0);
    const { signal } = this.#closing;
    signal.throwIfAborted();
    const release = this.#o.log.reserveNow(bytes) ?? (await this.#roomForLines(bytes, signal));
    try {
      do {
        let why = closed();
        if (why === null) {
          try {
            return await this.#put((chains, time) => chains.addLines(stream, lines, input, time));
          } catch (error) {
            why = this.error === null ? (error as Error).message : `the disk does not take it: ${this.error}`;
          }
        }
        log.warnOnce(`audit lines ${input}`, `audit: lines of ${input} wait: ${why}`);
      } while (await pause(RETRY_MS, signal));
      throw new ChainingEnds('the agent stops');
    } finally {
      release();
    }
  }

  async #roomForLines(bytes: number, signal: AbortSignal): Promise<() => void> {
    this.held++;
    try {
      await this.#saved();
      return await this.#o.log.reserve(bytes, signal);
    } catch {
      throw new ChainingEnds('the agent stops');
    } finally {
      this.held--;
    }
  }

  /** What is acknowledged stays for the chain's sake until its state is written. */
  async #saved(): Promise<void> {
    await this.#o.store.save().catch((error: Error) => log.warnOnce('audit state', `audit: ${error.message}`));
  }

  /** Takes nothing more; resolves when all that was taken is on the medium. */
  async close(): Promise<void> {
    this.#closing.abort(new ChainingEnds('the agent stops'));
    await this.#running;
  }

  async #held(bytes: number): Promise<() => void> {
    this.held++;
    try {
      await this.#saved();
      const until = AbortSignal.any([AbortSignal.timeout(this.#o.hold), this.#closing.signal]);
      return await this.#o.log.reserve(bytes, until);
    } catch {
      this.#refuseAtEnd();
      throw tryAgain('the local log is full');
    } finally {
      this.held--;
    }
  }

  #refuseAtEnd(): void {
    if (this.#closing.signal.aborted) throw tryAgain('the agent stops', 5);
  }

  #put<T>(decide: (chains: Chains, time: string) => T): Promise<T> {
    return new Promise((resolve, reject) => {
      // The next one may have gone on with the chains: what is decided here would fork them.
      this.#closing.signal.throwIfAborted();
      let decided: T;
      this.#queue.push({
        decide(chains, time) {
          decided = decide(chains, time);
        },
        resolve: () => resolve(decided),
        reject,
      });
      this.#running ??= this.#run();
    });
  }

  async #run(): Promise<void> {
    // Who came in the same turn of the loop is in the first group; where one came alone lately nobody is waited for.
    if (this.#together > 1) await new Promise(setImmediate);
    while (this.#queue.length > 0) {
      const jobs = this.#queue;
      this.#queue = jobs.length > MOST_OF_GROUP ? jobs.splice(MOST_OF_GROUP) : [];
      this.#together = jobs.length;
      await this.#group(jobs);
    }
    // In the turn in which nothing waits: who comes as soon as the last one is answered would wait for the next one.
    this.#running = null;
  }

  /** Where the disk does not take it, that is waited for so long. */
  async #written(durable: DurableLog, sections: readonly LogSection[]): Promise<number> {
    if (this.#late.signal.aborted) this.#late = new AbortController();
    this.#timer ??= setTimeout(() => {
      if (this.#writing) this.#late.abort();
    }, this.#o.hold).unref();
    this.#timer.refresh();
    this.#writing = true;
    try {
      return await durable.write(sections, this.#late.signal);
    } finally {
      this.#writing = false;
    }
  }

  /** Never rejects. */
  async #group(jobs: readonly Job[]): Promise<void> {
    const { log: durable, store } = this.#o;
    const { chains } = store;
    const time = new Date().toISOString();
    const settle: (() => void)[] = [];
    try {
      for (const { decide, resolve, reject } of jobs) {
        try {
          decide(chains, time);
          settle.push(resolve);
        } catch (error) {
          settle.push(() => reject(error as Error));
        }
      }
      const sections = chains.sections();
      if (sections.length > 0) {
        const next = await this.#written(durable, sections);
        for (const { name, sequence } of chains.drafted()) this.sent.wrote(name, sequence, next);
        // What is known already, or refused, says nothing of the disk.
        this.error = null;
      }
      this.#unsaved ||= chains.movesSilently;
      chains.commit();
      if (this.#unsaved) {
        await store.save();
        this.#unsaved = false;
      }
      for (const one of settle) one();
    } catch (error) {
      chains.rollBack();
      this.error = (error as Error).message;
      log.warnOnce('audit write', `audit: the disk does not take events: ${this.error}; whoever sends them is told`);
      for (const { reject } of jobs) reject(tryAgain(`the disk does not take it: ${this.error}`));
    }
  }
}
