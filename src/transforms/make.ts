/** Whether steps that are written rightly can be made: there is so much room for what they name, and no more. */
import { Pool } from '../core/pool.ts';
import { Kernel } from '../kernel/kernel.ts';
import { needsArena, processingOf, type StepConfig } from './process.ts';

/** Makes steps and lets go of them, in memory of its own. */
export class StepMaker {
  #kernel: Kernel | null = null;

  /** What is wrong with them; null: they can be made. */
  faultOf(process: readonly StepConfig[], topic: string): string | null {
    if (!needsArena(process)) return null;
    if (!this.#kernel) {
      const pool = new Pool(0);
      this.#kernel = new Kernel(pool.memory, pool.arenas);
    }
    try {
      processingOf(process, this.#kernel, topic)?.close();
      return null;
    } catch (error) {
      return (error as Error).message;
    }
  }
}
