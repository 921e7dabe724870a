/**
 * Over a rotation: which file is read before which. Their records share a lane, so what is read first comes first.
 *
 *   a.log.2   <--   a.log.1   <--   a.log         each waits for the one that had the name before it
 *
 * A file waits until the one before it was read to where it ended when the later one was found. What is written there
 * afterwards holds up nothing, nor does an unfinished line at its end. Where records are joined lines, the new file's first
 * ones may end the old one's last record (join.ts): then it waits until that is decided; the old one's silence ends the wait.
 */
import type { Before, TrackedFile } from '../file/file.ts';

export interface OrderOptions {
  /** False: the file was let go. */
  tracked: (file: TrackedFile) => boolean;
  ready: (file: TrackedFile) => void;
  /** The file may go as far as order is concerned; true: it is held, as it may be a copy of the other one. */
  replaces: (file: TrackedFile, old: TrackedFile) => boolean;
}

export class Order {
  readonly #o: OrderOptions;

  constructor(options: OrderOptions) {
    this.#o = options;
  }

  /** True: the file is not to be read yet. */
  holds(file: TrackedFile): boolean {
    const { before } = file;
    if (before === null) return false;
    if (this.#waits(file, before)) return true;
    file.before = null;
    return file.untouched && this.#o.replaces(file, before.file);
  }

  /** The file was read: the one that waits for it may go, unless its last record is open. */
  read({ after, unfinished }: TrackedFile): void {
    if (!after || (unfinished && unfinished.open > 0)) return;
    if (hasPredecessor(after)) this.#o.ready(after);
  }

  #waits(file: TrackedFile, { file: old, to, joins }: Before): boolean {
    if (old.error !== null || old.failed !== null || !this.#o.tracked(old)) return false;
    if (!isRead(old, to, joins)) {
      this.#nudge(old);
      return true;
    }
    if (!joins || !file.untouched) return false;
    if (old.busy || old.held || old.queued || hasPredecessor(old)) return true;
    if (!old.unfinished || old.unfinished.open === 0) return false;
    this.#o.ready(old);
    return true;
  }

  /** It may rest although there is something to read: nobody has told of that. */
  #nudge(old: TrackedFile): void {
    if (!old.busy && !old.queued && !hasPredecessor(old)) this.#o.ready(old);
  }
}

/** It waits itself. */
function hasPredecessor({ wait }: TrackedFile): boolean {
  return wait?.reason === 'predecessor';
}

/** True: all that it held up to there is read; an open record at its end, too, if nothing may end it but silence. */
function isRead(old: TrackedFile, to: number, joins: boolean): boolean {
  const { packed, position, size, readTo, unfinished, busy, queued, restarting } = old;
  // How much there is of a compressed file is not known before.
  if (packed) return packed.ending !== 'open' || (readTo > 0 && readTo >= size);
  if (position >= to) return true;
  // Truncated meanwhile, it holds less.
  const read = readTo >= to || (size < to && readTo >= size && !busy && !queued && !restarting);
  return read && (joins || !unfinished || unfinished.open === 0);
}
