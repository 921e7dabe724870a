/**
 * What a client sends, read: a JSON object, whose bytes are what is kept. What other readers of JSON could see otherwise
 * is refused, as the bytes are to mean one thing for ever: keys that are there twice, also as `event.id` beside
 * `{"event":{"id":..}}`, bytes that are no UTF-8, halves of surrogates (I-JSON, RFC 7493), days that no calendar has.
 */
import { isUtf8 } from 'node:buffer';
import { hash } from '../../builtin.ts';
import { plainEvent } from '../../kernel/plain-event.ts';
import { type AuditPlace, AuditRefusal, malformed } from './refusal.ts';

export const MOST_EVENT_BYTES = 256 << 10;
export const MOST_REQUEST_BYTES = 1 << 20;
export const MOST_OF_REQUEST = 1000;
const MOST_DEPTH = 32;
const MOST_ID_BYTES = 128;
/** But for the days that only some months have. */
const TIME =
  /^\d{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01])T(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d\.\d{3,9}(?:Z|[+-](?:[01]\d|2[0-3]):[0-5]\d)$/;

export interface AuditEvent {
  /** As they came, without white space around them. */
  bytes: Buffer;
  id: string;
  /** Tells whether another event has the same bytes: see `digestOf`. */
  digest: string;
  /** `service.name`, where there is one. */
  service: string | null;
}

/**
 * One event of a request. Throws an AuditRefusal; `line`: where it stands in NDJSON, from 1. `utf8`: it was seen that the
 * bytes are.
 */
export function readEvent(bytes: Buffer, required: readonly string[], line?: number, utf8 = isUtf8(bytes)): AuditEvent {
  const plain = utf8 && required.length === 0 && bytes.length <= MOST_EVENT_BYTES ? plainEvent(bytes) : null;
  if (!plain) return readCarefully(bytes, required, line);
  const { idFrom, idTo, serviceFrom, serviceTo } = plain;
  return {
    bytes,
    id: bytes.toString('utf8', idFrom, idTo),
    digest: digestOf(bytes),
    service: serviceTo > serviceFrom ? bytes.toString('utf8', serviceFrom, serviceTo) : null,
  };
}

/** The same of whatever comes. */
export function readCarefully(bytes: Buffer, required: readonly string[], line?: number): AuditEvent {
  const place: AuditPlace = line === undefined ? {} : { line };
  if (bytes.length > MOST_EVENT_BYTES) {
    throw new AuditRefusal(413, 'too_large', `an event may have at most ${MOST_EVENT_BYTES} bytes`, place);
  }
  if (!isUtf8(bytes)) throw malformed('is no UTF-8', place);
  const text = bytes.toString();
  const event = parsed(text, place);
  if (event === null || typeof event !== 'object' || Array.isArray(event)) throw malformed('is no JSON object', place);
  checkKeys(text, place);
  if (SURROGATE.test(text) && !isWellFormed(event)) throw malformed('has half of a surrogate pair', place);
  const fields = event as Record<string, unknown>;
  if (Object.keys(fields).some((name) => name === 'audit' || name.startsWith('audit.'))) {
    throw malformed('has a member audit: that is where the chain is', { ...place, field: 'audit' });
  }
  const time = fields['@timestamp'];
  if (typeof time !== 'string' || !isTime(time)) {
    const what = 'needs @timestamp: ISO 8601 with milliseconds, for example 2026-12-01T07:00:00.000Z';
    throw malformed(what, { ...place, field: '@timestamp' });
  }
  const id = fieldOf(fields, 'event.id');
  if (Object.hasOwn(fields, 'event.id') && id !== fields['event.id']) {
    throw malformed('has the key "event.id" twice', { ...place, field: 'event.id' });
  }
  if (typeof id !== 'string' || id === '' || Buffer.byteLength(id) > MOST_ID_BYTES) {
    throw malformed(`needs event.id: text of at most ${MOST_ID_BYTES} bytes`, { ...place, field: 'event.id' });
  }
  const missing = required.filter((name) => isMissing(fieldOf(fields, name)));
  if (missing.length > 0) throw new AuditRefusal(422, 'missing', 'fields are missing', { ...place, missing });
  const service = fieldOf(fields, 'service.name');
  return {
    bytes,
    id,
    digest: digestOf(bytes),
    service: typeof service === 'string' && service !== '' ? service : null,
  };
}

/** Sha-256, cut short to 16 bytes, a character each: a string is had for a third of what a buffer takes. */
export function digestOf(bytes: Buffer): string {
  return hash('sha256', bytes, 'latin1').slice(0, 16);
}

/** The id of an event that is JSON; null: it has none, or another value. */
export function idOf(client: Buffer): string | null {
  const event: unknown = JSON.parse(client.toString());
  const id = event === null || typeof event !== 'object' ? null : fieldOf(event as Record<string, unknown>, 'event.id');
  return typeof id === 'string' ? id : null;
}

function parsed(text: string, place: AuditPlace): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw malformed(`is no JSON: ${(error as Error).message}`, place);
  }
}

