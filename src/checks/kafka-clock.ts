/**
 * How far our clock is from Kafka's: asked seldom, as all hosts ask the same one, and told at each run. Between two answers
 * the monotonic clock goes on for Kafka's, so that a step of ours is seen at once.
 */
import type { Meter } from './check.ts';

/** Of another clock: what it says when our monotonic one says `at`, as far as `error` goes. Milliseconds. */
export interface OtherClock {
  time: number;
  at: number;
  error: number;
}

/** Null: it does not tell. */
export type AskOtherClock = (signal: AbortSignal) => Promise<OtherClock | null>;

const ASK_EVERY_MS = 600_000;
/** Where it does not tell, or is not there. */
const ASK_AGAIN_MS = 60_000;
/** Of several answers the quickest is the best. */
const TRIES = 3;
/** Of crystals, at most: what our monotonic clock may be off by since then. */
const DRIFT = 1e-4;

/** Milliseconds. */
export function reportKafkaClock(meter: Meter, offset: number, error: number): void {
  meter.gauge('system.time.kafka_offset', Math.round(offset) / 1000, 's');
  meter.gauge('system.time.kafka_offset_error', Math.round(error) / 1000, 's');
}

export class KafkaClock {
  readonly #ask: AskOtherClock;
  #known: OtherClock | null = null;
  #askAt = Number.NEGATIVE_INFINITY;
  #asking: Promise<void> | null = null;

  constructor(ask: AskOtherClock) {
    this.#ask = ask;
  }

  /** What is known now; asks meanwhile where it is due. False: nothing is known. */
  report(meter: Meter, signal: AbortSignal): boolean {
    const now = performance.now();
    if (now >= this.#askAt) {
      this.#asking ??= this.#learn(signal).finally(() => {
        this.#asking = null;
      });
    }
    if (!this.#known) return false;
    const { time, at, error } = this.#known;
    reportKafkaClock(meter, time + (now - at) - Date.now(), error + (now - at) * DRIFT);
    return true;
  }

  /** Resolves when nothing is being asked. */
  async settled(): Promise<void> {
    await this.#asking;
  }

  async #learn(signal: AbortSignal): Promise<void> {
    this.#askAt = performance.now() + ASK_AGAIN_MS;
    let best: OtherClock | null = null;
    try {
      for (let i = 0; i < TRIES; i++) {
        const answer = await this.#ask(signal);
        if (answer === null) return;
        if (best === null || answer.error < best.error) best = answer;
      }
    } catch {
      // Kafka is away, which is said elsewhere: what was known holds.
      return;
    }
    this.#known = best;
    // Not all hosts at once.
    this.#askAt = performance.now() + ASK_EVERY_MS * (0.75 + Math.random() / 2);
  }
}
