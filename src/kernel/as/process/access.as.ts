// The access logs of web servers: the Common and the Combined Log Format.
//
//   ADDRESS IDENT USER [21/Sep/2026:14:13:20 +0200] "METHOD URL HTTP/1.1" 200 512           common
//   ...                                                                  "REFERRER" "AGENT" combined
//
// Apache's vhost_combined has HOST:PORT before all that. A `-` and an empty quoted text are none. A request of another form is the URL as a whole.
import { RAW, TEXT } from './cells.as';
import { begin, option, put, putQuoted, putTime } from './found.as';
import { BLANK, CLOSE, COLON, DASH, OPEN, QUOTE, areDigits, find, hasEscapes, isDigit, isLetter, quoteEnd } from './scan.as';
import { NO_TIME, apacheTime } from './time.as';

const ADDRESS: u32 = 0, IDENT: u32 = 1, USER: u32 = 2, METHOD: u32 = 3, URL: u32 = 4, VERSION: u32 = 5, STATUS: u32 = 6, BYTES: u32 = 7;
const REFERRER: u32 = 8, AGENT: u32 = 9, REST: u32 = 10, CLAIMED: u32 = 11;
const DOMAIN: u32 = 12, PORT: u32 = 13;
const COMMON: u32 = 0;
const TIME_BYTES: usize = 26;
const HTTP: u32 = 0x50545448;
/** ` "-"` */
const NONE: u32 = 0x222d2220;
const HTTP_SLASH: usize = 5;

/** `option` 0: combined or common; 1: what stands behind is kept, and there may be some; 2: HOST:PORT stands before. */
export function access(program: usize, at: usize, to: usize): bool {
  begin(program);
  let end = find(at, to, BLANK);
  if (option(program, 2)) {
    let colon = end;
    while (colon > at && load<u8>(colon) != COLON) colon--;
    if (colon == at || !areDigits(colon + 1, end)) return false;
    put(DOMAIN, at, colon - at, TEXT);
    put(PORT, colon + 1, end - colon - 1, load<u8>(colon, 1) == 0x30 ? TEXT : RAW);
    at = min(end + 1, to);
    end = find(at, to, BLANK);
  }
  if (end == to || end == at) return false;
  put(ADDRESS, at, end - at, TEXT);
  at = end + 1;
  end = find(at, to, BLANK);
  if (end == to || end == at) return false;
  putUnlessDash(IDENT, at, end);
  at = end + 1;
  end = find(at, to, BLANK);
  // A user's name may have blanks.
  while (end < to && load<u8>(end, 1) != OPEN) end = find(end + 1, to, BLANK);
  if (end == to || end == at) return false;
  putUnlessDash(USER, at, end);
  at = end + 2;
  const ms = apacheTime(at, to);
  if (ms == NO_TIME) return false;
  putTime(ms, CLAIMED, at, TIME_BYTES);
  at += TIME_BYTES;
  if (at + 3 > to || load<u8>(at) != CLOSE || load<u8>(at, 1) != BLANK || load<u8>(at, 2) != QUOTE) return false;
  at += 3;
  end = quoteEnd(at, to);
  if (end == to || !request(at, end, hasEscapes)) return false;
  at = end + 1;
  // Status and bytes.
  if (at + 5 > to || load<u8>(at) != BLANK || !areDigits(at + 1, at + 4) || load<u8>(at, 4) != BLANK) return false;
  put(STATUS, at + 1, 3, load<u8>(at, 1) == 0x30 ? TEXT : RAW);
  at += 5;
  end = find(at, to, BLANK);
  if (areDigits(at, end)) put(BYTES, at, end - at, load<u8>(at) == 0x30 && end - at > 1 ? TEXT : RAW);
  else if (end - at != 1 || load<u8>(at) != DASH) return false;
  if (option(program, 0) == COMMON) return rest(program, end, to);
  at = end;
  for (let f = REFERRER; f <= AGENT; f++) {
    if (at + 2 > to || load<u8>(at) != BLANK || load<u8>(at, 1) != QUOTE) return false;
    at += 2;
    end = quoteEnd(at, to);
    if (end == to || !putUnlessNone(f, at, end)) return false;
    at = end + 1;
  }
  return rest(program, at, to);
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
function putUnlessDash(f: u32, at: usize, to: usize): void {
  if (to - at != 1 || load<u8>(at) != DASH) put(f, at, to - at, TEXT);
}

@inline
function putUnlessNone(f: u32, at: usize, to: usize): bool {
  if (to == at || (to - at == 1 && load<u8>(at) == DASH)) return true;
  return putQuoted(f, at, to, hasEscapes);
}

/** METHOD URL HTTP/x, where x is a digit, or two with a dot between. */
function request(at: usize, to: usize, escapes: bool): bool {
  let method = at;
  while (method < to && (isLetter(method) || load<u8>(method) == DASH || load<u8>(method) == 0x5f)) method++;
  if (method > at && method < to && load<u8>(method) == BLANK) {
    let version = to - 1;
    if (version > method + 3 && isDigit(version) && load<u8>(version - 1) == 0x2e) version -= 2;
    const name = version - HTTP_SLASH;
    if (isDigit(version) && name > method + 2 && load<u32>(name) == HTTP && load<u8>(name, 4) == 0x2f && load<u8>(name - 1) == BLANK) {
      put(METHOD, at, method - at, TEXT);
      put(VERSION, version, to - version, TEXT);
      return putQuoted(URL, method + 1, name - 1, escapes);
    }
  }
  if (to == at || (to - at == 1 && load<u8>(at) == DASH)) return true;
  return putQuoted(URL, at, to, escapes);
}
