/**
 * An event that leaves nothing to interpret, found so by one look at its bytes, without the objects and texts of JSON.parse,
 * which cost most of what an event does:
 *
 *   {"@timestamp":"2026-12-01T07:00:00.000Z","event":{"id":"7f3c-1",...},...}
 *
 * It is meant to take what clients send, and to be unsure of all else, as of a name with a backslash or a dot, of many names
 * in one object, of half a surrogate pair's escape: that is read by event.ts, which knows what it means and what is wrong with
 * it. So nothing is refused here; and what is found plain, event.ts would take too, with the same id.
 */

/** Where in the bytes what is said of it stands: [from, to). */
export interface PlainEvent {
  idFrom: number;
  idTo: number;
  /** Its `service.name`; 0, 0: none. */
  serviceFrom: number;
  serviceTo: number;
}

const MOST_DEPTH = 32;
const MOST_ID_BYTES = 128;
/** In objects that are open: more are hashed elsewhere. */
const MOST_NAMES = 256;
const MOST_OF_OBJECT = 32;

const [QUOTE, BACKSLASH, COMMA, COLON, DOT, MINUS, PLUS] = [0x22, 0x5c, 0x2c, 0x3a, 0x2e, 0x2d, 0x2b];
const [OPEN, CLOSE, OPEN_LIST, CLOSE_LIST, SPACE, ZERO, NINE] = [0x7b, 0x7d, 0x5b, 0x5d, 0x20, 0x30, 0x39];

/** Bytes of a text that are no more than themselves: no control, quote or backslash. */
const ITSELF = Uint8Array.from({ length: 256 }, (_, c) => (c >= SPACE && c !== QUOTE && c !== BACKSLASH ? 1 : 0));
const ESCAPED = Uint8Array.from({ length: 256 }, (_, c) => ('"\\/bfnrt'.includes(String.fromCharCode(c)) ? 1 : 0));
const HEX = Uint8Array.from({ length: 256 }, (_, c) => (/[0-9a-fA-F]/.test(String.fromCharCode(c)) ? 1 : 0));

/** What an object is, by where it stands. */
const [TOP, EVENT, SERVICE, OTHER] = [0, 1, 2, 3];
const [TIMESTAMP_NAME, EVENT_NAME, SERVICE_NAME] = ['@timestamp', 'event', 'service'].map((name) => Buffer.from(name));
const [ID_NAME, NAME_NAME, AUDIT_NAME] = ['id', 'name', 'audit'].map((name) => Buffer.from(name));
const DAYS = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
/** `2026-12-01T07:00:00.000Z`. */
const TIME_BYTES = 24;
const TIME_SHAPE = Buffer.from('0000-00-00T00:00:00.000Z');

const froms = new Int32Array(MOST_NAMES);
const tos = new Int32Array(MOST_NAMES);
let names = 0;
let bytes: Uint8Array = Buffer.alloc(0);
let at = 0;
let end = 0;
let timed = false;
const found: PlainEvent = { idFrom: 0, idTo: 0, serviceFrom: 0, serviceTo: 0 };

/** What of these bytes, which are UTF-8, is plain; null: not all. The next call changes what is given back. */
export function plainEvent(event: Buffer): Readonly<PlainEvent> | null {
  bytes = event;
  at = 0;
  end = event.length;
  names = 0;
  timed = false;
  found.idTo = 0;
  found.serviceFrom = 0;
  found.serviceTo = 0;
  if (bytes[at++] !== OPEN || !object(TOP, 1) || at !== end) return null;
  return timed && found.idTo > 0 ? found : null;
}

/** Behind its brace. */
function object(what: number, depth: number): boolean {
  if (depth > MOST_DEPTH) return false;
  const first = names;
  if (space() === CLOSE) {
    at++;
    return true;
  }
  for (;;) {
    const from = at + 1;
    if (bytes[at] !== QUOTE || !itself() || names >= MOST_NAMES || names - first >= MOST_OF_OBJECT) return false;
    const to = at - 1;
    if (isThere(first, from, to)) return false;
    froms[names] = from;
    tos[names++] = to;
    if (space() !== COLON) return false;
    at++;
    space();
    if (!(what === OTHER ? value(OTHER, depth) : member(what, from, to, depth))) return false;
    const next = space();
    at++;
    if (next === CLOSE) break;
    if (next !== COMMA) return false;
    space();
  }
  names = first;
  return true;
}

/** The value of a name that may say something of the event. */
function member(what: number, from: number, to: number, depth: number): boolean {
  if (what === TOP) {
    if (is(EVENT_NAME!, from, to)) return bytes[at] === OPEN && value(EVENT, depth);
    if (is(SERVICE_NAME!, from, to)) return value(SERVICE, depth);
    // Names with dots may be what others are, nested.
    if (hasDot(bytes, from, to)) return false;
    if (is(AUDIT_NAME!, from, to)) return false;
    if (!is(TIMESTAMP_NAME!, from, to)) return value(OTHER, depth);
    timed = time(at + 1);
    at += TIME_BYTES + 2;
    return timed;
  }
  const says = what === EVENT ? is(ID_NAME!, from, to) : is(NAME_NAME!, from, to);
  if (!says) return value(OTHER, depth);
  if (what === SERVICE && bytes[at] !== QUOTE) return value(OTHER, depth);
  const start = at + 1;
  if (bytes[at] !== QUOTE || !itself()) return false;
  if (what === SERVICE) {
    found.serviceFrom = start;
    found.serviceTo = at - 1;
    return true;
  }
  found.idFrom = start;
  found.idTo = at - 1;
  return found.idTo > start && found.idTo - start <= MOST_ID_BYTES;
}

