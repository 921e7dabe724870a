/**
 * Counts lines for rules of `alerts`. No verb of `process`: steps of it are put before those that are written. Where lines
 * may have been counted before they are sent, those that begin before `stream.watched.to` are not counted again.
 */
import { optional } from '../config/option.ts';
import type { Batch, Watched } from '../core/batch.ts';
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
    /** What passed since it was asked last. */
    let passed: { watched: Watched | undefined; end: number } | null = null;
    context.onCounted(() => {
      if (passed === null) return null;
      const [lines, { watched, end }] = [counted, passed];
      counted = 0;
      passed = null;
      return (on) => {
        if (on && lines > 0) context.watched(rule, lines);
        if (!watched) return;
        watched.passing = false;
        if (on) watched.to = Math.max(watched.to, end);
      };
    });
    return (batch) => {
      const first = firstUncounted(batch);
      if (first === batch.count) return;
      const { watched } = batch.stream;
      passed = { watched, end: batch.end };
      if (watched) watched.passing = true;
      const found = matches(batch);
      for (let i = first; i < batch.count; i++) counted += found[i]!;
    };
  },
};

/** A step that counts the lines of which `match` holds. */
export function watchStep(options: WatchOptions): StepConfig {
  const tables = [...testsOf(options.match)].some(({ test }) => test === 'matches');
  return { verb: WATCH_LINES, options, when: null, fields: false, tables, entry: -1 };
}

/** The first record that nobody has counted; `count`: all are. */
function firstUncounted({ stream, slot, from, end, count }: Batch): number {
  const to = stream.watched?.to ?? 0;
  if (from >= to) return 0;
  if (end <= to) return count;
  let first = 0;
  while (first < count && from + slot.source[first]! < to) first++;
  return first;
}
