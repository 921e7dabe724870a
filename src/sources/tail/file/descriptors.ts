/**
 * Which files are open. A file that is open can be renamed or deleted and still be read to its end, so as many as may
 * be are kept open; beyond that the one that was read longest ago is closed, and opened again when it is written to.
 *
 * A file without a name could not be opened again, so it is never closed for this. Where these alone are as many as may
 * be, files with names get half as many more; then they have to wait. What was not read of a file that is closed is lost
 * when that is deleted: so one that was read to its end is closed rather than one that was not.
 */
import { readFileSync } from 'node:fs';
import { closeSync } from '../../../mounts/fs.ts';
import type { TrackedFile } from './file.ts';

/** Descriptors for everything else: sockets, watches, the spool. */
const OTHERS = 64;
const MOST = 8192;
/** So many that were not read to their end are passed over for one that was. */
const PASSED = 32;

export class Descriptors {
  /** The file that was read longest ago comes first. */
  readonly #open = new Set<TrackedFile>();
  /**
   * Goes on where it was: from the beginning, it would have to pass the places of all that were closed. One that rests
   * keeps all of them in memory, so it is dropped when it was not used for some time.
   */
  #oldest: Iterator<TrackedFile> | null = null;
  #unused = 0;
  readonly limit: number;

  constructor(limit = allowed()) {
    this.limit = limit;
  }

  /** Opens the file if it is closed; false: it is not under its name any more. Throws what the system says. */
  open(file: TrackedFile): boolean {
    if (file.fd !== null) {
      this.#open.delete(file);
      this.#open.add(file);
      return true;
    }
    if (!this.#room()) throw new Error(FULL);
    if (!file.open()) return false;
    this.#open.add(file);
    return true;
  }

  /** A descriptor that was opened for looking at the file becomes the file's. */
  keep(file: TrackedFile, fd: number): void {
    if (!this.#room() && file.path !== null) {
      closeSync(fd);
      return;
    }
    file.keep(fd);
    this.#open.add(file);
  }

  close(file: TrackedFile): void {
    this.#open.delete(file);
    file.close();
  }

  /** Makes room for one more, if need be and if it can; a file that is being read, or is half decompressed, must stay open. */
  #room(): boolean {
    if (this.#open.size < this.limit) {
      if (++this.#unused > this.limit) this.#oldest = null;
      return true;
    }
    this.#unused = 0;
    this.#oldest ??= this.#open.values();
    let unread: TrackedFile | null = null;
    let passed = 0;
    let wrapped = false;
    for (let left = this.#open.size + 1; left > 0 && passed < PASSED; left--) {
      const { value: file, done } = this.#oldest.next();
      if (done) {
        this.#oldest = this.#open.values();
        wrapped = true;
      } else if (file.busy || file.reading || file.lookedAhead || file.path === null || file.packed?.active) continue;
      else if (file.size > file.position) {
        // What comes from the beginning is older than what came before it.
        if (unread === null || wrapped) unread = file;
        wrapped = false;
        passed++;
      } else {
        this.close(file);
        return true;
      }
    }
    if (unread) this.close(unread);
    return unread !== null || this.#open.size < this.limit * 1.5;
  }
}

const FULL = 'too many files that were renamed or deleted are still read: raise the limit of open files (LimitNOFILE)';

/** Half of what the process may open, as far as that is known. */
function allowed(): number {
  let limit = 1024;
  try {
    const line = readFileSync('/proc/self/limits', 'utf8').match(/^Max open files\s+(\d+)/m);
    if (line) limit = Number(line[1]);
  } catch {
    // Only Linux has it; elsewhere a small number does.
  }
  return Math.max(8, Math.min(MOST, Math.floor((limit - OTHERS) / 2)));
}

/** One for the process: all inputs share its limit. */
export const descriptors = new Descriptors();
