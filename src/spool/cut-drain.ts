/**
 * Sends what a partition of many keys holds, as cuts (cut.ts): each collects for half a second, or until it is large
 * enough. Where a cut ends is written down before anything of it is sent, and the acknowledged position stands on the end of
 * one; so after a kill the cuts that may have been sent are made again as they were. What comes behind them goes out under
 * other producers (drain.ts says why).
 *
 *   | acknowledged | cut | cut | cut |   not cut yet
 *                  '- at most five: of what a partition was sent a broker remembers five blocks
 */
import type { Block } from '../core/block.ts';
import { log } from '../log.ts';
import { WINDOW } from '../records/record-batch.ts';
import { Cut } from './cut.ts';
import type { DrainOptions } from './drain.ts';
import type { SpoolPartition } from './partition.ts';
import type { StoredBatch } from './segment.ts';
import { Shipments } from './shipments.ts';

/** How long a cut waits for more, milliseconds. */
const LINGER_MS = 500;

export class CutDrain {
  readonly #partition: SpoolPartition;
  readonly #o: DrainOptions;
  readonly #shipments: Shipments;
  /** Ends of cuts that an earlier process may have sent, ascending: they are made again as they were. */
  #earlier: readonly number[];
  /** The producers are those of an earlier process: nothing but its cuts may go out under them. */
  #inherited: boolean;
  /** Ends of those that were sent, ascending. */
  #sent: number[] = [];
  #cut: Cut | null = null;
  /** When its first block came. */
  #began = 0;

  constructor(partition: SpoolPartition, options: DrainOptions) {
    this.#partition = partition;
    // Transactions have no cuts: what is sent under the spool's own producers is there once, too.
    this.#o = { ...options, exactly: null };
    this.#shipments = new Shipments(partition, this.#o);
    this.#earlier = [...partition.producers.cuts];
    this.#inherited = this.#shipments.continues;
  }

  async run(): Promise<void> {
    const { signal } = this.#o;
    let expected = this.#partition.acknowledged;
    const entries = this.#partition.read(expected, { signal });
    try {
      for (let coming = entries.next(); ; ) {
        const next = await this.#comes(coming);
        if (next === 'late') {
          await this.#send();
          continue;
        }
        if (next.done) return;
        coming = entries.next();
        // It is awaited later, and may fail before.
        coming.catch(() => undefined);
        const entry = next.value;
        if (entry.baseOffset !== expected) await this.#startOver();
        expected = entry.nextOffset;
        await this.#take(entry);
      }
    } finally {
      // It may be waiting for more: it ends when it hears of the end.
      void entries.return();
    }
  }

  /** The next block, or that it does not come while a cut waits for it. */
  async #comes(
    coming: Promise<IteratorResult<StoredBatch, void>>,
  ): Promise<IteratorResult<StoredBatch, void> | 'late'> {
    if (!this.#cut || this.#earlier.length > 0) return coming;
    const { promise, resolve } = Promise.withResolvers<'late'>();
    const timer = setTimeout(resolve, Math.max(0, this.#began + LINGER_MS - performance.now()), 'late');
    try {
      return await Promise.race([coming, promise]);
    } finally {
      clearTimeout(timer);
    }
  }

  async #take(entry: StoredBatch): Promise<void> {
    if (this.#earlier.length === 0 && (this.#inherited || this.#shipments.outdated)) await this.#startOver();
    const partitions = await this.#shipments.spreadOver();
    // It may be another topic than what was sent before was for.
    if (!this.#partition.producers.cuts.includes(this.#earlier[0] ?? 0)) this.#earlier = [];
    const fixed = this.#earlier[0];
    if (fixed !== undefined && entry.nextOffset > fixed) {
      log.warn(`spool of ${this.#partition.topic}: what was sent before cannot be made again: it may come twice`);
      await this.#startOver();
      return this.#take(entry);
    }
    if (this.#cut && this.#cut.partitions !== partitions) {
      const { entries } = this.#cut;
      this.#cut = null;
      for (const one of entries) await this.#take(one);
      return this.#take(entry);
    }
    if (!this.#cut) this.#began = performance.now();
    this.#cut ??= new Cut(partitions, this.#o.packing!().blockBytes);
    if (!(await this.#cut.add(entry, fixed !== undefined))) {
      await this.#send();
      return this.#take(entry);
    }
    if (fixed === undefined ? this.#cut.full : entry.nextOffset === fixed) await this.#send();
  }

  /** What comes next has no numbers in common with what was sent. */
  async #startOver(): Promise<void> {
    // What is a part of an earlier cut has none that it could be sent under.
    if (this.#earlier.length === 0) await this.#send();
    await this.#shipments.startOver();
    this.#earlier = [];
    this.#inherited = false;
  }

  async #send(): Promise<void> {
    const cut = this.#cut;
    if (!cut) return;
    this.#cut = null;
    const { signal } = this.#o;
    const { codec, level } = this.#o.packing!();
    const parts = await cut.parts(codec, level);
    if (this.#sent.length >= WINDOW) await this.#partition.persistedTo(this.#sent[0]!, signal);
    signal.throwIfAborted();
    const sentBefore = this.#earlier.length > 0;
    if (sentBefore) this.#earlier = this.#earlier.slice(1);
    else await this.#partition.cut(cut.next);
    this.#sent = [...this.#sent, cut.next].slice(-WINDOW);
    const { topic } = this.#partition;
    const blocks = parts.map(({ partition, ...part }) => {
      const block: Block = { topic, key: null, time: cut.time, marks: [], sentBefore, ...part };
      return { partition, block };
    });
    const carried = cut.entries.map(({ nextOffset, note }) => ({ nextOffset, note }));
    await this.#shipments.send(carried, blocks);
  }
}
