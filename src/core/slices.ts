/**
 * How much is done at once of what may take long: as many records as take some milliseconds, as those before did. In
 * between others have their turn.
 */
import type { Slot } from './pool.ts';

/** Records of a slice, and bytes. Which of them take long is not known at first. */
const [FIRST_RECORDS, MOST_RECORDS] = [32, 512];
const MOST_BYTES = 128 * 1024;
/** What a slice should take: one that takes less may be larger, one that takes more is followed by smaller ones. */
const [QUICK_MS, SLOW_MS] = [0.5, 3];
/** So long at once nobody else has a turn, milliseconds. */
export const TURN_MS = 5;

export class SliceSize {
  #records = FIRST_RECORDS;

  /** How many of the records [first, count) come next: one at least. */
  of({ starts, ends }: Slot, first: number, count: number): number {
    let records = Math.min(this.#records, count - first);
    while (records > 1 && ends[first + records - 1]! - starts[first]! > MOST_BYTES) records >>= 1;
    return records;
  }

  /** So many records took so long. */
  took(records: number, ms: number): void {
    if (ms > SLOW_MS) this.#records = Math.max(1, Math.floor((Math.min(records, this.#records) * SLOW_MS) / ms));
    // One of fewer records, as their bytes were enough, says nothing of more of them.
    else if (ms < QUICK_MS && records >= this.#records) this.#records = Math.min(MOST_RECORDS, this.#records << 1);
  }
}
