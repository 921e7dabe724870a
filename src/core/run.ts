/**
 * A batch through the steps of its stream. What a step counts holds once it is known that the batch is taken: one that is
 * refused comes again.
 *
 * A line may take a step a millisecond, and a batch has thousands: so it passes all steps slice by slice, and others have
 * their turn in between when that takes long.
 *
 *   tables  | kept of slice 1 | kept of 2 |   free   | slice 3 ... | not yet |
 *                                         <- what is kept of it comes here
 */
import type { Batch } from './batch.ts';
import type { Step } from './pipeline.ts';
import { moveRecords, sliceOf } from './slice.ts';
import { SliceSize, TURN_MS } from './slices.ts';

/** How often the steps were passed, until it is known whether that counts. */
export interface Passed {
  /** Records that were left out. */
  readonly filtered: number;
  /** True: it counts. False: the batch was counted before, or comes again. */
  count(on: boolean): void;
}

type Counts = Pick<Step, 'in' | 'out' | 'failed' | 'slow' | 'gaveUp'>;

const sizes = new WeakMap<readonly Step[], SliceSize>();

/** It is a promise only where it takes long. */
export function runSteps(batch: Batch, steps: readonly Step[]): Passed | Promise<Passed> {
  const run = new Run(batch, steps);
  return run.turn() ? run.passed() : run.rest();
}

class Run {
  readonly #batch: Batch;
  readonly #steps: readonly Step[];
  readonly #before: number;
  /** What each step counted of it. */
  readonly #counts: Counts[];
  readonly #settle: ((on: boolean) => void)[] = [];
  readonly #size: SliceSize;
  /** Records that have passed, and those that are left of them. */
  #done = 0;
  #kept = 0;

  constructor(batch: Batch, steps: readonly Step[]) {
    this.#batch = batch;
    this.#steps = steps;
    this.#before = batch.count;
    this.#size = sizes.get(steps) ?? new SliceSize();
    sizes.set(steps, this.#size);
    this.#counts = steps.map(() => ({ in: 0, out: 0, failed: 0, slow: 0, gaveUp: 0 }));
  }

  async rest(): Promise<Passed> {
    do await new Promise<void>((resolve) => setImmediate(resolve));
    while (!this.turn());
    return this.passed();
  }

  /** True: all of the batch has passed. Nobody else passes the steps meanwhile. */
  turn(): boolean {
    for (const [i, step] of this.#steps.entries()) add(this.#counts[i]!, step, -1);
    const isOver = this.#slices();
    for (const [i, step] of this.#steps.entries()) {
      add(this.#counts[i]!, step, 1);
      const settle = step.counted?.();
      if (settle) this.#settle.push(settle);
    }
    return isOver;
  }

  #slices(): boolean {
    const began = performance.now();
    let at = began;
    while (this.#done < this.#before) {
      if (at - began > TURN_MS) return false;
      const records = this.#size.of(this.#batch.slot, this.#done, this.#before);
      if (records === this.#before) {
        this.#pass(this.#batch);
        this.#done = records;
      } else this.#passSlice(records);
      const now = performance.now();
      this.#size.took(records, now - at);
      at = now;
    }
    return true;
  }

  passed(): Passed {
    const filtered = this.#before - this.#batch.count;
    const count = (on: boolean) => {
      for (const settle of this.#settle) settle(on);
      if (on) return;
      for (const [i, step] of this.#steps.entries()) add(step, this.#counts[i]!, -1);
    };
    return { filtered, count };
  }

  #passSlice(records: number): void {
    const whole = this.#batch;
    const plan = whole.stream.fields;
    const bare = whole.rows === null ? this.#kept : 0;
    const slice = sliceOf(whole, this.#done, records);
    this.#pass(slice);
    if (plan && whole.rows) {
      // What has asked for no fields has its line, as long as others have some.
      if (bare > 0) plan.rowsOf(sliceOf(whole, 0, bare));
      if (slice.count > 0 && !slice.rows) plan.rowsOf(slice);
    }
    const { count, routes } = slice;
    moveRecords(whole, this.#done, count, this.#kept);
    if (routes) {
      whole.routes ??= new Uint8Array(this.#before);
      whole.routes.set(routes.subarray(0, count), this.#kept);
    }
    this.#done += records;
    this.#kept += count;
    if (this.#done === this.#before) whole.count = this.#kept;
  }

  /** All steps, one after the other. */
  #pass(batch: Batch): void {
    for (const step of this.#steps) {
      if (batch.count === 0) return;
      step.in += batch.count;
      step.apply(batch);
      step.out += batch.count;
    }
  }
}

/** `to` becomes itself and `sign` times the other. */
function add(to: Counts, other: Readonly<Counts>, sign: 1 | -1): void {
  to.in += sign * other.in;
  to.out += sign * other.out;
  to.failed += sign * other.failed;
  to.slow += sign * other.slow;
  to.gaveUp += sign * other.gaveUp;
}
