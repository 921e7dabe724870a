/**
 * When windows end. The wall clock says where the next multiple of the interval is, and what stands in `@timestamp`; how
 * long a window was, and how long to wait, comes from the monotonic clock: a step of the wall clock makes no window long,
 * short or negative. `start` is the end less that length.
 */
export interface Span {
  /** Milliseconds since the epoch. */
  start: number;
  end: number;
}

/** What a timer may be late by, and clocks may differ by in a long interval. */
const TOLERANCE_MS = 5000;

/** Milliseconds to the next multiple of the interval that is at least `atLeast` away; never more than twice the interval. */
export function untilNext(now: number, interval: number, atLeast: number): number {
  const wait = interval - (now % interval);
  return wait < atLeast ? wait + interval : wait;
}

/**
 * The window that ends now. Its end is the multiple of the interval that is nearest; it is as long as was measured,
 * or just so many intervals where that differs only by what a timer may be late.
 */
export function windowAt(now: number, elapsed: number, interval: number): Span {
  const tolerance = Math.min(interval / 10, TOLERANCE_MS);
  const multiple = Math.round(now / interval) * interval;
  const end = Math.abs(now - multiple) < tolerance ? multiple : now;
  const whole = Math.max(1, Math.round(elapsed / interval)) * interval;
  const length = Math.abs(elapsed - whole) < tolerance ? whole : lengthOf(elapsed);
  return { start: end - length, end };
}

/** The window that ends now, before its time. */
export function cutAt(now: number, elapsed: number): Span {
  return { start: now - lengthOf(elapsed), end: now };
}

/** A length of 0 is that of a sample with a time of its own. */
function lengthOf(elapsed: number): number {
  return Math.max(1, Math.round(elapsed));
}
