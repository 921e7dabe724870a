/** Where a lane's blocks go when they go to the spool: accepted when written, settled when synced. */
import { abortable } from '../core/abort.ts';
import type { Block, Outlet, Settled } from '../core/block.ts';
import type { SpoolPartition } from './partition.ts';

export class SpoolOutlet implements Outlet {
  readonly #partition: SpoolPartition;
  #last: Promise<void> = Promise.resolve();

  constructor(partition: SpoolPartition) {
    this.#partition = partition;
  }

  async put(block: Block, settled: Settled): Promise<void> {
    const next = await this.#partition.append(block, 'written');
    this.#last = this.#partition.synced(next).then(() => settled('there'));
  }

  /** Does not wait for the next sync of the policy: makes one. */
  async drained(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    await abortable(this.#partition.sync(), signal);
    await abortable(this.#last, signal);
  }
}
