/** `keep`: what does not match is dropped, and counted as filtered. */
import { optional } from '../config/option.ts';
import { type Condition, condition } from './condition.ts';
import { matcherOf } from './match.ts';
import type { Verb } from './verb.ts';

export const keep: Verb<Condition> = {
  name: 'keep',
  option: optional(
    condition(),
    'Lines that match go on; the others are dropped, and counted (filtered). The condition is written as with drop.',
  ),
  step(options, kernel) {
    const match = matcherOf(options, kernel);
    return (batch) => {
      batch.count = kernel.select(batch.slot, batch.count, match(batch), 1);
    };
  },
};
