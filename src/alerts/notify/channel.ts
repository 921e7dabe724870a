/** One kind of receiver that is told of changes, one message after the other. */
import { count } from '../../core/units.ts';
import type { Alert, Notification } from '../notification.ts';

/** What became of a message. */
export type Delivered =
  | { done: true }
  /** It is tried again, not before `after` milliseconds where that is said. `unknown`: it may have been taken all the same. */
  | { done: false; error: string; after?: number; unknown?: boolean }
  /** It is refused for good. */
  | { done: 'refused'; error: string };

export interface Channel {
  /** Rejects only for a fault of ours. */
  tell(notification: Notification, signal: AbortSignal): Promise<Delivered>;
  /** From one message to the next, milliseconds, where it wants a pause. */
  readonly pace?: number;
}

/** firing of any of them, else resolved. */
export function statusOf(alerts: readonly Alert[]): 'firing' | 'resolved' {
  return alerts.some(({ action }) => action !== 'resolved') ? 'firing' : 'resolved';
}

/** What stands above a message. */
export function titleOf({ alerts, rule, reminder }: Notification): string {
  const firing = alerts.filter(({ action }) => action !== 'resolved').length;
  const what = firing === 0 ? 'RESOLVED' : `${reminder ? 'STILL ' : ''}FIRING:${firing}`;
  return oneLine(`[${what}] ${rule} on ${alerts[0]?.host ?? ''}`);
}

/** At most so many of a message are told one by one. */
export const MOST_TOLD = 100;

/** A line for each, and how many more there are. */
export function linesOf(alerts: readonly Alert[], most: number): string[] {
  const lines = alerts.slice(0, most).map((alert) => {
    const { action, labels } = alert;
    const said = [alert.summary, ...flappingOf(alert)].join('; ');
    const some = Object.entries(labels)
      .slice(0, 10)
      .map(([name, value]) => `${name}=${value.slice(0, 100).toWellFormed()}`);
    // A line of ours is none of a label's.
    return oneLine(`${action}: ${said}${some.length > 0 ? ` (${some.join(', ')})` : ''}`);
  });
  return alerts.length > most ? [...lines, `and ${alerts.length - most} more`] : lines;
}

/** What is said of one that was not told of every time. */
export function flappingOf({ untold, flapping }: Alert): string[] {
  return [
    ...(untold === undefined ? [] : [`${count(untold, 'change')} before it ${untold === 1 ? 'was' : 'were'} not told`]),
    ...(flapping ? ['it flaps: that it ends may be told an hour late'] : []),
  ];
}

/** Without control characters, and what turns the direction of text. */
export function oneLine(text: string): string {
  return text.replace(/[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]+/g, ' ');
}
