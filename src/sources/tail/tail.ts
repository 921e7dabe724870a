/**
 * The tail source: follows the files of one `logs` entry.
 *
 *   tracker --ready--> files that may have something to read --in turn--> fill a batch -> push
 *
 * Ready files take turns, a batch each. While one batch is packed the next one is read already. Every file is looked
 * at once in ten seconds, whatever the tracker is told by inotify.
 */
import { setImmediate } from 'node:timers/promises';
import type { Account } from '../../core/account.ts';
import type { Batch } from '../../core/batch.ts';
import type { Output, Source, Step } from '../../core/pipeline.ts';
import type { Kernel } from '../../kernel/kernel.ts';
import { type Format, formatOf } from '../../lines/format.ts';
import { cannotRead, Unpacking } from './compressed/unpacking.ts';
import { descriptors } from './file/descriptors.ts';
import type { TailContext, TrackedFile } from './file/file.ts';
import { fillFormatted } from './file/formatted.ts';
import { tellHole } from './file/hole.ts';
import { fill } from './file/read.ts';
import { type Comparison, Rewrites } from './file/rewrites.ts';
import { type FileStatus, lagOf, mostBehind, type Shortage } from './file/status.ts';
import type { LogConfig } from './options.ts';
import type { Positions } from './positions/positions.ts';
import { type Heir, heirOf } from './rotation/join.ts';
import { Order } from './rotation/order.ts';
import { type LeftOutStatus, Tracker, type TrackerOptions } from './rotation/tracker.ts';
import { Rounds } from './rounds.ts';
import { Turns } from './turns.ts';

/** Every file, and every directory, is looked at once in so many ticks: ten seconds. */
const ROUND = 40;
/** Of more files a second's share would be looked at for too long at once. */
const FEW = 1000;
/** So many files that wait for their first turn get their place in the journal with one write. */
const TOGETHER = 256;
/** After so much reading other things get their turn, milliseconds: small files are read without a wait. */
const STEP_MS = 5;
const CLOSE_MS = 300_000;
/** The output is away when it takes nothing of what waits for so long. */
const AWAY_MS = 1000;
/** At the stop the output has so long to take what could not be read later. */
const LAST_MS = 500;

export interface TailOptions extends TrackerOptions {
  input: LogConfig;
  host: string;
  tags: Record<string, string>;
  partition_by: 'host' | 'file';
  positions: Positions;
  data_dir: string;
  kernel: Kernel;
  account: Account;
  steps?: readonly Step[] | undefined;
  /** A file that was not written for so long is closed, milliseconds; default: five minutes. */
  close_after?: number;
  /** Every file, and every directory, is looked at once in so many quarters of a second; default: 40. */
  round?: number;
}

export function tailSource(options: TailOptions): TailSource {
  return new TailSource(options);
}

export class TailSource implements Source {
  readonly name: string;
  lines = 0;
  bytes = 0;
  readonly #o: TailOptions;
  readonly #tracker: Tracker;
  readonly #unpacking: Unpacking;
  readonly #turns: Turns;
  /** Where lines are not simply records. */
  readonly #format: Format | null;
  readonly #rewrites = new Rewrites();
  readonly #round: number;
  readonly #packed = new Rounds(() => this.#tracker.packed.values());
  readonly #nameless = new Rounds(() => this.#tracker.nameless.values());
  #tick = 0;
  /** When other things had their turn last. */
  #rested = 0;
  /** Memory is asked for, to read this file. */
  #taking: TrackedFile | null = null;
  /** By `performance.now()`: when the output took something, or gave memory for it. */
  #moved = performance.now();
  /** Goes over the tracker's files; in this round it has come so far. */
  #turn: Iterator<TrackedFile> | null = null;

  constructor(options: TailOptions) {
    const { input, host, tags, partition_by, positions, account, kernel, data_dir, steps } = options;
    const origin = { host, tags, kafka: { partition_by } };
    const context: TailContext = { input, origin, positions, account, data_dir, steps };
    this.#o = options;
    this.#round = options.round ?? ROUND;
    this.name = input.name;
    this.#format = formatOf(input, kernel);
    this.#turns = this.#makeTurns();
    this.#tracker = new Tracker(context, this.#turns, { ...options, away: () => this.#isAway });
    this.#unpacking = new Unpacking(context, this.#tracker, this.#turns);
  }

