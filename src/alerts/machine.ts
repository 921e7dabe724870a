/**
 * The state of one instance of a rule: what an evaluation makes of it.
 *
 *   ok       value beyond `fire`                            -> pending, or firing where `for` is 0
 *   pending  value not beyond `fire`                        -> ok          beyond for `for`      -> firing
 *   firing   within `clear` for `keep`                      -> ok          not within: `keep` begins anew
 *   any      no point for `no_data_after`                   -> as it was, ok, or no_data, as the rule says
 *   no_data  a point                                        -> as from ok
 *
 * An alert that ends because nothing is measured any more is not the same as one that ends because all is well: `keep` is
 * the default.
 *
 * Times are what passed between evaluations, on the monotonic clock; from a gap nothing is concluded.
 */
import { type AlertThreshold, isBeyond } from './threshold.ts';

export type State = 'ok' | 'pending' | 'firing' | 'no_data';
export type NoData = 'keep' | 'ok' | 'alert';

/** Milliseconds. */
export interface FiringConditions {
  fire: AlertThreshold;
  clear: AlertThreshold;
  for: number;
  keep: number;
  no_data: NoData;
  no_data_after: number;
}

/** What of an instance goes on from one evaluation to the next, and over a restart. Milliseconds. */
export interface AlertProgress {
  state: State;
  /** For so long the value has been beyond `fire` (pending), or within `clear` (firing). */
  elapsed: number;
  /** `elapsed` is counted: the condition held at the evaluation before. */
  counting: boolean;
  /** Since the last point. */
  silent: number;
}

export const START: Readonly<AlertProgress> = { state: 'ok', elapsed: 0, counting: false, silent: 0 };

/**
 * `value` null: nothing is known. `fresh`: there was a point. `passed`: since the evaluation before; 0 after a gap, and at
 * the first one.
 */
export function evaluate(
  progress: AlertProgress,
  value: number | null,
  fresh: boolean,
  passed: number,
  rule: FiringConditions,
): State {
  progress.silent = fresh ? 0 : progress.silent + passed;
  if (!fresh && rule.no_data !== 'keep' && progress.silent >= rule.no_data_after) return withoutData(progress, rule);
  if (value === null) {
    // What comes next does not follow on what was.
    progress.counting = false;
    return progress.state;
  }
  const beyond = isBeyond(rule.fire, value);
  if (progress.state === 'firing') return whileFiring(progress, isBeyond(rule.clear, value), passed, rule);
  if (!beyond) return reset(progress, 'ok');
  if (progress.state !== 'pending') reset(progress, 'pending');
  count(progress, passed);
  return progress.elapsed >= rule.for ? reset(progress, 'firing') : 'pending';
}

function whileFiring(progress: AlertProgress, clear: boolean, passed: number, { keep }: FiringConditions): State {
  if (!clear) return reset(progress, 'firing');
  count(progress, passed);
  return progress.elapsed >= keep ? reset(progress, 'ok') : 'firing';
}

function withoutData(progress: AlertProgress, { no_data }: FiringConditions): State {
  const state = no_data === 'ok' ? 'ok' : 'no_data';
  return progress.state === state ? state : reset(progress, state);
}

/** The first evaluation at which a condition holds is the moment from which it does. */
function count(progress: AlertProgress, passed: number): void {
  if (progress.counting) progress.elapsed += passed;
  progress.counting = true;
}

function reset(progress: AlertProgress, state: State): State {
  progress.state = state;
  progress.elapsed = 0;
  progress.counting = false;
  return state;
}
