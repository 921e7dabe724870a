/**
 * One `logs` entry: the files that lie here are read here; those on a mount that may hang are read by another process,
 * each mount by its own (apart/), and go out as if they had been read here.
 *
 *   TailSource --elsewhere--> a mount that may hang: the paths that lead there --> Part --> another process
 */
import { aborted, pause } from '../../core/abort.ts';
import type { Output, Step } from '../../core/pipeline.ts';
import { log } from '../../log.ts';
import type { Mount } from '../../mounts/mountinfo.ts';
import { isGone } from '../../mounts/places.ts';
import type { Foresight } from './ahead/foresight.ts';
import { Lent } from './apart/lent.ts';
import type { PartStatus } from './apart/messages.ts';
import type { Mounts } from './apart/mounts.ts';
import { Part } from './apart/part.ts';
import { Roots } from './apart/roots.ts';
import type { TailContext } from './context.ts';
import type { FileStatus } from './file/status.ts';
import type { LeftOutStatus } from './find/left-out.ts';
import type { LogReader } from './reader.ts';
import { Shaping, type ShapingOptions } from './shaping.ts';
import { type TailOptions, type TailSource, tailSource } from './tail.ts';

const AGAIN_MS = 1000;
const LATEST_MS = 30_000;
/** At the stop a process has so long to say what it still knows. */
const CLOSE_MS = 1000;

export interface TailInputOptions extends TailOptions, ShapingOptions {
  mounts: Mounts;
  foresight?: Foresight | undefined;
  /** Names of all inputs that are configured. */
  inputs: readonly string[];
}

/** What is read on one mount. */
interface Apart {
  mount: Mount;
  roots: Roots;
  part: Part | null;
  status: PartStatus | null;
  /** By `performance.now()`: when it said that. */
  said: number;
}

const COUNTED = ['reread_bytes', 'deleted'] as const;
const OF_ACCOUNT = ['truncated', 'replaced', 'malformed'] as const;

export class TailInput implements LogReader {
  readonly name: string;
  /** What its lines pass, wherever they are read. */
  readonly steps: readonly Step[];
  readonly #o: TailInputOptions;
  readonly #shaping: Shaping;
  readonly #local: TailSource;
  readonly #lent: Lent;
  readonly #context: TailContext;
  /** By device. */
  readonly #apart = new Map<string, Apart>();
  /** What processes counted that have ended. */
  readonly #before = { reread_bytes: 0, deleted: 0 };
  readonly #maskedBefore: Record<string, number> = {};
  /** What was taken from other processes. */
  #lines = 0;
  #bytes = 0;
  /** Null: other mounts are to wait, or nothing is read any more. */
  #running: { output: Output; signal: AbortSignal } | null = null;
  readonly #keeping = new Set<Promise<void>>();

