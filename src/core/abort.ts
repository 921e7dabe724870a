/** Pauses that double from 100 ms to 10 s, each shortened by up to half at random: a thousand hosts must not come back at once. */
import { setTimeout as sleep } from 'node:timers/promises';

const FIRST = 100;
const LAST = 10_000;

export class Backoff {
  readonly #last: number;
  #next = FIRST;

  constructor(last = LAST) {
    this.#last = last;
  }

  reset(): void {
    this.#next = FIRST;
  }

  /** `early` ends the pause, and begins with short ones again. Rejects with the signal's reason when that aborts first. */
  async wait(signal: AbortSignal, early?: AbortSignal): Promise<void> {
    const pause = this.#next * (0.5 + Math.random() / 2);
    this.#next = Math.min(this.#next * 2, this.#last);
    try {
      await sleep(pause, undefined, { signal: early ? AbortSignal.any([signal, early]) : signal });
    } catch {
      // The only failures of a timer are the aborts, and the signal's reason says more than an AbortError.
      signal.throwIfAborted();
      this.reset();
    }
  }
}

/** `promise`, or the signal's reason when that aborts first; what `promise` does later is not looked at. */
export async function abortable<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  if (signal.aborted) {
    promise.catch(() => undefined);
    throw signal.reason;
  }
  const { promise: aborted, reject } = Promise.withResolvers<never>();
  const abort = () => reject(signal.reason);
  signal.addEventListener('abort', abort, { once: true });
  try {
    return await Promise.race([promise, aborted]);
  } finally {
    signal.removeEventListener('abort', abort);
  }
}
