/** Files of which nothing is read for now, as they may be copies in the making. Every hold ends by itself; nothing is held for a fault. */

import type { TrackedFile } from '../file/file.ts';
import { Rounds } from '../rounds.ts';
import type { Turns } from '../turns.ts';
import { Suspect } from './copies.ts';

export interface HoldOptions {
  known: (file: TrackedFile) => boolean;
  turns: Turns;
}

export interface HeldCopy {
  file: TrackedFile;
  /** So many of its bytes were read from the original. */
  read: number;
}

export class Holds {
  readonly #holds = new Map<TrackedFile, Suspect>();
  readonly #o: HoldOptions;
  /** What stood still, alike to the end, by what it may be a copy of. */
  readonly #doubles = new WeakMap<TrackedFile, TrackedFile>();
  readonly #rounds = new Rounds(() => this.#holds.keys());
  /** Bytes of files that may be copies, and are read as files of their own. */
  reread_bytes = 0;

  constructor(options: HoldOptions) {
    this.#o = options;
  }

  /** Holds the file while it may be a copy of these. */
  suspect(file: TrackedFile, originals: TrackedFile[]): void {
    if (originals.length === 0) return;
    this.#holds.set(file, new Suspect(file, originals));
    this.#o.turns.hold(file, 'possible copy');
    this.#o.turns.hurry();
    this.step(file);
  }

  /** The held file that is the copy of this one, which was truncated, and how much of it was read from there. */
  copyOf(original: TrackedFile): HeldCopy | null {
    for (const suspect of this.#holds.values()) {
      const read = suspect.sharedWith(original);
      if (read !== null) return { file: suspect.file, read };
    }
    return null;
  }

  /** A file that holds what this one does, or did, and is read as a file of its own. */
  doubleOf(original: TrackedFile): TrackedFile | null {
    const double = this.#doubles.get(original);
    this.#doubles.delete(original);
    return double && this.#o.known(double) && double.size >= original.position ? double : null;
  }

  release(file: TrackedFile): void {
    if (!this.#holds.delete(file)) return;
    const { known, turns } = this.#o;
    turns.release(file, 'possible copy');
    if (known(file)) turns.ready(file);
  }

  /** Looks at those whose turn it is; true: some are held. */
  stepAll(): boolean {
    this.#rounds.step((held) => this.step(held));
    return this.#holds.size > 0;
  }

  /** Something was written to it: it may be clear now what it is. */
  step(file: TrackedFile): void {
    const suspect = this.#holds.get(file);
    if (!suspect) return;
    const { known, turns } = this.#o;
    if (known(file)) {
      if (suspect.step(performance.now(), known, (original) => turns.ready(original))) return;
      const { originals, undecided } = suspect;
      for (const original of originals) this.#doubles.set(original, file);
      if (originals.length > 0 || undecided) this.reread_bytes += file.size;
    }
    this.release(file);
  }
}
