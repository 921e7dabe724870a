/**
 * Files that are written anew in place, so that they are as long as before or longer, and end as before: a report of
 * which only the first lines differ. Their first bytes are compared with those that were read: when something was told of
 * a file and nothing had come behind what was read, and when something comes after some silence. What grows line by line,
 * or at full speed, is not compared.
 */

import { begins } from '../positions/recognise.ts';
import type { TrackedFile } from './file.ts';
import { isHeadPunched } from './punched.ts';

const QUIET_MS = 1000;
/** What changes its first bytes all the time is read anew at no more than this speed. */
const BYTES_A_MS = 128;

export class Beginnings {
  /** By `performance.now()`: when it may be read anew again. */
  readonly #again = new WeakMap<TrackedFile, number>();

  /** As `isOther`, of a file that was silent. */
  isOtherAfterSilence(file: TrackedFile): boolean {
    return performance.now() - file.grown > QUIET_MS && this.isOther(file);
  }

  /** True: it does not begin as it did, and is to be read from 0. */
  isOther(file: TrackedFile): boolean {
    const { fd, position, packed, stream } = file;
    const { head } = stream.generation;
    // What was not read yet may be another line by now.
    if (fd === null || packed || head.length === 0 || head.length > position) return false;
    if (begins(fd, head) || isHeadPunched(fd, head)) return false;
    const now = performance.now();
    if (now < (this.#again.get(file) ?? 0)) return false;
    this.#again.set(file, now + file.size / BYTES_A_MS);
    return true;
  }
}
