/**
 * An event as it goes over the wire: one line of JSON that the agent will take. What it would refuse for good is refused
 * here, where whoever made the event can still be told: a row of a transaction that is refused later is too late.
 */
import { randomUUID } from 'node:crypto';

/** Longest event, bytes of its JSON. */
export const EVENT_BYTES = 256 * 1024;
const ID_BYTES = 128;
const DEPTH = 32;
const STREAM = /^[a-z0-9._-]{1,64}$/;
/** But for the days that only some months have. */
const TIME =
  /^\d{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01])T(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d\.\d{3,9}(?:Z|[+-](?:[01]\d|2[0-3]):[0-5]\d)$/;
/** JSON.stringify escapes halves of surrogate pairs alone; before the escape there may be backslashes that are texts. */
const HALF = /(?<!\\)(?:\\\\)*\\ud[89a-f]/;

/** A document of the Elastic Common Schema. `@timestamp` and `event.id` are added where they are missing. */
export interface AuditEvent {
  '@timestamp'?: string | Date;
  event?: { id?: string; action?: string; [field: string]: unknown };
  [field: string]: unknown;
}

export interface WrittenEvent {
  id: string;
  /** `event.action`, where there is one. */
  action: string | null;
  /** JSON without a line feed. */
  text: string;
}

/** Completes and writes `event`, which stays as it is. Throws a TypeError that says what is wrong with it. */
export function writeEvent(event: AuditEvent): WrittenEvent {
  if (!isObject(event)) throw new TypeError('an audit event is an object, such as {event: {action: "order.approve"}}');
  if (event.event !== undefined && !isObject(event.event)) {
    throw new TypeError('event is an object in an audit event: {event: {id, action, outcome}}');
  }
  if (Object.keys(event).some((name) => name === 'audit' || name.startsWith('audit.'))) {
    throw new TypeError('an audit event has no member audit: the agent writes its own');
  }
  // Some libraries of ECS write names with dots.
  const { id: nested, action = event['event.action'] } = event.event ?? {};
  const dotted = event['event.id'];
  const id = nested ?? dotted ?? randomUUID();
  if (nested !== undefined && dotted !== undefined && nested !== dotted) {
    throw new TypeError('an audit event has one event.id, not another one under "event.id"');
  }
  if (typeof id !== 'string' || id === '' || Buffer.byteLength(id) > ID_BYTES) {
    throw new TypeError(`event.id is a text of 1 to ${ID_BYTES} bytes`);
  }
  const time = event['@timestamp'] ?? new Date();
  const stamp = time instanceof Date && !Number.isNaN(time.getTime()) ? time.toISOString() : time;
  if (typeof stamp !== 'string' || !isTime(stamp)) {
    throw new TypeError('@timestamp is a Date, or ISO 8601 with milliseconds: 2026-11-30T12:00:00.000Z');
  }
  const known = nested !== undefined || dotted !== undefined;
  const whole = { ...event, '@timestamp': stamp, ...(known ? {} : { event: { ...event.event, id } }) };
  const text = JSON.stringify(whole);
  const bytes = Buffer.byteLength(text);
  if (bytes > EVENT_BYTES)
    throw new TypeError(`an audit event has at most ${EVENT_BYTES} bytes, and this one ${bytes}`);
  if (HALF.test(text)) {
    throw new TypeError('an audit event has no half of a surrogate pair: a text was cut in the midst of a character');
  }
  if (depthOf(text) > DEPTH) throw new TypeError(`an audit event is at most ${DEPTH} levels deep`);
  return { id, action: typeof action === 'string' ? action : null, text };
}

/** Throws a TypeError where `stream` is no name of a stream. */
export function checkStream(stream: unknown): void {
  if (typeof stream === 'string' && STREAM.test(stream)) return;
  throw new TypeError(`a stream is named by 1 to 64 of a-z, 0-9, ".", "_" and "-", not ${JSON.stringify(stream)}`);
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Date.parse takes the 30th of February for the 2nd of March. */
function isTime(text: string): boolean {
  if (!TIME.test(text)) return false;
  const day = text.slice(0, 10);
  return text.slice(8, 10) <= '28' || new Date(Date.parse(day)).toISOString().startsWith(day);
}

/** How deep its objects and arrays are nested. */
function depthOf(json: string): number {
  let [depth, deepest] = [0, 0];
  for (let at = 0; at < json.length; at++) {
    const char = json.charCodeAt(at);
    if (char === 0x22) at = endOfText(json, at);
    else if (char === 0x7b || char === 0x5b) deepest = Math.max(deepest, ++depth);
    else if (char === 0x7d || char === 0x5d) depth--;
  }
  return deepest;
}

/** Where the quote is that ends the text that begins at `at`. */
function endOfText(json: string, at: number): number {
  for (let end = at + 1; ; end++) {
    const char = json.charCodeAt(end);
    if (char === 0x22) return end;
    if (char === 0x5c) end++;
  }
}
