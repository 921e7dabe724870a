/** An outlet behind what has to be sent before. */
import type { Block, Outlet, Settled } from '../core/block.ts';

export class Behind implements Outlet {
  readonly #backlog: Promise<unknown>;
  readonly #outlet: Outlet;

  constructor(backlog: Promise<unknown>, outlet: Outlet) {
    this.#backlog = backlog;
    this.#outlet = outlet;
  }

  async put(block: Block, settled: Settled): Promise<void> {
    await this.#backlog;
    await this.#outlet.put(block, settled);
  }

  drained(signal: AbortSignal): Promise<void> {
    return this.#outlet.drained(signal);
  }
}
