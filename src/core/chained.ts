/**
 * Where the blocks of chained streams go: to the input that chains their topic (`audit`), while that is open. Until then they
 * wait, and with them who reads.
 */
import { abortable } from './abort.ts';
import type { Block, Outlet, Settled } from './block.ts';

/** Makes links of a chain of records. */
export interface Chaining {
  /** Resolves when the block's records are on the medium; rejects where it ends before: then they may be put again. */
  take(block: Block): Promise<void>;
  /** All that comes was taken: what is left to do is done. */
  finish(): Promise<void>;
}

export class ChainedOutlet implements Outlet {
  #chaining = Promise.withResolvers<Chaining>();
  #now: Chaining | null = null;
  #last: Promise<void> = Promise.resolve();

  /** From now on it goes there. Null: it waits. */
  set chaining(to: Chaining | null) {
    if (to === null && this.#now !== null) this.#chaining = Promise.withResolvers();
    this.#now = to;
    if (to) this.#chaining.resolve(to);
  }

  put(block: Block, settled: Settled): Promise<void> {
    const putting = this.#put(block, settled);
    this.#last = putting;
    return putting;
  }

  async #put(block: Block, settled: Settled): Promise<void> {
    for (;;) {
      const chaining = this.#now ?? (await this.#chaining.promise);
      try {
        await chaining.take(block);
        settled('there');
        return;
      } catch (error) {
        // The one that took it ends: the next one takes it.
        if (chaining === this.#now) this.chaining = null;
        if (!(error instanceof ChainingEnds)) throw error;
      }
    }
  }

  async drained(signal: AbortSignal): Promise<void> {
    await abortable(this.#last, signal);
  }

  async finish(): Promise<void> {
    await this.#now?.finish();
  }
}

/** What was to be chained was not: the input that does it ends. */
export class ChainingEnds extends Error {}
