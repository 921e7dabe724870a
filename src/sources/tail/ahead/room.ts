/**
 * Memory of its own for lines that are looked at before they are sent: that of what is sent is full then, and is none of
 * theirs. All inputs look in turn, a batch each, and rest: together they take a tenth of a core at most.
 */
import { setTimeout } from 'node:timers/promises';
import { abortable } from '../../../core/abort.ts';
import { Pool, type Share, type Slot } from '../../../core/pool.ts';
import { Kernel } from '../../../kernel/kernel.ts';

/** As few slots as a pool can have: one is in use. */
const POOL_BYTES = 1 << 20;
/** Stretches for tables: what is not used takes no memory. */
const ARENAS = 64;
/** So many times as long as it took nothing is looked at, but not longer than so many milliseconds. */
const REST = 9;
const LONGEST_REST_MS = 1000;

export class AheadRoom {
  /** Made when it is first asked for. */
  #memory: { pool: Pool; share: Share; kernel: Kernel } | null = null;
  #free: Promise<unknown> = Promise.resolve();

  get kernel(): Kernel {
    return this.#made.kernel;
  }

  get #made(): { pool: Pool; share: Share; kernel: Kernel } {
    if (this.#memory) return this.#memory;
    const pool = new Pool(POOL_BYTES, ARENAS);
    this.#memory = { pool, share: pool.share('ahead'), kernel: new Kernel(pool.memory, pool.arenas) };
    return this.#memory;
  }

  /** Does `work`, which has the slot until it resolves, when it is its turn. Rejects when the signal aborts before that. */
  look<T>(signal: AbortSignal, work: (slot: Slot, share: Share) => Promise<T>): Promise<T> {
    const before = this.#free;
    const looking = abortable(before, signal).then(() => this.#look(work));
    this.#free = looking.then(({ took }) => rest(took)).catch(() => before);
    return looking.then(({ result }) => result);
  }

  async #look<T>(work: (slot: Slot, share: Share) => Promise<T>): Promise<{ took: number; result: T }> {
    const { pool, share } = this.#made;
    const slot = await pool.take(share, 'batch');
    const began = performance.now();
    try {
      return { result: await work(slot, share), took: performance.now() - began };
    } finally {
      pool.give(share, 'batch', slot);
    }
  }
}

async function rest(took: number): Promise<void> {
  await setTimeout(Math.min(LONGEST_REST_MS, REST * took), undefined, { ref: false });
}
