/** Which records of a batch a condition holds for: a byte each, 1 or 0. */
import type { Batch } from '../core/batch.ts';
import { MAX_RECORDS } from '../core/pool.ts';
import type { Kernel } from '../kernel/kernel.ts';
import { Needles } from '../kernel/needles.ts';
import type { Condition } from './condition.ts';

/** What it gives holds until the next call. */
export type Match = (batch: Batch) => Uint8Array;

export function matcherOf(condition: Condition, kernel: Kernel): Match {
  if ('not' in condition) {
    const match = matcherOf(condition.not, kernel);
    const found = new Uint8Array(MAX_RECORDS);
    return (batch) => {
      const of = match(batch);
      for (let i = 0; i < batch.count; i++) found[i] = 1 - of[i]!;
      return found.subarray(0, batch.count);
    };
  }
  if ('all' in condition) return joined(condition.all, kernel, 0);
  if ('any' in condition) return joined(condition.any, kernel, 1);
  const needles = new Needles(condition.literals.map((text) => Buffer.from(text)));
  return ({ slot, count }) => kernel.find(slot, count, condition.line, needles);
}

/** All of the conditions hold (`decisive` 0), or any of them (1). */
function joined(conditions: readonly Condition[], kernel: Kernel, decisive: 0 | 1): Match {
  const [first, ...rest] = conditions.map((one) => matcherOf(one, kernel));
  if (rest.length === 0) return first!;
  const found = new Uint8Array(MAX_RECORDS);
  return (batch) => {
    found.set(first!(batch));
    for (const match of rest) {
      const of = match(batch);
      for (let i = 0; i < batch.count; i++) if (of[i] === decisive) found[i] = decisive;
    }
    return found.subarray(0, batch.count);
  };
}
