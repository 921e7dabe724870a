/**
 * How long a broker may answer nothing while something is asked. Time counts from the last answer: what waits behind a slow
 * network is no reason to start over. While nothing is asked there is no timer.
 */
export class Patience {
  /** Requests without an answer. */
  asked = 0;
  readonly #ms: number;
  readonly #throttle: () => number;
  readonly #over: (why: string) => void;
  #timer: NodeJS.Timeout | undefined;
  #ended = false;

  /** `throttle`: how long the broker has asked us to wait, milliseconds from now. */
  constructor(ms: number, throttle: () => number, over: (why: string) => void) {
    this.#ms = ms;
    this.#throttle = throttle;
    this.#over = over;
  }

  ask(): void {
    this.asked++;
    if (this.asked === 1) this.#watch();
  }

  answered(): void {
    this.asked--;
    clearTimeout(this.#timer);
    if (this.asked > 0) this.#watch();
  }

  end(): void {
    this.#ended = true;
    clearTimeout(this.#timer);
  }

  #watch(): void {
    if (this.#ended) return;
    const ms = this.#ms + Math.max(0, this.#throttle());
    this.#timer = setTimeout(() => this.#over(`no answer within ${this.#ms / 1000} s`), ms);
  }
}
