/** What is lost is counted each time, and said once for each listener and reason: how much so far, why, and what to do. */
import { meaningOf } from '../../core/losses.ts';
import { log } from '../../log.ts';
import type { SampleLoss } from './aggregator.ts';

/** An example, to who asks for such, is said this often. */
const EXAMPLE_EVERY_MS = 10_000;

export class LossesSaid {
  /** By reason and listener. */
  readonly #soFar = new Map<string, number>();

  /** `from`: who received it, `udp://127.0.0.1:8125`. */
  say(from: string, { reason, samples, example }: SampleLoss): void {
    const key = `${reason} ${from}`;
    const count = (this.#soFar.get(key) ?? 0) + samples;
    this.#soFar.set(key, count);
    const { meaning, remedy } = meaningOf(reason);
    const lost = `${count} ${count === 1 ? 'sample is' : 'samples are'} lost so far (${reason})`;
    log.warnOnce(key, `${from}: ${lost}: ${meaning}: ${remedy}`);
    if (example !== undefined) log.debugOnce(`${key} example`, `${from}: ${reason}: ${example}`, EXAMPLE_EVERY_MS);
  }
}
