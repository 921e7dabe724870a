/**
 * A batch through the steps of its stream. What a step counts holds once it is known that the batch is taken: one that is
 * refused comes again.
 */
import type { Batch } from './batch.ts';
import type { Step } from './pipeline.ts';

/** How often the steps were passed, until it is known whether that counts. */
export interface Passed {
  /** Records that were left out. */
  readonly filtered: number;
  /** True: it counts. False: the batch was counted before, or comes again. */
  count(on: boolean): void;
}

export function runSteps(batch: Batch, steps: readonly Step[]): Passed {
  const before = batch.count;
  const were = steps.map(({ in: came, out, failed }) => ({ came, out, failed }));
  for (const step of steps) {
    if (batch.count === 0) break;
    step.in += batch.count;
    step.apply(batch);
    step.out += batch.count;
  }
  const filtered = before - batch.count;
  const count = (on: boolean) => {
    for (const [i, step] of steps.entries()) {
      step.count?.(on);
      if (on) continue;
      const { came, out, failed } = were[i]!;
      Object.assign(step, { in: came, out, failed });
    }
  };
  return { filtered, count };
}
