/**
 * The messages of one receiver: told one after the other, in order, until it has them; what waits survives a restart.
 *
 * It is tried again after 1 s, doubling to 5 minutes, or when the receiver says. After 30 s of failing what waits is joined:
 * one message a rule, with the latest of each alert; what began and ended meanwhile was never told and is not. A message that
 * may have been taken, because nobody answered or a process ended on the way, is not joined: its end must be told.
 */
import { Bell } from '../../core/bell.ts';
import { log } from '../../log.ts';
import type { Alert, Notification } from '../notification.ts';
import type { Channel } from './channel.ts';

const FIRST_MS = 1000;
const LAST_MS = 300_000;
const JOIN_AFTER_MS = 30_000;
/** Alerts that wait for one receiver; beyond that the oldest messages are given up. */
const MOST_ALERTS = 10_000;
const MOST_MESSAGES = 1000;

export interface MailboxStatus {
  name: string;
  waiting: number;
  error: string | null;
  delivered: number;
  /** Refused for good, or too many. */
  dropped: number;
  /** That were overtaken while they waited. */
  merged: number;
}

export interface MailboxOptions {
  name: string;
  channel: Channel;
  /** What waited when the last process ended. */
  waiting: readonly Notification[];
  /** These are told, or need not be: written down. */
  done(ids: readonly number[]): void;
  /** In place of those that were joined. */
  replaced(ids: readonly number[], by: readonly Notification[]): void;
  /** The first pause, for tests. */
  first_pause?: number;
}

export class Mailbox {
  readonly #o: MailboxOptions;
  #waiting: Notification[];
  readonly #bell = new Bell();
  /** Of the first, where it may have been taken. */
  #maybeTold: Notification | null;
  #error: string | null = null;
  #failingSince: number | null = null;
  #delivered = 0;
  #dropped = 0;
  #merged = 0;

  constructor(options: MailboxOptions) {
    this.#o = options;
    this.#waiting = [...options.waiting];
    this.#maybeTold = this.#waiting[0] ?? null;
  }

  put(notification: Notification): void {
    this.#waiting.push(notification);
    if (this.#waiting.length > MOST_MESSAGES) this.#join();
    let alerts = this.#waiting.reduce((sum, one) => sum + one.alerts.length, 0);
    while (alerts > MOST_ALERTS && this.#waiting.length > 2) {
      const [oldest] = this.#waiting.splice(1, 1);
      alerts -= oldest!.alerts.length;
      this.#drop(oldest!, 'too many wait');
    }
    this.#bell.ring();
  }

  get status(): MailboxStatus {
    const waiting = this.#waiting.length;
    return {
      name: this.#o.name,
      waiting,
      error: this.#error,
      delivered: this.#delivered,
      dropped: this.#dropped,
      merged: this.#merged,
    };
  }

  /** Until the signal aborts. */
  async run(signal: AbortSignal): Promise<void> {
    let pause = this.#o.first_pause ?? FIRST_MS;
    while (!signal.aborted) {
      const first = this.#waiting[0];
      if (!first) {
        await this.#bell.heard(signal);
        continue;
      }
      const unsure = this.#maybeTold === first;
      this.#maybeTold = first;
      const told = await this.#tell(first, signal);
      if (signal.aborted) return;
      if (told.done === false && !told.unknown && !unsure) this.#maybeTold = null;
      if (told.done === false) {
        this.#error = told.error;
        this.#failingSince ??= performance.now();
        log.warnOnce(`alerts ${this.#o.name}`, `alerts: ${this.#o.name}: ${told.error}; it is tried again`);
        const until = performance.now() + Math.max(pause, told.after ?? 0);
        pause = Math.min(pause * 2, LAST_MS);
        await this.#wait(until, signal);
        if (performance.now() - this.#failingSince > JOIN_AFTER_MS) this.#join();
        continue;
      }
      this.#waiting.shift();
      pause = this.#o.first_pause ?? FIRST_MS;
      this.#failingSince = null;
      if (told.done === 'refused') this.#drop(first, told.error);
      else {
        this.#error = null;
        this.#delivered++;
        this.#o.done([first.id]);
      }
      await this.#wait(performance.now() + (this.#o.channel.pace ?? 0), signal);
    }
  }

  /** What comes meanwhile does not shorten it. `until`: on the monotonic clock, milliseconds. */
  async #wait(until: number, signal: AbortSignal): Promise<void> {
    for (let left = until - performance.now(); left > 0 && !signal.aborted; left = until - performance.now()) {
      await this.#bell.heard(signal, left);
    }
  }

  async #tell(notification: Notification, signal: AbortSignal) {
    try {
      return await this.#o.channel.tell(notification, signal);
    } catch (error) {
      return { done: 'refused' as const, error: (error as Error).message };
    }
  }

  #drop(notification: Notification, why: string): void {
    this.#dropped++;
    this.#error = why;
    this.#o.done([notification.id]);
    log.warnOnce(
      `alerts ${this.#o.name} dropped`,
      `alerts: ${this.#o.name} is not told of ${notification.rule}: ${why}`,
    );
  }

  #join(): void {
    const apart = this.#waiting[0] === this.#maybeTold ? 1 : 0;
    const joined = [...this.#waiting.slice(0, apart), ...joinedOf(this.#waiting.slice(apart))];
    const gone = this.#waiting.filter((one) => !joined.includes(one));
    if (gone.length === 0) return;
    this.#merged += gone.length;
    this.#o.replaced(
      // The number of the latest goes on.
      gone.map(({ id }) => id).filter((id) => !joined.some((one) => one.id === id)),
      joined.filter((one) => !this.#waiting.includes(one)),
    );
    this.#waiting = joined;
  }
}

/** One message a rule, in the order of the first; with the number of the latest. */
export function joinedOf(waiting: readonly Notification[]): Notification[] {
  const rules = new Map<string, Notification[]>();
  for (const one of waiting) rules.set(one.rule, [...(rules.get(one.rule) ?? []), one]);
  return [...rules.values()].flatMap((messages) => {
    if (messages.length === 1) return messages;
    const latest = messages.at(-1)!;
    const alerts = latestOf(messages);
    return alerts.length === 0 ? [] : [{ ...latest, alerts }];
  });
}

/** The latest of each alert; one that begins and ends here is none. */
function latestOf(messages: readonly Notification[]): Alert[] {
  const last = new Map<string, Alert>();
  for (const alert of messages.flatMap(({ alerts }) => alerts)) {
    const { begins = false } = last.get(alert.fingerprint) ?? alert;
    last.set(alert.fingerprint, { ...alert, begins });
  }
  return [...last.values()].filter(({ action, begins }) => action !== 'resolved' || !begins);
}
