/**
 * Samples with a time of their own (`|T`, DogStatsD 1.3). They are no part of the window in which they come: each series
 * and second has a record. As in the Datadog agent only counts and gauges may have one.
 */
import type { Metric } from './parse.ts';

/** Seconds. */
const OLDEST = 3600;
const FURTHEST_AHEAD = 600;

/** `second` is since the epoch, `now` in milliseconds. */
export function isTimely(second: number, now: number): boolean {
  const seconds = Math.floor(now / 1000);
  return second >= seconds - OLDEST && second <= seconds + FURTHEST_AHEAD;
}

/** The reason why a sample is dropped for its time; null: it is not. */
export function timestampFault(metric: Metric, now: number): 'unsupported_timestamp' | 'bad_timestamp' | null {
  if (metric.timestamp === undefined) return null;
  if (metric.type !== 'c' && metric.type !== 'g') return 'unsupported_timestamp';
  return isTimely(metric.timestamp, now) ? null : 'bad_timestamp';
}
