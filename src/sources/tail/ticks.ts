/**
 * When an input sees to what it is not told of: four times a second, and once where nothing has happened for a while, as
 * a machine on which nothing is written should not be woken for nothing. All inputs see to it at the same moments.
 */
const TICK_MS = 250;
/** A calm one is as long as so many others. */
const CALM = 4;
/** So long after the last stir it is calm. */
const STILL_MS = 10_000;

export class Ticks {
  readonly #onTick: (ticks: number) => void;
  readonly #mayBeCalm: () => boolean;
  readonly #still: number;
  #timer: NodeJS.Timeout | undefined;
  #stirred = performance.now();
  #calm = false;
  #stopped = true;

  /** `onTick` is called with the number of ticks that it stands for. */
  constructor(onTick: (ticks: number) => void, mayBeCalm: () => boolean, still_ms = STILL_MS) {
    this.#onTick = onTick;
    this.#mayBeCalm = mayBeCalm;
    this.#still = still_ms;
  }

  start(): void {
    this.#stopped = false;
    this.#next();
  }

  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#timer);
  }

  /** Something happens: the next tick is not far. */
  stir(): void {
    this.#stirred = performance.now();
    if (!this.#calm || this.#stopped) return;
    clearTimeout(this.#timer);
    this.#next();
  }

  #next(): void {
    const now = performance.now();
    this.#calm = now - this.#stirred > this.#still && this.#mayBeCalm();
    const ticks = this.#calm ? CALM : 1;
    const every = TICK_MS * ticks;
    const wait = every - (now % every);
    this.#timer = setTimeout(
      () => {
        this.#onTick(ticks);
        if (!this.#stopped) this.#next();
      },
      // A timer may be early by a bit: not the same moment again.
      wait < every / 4 ? wait + every : wait,
    );
  }
}
