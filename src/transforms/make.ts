/** Whether steps that are written rightly can be made: there is so much room for what they name, and no more. */
import { Pool } from '../core/pool.ts';
import { Kernel } from '../kernel/kernel.ts';
import type { MaskRule } from '../kernel/process/mask-rules.ts';
import { Masking } from '../lines/masking.ts';
import { needsArena, processingOf, type StepConfig } from './process.ts';

/** Makes steps and lets go of them, in memory of its own. */
export class StepMaker {
  #made: Kernel | null = null;

  /** What is wrong with them; null: they can be made. */
  faultOf(process: readonly StepConfig[], topic: string): string | null {
    if (!needsArena(process)) return null;
    return this.#fault((kernel) => processingOf(process, kernel, topic)?.close());
  }

  /** The same of what is masked. */
  maskFault(rules: readonly MaskRule[]): string | null {
    if (!rules.some(({ rule }) => rule === 'pattern')) return null;
    return this.#fault((kernel) => Masking.of('', rules, kernel, null)?.close());
  }

  #fault(make: (kernel: Kernel) => void): string | null {
    if (!this.#made) {
      const pool = new Pool(0);
      this.#made = new Kernel(pool.memory, pool.arenas);
    }
    try {
      make(this.#made);
      return null;
    } catch (error) {
      return (error as Error).message;
    }
  }
}
