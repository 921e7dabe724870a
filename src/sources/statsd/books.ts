/**
 * What the thread has counted, taken into the books of the input: what it accepted is received, and in flight until its
 * records are pushed, or it is dropped.
 */
import type { Account } from '../../core/account.ts';
import type { LossReason } from '../../core/losses.ts';
import { log } from '../../log.ts';
import type { ThreadCounters } from './counters.ts';
import type { Listener } from './listener.ts';

export class StatsdBooks {
  readonly #counters: ThreadCounters;
  readonly #account: Account;
  readonly #listeners: readonly Listener[];
  /** Of the counters, what the account knows already. */
  #samples = 0;
  #replaced = 0;
  #filtered = 0;
  /** Pushed, dropped or filtered. */
  #settled = 0;

  constructor(counters: ThreadCounters, account: Account, listeners: readonly Listener[]) {
    this.#counters = counters;
    this.#account = account;
    this.#listeners = listeners;
  }

  /** Samples that were received and are neither pushed nor dropped. */
  inFlight(): number {
    this.count();
    return this.#samples - this.#settled;
  }

  /** From the push on the pipeline counts them. */
  settle(samples: number): void {
    this.#settled += samples;
  }

  get settled(): number {
    return this.#settled;
  }

  drop(reason: LossReason, samples: number): void {
    this.#settled += samples;
    this.#account.drop(reason, samples);
  }

  /** They were never accepted. */
  lose(reason: LossReason, samples: number): void {
    this.#account.received += samples;
    this.#account.drop(reason, samples);
  }

  /** Takes the counters into the account. */
  count(): void {
    const account = this.#account;
    const { samples, replaced, coarser, overflowed } = this.#counters;
    account.received += samples - this.#samples;
    account.replaced += replaced - this.#replaced;
    this.#samples = samples;
    this.#replaced = replaced;
    const filtered = this.#counters.filtered.reduce((sum, { samples }) => sum + samples, 0);
    account.filtered += filtered - this.#filtered;
    this.#settled += filtered - this.#filtered;
    this.#filtered = filtered;
    for (const listener of this.#listeners) listener.count(account);
    if (coarser > 0) {
      log.warnOnce(
        'statsd coarser',
        `statsd: ${coarser} histograms, sets and messages of checks were kept coarser, statsd.memory is used up: raise it, or send fewer series`,
      );
    }
    if (overflowed > 0) {
      log.warnOnce(
        'statsd overflowed',
        `statsd: ${overflowed} samples count for their name alone (runnel.overflow), there are more series than statsd.max_contexts and statsd.memory allow`,
      );
    }
  }
}
