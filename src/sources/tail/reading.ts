/**
 * Reads a file into batches: it is opened, compared where it may have been written anew, and read on. What a read says of
 * the file goes to the tracker, and what the file waits for then to the turns.
 */
import type { Account } from '../../core/account.ts';
import type { Batch } from '../../core/batch.ts';
import type { Format } from '../../lines/format.ts';
import type { Foresight } from './ahead/foresight.ts';
import { cannotRead } from './compressed/unpacking.ts';
import { descriptors } from './file/descriptors.ts';
import type { TrackedFile } from './file/file.ts';
import { tellHole } from './file/hole.ts';
import { fill } from './file/read.ts';
import type { Rewrites, Sameness } from './file/rewrites.ts';
import { type Join, joinOf } from './rotation/join.ts';
import type { Tracker } from './rotation/tracker.ts';
import type { Turns } from './turns.ts';

/** So many files that wait for their first turn get their place in the journal with one write. */
const TOGETHER = 256;

const COUNTED = ['lines', 'bytes', 'truncated', 'replaced', 'malformed'] as const;

/** What a read counted. */
export type Counted = Record<(typeof COUNTED)[number], number>;

export interface ReadingOptions {
  account: Account;
  format: Format;
  tracker: Tracker;
  turns: Turns;
  rewrites: Rewrites;
  foresight: Pick<Foresight, 'take'> | undefined;
}

export class Reading {
  lines = 0;
  bytes = 0;
  readonly #o: ReadingOptions;
  /** What was taken back of these, so that what is counted meanwhile is told from it. */
  readonly #uncounted: Counted = { lines: 0, bytes: 0, truncated: 0, replaced: 0, malformed: 0 };

  constructor(options: ReadingOptions) {
    this.#o = options;
  }

  /** False: it is not to be read now, which is seen to. */
  open(file: TrackedFile): boolean {
    // It may have been let go while it waited for its turn.
    if (!this.#o.tracker.files.has(file)) return false;
    try {
      if (descriptors.open(file)) {
        this.#o.foresight?.take(file);
        if (file.packed && file.path !== null && this.#o.tracker.untracked.get(file.path)) this.#readable(file);
        return true;
      }
      if (file.path !== null) this.#o.tracker.lookAt(file.path);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') this.#o.tracker.lookAt(file.path!);
      else {
        this.#o.tracker.cannotRead(file.path!, error as Error);
        this.#o.turns.failed(file);
      }
    }
    return false;
  }

  /** False: it does not hold what was read of it, or may not. It is open. */
  async isAsRead(file: TrackedFile): Promise<boolean> {
    let found: Sameness = 'same';
    try {
      found = await this.#o.rewrites.compare(file);
    } catch {
      // What cannot be read now cannot be compared; the read that follows says why.
    }
    if (found !== 'other') return found === 'same';
    if (file.isPunched(file.size)) return true;
    this.#o.tracker.restarted(file);
    return false;
  }

  /** Reads a batch; true: there may be more. `told`: where nothing has come, that was not looked into yet. */
  async fill(file: TrackedFile, batch: Batch, told: boolean): Promise<boolean> {
    const { account, format } = this.#o;
    const size = file.size;
    try {
      const joined = format.grouping ? await joinOf(file, format) : null;
      const outcome = await fill(file, batch, format, joined);
      if (told && outcome === 'end' && batch.count === 0 && file.size === size) this.#o.rewrites.told(file);
      file.succeeds();
      if (file.error !== null) this.#readable(file);
      if (typeof outcome === 'object') {
        this.#o.tracker.leaveOut(file, outcome.archive);
        return false;
      }
      const shorter = !file.packed && file.stored < size;
      if (outcome === 'restarted' || (shorter && file.stored === 0)) {
        if (outcome === 'restarted' && file.isPunched(size)) return true;
        file.know(size);
        this.#o.tracker.restarted(file);
        return false;
      }
      if (shorter) {
        const left = file.stored;
        file.know(size);
        this.#o.tracker.shortened(file, left);
      }
      if (file.size !== size && !file.packed) file.grew();
      if (outcome === 'end') file.ended();
      this.#o.turns.read(file, outcome === 'more', batch.count > 0);
      if (batch.count === 0) return outcome === 'more';
      if (!file.stream.persisted) this.#announce(file);
      await file.persist();
      const learning = file.stream.learn();
      if (learning) await learning;
      if (joined && joined.taken > 0) await settleJoined(joined, batch);
      batch.weight = batch.count;
      batch.time = Date.now();
      file.stream.sent(batch, file.marker, file.unfinished?.cut ?? 0, file.sum);
      file.count(batch.count);
      this.lines += batch.count;
      this.bytes += batch.end - batch.from;
      if (format.shapes) file.takeHole();
      else tellHole(file, batch);
      account.received += batch.count;
      // Marks are made of the bytes as they were read; nobody sees those from here on.
      const cut = await format.finish(batch, file);
      file.truncated += cut;
      account.truncated += cut;
      return outcome === 'more';
    } catch (error) {
      batch.count = 0;
      if (file.path !== null && !file.packed) {
        file.fails((error as Error).message);
        this.#o.tracker.cannotRead(file.path, error as Error);
      } else cannotRead(file, error as Error);
      this.#o.turns.wait(file);
      return false;
    }
  }

  /** What is counted from now on until it is asked, also where some of before is taken back meanwhile. */
  counting(): () => Counted {
    const before = this.#counts();
    return () => {
      const now = this.#counts();
      for (const name of COUNTED) now[name] -= before[name];
      return now;
    };
  }

  /** It is not counted, but for what was received: the output knows what it took of that. */
  uncount(file: TrackedFile, counted: Counted): void {
    const { account } = this.#o;
    file.count(-counted.lines);
    this.lines -= counted.lines;
    this.bytes -= counted.bytes;
    file.truncated -= counted.truncated;
    for (const name of ['truncated', 'replaced', 'malformed'] as const) account[name] -= counted[name];
    for (const name of COUNTED) this.#uncounted[name] += counted[name];
  }

  /** With what was taken back of them. */
  #counts(): Counted {
    const { truncated, replaced, malformed } = this.#o.account;
    const all = { lines: this.lines, bytes: this.bytes, truncated, replaced, malformed };
    for (const name of COUNTED) all[name] += this.#uncounted[name];
    return all;
  }

  /** The output is away: this file and those that come next will wait. */
  noteUnread(file: TrackedFile): void {
    for (const one of [file, ...this.#next()]) {
      if (one.path !== null) this.#o.tracker.check(one, one.path);
      one.noteUnread();
    }
  }

  /** Has the file's place in the journal written, and with it those of the files that come next. */
  #announce(file: TrackedFile): void {
    file.announce();
    for (const next of this.#next()) next.announce();
  }

  /** Files that come next, and of which nothing is known yet but what is there. */
  *#next(): Iterable<TrackedFile> {
    for (const next of this.#o.turns.upcoming(TOGETHER)) {
      if (!next.stream.persisted && !next.held && !next.packed && next.size > 0 && this.open(next)) yield next;
    }
  }

  /** It could not be opened or read, and can be. */
  #readable(file: TrackedFile): void {
    file.say(null);
    if (file.path !== null) this.#o.tracker.untracked.delete(file.path);
  }
}

/** The batch's last record goes on in another file. */
async function settleJoined(joined: Join, batch: Batch): Promise<void> {
  const { stream } = joined.file;
  const end = joined.settle();
  await joined.file.persist();
  stream.sentTo(end, joined.file.marker);
  batch.also = { stream, end };
}
