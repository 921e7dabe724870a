/**
 * Runs one check of the configuration: never two runs at a time, each with a deadline, every run counted. After failures
 * it is asked more seldom: from the fifth on at every second interval, then every fourth, at most every eighth.
 */
import { abortable } from '../../core/abort.ts';
import { type CheckStatus, newStatus } from '../runner.ts';
import { openCustom } from './all.ts';
import { Collector, type Found } from './collector.ts';
import { type CheckState, CRITICAL, type CustomCheck, UNKNOWN, type Verdict, WARNING } from './custom.ts';
import type { CustomCheckConfig } from './options.ts';

const PATIENCE = 5;
const MOST_SELDOM = 3;
const CLOSE_MS = 1000;

export class CustomRunner {
  readonly status: CheckStatus;
  /** Of the last run. */
  state: CheckState = UNKNOWN;
  message: string | null = null;
  readonly #config: CustomCheckConfig;
  readonly #collector: Collector;
  #check: CustomCheck | null = null;
  #running: Promise<unknown> | null = null;
  #aborter = new AbortController();
  /** Failures in a row, and intervals that are still left out for them. */
  #failures = 0;
  #rest = 0;

  constructor(config: CustomCheckConfig) {
    this.#config = config;
    this.#collector = new Collector(config.max_series);
    this.status = newStatus(config.name);
  }

  /** What one run found, with its state and how long it took. Never rejects; null: it was left out. */
  async run(deadline_ms: number): Promise<Found[] | null> {
    if (this.#running || (this.#rest > 0 && this.#rest-- > 0)) {
      this.status.skipped++;
      return null;
    }
    const began = performance.now();
    const aborter = new AbortController();
    this.#aborter = aborter;
    const late = new Error(`no end after ${deadline_ms / 1000} s`);
    const timer = setTimeout(() => aborter.abort(late), deadline_ms);
    this.#collector.begin();
    const work = this.#work(aborter.signal, deadline_ms).finally(() => {
      this.#running = null;
    });
    this.#running = work;
    let failure: string | null = null;
    let verdict: Verdict = { state: UNKNOWN, message: null };
    try {
      verdict = await abortable(work, aborter.signal);
    } catch (error) {
      failure = (error as Error).message || String(error);
      this.status.errors++;
      // What was found may be half of it.
      this.#collector.discard();
      if (this.#config.type === 'openmetrics') this.#collector.fact('up', 0);
    } finally {
      clearTimeout(timer);
    }
    const seconds = (performance.now() - began) / 1000;
    this.#note(failure, verdict, seconds);
    return [...this.#collector.take(), ...this.#own(seconds)];
  }

  /** The machine slept: what counters did meanwhile is in no run. */
  forget(): void {
    this.#collector.forget();
  }

  /** What is running is ended, and gone when this resolves. */
  async close(): Promise<void> {
    this.#aborter.abort(new Error('the check is closed'));
    await abortable(this.#running, AbortSignal.timeout(CLOSE_MS)).catch(() => undefined);
    await this.#check?.close?.();
  }

  async #work(signal: AbortSignal, deadline_ms: number): Promise<Verdict> {
    this.#check ??= await openCustom(this.#config);
    return this.#check.run(this.#collector, signal, deadline_ms);
  }

  #note(failure: string | null, verdict: Verdict, seconds: number): void {
    const { truncated, notFinite } = this.#collector;
    this.status.runs++;
    this.status.last_seconds = seconds;
    this.status.last_error = failure;
    this.state = verdict.state;
    if (verdict.state === WARNING) this.status.warnings++;
    if (verdict.state === CRITICAL) this.status.criticals++;
    this.message = failure ?? verdict.message;
    this.status.state = this.state;
    this.status.message = this.message;
    this.status.truncated = (this.status.truncated ?? 0) + truncated;
    this.status.not_finite = (this.status.not_finite ?? 0) + notFinite;
    this.#failures = failure === null ? 0 : this.#failures + 1;
    const seldom = Math.min(MOST_SELDOM, Math.max(0, this.#failures - PATIENCE + 1));
    this.#rest = 2 ** seldom - 1;
  }

  #own(seconds: number): Found[] {
    const attributes = { check: this.#config.name };
    const message = this.message === null ? {} : { message: this.message.slice(0, 1000).toWellFormed() };
    return [
      {
        name: 'check.duration',
        type: 'gauge',
        fields: { value: Math.round(seconds * 1e6) / 1e6 },
        unit: 's',
        attributes,
      },
      { name: 'check.status', type: 'gauge', fields: { value: this.state, ...message }, unit: '1', attributes },
    ];
  }
}