  constructor(options: TailInputOptions) {
    this.#o = options;
    this.name = options.input.name;
    this.#shaping = new Shaping(options);
    const { context, masking, processing } = this.#shaping;
    this.steps = this.#shaping.steps;
    this.#context = context;
    this.#lent = new Lent(this.#context);
    this.#local = tailSource({
      ...options,
      masking,
      processing,
      routing: context.routing,
      containers: context.containers,
      mostLines: processing?.fields?.most,
      elsewhere: (path, mount) => this.#elsewhere(path, mount),
    });
  }

  /** Nothing of it is on its way any more. */
  close(): void {
    this.#shaping.close();
  }

  problems(): string[] {
    return [];
  }

  get lines(): number {
    return this.#local.lines + this.#lines;
  }

  get bytes(): number {
    return this.#local.bytes + this.#bytes;
  }

  get reread_bytes(): number {
    return this.#sum('reread_bytes');
  }

  get deleted(): number {
    return this.#sum('deleted');
  }

  /** Secrets that were masked, by rule. */
  get masked(): Record<string, number> {
    const sum = { ...this.#shaping.masking?.counts };
    const others = [this.#maskedBefore, ...this.#statuses.map(({ masked }) => masked)];
    for (const masked of others)
      for (const [rule, count] of Object.entries(masked)) sum[rule] = (sum[rule] ?? 0) + count;
    return sum;
  }

  get files_total(): number {
    return this.#statuses.reduce((sum, { files_total }) => sum + files_total, this.#local.files_total);
  }

  /** Those of a mount that does not answer cannot be read now. */
  get unreadable(): number {
    let sum = this.#local.unreadable;
    for (const { part, status } of this.#apart.values()) {
      if (status) sum += part?.hanging ? status.files_total : status.unreadable;
    }
    return sum;
  }

  get left_out(): LeftOutStatus {
    const sum = { ...this.#local.left_out };
    for (const { left_out } of this.#statuses) {
      for (const reason of Object.keys(sum) as (keyof LeftOutStatus)[]) sum[reason] += left_out[reason];
    }
    return sum;
  }

  /** Patterns that name nothing here, and cannot name anything elsewhere. */
  get idle(): TailSource['idle'] {
    return this.#local.idle;
  }

  get watching(): 'inotify' | 'polling' {
    return this.#apart.size > 0 ? 'polling' : this.#local.watching;
  }

  get lag(): TailSource['lag'] {
    const now = performance.now();
    let { lag_bytes, lag_seconds } = this.#local.lag;
    for (const { status, said } of this.#apart.values()) {
      if (!status || status.lag_bytes === 0) continue;
      lag_bytes += status.lag_bytes;
      lag_seconds = Math.max(lag_seconds, status.lag_seconds + (now - said) / 1000);
    }
    return { lag_bytes, lag_seconds };
  }

  /** Of what is read here. */
  get ahead(): TailSource['ahead'] {
    return this.#o.foresight?.ahead ?? this.#local.ahead;
  }

  /** Until the signal aborts it is not known where files are read on: rules see what is there. */
  async foresee(signal: AbortSignal): Promise<void> {
    await this.#o.foresight?.look({ ...this.#o, mostLines: this.#shaping.processing?.fields?.most }, signal);
  }

  /** The most behind first, at most so many. */
  listing(count: number): Iterable<FileStatus> {
    if (this.#apart.size === 0) return this.#local.listing(count);
    const all = [...this.#local.listing(count)];
    for (const { part, status, mount } of this.#apart.values()) {
      const error = part?.hanging ? `the file system at ${mount.mountpoint} does not answer` : null;
      for (const file of status?.files ?? []) all.push(error === null ? file : { ...file, error });
    }
    return all.sort((a, b) => b.lag_bytes - a.lag_bytes).slice(0, count);
  }

  run(output: Output, stopped: AbortSignal): Promise<void> {
    return this.#shaping.run(output, stopped, (to, signal) => this.#runLines(to, signal));
  }

  async #runLines(output: Output, stopped: AbortSignal): Promise<void> {
    const failure = new AbortController();
    const signal = AbortSignal.any([stopped, failure.signal]);
    // What lies elsewhere is not to be looked for here.
    this.#lent.sort();
    const first = !this.#o.positions.started(this.name);
    try {
      await this.#local.run(output, signal, () => {
        this.#running = { output, signal };
        for (const apart of this.#apart.values()) this.#keep(apart, first);
      });
    } finally {
      this.#running = null;
      failure.abort();
      await Promise.all(this.#keeping);
      this.#lent.giveBack();
    }
  }

  #elsewhere(path: string, mount: Mount): void {
    const known = this.#apart.get(mount.device);
    if (known) {
      known.roots.add(path);
      return;
    }
    const roots = new Roots(() => apart.part?.look(roots.paths));
    const apart: Apart = { mount, roots, part: null, status: null, said: 0 };
    roots.add(path);
    this.#apart.set(mount.device, apart);
    if (this.#running) this.#keep(apart, false);
  }

  #keep(apart: Apart, first: boolean): void {
    const keeping = this.#read(apart, this.#running!, first).finally(() => {
      this.#apart.delete(apart.mount.device);
      this.#keeping.delete(keeping);
    });
    this.#keeping.add(keeping);
  }

  /** Has what is on the mount read as long as it is there. */
  async #read(
    apart: Apart,
    { output, signal }: { output: Output; signal: AbortSignal },
    first: boolean,
  ): Promise<void> {
    const { mount } = apart;
    const { mounts, inputs, mask_key } = this.#o;
    const stopped = aborted(signal);
    let wait = AGAIN_MS;
    while (!signal.aborted && !isGone(mount)) {
      this.#lent.sort();
      const status = (said: PartStatus) => this.#note(apart, said);
      const elsewhere = (path: string, other: Mount) => this.#elsewhere(path, other);
      const taken = (lines: number, bytes: number) => {
        this.#lines += lines;
        this.#bytes += bytes;
      };
      const told = { taken, status, elsewhere };
      const options = { context: this.#context, inputs, mask_key, mount, first, lent: this.#lent, output, ...told };
      const part = new Part(options, mounts.processFor(mount), apart.roots.paths);
      apart.part = part;
      const began = performance.now();
      const why = await Promise.race([part.ended, stopped]);
      if (why === null) {
        part.close();
        await Promise.race([part.ended, pause(part.hanging ? 0 : CLOSE_MS)]);
        part.lost('the agent stops');
      }
      this.#count(apart);
      if (why === null || isGone(mount)) break;
      const again = 'it is started again';
      log.warnOnce(
        `apart ${mount.device}`,
        `what reads ${mount.mountpoint} for ${this.name} has ended: ${why}; ${again}`,
      );
      if (performance.now() - began > LATEST_MS) wait = AGAIN_MS;
      await pause(wait, signal);
      wait = Math.min(wait * 2, LATEST_MS);
      first = false;
    }
    this.#lent.sort();
  }

  #note(apart: Apart, status: PartStatus): void {
    const { account } = this.#context;
    for (const name of OF_ACCOUNT) account[name] += status[name] - (apart.status?.[name] ?? 0);
    apart.status = status;
    apart.said = performance.now();
  }

  /** The next process counts from 0. */
  #count(apart: Apart): void {
    for (const name of COUNTED) this.#before[name] += apart.status?.[name] ?? 0;
    for (const [rule, count] of Object.entries(apart.status?.masked ?? {})) {
      this.#maskedBefore[rule] = (this.#maskedBefore[rule] ?? 0) + count;
    }
    apart.status = null;
    apart.part = null;
  }

  #sum(name: (typeof COUNTED)[number]): number {
    let sum = this.#local[name] + this.#before[name];
    for (const { status } of this.#apart.values()) sum += status?.[name] ?? 0;
    return sum;
  }

  get #statuses(): PartStatus[] {
    return [...this.#apart.values()].flatMap(({ status }) => status ?? []);
  }
}