  #makeTurns(): Turns {
    const tracked = (file: TrackedFile) => this.#tracker.files.has(file);
    return new Turns({
      rotate_wait: this.#o.input.rotate_wait,
      timeout: this.#format?.grouping ? this.#format.timeout : null,
      rewrites: this.#rewrites,
      order: new Order({
        tracked,
        ready: (file) => this.#turns.ready(file),
        replaces: (file, old) => this.#tracker.replaces(file, old),
      }),
      tracked,
      starting: () => this.#tracker.starting,
      onTick: (ticks, now) => this.#onTick(ticks, now),
      onStep: () => this.#tracker.step(),
      few: () => this.#tracker.files.size + this.#tracker.packed.size + this.#tracker.nameless.size <= FEW,
    });
  }

  get files_total(): number {
    return this.#tracker.files.size;
  }

  /** `polling`: there are directories that inotify cannot be used for. */
  get watching(): 'inotify' | 'polling' {
    return this.#tracker.silent > 0 ? 'polling' : 'inotify';
  }

  /** Files that match, or did while they had a name, and cannot be read now. */
  get unreadable(): number {
    const { untracked, nameless, packed } = this.#tracker;
    let count = untracked.count('unreadable') + untracked.count('foreign_link');
    for (const { failed } of nameless) if (failed !== null) count++;
    for (const { failed, path } of packed) if (failed !== null && path !== null && !untracked.get(path)) count++;
    return count;
  }

  get left_out(): LeftOutStatus {
    return this.#tracker.left_out;
  }

  /** Patterns that have named nothing yet. */
  get idle(): { include: string[]; exclude: string[] } {
    return this.#tracker.idle;
  }

  /** Files that were deleted because `delete_after` says so. */
  get deleted(): number {
    return this.#tracker.upkeep.deleted;
  }

  /** Bytes of files that may be copies of others, and were read as files of their own. */
  get reread_bytes(): number {
    return this.#tracker.reread_bytes;
  }

  /** How far its files are behind together. */
  get lag(): ReturnType<typeof lagOf> {
    return lagOf(this.#tracker.files);
  }

  /** The most behind first, at most so many, made one by one. */
  listing(count: number): Iterable<FileStatus> {
    return mostBehind(this.#tracker.files, count, (file) => this.#shortage(file));
  }

  /** It is this file's turn, or will be, and there is no memory for what it holds. */
  #shortage(file: TrackedFile): Shortage | null {
    const away = this.#isAway && (file.queued !== null || file === this.#taking);
    if (!away && file !== this.#taking) return null;
    return { reason: away ? 'output' : 'memory', since: this.#moved };
  }

  /** Looks for files again, soon. */
  again(): void {
    void this.#tracker.scan();
  }

  /**
   * `started` is told when all its files were looked for, for the first time. Once it has rejected nothing of it runs any
   * more, and nothing that it took is on its way to be pushed.
   */
  async run(output: Output, stopped: AbortSignal, started?: () => void): Promise<void> {
    const failure = new AbortController();
    const signal = AbortSignal.any([stopped, failure.signal]);
    const stop = () => {
      this.#tracker.stopStarting();
      this.#turns.wake();
    };
    signal.addEventListener('abort', stop);
    const pumping = this.#pump(output, signal, failure);
    // A failure is thrown where this is awaited, below.
    pumping.catch(() => undefined);
    try {
      this.#turns.start();
      await this.#tracker.start();
      started?.();
      await pumping;
      await this.#lastWords(output);
    } finally {
      this.#turns.stop();
      failure.abort();
      await pumping.catch(() => undefined);
      signal.removeEventListener('abort', stop);
      await this.#tracker.close();
    }
  }

  #onTick(ticks: number, now: number): void {
    const rounds = Math.floor(this.#tick / this.#round);
    this.#tick += ticks;
    this.#unpacking.sweep();
    this.#packed.step((file) => this.#unpacking.tick(file, now));
    this.#nameless.step((file) => this.#watchNameless(file, now));
    // Always one: an iterator that rests keeps what was deleted in memory.
    const share = Math.max(1, Math.ceil(this.#tracker.files.size / this.#round));
    for (let left = share * ticks; left > 0; left--) {
      this.#turn ??= this.#tracker.files.values();
      const { value: file, done } = this.#turn.next();
      if (!done) this.#look(file, now);
      else this.#turn = null;
    }
    if (this.#isAway && this.#taking) this.#wait(this.#taking);
    this.#tracker.tick(now);
    if (Math.floor(this.#tick / this.#round) > rounds) this.#tracker.again();
  }

  /** What waits has waited for some time: nothing is read. */
  get #isAway(): boolean {
    return performance.now() - this.#moved > AWAY_MS;
  }

  #look(file: TrackedFile, now: number): void {
    if (file.path === null) return;
    this.#tracker.check(file, file.path);
    if (this.#isAway && file.size > file.position && !file.held) file.noteUnread();
    // What was not read of it could not be read any more if it were deleted meanwhile.
    if (file.packed || file.fd === null || file.busy || file.size > file.position) return;
    if (now - file.grown > (this.#o.close_after ?? CLOSE_MS)) descriptors.close(file);
  }

  #watchNameless(file: TrackedFile, now: number): void {
    if (file.packed || file.fd === null || file.busy || file.queued || file.reading || file.restarting) return;
    const unread = file.size > file.position;
    const { size, nlink } = file.now();
    if (size !== file.stored || (unread && !this.#turns.isDue(file))) this.#turns.ready(file);
    // Renamed back before all of it is settled, it would be read again from what is.
    else if (!unread && (nlink === 0 || file.stream.oldest === undefined)) {
      if (now - lastNews(file) >= this.#o.input.rotate_wait) this.#tracker.finish(file, 0);
    }
  }

  async #pump(output: Output, signal: AbortSignal, failure: AbortController): Promise<void> {
    let filled = await this.#nextBatch(output, signal);
    while (filled) {
      const next = this.#nextBatch(output, signal);
      // A failure is thrown where this is awaited, below.
      next.catch(() => undefined);
      // The next read is under way before packing begins, if there is memory for it.
      for (let i = 0; i < 8; i++) await undefined;
      try {
        await output.push(filled);
      } catch (error) {
        failure.abort(error);
        this.#takeBack(output, filled, await next.catch(() => null));
        throw error;
      }
      this.#moved = performance.now();
      filled = await next;
    }
  }

  /** What was not packed of these is read again: it was not received yet. The first was given back already. */
  #takeBack(output: Output, failed: Batch, ahead: Batch | null): void {
    this.#o.account.received -= failed.weight + (ahead?.weight ?? 0);
    if (ahead) output.discard(ahead);
  }

  /** Deleted files are read to their end, the unfinished line there too: the next process finds nothing of them. */
  async #lastWords(output: Output): Promise<void> {
    const soon = AbortSignal.timeout(LAST_MS);
    for (const file of this.#tracker.files) {
      file.measure();
      if (file.fd === null || file.packed || file.held || file.size <= file.position || file.now().nlink > 0) continue;
      for (let from = -1; from !== file.position && file.position < file.size; ) {
        from = file.position;
        let batch: Batch;
        try {
          batch = await output.take(file.stream, soon);
        } catch {
          // The output is away: the next start counts it.
          return;
        }
        file.flush = true;
        await this.#fill(file, batch, false);
        if (batch.count > 0) await output.push(batch);
        else output.discard(batch);
      }
    }
  }

  /** The next batch that holds something; null: it is time to stop. */
  async #nextBatch(output: Output, signal: AbortSignal): Promise<Batch | null> {
    for (;;) {
      await this.#breathe();
      // From here to the wait for a file there must be no other: whoever wakes it would not be heard.
      if (signal.aborted) return null;
      const file = this.#turns.next();
      if (!file) {
        await this.#turns.come();
        continue;
      }
      if (!this.#turns.mayRead(file) || !this.#open(file)) continue;
      file.busy = true;
      file.again = false;
      file.reading = true;
      const asked = this.#rewrites.asks(file);
      const prepared = file.packed ? await this.#unpacking.prepare(file) : !asked || (await this.#isAsRead(file));
      file.reading = false;
      if (!prepared) {
        file.busy = false;
        if (file.again) this.#turns.ready(file);
        else this.#turns.wait(file);
        continue;
      }
      let batch: Batch;
      try {
        this.#taking = file;
        batch = await output.take(file.stream, signal);
        this.#taking = null;
      } catch (error) {
        file.busy = false;
        if (signal.aborted) return null;
        throw error;
      }
      this.#moved = performance.now();
      if (!this.#tracker.files.has(file) || file.restarting || file.stream !== batch.stream) {
        // It was let go, or begins anew, while there was no memory.
        file.busy = false;
        if (this.#tracker.files.has(file)) this.#turns.ready(file);
        output.discard(batch);
        continue;
      }
      // Something may have come that was not told yet.
      if (!file.packed) file.flush = this.#turns.isOver(file) && file.now().size === file.stored;
      file.reading = true;
      const more = await this.#fill(file, batch, !asked);
      file.reading = false;
      file.reads++;
      file.busy = false;
      file.flush = false;
      if (more || file.again) this.#turns.ready(file);
      if (batch.count > 0) return batch;
      output.discard(batch);
    }
  }

  /** Lets other things have their turn, if this has worked for some time. At the start finding files goes first. */
  async #breathe(): Promise<void> {
    if (!this.#tracker.starting && performance.now() - this.#rested <= STEP_MS) return;
    await setImmediate();
    this.#rested = performance.now();
  }

  #open(file: TrackedFile): boolean {
    // It may have been let go while it waited for its turn.
    if (!this.#tracker.files.has(file)) return false;
    try {
      if (descriptors.open(file)) {
        if (file.packed && file.path !== null && this.#tracker.untracked.get(file.path)) this.#readable(file);
        return true;
      }
      if (file.path !== null) this.#tracker.lookAt(file.path);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') this.#tracker.lookAt(file.path!);
      else {
        this.#tracker.cannotRead(file.path!, error as Error);
        this.#turns.failed(file);
      }
    }
    return false;
  }

  /** Has the file's place in the journal written, and with it those of the files that come next. */
  #announce(file: TrackedFile): void {
    file.announce();
    for (const next of this.#next()) next.announce();
  }

  /** The output is away: this file and those that come next will wait. */
  #wait(file: TrackedFile): void {
    for (const one of [file, ...this.#next()]) {
      if (one.path !== null) this.#tracker.check(one, one.path);
      one.noteUnread();
    }
  }

  /** Files that come next, and of which nothing is known yet but what is there. */
  *#next(): Iterable<TrackedFile> {
    for (const next of this.#turns.upcoming(TOGETHER)) {
      if (!next.stream.persisted && !next.held && !next.packed && next.size > 0 && this.#open(next)) yield next;
    }
  }

  /** False: it does not hold what was read of it, or may not. It is open. */
  async #isAsRead(file: TrackedFile): Promise<boolean> {
    let found: Comparison = 'same';
    try {
      found = await this.#rewrites.compare(file);
    } catch {
      // What cannot be read now cannot be compared; the read that follows says why.
    }
    if (found !== 'other') return found === 'same';
    if (file.isPunched(file.size)) return true;
    this.#tracker.restarted(file);
    return false;
  }

  /** Reads a batch; true: there may be more. `told`: where nothing has come, that was not looked into yet. */
  async #fill(file: TrackedFile, batch: Batch, told: boolean): Promise<boolean> {
    const { kernel, input, account } = this.#o;
    const size = file.size;
    try {
      const heir = this.#format?.grouping ? await heirOf(file, this.#format) : null;
      const outcome = this.#format
        ? await fillFormatted(file, batch, this.#format, heir)
        : await fill(file, batch, kernel, input.max_line);
      if (told && outcome === 'end' && batch.count === 0 && file.size === size) this.#rewrites.told(file);
      file.failed = null;
      if (file.error !== null) this.#readable(file);
      if (typeof outcome === 'object') {
        this.#tracker.leaveOut(file, outcome.archive);
        return false;
      }
      const shorter = !file.packed && file.stored < size;
      if (outcome === 'restarted' || (shorter && file.stored === 0)) {
        if (outcome === 'restarted' && file.isPunched(size)) return true;
        file.size = size;
        this.#tracker.restarted(file);
        return false;
      }
      if (shorter) {
        const left = file.stored;
        file.size = size;
        this.#tracker.shortened(file, left);
      }
      if (file.size !== size && !file.packed) file.grown = file.written = performance.now();
      if (outcome === 'end') file.readTo = file.size;
      this.#turns.read(file, outcome === 'more', batch.count > 0);
      if (batch.count === 0) return outcome === 'more';
      if (!file.stream.persisted) this.#announce(file);
      await file.persist();
      if (heir && heir.taken > 0) await inherit(heir, batch);
      batch.weight = batch.count;
      batch.time = Date.now();
      file.stream.sent(batch, file.marker, file.unfinished?.cut ?? 0, file.sum);
      file.lines += batch.count;
      this.lines += batch.count;
      this.bytes += batch.end - batch.from;
      if (this.#format) file.hole = 0;
      else tellHole(file, batch);
      account.received += batch.count;
      return outcome === 'more';
    } catch (error) {
      batch.count = 0;
      if (file.path !== null && !file.packed) {
        file.failed = performance.now();
        this.#tracker.cannotRead(file.path, error as Error);
      } else cannotRead(file, error as Error);
      this.#turns.wait(file);
      return false;
    }
  }

  /** It could not be opened or read, and can be. */
  #readable(file: TrackedFile): void {
    file.error = null;
    if (file.path !== null) this.#tracker.untracked.delete(file.path);
  }
}

function lastNews({ grown, gone }: TrackedFile): number {
  return Math.max(grown, gone ?? 0);
}

/** The batch's last record goes on in another file. */
async function inherit(heir: Heir, batch: Batch): Promise<void> {
  const { stream } = heir.file;
  const end = heir.settle();
  await heir.file.persist();
  stream.sentTo(end, heir.file.marker);
  batch.also = { stream, end };
}
