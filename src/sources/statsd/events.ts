/**
 * What one window holds of events, and what service checks say beside their status. An event's record is text when it
 * comes, but for its id, which names the window:
 *
 *   {"@timestamp":"...","message":"text","event":{"id":" | 5f3a...-17-4 | ","kind":"event","dataset":"statsd", ...}, ...}
 *   before                                                                after
 *
 * Invariant: what is kept is charged to the budget of sketches and sets, and is at most an eighth of it.
 */
import type { Arena } from '../../aggregate/arena.ts';
import { attributesJson, type MetricOrigin } from '../../aggregate/record.ts';
import type { Event } from './parse-event.ts';

/** Events of a window, at most. */
export const MOST_EVENTS = 10_000;
const SHARE = 1 / 8;
/** Of each, beside its characters. */
const ENTRY_BYTES = 128;

/** A part of a budget that charges come from. */
class Allowance {
  readonly #budget: Arena;
  readonly #most: number;
  #charged = 0;

  constructor(budget: Arena, bytes: number) {
    this.#budget = budget;
    this.#most = Math.floor(bytes * SHARE);
  }

  charge(bytes: number): boolean {
    if (this.#charged + bytes > this.#most || !this.#budget.charge(bytes)) return false;
    this.#charged += bytes;
    return true;
  }

  refund(bytes: number): void {
    this.#budget.refund(bytes);
    this.#charged -= bytes;
  }

  clear(): void {
    this.refund(this.#charged);
  }
}

export class Events {
  readonly #room: Allowance;
  readonly #before: string[] = [];
  readonly #after: string[] = [];

  /** `bytes`: what the budget has. */
  constructor(budget: Arena, bytes: number) {
    this.#room = new Allowance(budget, bytes);
  }

  get size(): number {
    return this.#before.length;
  }

  /** `now` in milliseconds. Null when it is kept, or why not. */
  add(event: Event, origin: MetricOrigin, now: number): 'event_limit' | 'memory' | null {
    if (this.size >= MOST_EVENTS) return 'event_limit';
    const [before, after] = eventText(event, origin, now);
    if (!this.#room.charge(ENTRY_BYTES + (before.length + after.length) * 2)) return 'memory';
    this.#before.push(before);
    this.#after.push(after);
    return null;
  }

  record(number: number, id: string): string {
    return this.#before[number]! + id + this.#after[number]!;
  }

  clear(): void {
    this.#before.length = 0;
    this.#after.length = 0;
    this.#room.clear();
  }
}

/** The message that a service check came with last, by its series, or by series and time. */
export class Messages {
  /** Those for which there was no room. */
  left = 0;
  readonly #room: Allowance;
  readonly #messages = new Map<string, string>();

  constructor(budget: Arena, bytes: number) {
    this.#room = new Allowance(budget, bytes);
  }

  set(series: number, second: number | undefined, message: string | undefined): void {
    const key = keyOf(series, second);
    const before = this.#messages.get(key);
    if (message === before) return;
    if (before !== undefined) {
      this.#room.refund(bytesOf(before));
      this.#messages.delete(key);
    }
    if (message === undefined) return;
    if (this.#room.charge(bytesOf(message))) this.#messages.set(key, message);
    else this.left++;
  }

  of(series: number, second?: number): string | undefined {
    return this.#messages.size === 0 ? undefined : this.#messages.get(keyOf(series, second));
  }

  clear(): void {
    this.left = 0;
    this.#messages.clear();
    this.#room.clear();
  }
}

function bytesOf(message: string): number {
  return ENTRY_BYTES + message.length * 2;
}

function keyOf(series: number, second: number | undefined): string {
  return second === undefined ? `${series}` : `${series} ${second}`;
}

/** The record before its id, and after it. What was not sent is left out; where it comes from is a tag, as of samples. */
function eventText(
  event: Event,
  { host, dataset, labels }: MetricOrigin,
  now: number,
): [before: string, after: string] {
  const time = new Date(event.timestamp === undefined ? now : event.timestamp * 1000).toISOString();
  const tags = attributesJson(event.host ? [...event.tags, ['host', event.host] as const] : event.tags);
  const before = `{"@timestamp":"${time}","message":${JSON.stringify(event.text)},"event":{"id":"`;
  const kind = `","kind":"event"${members({ dataset, provider: event.source, severity: event.alertType })}}`;
  const title = members({ title: event.title, aggregation_key: event.aggregationKey, priority: event.priority });
  const from = `,"host":${JSON.stringify({ name: host })},"labels":${JSON.stringify(labels)}`;
  return [before, `${kind}${title},"tags":{${tags}}${from}}`];
}

function members(of: Record<string, string | undefined>): string {
  return Object.entries(of)
    .map(([key, value]) => (value === undefined ? '' : `,"${key}":${JSON.stringify(value)}`))
    .join('');
}
