/**
 * Goes over many, round after round, for a few milliseconds at a time: however many strangers make there are of them,
 * other things have their turn. To be called again and again: an iterator that rests keeps in memory what was deleted.
 */
const STEP_MS = 4;

export class Rounds<T> {
  readonly #all: () => Iterator<T>;
  #round: Iterator<T> | null = null;

  constructor(all: () => Iterator<T>) {
    this.#all = all;
  }

  /** Visits those whose turn it is; true: now all had theirs. */
  step(visit: (one: T) => void): boolean {
    const start = performance.now();
    this.#round ??= this.#all();
    do {
      const { value, done } = this.#round.next();
      if (done) {
        this.#round = null;
        return true;
      }
      visit(value);
    } while (performance.now() - start < STEP_MS);
    return false;
  }
}
