/** `drop`: what matches is dropped, and counted as filtered. */
import { optional } from '../config/option.ts';
import { CONDITION_TEXT, type Condition, condition } from './condition.ts';
import { matcherOf } from './match.ts';
import type { Verb } from './verb.ts';

export const drop: Verb<Condition> = {
  name: 'drop',
  option: optional(
    condition(),
    `Lines that match are dropped, and counted (filtered); the others go on. ${CONDITION_TEXT}`,
  ),
  step(options, kernel) {
    const match = matcherOf(options, kernel);
    return (batch) => {
      batch.count = kernel.select(batch.slot, batch.count, match(batch), 0);
    };
  },
};
