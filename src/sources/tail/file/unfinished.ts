/**
 * What is not finished at the end of a file where lines are not simply records. It stays in the file; when to look at it
 * again is in turns.ts.
 *
 *   | records | bytes without a record | lines of an open record | unfinished line |
 *             chained                  position                                    size
 */

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
