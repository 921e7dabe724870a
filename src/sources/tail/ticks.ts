/**
 * When an input sees to what it is not told of: four times a second, and once where nothing has happened for a while, as
 * a machine on which nothing is written should not be woken for nothing. All inputs see to it at the same moments. What
 * is hurried goes on in short steps in between.
 */
const TICK_MS = 250;
const STEP_MS = 50;
/** A calm one is as long as so many others. */
const CALM = 4;
/** So long after the last stir it is calm. */
const STILL_MS = 10_000;

export interface TicksOptions {
  /** Is told of how many ticks it stands for. */
  onTick: (ticks: number) => void;
  /** Goes on with what is hurried; false: it is done. */
  onStep: () => boolean;
  mayBeCalm: () => boolean;
  still_ms?: number;
}

export class Ticks {
  readonly #o: TicksOptions;
  readonly #still: number;
  #timer: NodeJS.Timeout | undefined;
  #stirred = performance.now();
  /** When the next tick is, and how many it stands for. */
  #at = 0;
  #ticks = 1;
  #hurried = false;
  #stopped = true;

  constructor(options: TicksOptions) {
    this.#o = options;
    this.#still = options.still_ms ?? STILL_MS;
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
    if (this.#ticks === 1 || this.#stopped) return;
    clearTimeout(this.#timer);
    this.#next();
  }

  /** There is something to go on with until it is done. */
  hurry(): void {
    if (this.#hurried) return;
    this.#hurried = true;
    if (this.#stopped) return;
    clearTimeout(this.#timer);
    this.#arm();
  }

  #next(): void {
    const now = performance.now();
    this.#ticks = now - this.#stirred > this.#still && this.#o.mayBeCalm() ? CALM : 1;
    const every = TICK_MS * this.#ticks;
    const wait = every - (now % every);
    // A timer may be early by a bit: not the same moment again.
    this.#at = now + (wait < every / 4 ? wait + every : wait);
    this.#arm();
  }

  #arm(): void {
    // Where the loop was held up, its time is over already.
    const wait = Math.max(0, this.#at - performance.now());
    const isStep = this.#hurried && wait > STEP_MS;
    this.#timer = setTimeout(
      () => {
        if (this.#hurried) this.#hurried = this.#o.onStep();
        if (!isStep) this.#o.onTick(this.#ticks);
        if (this.#stopped) return;
        if (isStep) this.#arm();
        else this.#next();
      },
      isStep ? STEP_MS : wait,
    );
  }
}
