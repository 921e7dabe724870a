// An event that leaves nothing to interpret, found so by one look at its bytes, without the objects and texts of JSON.parse,
// which cost most of what an event does. plain-event.ts is the door, and says what is plain.
//
// Behind the event stand zeros, which are of no JSON: so nothing is looked at beyond them, and the end need not be looked
// for at each byte.
import { isDate } from './as/process/calendar.as';
import { four, two } from './as/process/scan.as';

const MOST_DEPTH: u32 = 32;
const MOST_ID_BYTES: usize = 128;
/** In objects that are open: more are hashed elsewhere. */
const MOST_NAMES: u32 = 256;
const MOST_OF_OBJECT: u32 = 32;

const QUOTE: u32 = 0x22;
const BACKSLASH: u32 = 0x5c;
const COMMA: u32 = 0x2c;
const COLON: u32 = 0x3a;
const DOT: u32 = 0x2e;
const MINUS: u32 = 0x2d;
const PLUS: u32 = 0x2b;
const OPEN: u32 = 0x7b;
const CLOSE: u32 = 0x7d;
const OPEN_LIST: u32 = 0x5b;
const CLOSE_LIST: u32 = 0x5d;
const SPACE: u32 = 0x20;
const ZERO: u32 = 0x30;
const NINE: u32 = 0x39;

/** What an object is, by where it stands. */
const TOP: u32 = 0;
const EVENT: u32 = 1;
const SERVICE: u32 = 2;
const OTHER: u32 = 3;

/** `2026-12-01T07:00:00.000Z`. */
const TIME_BYTES: usize = 24;

/** Of the names of objects that are open: where each begins and ends, a u32 each. */
let table: usize = 0;
let names: u32 = 0;
let at: usize = 0;
let end: usize = 0;
let timed = false;
/** Where its id and its service's name stand, four u32; 0, 0: there is none. */
let found: usize = 0;

export function useTables(foundAt: usize, namesAt: usize): void {
  found = foundAt;
  table = namesAt;
}

/** Whether the bytes in [from, to), which are UTF-8, are plain. 64 bytes behind them are written. */
export function isPlain(from: usize, to: usize): bool {
  for (let i: usize = 0; i < 64; i += 16) v128.store(to + i, i8x16.splat(0));
  at = from;
  end = to;
  names = 0;
  timed = false;
  v128.store(found, i8x16.splat(0));
  if (load<u8>(at++) != OPEN || !object(TOP, 1) || at != end) return false;
  return timed && load<u32>(found, 4) > 0;
}

/** Behind its brace. */
function object(what: u32, depth: u32): bool {
  if (depth > MOST_DEPTH) return false;
  const first = names;
  if (space() == CLOSE) {
    at++;
    return true;
  }
  while (true) {
    const from = at + 1;
    if (load<u8>(at) != QUOTE || !itself() || names >= MOST_NAMES || names - first >= MOST_OF_OBJECT) return false;
    const to = at - 1;
    if (isThere(first, from, to)) return false;
    store<u32>(table + (<usize>names << 3), <u32>from);
    store<u32>(table + (<usize>names << 3), <u32>to, 4);
    names++;
    if (space() != COLON) return false;
    at++;
    space();
    if (!(what == OTHER ? value(OTHER, depth) : member(what, from, to, depth))) return false;
    const next = space();
    at++;
    if (next == CLOSE) break;
    if (next != COMMA) return false;
    space();
  }
  names = first;
  return true;
}

/** The value of a name that may say something of the event. */
function member(what: u32, from: usize, to: usize, depth: u32): bool {
  const length = to - from;
  if (what == TOP) {
    if (length == 5 && isEvent(from)) return load<u8>(at) == OPEN && value(EVENT, depth);
    if (length == 7 && isService(from)) return value(SERVICE, depth);
    // Names with dots may be what others are, nested.
    for (let i = from; i < to; i++) if (load<u8>(i) == DOT) return false;
    if (length == 5 && isAudit(from)) return false;
    if (length != 10 || !isTimestamp(from)) return value(OTHER, depth);
    timed = time(at + 1);
    at += TIME_BYTES + 2;
    return timed;
  }
  if (what == EVENT ? length != 2 || !isId(from) : length != 4 || !isName(from)) return value(OTHER, depth);
  if (what == SERVICE && load<u8>(at) != QUOTE) return value(OTHER, depth);
  const start = at + 1;
  if (load<u8>(at) != QUOTE || !itself()) return false;
  const stop = at - 1;
  const place = what == EVENT ? found : found + 8;
  store<u32>(place, <u32>start);
  store<u32>(place, <u32>stop, 4);
  return what == SERVICE || (stop > start && stop - start <= MOST_ID_BYTES);
}

function value(what: u32, depth: u32): bool {
  const first = load<u8>(at);
  if (first == QUOTE) return text();
  if (first == OPEN) {
    at++;
    return object(what, depth + 1);
  }
  if (first == OPEN_LIST) return list(depth + 1);
  if (first == MINUS || (first >= ZERO && first <= NINE)) return number();
  return word();
}

function list(depth: u32): bool {
  if (depth > MOST_DEPTH) return false;
  at++;
  if (space() == CLOSE_LIST) {
    at++;
    return true;
  }
  while (true) {
    if (!value(OTHER, depth)) return false;
    const next = space();
    at++;
    if (next == CLOSE_LIST) return true;
    if (next != COMMA) return false;
    space();
  }
}

