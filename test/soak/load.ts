/** What each kind of load is given, and how it comes again and again. */
import { randomInt } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';

export class Load {
  readonly signal: AbortSignal;
  readonly #speed: number;

  /** `speed`: 1 is what a small machine does beside other work. */
  constructor(signal: AbortSignal, speed: number) {
    this.signal = signal;
    this.#speed = speed;
  }

  /** Does it about every so many milliseconds, never before the last time has ended, until the signal. */
  async again(ms: number, once: (turn: number) => unknown): Promise<void> {
    for (let turn = 0; !this.signal.aborted; turn++) {
      await once(turn);
      await this.pause((ms / 2 + randomInt(ms)) / this.#speed);
    }
  }

  async pause(ms: number): Promise<void> {
    await sleep(ms, undefined, { signal: this.signal }).catch(() => undefined);
  }
}

export function pick<T>(of: readonly T[]): T {
  return of[randomInt(of.length)]!;
}
