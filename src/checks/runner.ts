/** Runs one check again and again: never two runs at a time, each with a deadline, every run counted. */
import type { Check } from './check.ts';
import { type Point, SeriesMeter } from './meter.ts';

/** As in `status`. */
export interface CheckStatus {
  name: string;
  runs: number;
  errors: number;
  skipped: number;
  last_seconds: number;
  last_error: string | null;
}

export class CheckRunner {
  readonly status: CheckStatus;
  readonly #check: Check;
  readonly #meter = new SeriesMeter();
  #running = false;

  constructor(name: string, check: Check) {
    this.#check = check;
    this.status = { name, runs: 0, errors: 0, skipped: 0, last_seconds: 0, last_error: null };
  }

  /** What one run found, also where it failed half-way or did not end in time. Never rejects: `status` says what failed. */
  async run(deadline_ms: number): Promise<Point[]> {
    if (this.#running) {
      this.status.skipped++;
      return [];
    }
    this.#running = true;
    // What the last run still reported after its deadline.
    this.#meter.take(false);
    const started = performance.now();
    const aborter = new AbortController();
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(new Error(`no end after ${deadline_ms / 1000} s`)), deadline_ms);
    });
    const work = (async () => this.#check(this.#meter, aborter.signal))().finally(() => {
      this.#running = false;
    });
    let failure: string | null = null;
    try {
      await Promise.race([work, late]);
    } catch (error) {
      failure = error instanceof Error ? error.message : String(error);
      this.status.errors++;
    } finally {
      clearTimeout(timer);
      aborter.abort();
    }
    // Of a run that goes on after its deadline nothing is awaited; what it still reports is dropped.
    work.catch(() => undefined);
    this.status.runs++;
    this.status.last_seconds = (performance.now() - started) / 1000;
    this.status.last_error = failure;
    return this.#meter.take(failure === null);
  }
}
