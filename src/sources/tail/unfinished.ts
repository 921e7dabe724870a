/**
 * Files whose last record is not finished. It stays in the file; here is when to look at it again: when it may be
 * longer, and when nothing came for so long that it goes out as it is.
 *
 *   | records | bytes without a record | lines of an open record | unfinished line |
 *             chained                  position                                    size
 */
import type { TrackedFile } from './file.ts';

/** Up to this many bytes are simply read again at each write. */
const SHORT = 16 * 1024;
/** Longer ones at most so often: reading them again takes a few per cent of the time. */
const BYTES_A_MS = 2048;
const LONGEST_PAUSE_MS = 250;

export class Unfinished {
  /** Where the last record's bytes end. What lies between it and the position shows in the next one as skipped. */
  chained: number;
  /** By stream of a container: the rest of a line that was cut is on its way. */
  readonly swallowed = new Uint8Array(4);
  /** Bytes of lines that were read and are not in a record yet. */
  open = 0;
  /** The file was silent for long enough: it goes out as it is. */
  close = false;
  /** By `performance.now()`: not to be read again before. */
  again = 0;

  constructor(position: number) {
    this.chained = position;
  }

  /** `swallowed` as a number: a bit a stream. */
  get cut(): number {
    return this.swallowed.reduce((bits, on, stream) => bits | (on << stream), 0);
  }

  set cut(bits: number) {
    for (const stream of this.swallowed.keys()) this.swallowed[stream] = (bits >> stream) & 1;
  }

  /** So many bytes wait at the end of the file. */
  wait(bytes: number): void {
    this.open = bytes;
    this.again = bytes > SHORT ? performance.now() + Math.min(LONGEST_PAUSE_MS, bytes / BYTES_A_MS) : 0;
  }
}

export class UnfinishedFiles {
  readonly #timeout: number;
  readonly #files = new Set<TrackedFile>();

  constructor(timeout: number) {
    this.#timeout = timeout;
  }

  /** The file was read. */
  note(file: TrackedFile): void {
    if (!file.unfinished) return;
    file.unfinished.close = false;
    if (file.unfinished.open > 0) this.#files.add(file);
    else this.#files.delete(file);
  }

  /** It was read a moment ago, and is long: the next tick is soon enough. */
  mayWait(file: TrackedFile): boolean {
    const { unfinished } = file;
    return (
      unfinished !== null &&
      unfinished.open > 0 &&
      !unfinished.close &&
      !file.flush &&
      performance.now() < unfinished.again
    );
  }

  /** Which files to read now. */
  *due(now: number, tracked: ReadonlySet<TrackedFile>): Iterable<TrackedFile> {
    for (const file of this.#files) {
      if (!tracked.has(file)) {
        this.#files.delete(file);
        continue;
      }
      const { unfinished } = file;
      if (!unfinished || file.busy) continue;
      unfinished.close = now - file.grown >= this.#timeout;
      if (unfinished.close || (unfinished.again > 0 && now >= unfinished.again)) yield file;
    }
  }
}
