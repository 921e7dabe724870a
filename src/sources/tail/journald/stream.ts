/**
 * The journal as a stream: as if its messages were the lines of a file, a byte behind each. What lies before a position is
 * known by the cursor of the entry that ends there.
 *
 *   entries   | message |.| message |.| message |.|
 *   position  0           a           b           c      cursors: of the 1st at a, of the 2nd at b, ...
 */
import { NO_PREFIX } from '../file/inode.ts';
import { FileStream } from '../file/stream.ts';
import type { Cursor, Generation } from '../positions/journal.ts';

/** The entries of a batch that is on its way. */
export interface Passing {
  /** Where each ends, and its cursor; when it was written, milliseconds since the epoch. */
  readonly ends: number[];
  readonly cursors: string[];
  readonly times: number[];
}

export class JournalStream extends FileStream {
  #passing: Passing[] = [];

  /** What a cursor was found by: with other options it says nothing of whether the entry is there. */
  selection = '';

  /** These are on their way, the last up to `end`. */
  passes(entries: Passing, end: number): void {
    this.#passing.push(entries);
    this.lastPassed = entries.cursors;
    this.sentTo(end, NO_PREFIX);
  }

  /** What lies behind `position` is read again. */
  override readAgain(position: number): void {
    super.readAgain(position);
    this.#passing = this.#passing.filter(({ ends }) => ends.at(-1)! <= position);
  }

  /** The cursors of what was passed last. */
  lastPassed: readonly string[] = [];

  /** When the oldest entry was written that is on its way; null: none is. */
  get oldest(): number | null {
    const { position } = this.generation;
    for (const { ends, times } of this.#passing) {
      const i = ends.findIndex((end) => end > position);
      if (i >= 0) return times[i]!;
    }
    return null;
  }

  override settled(position: number, skipped: number): void {
    const cursor = this.#cursorAt(position);
    this.#passing = this.#passing.filter(({ ends }) => ends.at(-1)! > position);
    if (cursor) {
      this.generation.cursor = cursor;
      this.describe();
    }
    super.settled(position, skipped);
  }

  protected override at(position: number): Generation {
    const there = super.at(position);
    const cursor = this.#cursorAt(position);
    if (cursor) there.cursor = cursor;
    return there;
  }

  /** Null: no entry that is on its way ends at or before it. */
  #cursorAt(position: number): Cursor | null {
    let found: Cursor | null = null;
    for (const { ends, cursors } of this.#passing) {
      let [from, to] = [0, ends.length];
      while (from < to) {
        const middle = (from + to) >> 1;
        if (ends[middle]! <= position) from = middle + 1;
        else to = middle;
      }
      if (from > 0) found = { at: ends[from - 1]!, text: cursors[from - 1]!, of: this.selection };
      if (from < ends.length) break;
    }
    return found;
  }
}
