/** `keep`: what does not match is dropped, and counted as filtered. */
import { optional } from '../config/option.ts';
import { select } from '../core/select.ts';
import { type Condition, condition, readFields } from './condition.ts';
import { matcherOf } from './match.ts';
import type { Verb } from './verb.ts';

export const keep: Verb<Condition> = {
  name: 'keep',
  option: optional(
    condition(),
    'Lines that match go on; the others are dropped, and counted (filtered). The condition is written as with drop.',
  ),
  when: false,
  fields: readFields,
  step(options, context) {
    const match = matcherOf(options, context, 1);
    return (batch) => {
      select(batch, context.kernel, match(batch), 1);
    };
  },
};
