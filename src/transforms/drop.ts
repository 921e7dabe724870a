/** `drop`: what matches is dropped, and counted as filtered. */
import { optional } from '../config/option.ts';
import { CONDITION_TEXT, type Condition, condition, readFields } from './condition.ts';
import { matcherOf } from './match.ts';
import type { Verb } from './verb.ts';

export const drop: Verb<Condition> = {
  name: 'drop',
  option: optional(
    condition(),
    `Lines that match are dropped, and counted (filtered); the others go on. ${CONDITION_TEXT}`,
  ),
  when: false,
  fields: readFields,
  step(options, context) {
    const match = matcherOf(options, context, 0);
    return (batch) => {
      batch.count = context.kernel.select(batch.slot, batch.count, match(batch), 0, batch.rows);
    };
  },
};
