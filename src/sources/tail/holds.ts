/**
 * Files of which nothing is read for now: what may be a copy in the making, and the new file of a name whose old file,
 * rotated away while the agent was down, is not finished. Every hold ends by itself; nothing is held for a fault.
 */
import { Suspect } from './copies.ts';
import type { TrackedFile } from './file.ts';

const STEP_MS = 50;
/** Of that, comparing takes so long at most. */
const WORK_MS = 5;

interface Hold {
  suspect: Suspect | null;
  /** What has to be read to its end before. */
  before: TrackedFile[];
}

export interface HoldOptions {
  known: (file: TrackedFile) => boolean;
  ready: (file: TrackedFile) => void;
}

export interface HeldCopy {
  file: TrackedFile;
  /** So many of its bytes were read from the original. */
  read: number;
}

export class Holds {
  readonly #holds = new Map<TrackedFile, Hold>();
  readonly #options: HoldOptions;
  /** What stood still, alike to the end, by what it may be a copy of. */
  readonly #doubles = new WeakMap<TrackedFile, TrackedFile>();
  #timer: NodeJS.Timeout | null = null;
  /** Goes over those that are held. */
  #turn: Iterator<TrackedFile> | null = null;
  /** Bytes of files that may be copies, and are read as files of their own. */
  reread_bytes = 0;

  constructor(options: HoldOptions) {
    this.#options = options;
  }

  /** Holds the file while it may be a copy of these. */
  suspect(file: TrackedFile, originals: TrackedFile[]): void {
    if (originals.length > 0) this.#hold(file).suspect = new Suspect(file, originals);
    this.step(file);
  }

  /** Holds the file until these are read to their end. */
  behind(file: TrackedFile, before: TrackedFile[]): void {
    if (before.length > 0) this.#hold(file).before = before;
    this.step(file);
  }

  /** The held file that is the copy of this one, which was truncated, and how much of it was read from there. */
  copyOf(original: TrackedFile): HeldCopy | null {
    for (const { suspect } of this.#holds.values()) {
      const read = suspect?.sharedWith(original);
      if (!suspect || read === null || read === undefined) continue;
      return { file: suspect.file, read };
    }
    return null;
  }

  /** A file that holds what this one does, or did, and is read as a file of its own. */
  doubleOf(original: TrackedFile): TrackedFile | null {
    const double = this.#doubles.get(original);
    this.#doubles.delete(original);
    return double && this.#options.known(double) && double.size >= original.position ? double : null;
  }

  release(file: TrackedFile): void {
    if (!this.#holds.delete(file)) return;
    file.held = false;
    if (this.#holds.size === 0) this.close();
    if (this.#options.known(file)) this.#options.ready(file);
  }

  /** Something was written to it: it may be clear now what it is. */
  step(file: TrackedFile): void {
    const hold = this.#holds.get(file);
    if (!hold) return;
    if (!this.#options.known(file)) {
      this.release(file);
      return;
    }
    hold.before = hold.before.filter((other) => this.#options.known(other) && !finished(other, file));
    if (hold.suspect?.step(performance.now(), this.#options.known, this.#options.ready) === false) {
      const { originals, undecided } = hold.suspect;
      for (const original of originals) this.#doubles.set(original, file);
      if (originals.length > 0 || undecided) this.reread_bytes += file.size;
      hold.suspect = null;
    }
    if (!hold.suspect && hold.before.length === 0) this.release(file);
  }

  close(): void {
    if (this.#timer) clearInterval(this.#timer);
    this.#timer = null;
    this.#turn = null;
  }

  /** As many in turn as there is time for: what is held may be much. */
  #stepAll(): void {
    const start = performance.now();
    for (let left = this.#holds.size; left > 0 && performance.now() - start < WORK_MS; left--) {
      this.#turn ??= this.#holds.keys();
      const { value: file, done } = this.#turn.next();
      if (done) this.#turn = null;
      else this.step(file);
    }
  }

  #hold(file: TrackedFile): Hold {
    const hold = this.#holds.get(file) ?? { suspect: null, before: [] };
    this.#holds.set(file, hold);
    file.held = true;
    this.#timer ??= setInterval(() => this.#stepAll(), STEP_MS);
    return hold;
  }
}

/**
 * An unfinished line at its end holds up nobody: it may stay for ever. Nor does an open record there keep the one waiting
 * that may go on with it.
 */
function finished(file: TrackedFile, next: TrackedFile): boolean {
  if (file.error !== null) return true;
  const open = file.after === next && next.before === file ? (file.unfinished?.open ?? 0) : 0;
  // Half a character at its end is no line either.
  const size = file.size - (file.size % file.lineEnds.unitBytes);
  return file.scanned + open >= size;
}
