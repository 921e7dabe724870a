/** Files of which nothing is read for now, as they may be copies in the making. Every hold ends by itself; nothing is held for a fault. */

import type { TrackedFile } from '../file/file.ts';
import { Rounds } from '../rounds.ts';
import type { Turns } from '../turns.ts';
import { PossibleCopy } from './copies.ts';

export interface PossibleCopiesOptions {
  known: (file: TrackedFile) => boolean;
  turns: Turns;
}

export interface HeldCopy {
  file: TrackedFile;
  /** So many of its bytes were read from the original. */
  read: number;
}

export class PossibleCopies {
  readonly #held = new Map<TrackedFile, PossibleCopy>();
  readonly #o: PossibleCopiesOptions;
  /** What stood still, alike to the end, by what it may be a copy of. */
  readonly #doubles = new WeakMap<TrackedFile, TrackedFile>();
  readonly #rounds = new Rounds(() => this.#held.keys());
  /** Bytes of files that may be copies, and are read as files of their own. */
  reread_bytes = 0;

  constructor(options: PossibleCopiesOptions) {
    this.#o = options;
  }

  /** Holds the file while it may be a copy of these. */
  hold(file: TrackedFile, originals: TrackedFile[]): void {
    if (originals.length === 0) return;
    this.#held.set(file, new PossibleCopy(file, originals));
    this.#o.turns.hold(file, 'possible copy');
    this.#o.turns.hurry();
    this.step(file);
  }

  /** The held file that is the copy of this one, which was truncated, and how much of it was read from there. */
  copyOf(original: TrackedFile): HeldCopy | null {
    for (const copy of this.#held.values()) {
      const read = copy.sharedWith(original);
      if (read !== null) return { file: copy.file, read };
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
    if (!this.#held.delete(file)) return;
    const { known, turns } = this.#o;
    turns.release(file, 'possible copy');
    if (known(file)) turns.ready(file);
  }

  /** Looks at those whose turn it is; true: some are held. */
  stepAll(): boolean {
    this.#rounds.step((held) => this.step(held));
    return this.#held.size > 0;
  }

  /** Something was written to it: it may be clear now what it is. */
  step(file: TrackedFile): void {
    const copy = this.#held.get(file);
    if (!copy) return;
    const { known, turns } = this.#o;
    if (known(file)) {
      if (copy.step(performance.now(), known, (original) => turns.ready(original))) return;
      const { originals, undecided } = copy;
      for (const original of originals) this.#doubles.set(original, file);
      if (originals.length > 0 || undecided) this.reread_bytes += file.size;
    }
    this.release(file);
  }
}
