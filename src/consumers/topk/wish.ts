/** Which window is asked for, as it is written on the command line and in a query. */
import { secondsOf, type TopkOptions } from './options.ts';
import type { Wish } from './report.ts';
import type { TumblingWindow } from './windows.ts';

export interface AskedWindow {
  window?: string;
  at?: string;
  last?: string;
  limit?: string;
  lowest?: string;
}

const USUAL_WINDOW = 3600;
const USUAL_LIMIT = 10;
const MOST = 100_000;

/** What is wrong with it, as a sentence without its end. */
export function wishOf(
  asked: AskedWindow,
  { windows }: Pick<TopkOptions, 'windows'>,
  now: number,
): (Wish & { window: TumblingWindow }) | string {
  const seconds = asked.window === undefined ? usualOf(windows) : secondsOf(asked.window);
  const window = windows.find((one) => one.seconds === seconds);
  if (!window) return `there is no window ${asked.window}: use ${windows.map(({ name }) => name).join(', ')}`;
  const at = asked.at === undefined ? now : timeOf(asked.at, now);
  if (at === null)
    return `at ${asked.at} is no time: write 2026-12-01T12:00:00Z, seconds since the epoch, or 2h for two hours ago`;
  const limit = asked.limit === undefined ? USUAL_LIMIT : Number(asked.limit);
  if (!Number.isInteger(limit) || limit < 1 || limit > MOST)
    return `limit must be from 1 to ${MOST}, not ${asked.limit}`;
  return { window, at, limit, last: isSet(asked.last), lowest: isSet(asked.lowest) };
}

/** An hour, or what is next to it. */
function usualOf(windows: readonly TumblingWindow[]): number | undefined {
  return (windows.find(({ seconds }) => seconds >= USUAL_WINDOW) ?? windows.at(-1))?.seconds;
}

function timeOf(text: string, now: number): number | null {
  const ago = secondsOf(text, { min: '0s', max: '3650d' });
  if (ago !== null) return now - ago * 1000;
  if (/^\d{1,11}(\.\d+)?$/.test(text)) return Number(text) * 1000;
  if (/^\d{13}$/.test(text)) return Number(text);
  const time = /^\d{4}-\d\d-\d\d/.test(text) ? Date.parse(text) : Number.NaN;
  return Number.isNaN(time) ? null : time;
}

function isSet(value: string | undefined): boolean {
  return value !== undefined && value !== 'false';
}
