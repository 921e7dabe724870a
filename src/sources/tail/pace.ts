/** Work in steps: after a few milliseconds of it other things get their turn. */
import { setImmediate } from 'node:timers/promises';

const STEP_MS = 5;

export class Pace {
  #since = performance.now();
  #before = 0;

  /** True: it is time to rest. */
  get due(): boolean {
    return performance.now() - this.#since > STEP_MS;
  }

  /** Milliseconds of work so far, without the rests. */
  get worked(): number {
    return this.#before + performance.now() - this.#since;
  }

  async rest(): Promise<void> {
    this.#before = this.worked;
    await setImmediate();
    this.#since = performance.now();
  }
}