function value(what: number, depth: number): boolean {
  const first = bytes[at]!;
  if (first === QUOTE) return text();
  if (first === OPEN) {
    at++;
    return object(what, depth + 1);
  }
  if (first === OPEN_LIST) return list(depth + 1);
  if (first === MINUS || (first >= ZERO && first <= NINE)) return number();
  return word('true') || word('false') || word('null');
}

function list(depth: number): boolean {
  if (depth > MOST_DEPTH) return false;
  at++;
  if (space() === CLOSE_LIST) {
    at++;
    return true;
  }
  for (;;) {
    if (!value(OTHER, depth)) return false;
    const next = space();
    at++;
    if (next === CLOSE_LIST) return true;
    if (next !== COMMA) return false;
    space();
  }
}

/** From its quote to behind the other one; false: something in it is more than itself. */
function itself(): boolean {
  at = behindItself(bytes, at + 1, end);
  return at < end && bytes[at++] === QUOTE;
}

/** Its own variables: those of the module are read anew for each byte. */
function behindItself(of: Uint8Array, from: number, to: number): number {
  let i = from;
  while (i < to && ITSELF[of[i]!] === 1) i++;
  return i;
}

function hasDot(of: Uint8Array, from: number, to: number): boolean {
  for (let i = from; i < to; i++) if (of[i] === DOT) return true;
  return false;
}

function text(): boolean {
  at++;
  for (;;) {
    at = behindItself(bytes, at, end);
    if (at >= end) return false;
    const code = bytes[at++];
    if (code === QUOTE) return true;
    if (code !== BACKSLASH || at >= end) return false;
    const escaped = bytes[at++]!;
    if (ESCAPED[escaped] === 1) continue;
    if (escaped !== 0x75 || at + 4 > end) return false;
    for (let i = 0; i < 4; i++) if (HEX[bytes[at + i]!] === 0) return false;
    // Half of a surrogate pair, as far as can be told here.
    if ((bytes[at]! | 0x20) === 0x64 && bytes[at + 1]! >= 0x38) return false;
    at += 4;
  }
}

function number(): boolean {
  if (bytes[at] === MINUS) at++;
  if (bytes[at] === ZERO) at++;
  else if (!digits()) return false;
  if (bytes[at] === DOT) {
    at++;
    if (!digits()) return false;
  }
  if ((bytes[at]! | 0x20) !== 0x65) return true;
  at++;
  if (bytes[at] === PLUS || bytes[at] === MINUS) at++;
  return digits();
}

/** At least one. */
function digits(): boolean {
  const from = at;
  while (bytes[at]! >= ZERO && bytes[at]! <= NINE) at++;
  return at > from;
}

function word(of: string): boolean {
  for (let i = 0; i < of.length; i++) if (bytes[at + i] !== of.charCodeAt(i)) return false;
  at += of.length;
  return true;
}

/** What stands behind white space. */
function space(): number {
  let code = bytes[at]!;
  while (code <= SPACE && (code === SPACE || code === 0x0a || code === 0x0d || code === 0x09)) code = bytes[++at]!;
  return code;
}

/** One of these names of an object is that at [from, to). */
function isThere(first: number, from: number, to: number): boolean {
  const of = bytes;
  const length = to - from;
  for (let i = names - 1; i >= first; i--) {
    const other = froms[i]!;
    if (tos[i]! - other !== length) continue;
    let same = 0;
    while (same < length && of[other + same] === of[from + same]) same++;
    if (same === length) return true;
  }
  return false;
}

function is(name: Buffer, from: number, to: number): boolean {
  const of = bytes;
  const { length } = name;
  if (length !== to - from) return false;
  for (let i = 0; i < length; i++) if (name[i] !== of[from + i]) return false;
  return true;
}

/** A time of the usual form, with its quotes, on a day that each year has. */
function time(from: number): boolean {
  if (bytes[from - 1] !== QUOTE || bytes[from + TIME_BYTES] !== QUOTE) return false;
  for (let i = 0; i < TIME_BYTES; i++) {
    const [code, shape] = [bytes[from + i]!, TIME_SHAPE[i]!];
    if (shape === ZERO ? code < ZERO || code > NINE : code !== shape) return false;
  }
  const month = two(from + 5);
  const day = two(from + 8);
  if (month < 1 || month > 12 || day < 1 || day > DAYS[month - 1]!) return false;
  return two(from + 11) < 24 && two(from + 14) < 60 && two(from + 17) < 60;
}

function two(from: number): number {
  return (bytes[from]! - ZERO) * 10 + bytes[from + 1]! - ZERO;
}
