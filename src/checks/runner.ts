/** Runs one check again and again: never two runs at a time, each with a deadline, every run counted. */
import { setImmediate as turn } from 'node:timers/promises';
import { seriesText } from '../aggregate/record.ts';
import type { Check } from './check.ts';
import { type Point, SeriesMeter } from './meter.ts';

/** As in `status`. */
export interface CheckStatus {
  name: string;
  runs: number;
  errors: number;
  /** Runs that came to their ends and found something wrong, or did without a part; and those that found it critical. */
  warnings: number;
  criticals: number;
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

export function newStatus(name: string): CheckStatus {
  const counts = { runs: 0, errors: 0, warnings: 0, criticals: 0, skipped: 0 };
  return { name, ...counts, last_seconds: 0, last_error: null, lacks: null };
}

/** `check.status`, as Nagios numbers them. */
const [OK, WARNING, UNKNOWN] = [0, 1, 3];

/**
 * Runs all, and gives what each found, in their order. One that waits for something may take a turn of the loop before the
 * next begins, so that each is timed by itself; what takes longer goes on beside the others.
 */
export async function runAll(runners: readonly CheckRunner[], deadline_ms: number): Promise<Point[]> {
  const found: Point[][] = [];
  const waiting: Promise<unknown>[] = [];
  for (const [i, runner] of runners.entries()) {
    const run = runner.run(deadline_ms);
    if (run instanceof Promise) {
      waiting.push(
        run.then((points) => {
          found[i] = points;
        }),
      );
      await Promise.race([run, turn()]);
    } else found[i] = run;
  }
  if (waiting.length > 0) await Promise.all(waiting);
  const points: Point[] = [];
  for (const some of found) points.push(...some);
  return points;
}

export class CheckRunner {
  readonly status: CheckStatus;
  readonly #check: Check;
  readonly #meter = new SeriesMeter();
  readonly #duration: Omit<Point, 'value'>;
  readonly #status: Omit<Point, 'value'>;
  #running = false;
  /** A new one where it was aborted. */
  #aborter = new AbortController();

  constructor(name: string, check: Check) {
    this.#check = check;
    const attributes = JSON.stringify({ check: name }).slice(1, -1);
    this.#duration = gaugeOf('check.duration', 's', attributes);
    this.#status = gaugeOf('check.status', '1', attributes);
    this.status = newStatus(name);
  }

  /**
   * What one run found, also where it failed half-way or did not end in time, and how it went. Never rejects: `status`
   * says what failed.
   */
  run(deadline_ms: number): Point[] | Promise<Point[]> {
    if (this.#running) {
      this.status.skipped++;
      return [{ ...this.#status, value: UNKNOWN }];
    }
    // What the last run still reported after its deadline.
    this.#meter.take(false);
    this.#meter.lacked();
    const started = performance.now();
    try {
      const work = this.#check(this.#meter, this.#aborter.signal);
      if (work) return this.#waitedFor(work, started, deadline_ms);
    } catch (error) {
      return this.#ended(started, error);
    }
    return this.#ended(started);
  }

  async #waitedFor(work: Promise<void>, started: number, deadline_ms: number): Promise<Point[]> {
    this.#running = true;
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(new Error(`no end after ${deadline_ms / 1000} s`)), deadline_ms);
    });
    const ended = work.finally(() => {
      this.#running = false;
    });
    try {
      await Promise.race([ended, late]);
    } catch (error) {
      return this.#ended(started, error);
    } finally {
      clearTimeout(timer);
      // Of a run that goes on after its deadline nothing is awaited; what it still reports is dropped.
      ended.catch(() => undefined);
    }
    return this.#ended(started);
  }

  /** `error`: what it threw, if anything. */
  #ended(started: number, error?: unknown): Point[] {
    const { status } = this;
    status.runs++;
    status.last_seconds = (performance.now() - started) / 1000;
    status.last_error = error === undefined ? null : error instanceof Error ? error.message : String(error);
    status.lacks = this.#meter.lacked();
    if (error !== undefined) {
      status.errors++;
      this.#aborter.abort(error);
      this.#aborter = new AbortController();
    }
    const went = error !== undefined ? UNKNOWN : status.lacks !== null ? WARNING : OK;
    if (went === WARNING) status.warnings++;
    const points = this.#meter.take(error === undefined);
    points.push({ ...this.#duration, value: Math.round(status.last_seconds * 1e6) / 1e6 });
    points.push({ ...this.#status, value: went });
    return points;
  }
}

function gaugeOf(name: string, unit: string, attributes: string): Omit<Point, 'value'> {
  return { name, type: 'gauge', unit, attributes, text: seriesText(name, 'gauge', unit, attributes) };
}
