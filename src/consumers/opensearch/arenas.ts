/**
 * The memory of the bulk requests: so many bytes in all, in stretches of one size that are used again.
 *
 * Who may hold a stretch: the open bulk of each stream, bulks that wait for their turn, bulks that are on their way. When
 * there is none left, nothing more is taken of any partition until one is given back, so reading stops.
 */
import { Bell } from '../../core/bell.ts';
import { Bulk } from './bulk.ts';
import { ACTION_BYTES } from './document-id.ts';

/** Beside the usual size, so that the value that goes beyond it need not begin the next one. */
const SLACK = 64 * 1024;

export class Arenas {
  /** Bytes at which a bulk is closed. */
  readonly size: number;
  readonly #budget: number;
  readonly #free: Bulk[] = [];
  #used = 0;
  /** Rings when one is given back. */
  readonly given = new Bell();

  constructor(size: number, budget: number) {
    this.size = size;
    this.#budget = Math.max(budget, 2 * (size + SLACK));
  }

  /** Bytes in use. */
  get used(): number {
    return this.#used;
  }

  /** One that a value of so many bytes fits into; null: there is none left. */
  take(valueBytes: number): Bulk | null {
    const usual = this.size + SLACK;
    const bytes = Math.max(usual, valueBytes + ACTION_BYTES + 1);
    // What alone is larger than all that there may be goes alone.
    if (this.#used > 0 && this.#used + bytes > this.#budget) return null;
    this.#used += bytes;
    return (bytes === usual ? this.#free.pop() : undefined) ?? new Bulk(bytes);
  }

  give(bulk: Bulk): void {
    this.#used -= bulk.room;
    if (bulk.room === this.size + SLACK) {
      bulk.reset();
      this.#free.push(bulk);
    }
    this.given.ring();
  }
}