/** Nested, or under its name with dots, as some libraries of ECS write it. */
function fieldOf(event: Record<string, unknown>, name: string): unknown {
  let at: unknown = event;
  for (const part of name.split('.')) {
    if (at === null || typeof at !== 'object' || !Object.hasOwn(at, part)) {
      return Object.hasOwn(event, name) ? event[name] : undefined;
    }
    at = (at as Record<string, unknown>)[part];
  }
  return at;
}

/** Date.parse takes the 30th of February for the 2nd of March. */
function isTime(text: string): boolean {
  if (!TIME.test(text)) return false;
  const day = text.slice(0, 10);
  return text.slice(8, 10) <= '28' || new Date(Date.parse(day)).toISOString().startsWith(day);
}

/** The escape of one half: only then is it looked whether the other one is there. */
const SURROGATE = /\\u[dD][89a-fA-F]/;

function isWellFormed(value: unknown): boolean {
  if (typeof value === 'string') return value.isWellFormed();
  if (value === null || typeof value !== 'object') return true;
  return Object.entries(value).every(([name, one]) => name.isWellFormed() && isWellFormed(one));
}

function isMissing(value: unknown): boolean {
  return value === undefined || value === null || value === '';
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;

/** Goes through text that is JSON: no object may have a key twice, and nothing may be deeper than 32. */
function checkKeys(text: string, place: AuditPlace): void {
  /** Of the objects that are open; null: an array. */
  const open: (string[] | Set<string> | null)[] = [];
  let keyNext = false;
  /** The next one from here on; what is behind the last one is not searched again and again. */
  let backslash = text.indexOf('\\');
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code === QUOTE) {
      const from = at + 1;
      at = text.indexOf('"', from);
      while (isEscaped(text, at, from)) at = text.indexOf('"', at + 1);
      if (!keyNext) continue;
      keyNext = false;
      if (backslash >= 0 && backslash < from) backslash = text.indexOf('\\', from);
      const key =
        backslash >= from && backslash < at
          ? (JSON.parse(text.slice(from - 1, at + 1)) as string)
          : text.slice(from, at);
      addKey(open, key, place);
    } else if (code === 0x7b || code === 0x5b) {
      open.push(code === 0x7b ? [] : null);
      keyNext = code === 0x7b;
      if (open.length > MOST_DEPTH) throw malformed(`is deeper than ${MOST_DEPTH}`, place);
    } else if (code === 0x7d || code === 0x5d) {
      open.pop();
      keyNext = false;
    } else if (code === 0x2c) keyNext = open.at(-1) !== null;
  }
}

function isEscaped(text: string, at: number, from: number): boolean {
  let backslashes = 0;
  for (let i = at - 1; i >= from && text.charCodeAt(i) === BACKSLASH; i--) backslashes++;
  return backslashes % 2 === 1;
}

/** Few keys are looked through faster than they are hashed. */
const MANY_KEYS = 16;

function addKey(open: (string[] | Set<string> | null)[], key: string, place: AuditPlace): void {
  let keys = open.at(-1)!;
  if (Array.isArray(keys) ? keys.includes(key) : keys.has(key)) {
    throw malformed(`has the key ${JSON.stringify(key.slice(0, 64))} twice`, { ...place, field: key.slice(0, 64) });
  }
  if (!Array.isArray(keys)) keys.add(key);
  else if (keys.push(key) > MANY_KEYS) {
    keys = new Set(keys);
    open[open.length - 1] = keys;
  }
}

const isSpace = (byte: number | undefined) => byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09;

/** What is in [from, to), without white space around it. */
export function trimmed(bytes: Buffer, from = 0, to = bytes.length): Buffer {
  while (from < to && isSpace(bytes[from])) from++;
  while (to > from && isSpace(bytes[to - 1])) to--;
  return bytes.subarray(from, to);
}

/** Lines of NDJSON that are not empty, with their numbers from 1. */
export function eventLines(body: Buffer): { bytes: Buffer; line: number }[] {
  const found: { bytes: Buffer; line: number }[] = [];
  for (let at = 0, line = 1; at < body.length; line++) {
    const end = body.indexOf(0x0a, at);
    const bytes = trimmed(body, at, end < 0 ? body.length : end);
    if (bytes.length > 0) found.push({ bytes, line });
    at = end < 0 ? body.length : end + 1;
  }
  return found;
}
