// Secrets that are known by how they begin, and addresses of e-mail. Each function gets a place where one may begin, and
// returns the address behind what was dealt with; 0: it is none.
import { BACKSLASH, DASH, QUOTE } from './scan.as';
import { from, hit, inPlace, isBoundary, isDigitByte, isEscaped, isUpperByte, isWordByte, json, to } from './mask-spans.as';

export const BEARER: u32 = 1;
export const JWT: u32 = 2;
export const CLOUD: u32 = 3;
export const EMAIL: u32 = 5;
const DOT: u8 = 0x2e;
const STAR: u8 = 0x2a;
/** Parts of an encrypted token. */
const MOST_DOTS = 4;

/** Four letters in lower case, as a little-endian word. */
@inline
export function lower32(at: usize): u32 {
  return load<u32>(at) | 0x20202020;
}

export const BEAR: u32 = 0x72616562;
export const BASI: u32 = 0x69736162;

/** `eyJ`: base64 of `{"`. */
export function jwtAt(at: usize): usize {
  let dots = 0;
  let next = at + 3;
  for (; next < to; next++) {
    const byte = load<u8>(next);
    if (byte == DOT && dots < MOST_DOTS) dots++;
    else if (!isWordByte(byte) && byte != DASH) break;
  }
  if (dots > 2 && load<u8>(next - 1) == DOT) next--;
  // What the end of the record has cut off is one, too.
  const whole = dots >= 2 && next - at > 20;
  if ((whole || (next == to && next - at > 40)) && isBoundary(at)) hit(at, next, JWT);
  return next;
}

@inline
function wordsEnd(at: usize, extra: u8): usize {
  while (at < to && (isWordByte(load<u8>(at)) || load<u8>(at) == extra)) at++;
  return at;
}

/** Keys of clouds and the like; `word`: the first four bytes. */
export function cloudAt(at: usize, word: u32): usize {
  // AKIA, ASIA
  if (word == 0x41494b41 || word == 0x41495341) {
    let next = at + 4;
    while (next < to && (isDigitByte(load<u8>(next)) || isUpperByte(load<u8>(next)))) next++;
    const whole = next - at == 20 && !(next < to && isWordByte(load<u8>(next)));
    return whole ? key(at, next, 20) : 0;
  }
  // AIza
  if (word == 0x617a4941) return key(at, wordsEnd(at + 4, DASH), 35);
  // ghp_ and the like
  if ((word & 0xff00ffff) == 0x5f006867) return key(at, wordsEnd(at + 4, 0x5f), 24);
  // glpat-
  if (word == 0x61706c67 && load<u16>(at, 4) == 0x2d74) return key(at, wordsEnd(at + 6, DASH), 22);
  // github_pat_
  if (word == 0x68746967 && load<u64>(at, 3) == 0x5f7461705f627568) return key(at, wordsEnd(at + 11, 0x5f), 30);
  // xoxb- and the like
  if ((word & 0xffffff) == 0x786f78 && load<u8>(at, 4) == DASH) return key(at, wordsEnd(at + 5, DASH), 15);
  // ya29.
  if (word == 0x39326179 && load<u8>(at, 4) == DOT) return key(at, wordsEnd(at + 5, DASH), 20);
  // sk_live_, rk_live_; the second letter was found
  if (word == 0x696c5f6b && at > from && load<u32>(at, 4) << 8 == 0x5f657600) {
    const first = load<u8>(at - 1);
    return first == 0x73 || first == 0x72 ? key(at - 1, wordsEnd(at + 7, 0x5f), 20) : 0;
  }
  return 0;
}

function key(at: usize, end: usize, least: usize): usize {
  if (end - at < least || !isBoundary(at)) return 0;
  hit(at, end, CLOUD);
  return end;
}

@inline
function isTokenByte(c: u32): bool {
  // . ~ + / = -
  return isWordByte(c) || c == 0x2e || c == 0x7e || c == 0x2b || c == 0x2f || c == 0x3d || c == 0x2d;
}

/** Behind `Bearer` or `Basic`, which begins at `at` and has so many letters. */
export function bearerAt(at: usize, scheme: usize): usize {
  if (at < from || !isBoundary(at)) return 0;
  const first = at + scheme;
  let begin = first;
  while (begin < to && (load<u8>(begin) == 0x20 || load<u8>(begin) == 9)) begin++;
  if (begin == first) return 0;
  let end = begin;
  let letters = begin;
  // A capital begins a word, too.
  if (letters < to && (<u32>load<u8>(letters) | 0x20) - 0x61 < 26) letters++;
  while (letters < to && <u32>load<u8>(letters) - 0x61 < 26) letters++;
  for (; end < to && isTokenByte(load<u8>(end)); end++);
  // realm="..."
  if (end < to && load<u8>(end) == QUOTE && letters == end - 1 && load<u8>(letters) == 0x3d) return 0;
  while (end > begin && load<u8>(end - 1) == DOT) end--;
  if (begin == end) return 0;
  if (letters == end && !isAuthorization(at)) {
    // Words about it: only what may be a token is one.
    const said = lower32(begin);
    const about = (said == 0x656b6f74 && end - begin <= 6) || said == 0x68747561;
    if (scheme == 5 || about) return 0;
  }
  hit(begin, end, BEARER);
  return end;
}

/** Whether `authorization` stands before it, with a few signs between them. */
function isAuthorization(at: usize): bool {
  let before = at;
  while (before > from && at - before < 6 && !isWordByte(load<u8>(before - 1))) before--;
  // zation
  return before >= from + 13 && lower32(before - 6) == 0x6974617a && lower32(before - 13) == 0x68747561;
}

@inline
function isLetterByte(c: u32): bool {
  return (c | 0x20) - 0x61 < 26 || c > 0x7f;
}

@inline
function isLocal(c: u32): bool {
  return isWordByte(c) || c == 0x2e || c == 0x2b || c == 0x25 || c == 0x2d || c == STAR || c > 0x7f;
}

/** An address whose `@`, of so many bytes, stands at `at`. In place its domain stays. */
export function emailAt(at: usize, bytes: usize): usize {
  let begin = at;
  while (begin > from && isLocal(load<u8>(begin - 1))) begin--;
  // A letter of an escape is none of the address.
  if (json && begin > from && load<u8>(begin - 1) == BACKSLASH && isEscaped(begin)) {
    begin += load<u8>(begin) == 0x75 ? 5 : 1;
  }
  let next = begin;
  while (next < at && load<u8>(next) == STAR) next++;
  if (next >= at) return 0;
  const domain = at + bytes;
  let end = domain;
  while (end < to) {
    const byte = <u32>load<u8>(end);
    if (byte == DOT ? end == domain || load<u8>(end - 1) == DOT : !(isWordByte(byte) && byte != 0x5f) && byte != DASH && byte < 0x80) break;
    end++;
  }
  while (end > domain && (load<u8>(end - 1) == DOT || load<u8>(end - 1) == DASH)) end--;
  let dot = end;
  while (dot > domain && load<u8>(dot - 1) != DOT) dot--;
  if (dot == domain || end - dot < 2 || !isLetterByte(load<u8>(dot))) return 0;
  hit(begin, inPlace(EMAIL) ? at : end, EMAIL);
  return end;
}
