/** `drop`: what matches is dropped, and counted as filtered. */
import { optional } from '../config/option.ts';
import { select } from '../core/select.ts';
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
      select(batch, context.kernel, match(batch), 0);
    };
  },
};
