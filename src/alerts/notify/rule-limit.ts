/**
 * How often one receiver is told of one rule: AT_ONCE messages in an hour at once, then one every PAUSE_MS, however many alerts
 * of it flap. What waits is one message, with the latest of each alert; what began and ended meanwhile is none.
 */
import type { Notification } from '../notification.ts';
import { joinedOf } from './mailbox.ts';

export const AT_ONCE = 20;
export const PAUSE_MS = 300_000;
const HOUR_MS = 3_600_000;

interface Waiting {
  /** When it was told of in the last hour, on the monotonic clock. */
  times: number[];
  waiting: Notification | null;
}

/** Numbers of messages that need not be told any more come with it. */
export interface Limited {
  /** Null: nothing is to be told any more. */
  notification: Notification | null;
  waits: boolean;
  done: number[];
}

export class RuleLimit {
  readonly #rules = new Map<string, Waiting>();
  #merged = 0;

  /** Alerts in messages that were overtaken while they waited. */
  get merged(): number {
    return this.#merged;
  }

  /** What is told in place of it: at once, or, where it waits, when it is `due`. */
  take(notification: Notification, now: number): Limited {
    const rule = this.#rules.get(notification.rule) ?? { times: [], waiting: null };
    this.#rules.set(notification.rule, rule);
    const { waiting } = rule;
    const joined = waiting ? (joinedOf([waiting, notification])[0] ?? null) : notification;
    const count = (one: Notification | null) => one?.alerts.length ?? 0;
    this.#merged += (waiting ? count(waiting) : 0) + count(notification) - count(joined);
    const waits = joined !== null && !hasRoom(rule, now);
    rule.waiting = waits ? joined : null;
    if (joined && !waits) rule.times.push(now);
    return { notification: joined, waits, done: waiting ? [waiting.id] : [] };
  }

  /** What has waited long enough. */
  due(now: number): Notification[] {
    const due: Notification[] = [];
    for (const [name, rule] of this.#rules) {
      const room = hasRoom(rule, now);
      if (rule.waiting && room) {
        due.push(rule.waiting);
        rule.times.push(now);
        rule.waiting = null;
      } else if (rule.times.length === 0) this.#rules.delete(name);
    }
    return due;
  }
}

function hasRoom(rule: Waiting, now: number): boolean {
  rule.times = rule.times.filter((time) => time + HOUR_MS > now);
  return rule.times.length < AT_ONCE || now - rule.times.at(-1)! >= PAUSE_MS;
}
