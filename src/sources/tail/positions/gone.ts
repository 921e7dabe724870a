/**
 * Positions of files whose bytes are gone for good. All of them was read; they are kept because the same bytes may come
 * again in a compressed file. Files are made and deleted by anybody, so there is room for so many.
 */
import { log } from '../../../log.ts';
import { NO_INODE } from '../file/inode.ts';
import type { Generation } from './journal.ts';

export const MOST_GONE = 10_000;

export class Gone {
  /** The latest at the end. */
  readonly #all = new Set<Generation>();

  /** Takes it in if it is one. The one that has to be forgotten for it; null: none. */
  add(generation: Generation): Generation | null {
    if (generation.inode !== NO_INODE.inode) return null;
    this.#all.add(generation);
    if (this.#all.size <= MOST_GONE) return null;
    const [oldest] = this.#all;
    const cost = 'what they held is read again where it appears in a compressed file';
    log.warnOnce('gone', `more than ${MOST_GONE} files are gone: the positions of the oldest are forgotten; ${cost}`);
    return oldest!;
  }

  delete(generation: Generation): void {
    this.#all.delete(generation);
  }
}
