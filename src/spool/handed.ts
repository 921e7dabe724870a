/**
 * The blocks of a partition that were handed out and are not acknowledged, in the order of their offsets; and how many
 * were handed out since the persisted position, because a broker that is asked to know a block again remembers five.
 */
import { WINDOW } from '../records/record-batch.ts';
import type { Segment, StoredBatch } from './segment.ts';
import type { Waiting } from './waiting.ts';

interface Item {
  entry: Pick<StoredBatch, 'nextOffset' | 'count' | 'bytes' | 'time' | 'note'>;
  /** Null: it came from memory. */
  segment: Segment | null;
}

export class HandedOut {
  #items: Item[] = [];
  /** Ends of the blocks since the persisted position. */
  #window: number[] = [];

  get empty(): boolean {
    return this.#items.length === 0;
  }

  /** When the oldest was packed, milliseconds since the epoch. */
  get oldestTime(): number | undefined {
    return this.#items[0]?.entry.time;
  }

  /** What the disk does not have. */
  inMemory(): Item['entry'][] {
    return this.#items.filter(({ segment }) => segment === null).map(({ entry }) => entry);
  }

  /** More than the broker remembers were handed out since the persisted position. */
  get tooMany(): boolean {
    return this.#window.length > WINDOW;
  }

  clear(): void {
    this.#items = [];
    this.#window = [];
  }

  add({ nextOffset, count, bytes, time, note }: StoredBatch, segment: Segment | null): void {
    this.#items.push({ entry: { nextOffset, count, bytes, time, note }, segment });
    this.#window.push(nextOffset);
  }

  /** Takes out what ends at or before `offset`: it does not wait any more. */
  acknowledge(offset: number, waiting: Waiting): void {
    while (this.#items[0] && this.#items[0].entry.nextOffset <= offset) {
      const { count, bytes, time, note } = this.#items.shift()!.entry;
      waiting.subtract(count, bytes, note?.weights);
      waiting.passedTime = time;
    }
  }

  persisted(offset: number): void {
    this.#window = this.#window.filter((end) => end > offset);
  }

  holds(segment: Segment): boolean {
    return this.#items.some((item) => item.segment === segment);
  }
}