/** From its quote to behind the other one; false: something in it is more than itself. */
@inline
function itself(): bool {
  at = behindItself(at + 1);
  return load<u8>(at++) == QUOTE;
}

/** The first byte of a text that is more than itself: a control, a quote or a backslash. */
@inline
function behindItself(from: usize): usize {
  let i = from;
  while (true) {
    const bytes = v128.load(i);
    const ends = v128.or(i8x16.eq(bytes, i8x16.splat(<i8>QUOTE)), i8x16.eq(bytes, i8x16.splat(<i8>BACKSLASH)));
    const mask = i8x16.bitmask(v128.or(ends, i8x16.lt_u(bytes, i8x16.splat(<i8>SPACE))));
    if (mask) return i + ctz(mask);
    i += 16;
  }
}

function text(): bool {
  at++;
  while (true) {
    at = behindItself(at);
    const code = load<u8>(at++);
    if (code == QUOTE) return true;
    if (code != BACKSLASH) return false;
    const escaped: u32 = load<u8>(at++);
    if (escaped == QUOTE || escaped == BACKSLASH || escaped == 0x2f) continue;
    // b f n r t
    if (escaped == 0x62 || escaped == 0x66 || escaped == 0x6e || escaped == 0x72 || escaped == 0x74) continue;
    if (escaped != 0x75) return false;
    for (let i: usize = 0; i < 4; i++) if (!isHex(load<u8>(at + i))) return false;
    // Half of a surrogate pair, as far as can be told here.
    if ((load<u8>(at) | 0x20) == 0x64 && load<u8>(at, 1) >= 0x38) return false;
    at += 4;
  }
}

@inline
function isHex(code: u32): bool {
  const letter = code | 0x20;
  return (code >= ZERO && code <= NINE) || (letter >= 0x61 && letter <= 0x66);
}

function number(): bool {
  if (load<u8>(at) == MINUS) at++;
  if (load<u8>(at) == ZERO) at++;
  else if (!digits()) return false;
  if (load<u8>(at) == DOT) {
    at++;
    if (!digits()) return false;
  }
  if ((load<u8>(at) | 0x20) != 0x65) return true;
  at++;
  const sign = load<u8>(at);
  if (sign == PLUS || sign == MINUS) at++;
  return digits();
}

/** At least one. */
@inline
function digits(): bool {
  const from = at;
  while (load<u8>(at) >= ZERO && load<u8>(at) <= NINE) at++;
  return at > from;
}

/** `true`, `false` or `null`. */
function word(): bool {
  const four = load<u32>(at);
  if (four == 0x65757274 || four == 0x6c6c756e) {
    at += 4;
    return true;
  }
  const isFalse = four == 0x736c6166 && load<u8>(at, 4) == 0x65;
  at += 5;
  return isFalse;
}

/** What stands behind white space. */
@inline
function space(): u32 {
  let code: u32 = load<u8>(at);
  while (code <= SPACE && (code == SPACE || code == 0x0a || code == 0x0d || code == 0x09)) code = load<u8>(++at);
  return code;
}

/** One of these names of an object is that at [from, to). */
@inline
function isThere(first: u32, from: usize, to: usize): bool {
  const length = <u32>(to - from);
  for (let i = first; i < names; i++) {
    const other: u32 = load<u32>(table + (<usize>i << 3));
    if (load<u32>(table + (<usize>i << 3), 4) - other != length) continue;
    let same: u32 = 0;
    while (same < length && load<u8>(other + same) == load<u8>(from + same)) same++;
    if (same == length) return true;
  }
  return false;
}

@inline
function isEvent(from: usize): bool {
  return load<u32>(from) == 0x6e657665 && load<u8>(from, 4) == 0x74;
}

@inline
function isAudit(from: usize): bool {
  return load<u32>(from) == 0x69647561 && load<u8>(from, 4) == 0x74;
}

@inline
function isService(from: usize): bool {
  return load<u32>(from) == 0x76726573 && load<u32>(from, 3) == 0x65636976;
}

@inline
function isTimestamp(from: usize): bool {
  return load<u64>(from) == 0x617473656d697440 && load<u16>(from, 8) == 0x706d;
}

@inline
function isId(from: usize): bool {
  return load<u16>(from) == 0x6469;
}

@inline
function isName(from: usize): bool {
  return load<u32>(from) == 0x656d616e;
}

/** A time of the usual form, with its quotes. */
function time(from: usize): bool {
  if (load<u8>(from - 1) != QUOTE || load<u8>(from + TIME_BYTES) != QUOTE) return false;
  for (let i: usize = 0; i < TIME_BYTES - 1; i++) {
    const code: u32 = load<u8>(from + i);
    const shape: u32 =
      i == 4 || i == 7 ? MINUS : i == 10 ? 0x54 : i == 13 || i == 16 ? COLON : i == 19 ? DOT : ZERO;
    if (shape == ZERO ? code < ZERO || code > NINE : code != shape) return false;
  }
  if (load<u8>(from + TIME_BYTES - 1) != 0x5a) return false;
  if (!isDate(four(from), two(from + 5), two(from + 8))) return false;
  return two(from + 11) < 24 && two(from + 14) < 60 && two(from + 17) < 60;
}
