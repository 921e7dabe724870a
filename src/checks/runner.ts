/** Runs one check again and again: never two runs at a time, each with a deadline, every run counted. */
import { setImmediate as turn } from 'node:timers/promises';
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
  /** What it cannot measure here, with the reason. */
  lacks: string | null;
  /** Of the last run: 0 ok, 1 warning, 2 critical, 3 unknown, and what it says; of checks of the configuration. */
  state?: number;
  message?: string | null;
  /** What was beyond max_series, there twice or too long, and values that are no numbers: they were left out. */
  truncated?: number;
  not_finite?: number;
}

/** Of promises, by which one has settled that waited for nothing. */
const STEPS_AT_ONCE = 8;
const STEPS_OF_A_RUN = 3 * STEPS_AT_ONCE;

/** `check.status`, as Nagios numbers them. */
const [OK, WARNING, UNKNOWN] = [0, 1, 3];

/**
 * Runs all, and gives what each found, in their order. One that reads only what the kernel has in memory has ended before
 * the next begins, so that each is timed by itself; what takes longer goes on beside the others.
 */
export async function runAll(runners: readonly CheckRunner[], deadline_ms: number): Promise<Point[]> {
  const found: Promise<Point[]>[] = [];
  for (const runner of runners) {
    let ended = false;
    const run = runner.run(deadline_ms).finally(() => {
      ended = true;
    });
    found.push(run);
    // A turn of the loop costs more than what most of them do.
    for (let i = 0; i < STEPS_OF_A_RUN && !ended; i++) await null;
    if (!ended) await Promise.race([run, turn()]);
  }
  return (await Promise.all(found)).flat();
}

export class CheckRunner {
  readonly status: CheckStatus;
  readonly #check: Check;
  readonly #meter = new SeriesMeter();
  readonly #attributes: string;
  #running = false;
  /** A new one where it was aborted. */
  #aborter = new AbortController();

  constructor(name: string, check: Check) {
    this.#check = check;
    this.#attributes = JSON.stringify({ check: name }).slice(1, -1);
    this.status = { name, runs: 0, errors: 0, skipped: 0, last_seconds: 0, last_error: null, lacks: null };
  }

  /**
   * What one run found, also where it failed half-way or did not end in time, and how it went. Never rejects: `status`
   * says what failed.
   */
  async run(deadline_ms: number): Promise<Point[]> {
    if (this.#running) {
      this.status.skipped++;
      return [this.#point('check.status', UNKNOWN, '1')];
    }
    this.#running = true;
    // What the last run still reported after its deadline.
    this.#meter.take(false);
    this.#meter.lacked();
    const started = performance.now();
    const aborter = this.#aborter;
    let timer: NodeJS.Timeout | undefined;
    const work = (async () => this.#check(this.#meter, aborter.signal))().finally(() => {
      this.#running = false;
    });
    let failure: string | null = null;
    try {
      // One that reads only what the kernel has in memory ends here: a timer would cost it more than a read.
      for (let i = 0; i < STEPS_AT_ONCE && this.#running; i++) await null;
      if (this.#running) {
        const late = new Promise<never>((_, reject) => {
          timer = setTimeout(() => reject(new Error(`no end after ${deadline_ms / 1000} s`)), deadline_ms);
        });
        await Promise.race([work, late]);
      } else await work;
    } catch (error) {
      failure = error instanceof Error ? error.message : String(error);
      this.status.errors++;
      aborter.abort(error);
      this.#aborter = new AbortController();
    } finally {
      clearTimeout(timer);
    }
    // Of a run that goes on after its deadline nothing is awaited; what it still reports is dropped.
    work.catch(() => undefined);
    this.status.runs++;
    this.status.last_seconds = (performance.now() - started) / 1000;
    this.status.last_error = failure;
    this.status.lacks = this.#meter.lacked();
    const went = failure !== null ? UNKNOWN : this.status.lacks !== null ? WARNING : OK;
    const points = this.#meter.take(failure === null);
    points.push(this.#point('check.duration', Math.round(this.status.last_seconds * 1e6) / 1e6, 's'));
    points.push(this.#point('check.status', went, '1'));
    return points;
  }

  #point(name: string, value: number, unit: string): Point {
    return { name, type: 'gauge', value, unit, attributes: this.#attributes };
  }
}
