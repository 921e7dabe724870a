/**
 * Whether what goes out is taken: without an acknowledgement for a second, while one is waited for, it is stalled. Who waits
 * for something that only the next acknowledgement gives leaves then, and others go on beside it.
 */

/** Milliseconds. */
export const STALL_MS = 1000;

export class Stall {
  /** False: it never is, however long it takes. */
  readonly possible: boolean;
  readonly #after: number;
  /** It is stalled now, or not any more. */
  readonly #changed: (stalled: boolean) => void;
  #watch: NodeJS.Timeout | undefined;
  #stalled: PromiseWithResolvers<void> | null = null;
  /** Who waits. */
  readonly #waiting = new Set<() => void>();

  /** `after`: milliseconds. */
  constructor(possible: boolean, after: number, changed: (stalled: boolean) => void) {
    this.possible = possible;
    this.#after = after;
    this.#changed = changed;
  }

  /** Resolves when it goes on; null: it is not stalled. */
  get over(): Promise<void> | null {
    return this.#stalled?.promise ?? null;
  }

  /** Resolves with the work; to null as soon as it is stalled. */
  unless<T>(work: Promise<T>): Promise<T | null> {
    if (!this.possible) return work;
    if (this.#stalled) return Promise.resolve(null);
    const { promise, resolve, reject } = Promise.withResolvers<T | null>();
    const stalled = () => resolve(null);
    this.#waiting.add(stalled);
    work.then(resolve, reject).finally(() => this.#waiting.delete(stalled));
    return promise;
  }

  /** Something was acknowledged, or is waited for from now on; `isAwaited`: something still is. */
  moved(isAwaited: boolean): void {
    if (!this.possible) return;
    clearTimeout(this.#watch);
    this.#watch = undefined;
    if (this.#stalled) {
      this.#changed(false);
      this.#stalled.resolve();
      this.#stalled = null;
    }
    if (isAwaited) this.#watch = setTimeout(() => this.#begin(), this.#after).unref();
  }

  #begin(): void {
    this.#stalled = Promise.withResolvers();
    this.#changed(true);
    for (const stalled of this.#waiting) stalled();
    this.#waiting.clear();
  }
}
