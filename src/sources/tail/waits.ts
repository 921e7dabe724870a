/**
 * Files that are read again although nothing is told of them: why, and when. One reason at a time for each.
 *
 *   record      a record that is open at its end is over when the file was silent for `multiline.timeout`; a long one is
 *               read again now and then, as it may be longer
 *   predecessor the file that had the name before has to be read first (order.ts)
 *   last line   it has no end, and its file lost the name that it was read under: it goes out as it is `rotate_wait` after
 *               the last write. One that has its name keeps the line waiting: whoever opens it goes on there
 *   room        what is written over the NULs at the end of a file through memory is told to nobody: they are looked at
 *               again, the later the longer nothing came
 */
import type { TrackedFile } from './file/file.ts';

/** As often every file that has a name is looked at anyway. */
const REGULAR_MS = 10_000;
const SECOND = 1000;

export interface Wait {
  why: 'record' | 'predecessor' | 'last line' | 'room';
  /** By `performance.now()`. */
  due: number;
}

export interface WaitOptions {
  rotate_wait: number;
  /** How long a file is silent when its open record is over; null: lines are records. */
  timeout: number | null;
}

export class Waits {
  readonly #o: WaitOptions;
  readonly #waits = new Map<TrackedFile, Wait>();

  constructor(options: WaitOptions) {
    this.#o = options;
  }

  has(file: TrackedFile): boolean {
    return this.#waits.has(file);
  }

  why(file: TrackedFile): Wait['why'] | null {
    return this.#waits.get(file)?.why ?? null;
  }

  /** It is asked for again at each look. */
  put(file: TrackedFile, why: Wait['why']): void {
    this.#waits.set(file, { why, due: 0 });
  }

  remove(file: TrackedFile): void {
    this.#waits.delete(file);
  }

  /** The file was read to what there is for now. */
  note(file: TrackedFile): void {
    if (file.unfinished) file.unfinished.close = false;
    const wait = this.#waitOf(file);
    if (wait) this.#waits.set(file, wait);
    else this.remove(file);
  }

  /** Which files to read now. */
  *due(now: number, tracked: ReadonlySet<TrackedFile>): Iterable<TrackedFile> {
    for (const [file, { why, due }] of this.#waits) {
      if (!tracked.has(file)) this.#waits.delete(file);
      else if (now >= due && !file.busy) {
        if (why === 'record') file.unfinished!.close = now - file.grown >= this.#o.timeout!;
        yield file;
      }
    }
  }

  /** It was read a moment ago, and its open record is long: the next tick is soon enough. */
  mayWait(file: TrackedFile): boolean {
    const { unfinished } = file;
    if (!unfinished || unfinished.open === 0 || unfinished.close) return false;
    return !this.isOver(file) && performance.now() < unfinished.again;
  }

  /** Nothing more will come to its last line, as far as is known. */
  isOver(file: TrackedFile): boolean {
    return performance.now() >= this.#over(file);
  }

  #waitOf(file: TrackedFile): Wait | null {
    const end = file.size > file.position ? this.#waitAtEnd(file) : null;
    if (!file.room) return end;
    const now = performance.now();
    const pause = (now - file.grown) / 4;
    if (file.path !== null && pause > REGULAR_MS) return end;
    const due = now + Math.min(pause, file.path === null ? SECOND : REGULAR_MS);
    return end && end.due < due ? end : { why: 'room', due };
  }

  #waitAtEnd(file: TrackedFile): Wait | null {
    const { unfinished, grown } = file;
    const over = this.#over(file);
    if (unfinished && unfinished.open > 0) {
      const silent = grown + this.#o.timeout!;
      const due = unfinished.again > 0 ? Math.min(silent, unfinished.again) : silent;
      if (due <= over) return { why: 'record', due };
    }
    return over === Number.POSITIVE_INFINITY ? null : { why: 'last line', due: over };
  }

  /** When nothing more is expected of its last line; what is compressed is looked after in unpacking.ts. */
  #over(file: TrackedFile): number {
    const { rotate_wait, timeout } = this.#o;
    if (file.packed || !file.lost) return Number.POSITIVE_INFINITY;
    // What an open record goes on with in the next file is read before.
    return Math.max(file.written + rotate_wait, file.grown + Math.min(timeout ?? 0, rotate_wait));
  }
}
