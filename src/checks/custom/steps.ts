/** Long work on the main thread in slices, between which others have their turn. */
import { setImmediate } from 'node:timers/promises';

/** It goes on for so long in one go, and the clock is looked at after so many steps. */
const SLICE_MS = 4;
const STEPS = 64;

export class Steps {
  readonly #signal: AbortSignal | undefined;
  #steps = 0;
  #until = performance.now() + SLICE_MS;

  /** `signal`: the work is given up. */
  constructor(signal?: AbortSignal) {
    this.#signal = signal;
  }

  /** Before each step: null, or what is to be awaited first. */
  step(): Promise<void> | null {
    return ++this.#steps % STEPS === 0 && performance.now() > this.#until ? this.#rest() : null;
  }

  async #rest(): Promise<void> {
    await setImmediate();
    this.#signal?.throwIfAborted();
    this.#until = performance.now() + SLICE_MS;
  }
}
