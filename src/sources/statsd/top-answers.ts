/** Questions who sends most, answered by the thread beside all else. */
import type { Aggregator } from './aggregator.ts';
import type { Census } from './census.ts';
import type { FromThread } from './protocol.ts';
import type { TimeWindows } from './windows.ts';

/** Counting takes so much at once, and as long again at least is left to what comes, times four. */
const STEP_MS = 1;
const REST_MS = 4;
/** What was seen by then is the answer. */
const LONGEST_MS = 3000;

export class TopAnswers {
  readonly #aggregator: Aggregator;
  readonly #windows: TimeWindows;
  readonly #post: (message: FromThread) => void;
  #census: Census | null = null;
  #next = 0;

  constructor(aggregator: Aggregator, windows: TimeWindows, post: (message: FromThread) => void) {
    this.#aggregator = aggregator;
    this.#windows = windows;
    this.#post = post;
  }

  /** An answer is being counted. */
  get busy(): boolean {
    return this.#census !== null;
  }

  /** Who asks meanwhile gets the same answer. */
  ask(): void {
    this.#census ??= this.#aggregator.census(performance.now() + LONGEST_MS);
  }

  step(): void {
    const census = this.#census;
    if (census === null || performance.now() < this.#next) return;
    census.step(STEP_MS);
    const now = performance.now();
    this.#next = now + REST_MS;
    if (!census.done) return;
    this.#census = null;
    this.#post({ type: 'top', top: census.result(this.#windows.age(now)) });
  }
}
