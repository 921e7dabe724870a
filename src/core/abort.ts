/** Waits that a signal ends: for a promise (`abortable`), for some time (`pause`), for the signal itself (`aborted`). */
import { setTimeout as sleep } from 'node:timers/promises';

const FIRST = 100;
const LAST = 10_000;

/** Pauses that double from 100 ms to 10 s, each shortened by up to half at random: a thousand hosts must not come back at once. */
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
    const ms = this.#next * (0.5 + Math.random() / 2);
    this.#next = Math.min(this.#next * 2, this.#last);
    if (await pause(ms, early ? AbortSignal.any([signal, early]) : signal)) return;
    signal.throwIfAborted();
    this.reset();
  }
}

/** Waits so many milliseconds; false: the signal aborted before they were over. */
export async function pause(ms: number, signal?: AbortSignal): Promise<boolean> {
  try {
    await sleep(ms, undefined, signal && { signal });
    return true;
  } catch {
    // A timer fails for no other reason.
    return false;
  }
}

/** Resolves with null when the signal aborts. */
export function aborted(signal: AbortSignal): Promise<null> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve(null);
    signal.addEventListener('abort', () => resolve(null), { once: true });
  });
}

/**
 * `promise`, or the signal's reason when that aborts first; what `promise` does later is not looked at. What is no promise
 * is given as it is.
 */
export async function abortable<T>(promise: T | Promise<T>, signal?: AbortSignal): Promise<T> {
  if (!signal || !(promise instanceof Promise)) return promise;
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
