// The access logs of web servers: the Common and the Combined Log Format.
//
//   ADDRESS IDENT USER [21/Sep/2026:14:13:20 +0200] "METHOD URL HTTP/1.1" 200 512           common
//   ...                                                                  "REFERRER" "AGENT" combined
//
// Apache's vhost_combined has HOST:PORT before all that, others have HOST. The address may be a list, as in X-Forwarded-For: A, B.
// A `-` and an empty quoted text are none. A request of another form is the URL as a whole.
//
// Invariant: a byte below 0x20 stands behind the line, so what is compared with other signs need not be within it.
import { digitBits, notOfName } from '../signs.as';
import { JSTR, RAW, TEXT } from './cells.as';
import { option, put, putEscaped, putIf, putTime } from './found.as';
import { nextQuote, readQuotes } from './quotes.as';
import { BLANK, COLON, COMMA, DASH, OPEN, areDigits, findBlank, hasEscapes, isDigit, quoteEnd } from './scan.as';
import { NO_TIME, apacheTime } from './time.as';

const ADDRESS: u32 = 0, IDENT: u32 = 1, USER: u32 = 2, METHOD: u32 = 3, URL: u32 = 4, VERSION: u32 = 5, STATUS: u32 = 6, BYTES: u32 = 7;
const REFERRER: u32 = 8, AGENT: u32 = 9, REST: u32 = 10, CLAIMED: u32 = 11;
const DOMAIN: u32 = 12, PORT: u32 = 13;
const COMMON: u32 = 0;
const TIME_BYTES: usize = 26;
/** ` HTTP/`, of six bytes */
const HTTP: u64 = 0x2f5054544820;
const SIX: u64 = 0xffffffffffff;
/** `- ` */
const NOBODY: u16 = 0x202d;
/** ` "` */
const BLANK_QUOTE: u16 = 0x2220;
/** `] "`, of three bytes */
const REQUEST: u32 = 0x22205d;
const THREE: u32 = 0xffffff;
/** A blank, three others, a blank. */
const BLANKS: u64 = 0x2000000020;
const BETWEEN: u64 = 0xff000000ff;
/** ` "-"` */
const NONE: u32 = 0x222d2220;

/** Nothing in the line is to be escaped, but quotes. */
let clean: bool = false;

/**
 * `option` 0: combined or common; 1: what stands behind is kept, and there may be some; 2: HOST:PORT or HOST stands before;
 * 3: room for where quotes are.
 */
export function access(program: usize, at: usize, to: usize): bool {
  clean = readQuotes(option(program, 3), at, to);
  // What has no end is to stand before the first quote.
  const first = clean ? nextQuote(at, to) : at;
  let end = findBlank(at, to);
  // A host alone is one only where nobody is behind the address: `10.0.0.1 ident ann [` has no host.
  let bare = false;
  if (option(program, 2)) {
    if (end == at) return false;
    bare = !hostAndPort(at, end);
    at = min(end + 1, to);
    end = findBlank(at, to);
  }
  if (end == at) return false;
  while (end < to && load<u8>(end - 1) == COMMA) end = findBlank(end + 1, to);
  if (end == to) return false;
  putUnlessDash(ADDRESS, at, end, end < first ? JSTR : TEXT);
  at = end + 1;
  if (load<u16>(at) == NOBODY) at += 2;
  else {
    if (bare) return false;
    end = findBlank(at, to);
    if (!isWithin(end, at, to)) return false;
    put(IDENT, at, end - at, TEXT);
    at = end + 1;
  }
  end = findBlank(at, to);
  if (load<u16>(at) == NOBODY && load<u8>(at, 2) != OPEN) return false;
  // A user's name may have blanks, but `HOST ADDRESS - - [` is not of the format without a host.
  while (end < to && load<u8>(end, 1) != OPEN) {
    if (load<u16>(end, 1) == NOBODY) return false;
    end = findBlank(end + 1, to);
  }
  if (!isWithin(end, at, to)) return false;
  putUnlessDash(USER, at, end, end < first ? JSTR : TEXT);
  at = end + 2;
  const ms = apacheTime(at, to);
  if (ms == NO_TIME) return false;
  putTime(ms, CLAIMED, at, TIME_BYTES);
  at += TIME_BYTES;
  if ((load<u32>(at) & THREE) != REQUEST) return false;
  at += 3;
  end = textEnd(at, to);
  if (end == to || !request(at, end)) return false;
  at = statusAndBytes(end + 1, to);
  if (at == 0) return false;
  if (option(program, 0) == COMMON) return rest(program, at, to);
  for (let f = REFERRER; f <= AGENT; f++) {
    if (load<u16>(at) != BLANK_QUOTE) return false;
    at += 2;
    end = textEnd(at, to);
    if (end == to || !putUnlessNone(f, at, end)) return false;
    at = end + 1;
  }
  return rest(program, at, to);
}

