/** Counts lines for rules of `alerts`. No verb of `process`: steps of it are put before those that are written. */
import { optional } from '../config/option.ts';
import { type Condition, condition, testsOf } from './condition.ts';
import { matcherOf } from './match.ts';
import type { StepConfig } from './process.ts';
import type { Verb } from './verb.ts';

interface WatchOptions {
  rule: string;
  match: Condition;
}

export const WATCH_LINES = 'watch';

export const watch: Verb<WatchOptions> = {
  name: WATCH_LINES,
  option: optional(condition() as never, ''),
  when: false,
  step({ rule, match }, context) {
    const matches = matcherOf(match, context, 0);
    let counted = 0;
    context.onCounted(() => {
      if (counted === 0) return null;
      const lines = counted;
      counted = 0;
      return (on) => {
        if (on) context.watched(rule, lines);
      };
    });
    return (batch) => {
      for (const one of matches(batch)) counted += one;
    };
  },
};

/** A step that counts the lines of which `match` holds. */
export function watchStep(options: WatchOptions): StepConfig {
  const tables = [...testsOf(options.match)].some(({ test }) => test === 'matches');
  return { verb: WATCH_LINES, options, when: null, fields: false, tables, entry: -1 };
}