/** HOST:PORT, or HOST: false. */
@inline
function hostAndPort(at: usize, to: usize): bool {
  let colon = to;
  while (colon > at && load<u8>(colon) != COLON) colon--;
  const has = colon > at && areDigits(colon + 1, to);
  put(DOMAIN, at, (has ? colon : to) - at, TEXT);
  if (has) put(PORT, colon + 1, to - colon - 1, load<u8>(colon, 1) == 0x30 && to - colon > 2 ? TEXT : RAW);
  return has;
}

/** Whether something ends before the end, and not where it begins. */
@inline
function isWithin(end: usize, at: usize, to: usize): bool {
  return end - at - 1 < to - at - 1;
}

/** ` 200 512`, up to a blank or the end; 0: it is not that. */
@inline
function statusAndBytes(at: usize, to: usize): usize {
  const digits = digitBits(at);
  if ((digits & 0b11111) != 0b01110 || (load<u64>(at) & BETWEEN) != BLANKS) return 0;
  put(STATUS, at + 1, 3, load<u8>(at, 1) == 0x30 ? TEXT : RAW);
  at += 5;
  let end = min(at + <usize>ctz(~(digits >> 5)), to);
  if (end - at > 10) end = findBlank(at, to);
  if (end < to && load<u8>(end) == DASH && end == at) return end + 1 == to || load<u8>(end, 1) == BLANK ? end + 1 : 0;
  if (end == at || (end < to && load<u8>(end) != BLANK) || (end - at > 10 && !areDigits(at, end))) return 0;
  put(BYTES, at, end - at, load<u8>(at) == 0x30 && end - at > 1 ? TEXT : RAW);
  return end;
}

@inline
function textEnd(at: usize, to: usize): usize {
  return clean ? nextQuote(at, to) : quoteEnd(at, to);
}

@inline
function rest(program: usize, at: usize, to: usize): bool {
  if (at == to) return true;
  if (option(program, 1) == 0 || load<u8>(at) != BLANK) return false;
  // nginx's `main` has the client that a proxy tells of here, and mostly none.
  if (to - at != 4 || load<u32>(at) != NONE) put(REST, at + 1, to - at - 1, TEXT);
  return true;
}

@inline
function putUnlessDash(f: u32, at: usize, to: usize, kind: u32): void {
  putIf(to - at != 1 || load<u8>(at) != DASH, f, at, to - at, kind);
}

@inline
function putUnlessNone(f: u32, at: usize, to: usize): bool {
  if (clean) {
    // Which it is, is not foreseen.
    putIf(to - at > 1 || (to > at && load<u8>(at) != DASH), f, at, to - at, JSTR);
    return true;
  }
  if (to == at || (to - at == 1 && load<u8>(at) == DASH)) return true;
  return putQuoted(f, at, to);
}

/** The inside of quotes. False: there is no room. */
@inline
function putQuoted(f: u32, at: usize, to: usize): bool {
  if (!clean && hasEscapes) return putEscaped(f, at, to);
  put(f, at, to - at, clean ? JSTR : TEXT);
  return true;
}

/** METHOD URL HTTP/x, where x is a digit, or two with a dot between. */
@inline
function request(at: usize, to: usize): bool {
  const method = methodEnd(at);
  if (method > at && load<u8>(method) == BLANK) {
    let version = to - 1;
    if (load<u8>(version - 1) == 0x2e && isDigit(version)) version -= 2;
    const name = version - 6;
    if ((load<u64>(name) & SIX) == HTTP && isDigit(version) && name > method + 1) {
      put(METHOD, at, method - at, clean ? JSTR : TEXT);
      put(VERSION, version, to - version, clean ? JSTR : TEXT);
      return putQuoted(URL, method + 1, name);
    }
  }
  if (to == at || (to - at == 1 && load<u8>(at) == DASH)) return true;
  return putQuoted(URL, at, to);
}

/** Behind letters, `-` and `_`, as a quote stands somewhere. */
@inline
function methodEnd(at: usize): usize {
  let others = notOfName(at);
  while (others == 0) {
    at += 16;
    others = notOfName(at);
  }
  return at + <usize>ctz(others);
}
