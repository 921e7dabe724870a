// Values behind names that say that they are secret: `password=x`, `"client_secret": "x"`, `--token: x`, `api_key => x`.
//
// A name ends in password, passwd, passphrase, passwort, pwd, secret, token or api key; a secret may have a key behind it
// (`secret_access_key`). Between name and value stand quotes, blanks and one of `=`, `:`, `=>`, `:=`.
import { BACKSLASH, COLON, QUOTE } from './scan.as';
import { CARD, cardEnd } from './mask-cards.as';
import { from, hit, isDigitByte, json, to, wanted } from './mask-spans.as';
import { BASI, BEAR, lower32 } from './mask-tokens.as';

export const PASSWORD: u32 = 7;
const APOSTROPHE: u8 = 0x27;
const MOST_BLANKS: usize = 8;
const EQUALS: u8 = 0x3d;
const GREATER: u8 = 0x3e;
const STAR: u8 = 0x2a;

/** Three letters of a name stand at `at`, `letters` in lower case. Returns the address behind the value; 0: there is none. */
export function secretAt(at: usize, letters: u32): usize {
  const end = nameEnd(at, letters);
  return end ? valueAt(end) : 0;
}

/** Whether memory at `at` is this text of four letters, in any case. */
@inline
function is(at: usize, word: u32): bool {
  return at >= from && at + 4 <= to && lower32(at) == word;
}

/** The address behind the name that these letters are of; 0: they are of none. */
function nameEnd(at: usize, letters: u32): usize {
  // ssw: pass|word, pass|wd, pass|wort
  if (letters == 0x777373) {
    if (!is(at - 2, 0x73736170)) return 0;
    if (is(at + 2, 0x64726f77) || is(at + 2, 0x74726f77)) return at + 6;
    return (load<u8>(at, 3) | 0x20) == 0x64 ? at + 4 : 0;
  }
  // ssp: pass|phra|se
  if (letters == 0x707373) return is(at - 2, 0x73736170) && is(at + 2, 0x61726870) && is(at + 4, 0x65736172) ? at + 8 : 0;
  // pwd, but not the directory that shells call so
  if (letters == 0x647770) return load<u8>(at, 3) == EQUALS && load<u8>(at, 4) == 0x2f ? 0 : at + 3;
  // ecr: secr|et
  if (letters == 0x726365) return is(at - 1, 0x72636573) && is(at + 1, 0x74657263) ? keyEnd(at + 5) : 0;
  // oke: toke|n
  if (letters == 0x656b6f) return is(at - 1, 0x656b6f74) && (load<u8>(at, 3) | 0x20) == 0x6e ? at + 4 : 0;
  // api: api|key, api|_key
  if (letters == 0x697061) {
    const next = parted(at + 3);
    return isKey(next) ? next + 3 : 0;
  }
  return 0;
}

@inline
function parted(at: usize): usize {
  return load<u8>(at) == 0x5f || load<u8>(at) == 0x2d ? at + 1 : at;
}

@inline
function isKey(at: usize): bool {
  return at + 3 <= to && (lower32(at) & 0xffffff) == 0x79656b;
}

const ARER: u32 = 0x72657261;
const ASIC: u32 = 0x63697361;

/** Behind `secret`: also behind `_key` and `_access_key`. */
function keyEnd(at: usize): usize {
  let next = parted(at);
  // acce|ss
  if (is(next, 0x65636361) && is(next + 2, 0x73736563)) next = parted(next + 6);
  return isKey(next) ? next + 3 : at;
}

@inline
function isQuote(c: u8): bool {
  return c == QUOTE || c == APOSTROPHE;
}

@inline
function pastBlanks(at: usize): usize {
  const most = min(to, at + MOST_BLANKS);
  while (at < most && load<u8>(at) == 0x20) at++;
  return at;
}

/** Behind a name: the value is a secret. */
function valueAt(at: usize): usize {
  let next = at;
  while (next < to && load<u8>(next) == BACKSLASH) next++;
  if (next < to && isQuote(load<u8>(next))) next++;
  else if (next > at) return 0;
  next = pastBlanks(next);
  if (next >= to) return 0;
  const assign = load<u8>(next++);
  if (assign == EQUALS) next += usize(next < to && load<u8>(next) == GREATER);
  else if (assign == COLON) next += usize(next < to && load<u8>(next) == EQUALS);
  else return 0;
  next = pastBlanks(next);
  let backslashes: usize = 0;
  while (next + backslashes < to && load<u8>(next + backslashes) == BACKSLASH) backslashes++;
  const begin = next + backslashes;
  if (begin < to && isQuote(load<u8>(begin))) {
    // That quote ends the text that the name is in, as in "no password=".
    if (json && backslashes == 0 && assign == EQUALS && load<u8>(begin) == QUOTE) return 0;
    return secret(begin + 1, quoteEnd(begin + 1, load<u8>(begin), backslashes));
  }
  let end = wordEnd(next);
  // token: Bearer x
  const bearer = end - next == 6 && is(next, BEAR) && is(next + 2, ARER);
  const basic = end - next == 5 && is(next, BASI) && is(next + 1, ASIC);
  if ((bearer || basic) && pastBlanks(end) > end) {
    next = pastBlanks(end);
    end = wordEnd(next);
  }
  if (isNoSecret(next, end)) return 0;
  // Blanks are in a card's number.
  if (wanted(CARD) && isDigitByte(load<u8>(next))) end = max(end, cardEnd(next));
  return secret(next, end);
}

function secret(begin: usize, end: usize): usize {
  let seen = begin;
  while (seen < end && load<u8>(seen) == STAR) seen++;
  // Nothing, or masked.
  if (seen == end) return 0;
  hit(begin, end, PASSWORD);
  return end;
}

/** Where a text ends that began with a quote behind so many backslashes; where none ends it, the record does. */
function quoteEnd(at: usize, quote: u8, backslashes: usize): usize {
  let run: usize = 0;
  for (; at < to; at++) {
    const byte = load<u8>(at);
    if (byte == BACKSLASH) {
      run++;
      continue;
    }
    if (byte == quote && (backslashes == 0 ? (run & 1) == 0 : run <= backslashes)) return backslashes == 0 ? at : at - run;
    run = 0;
  }
  return to;
}

/** Where a value without quotes ends. */
function wordEnd(at: usize): usize {
  while (at < to) {
    const byte = load<u8>(at);
    if (byte <= 0x20 || byte == QUOTE || byte == APOSTROPHE || byte == 0x26 || byte == 0x2c || byte == 0x3b) return at;
    // ) ] }
    if (byte == 0x29 || byte == 0x5d || byte == 0x7d) return at;
    if (json && byte == BACKSLASH) {
      const letter = at + 1 < to ? load<u8>(at + 1) : 0;
      if (letter != BACKSLASH && letter != 0x2f && letter != 0x75) return at;
      at++;
    }
    at++;
  }
  return to;
}

/** null, true, false, and what opens something. */
function isNoSecret(at: usize, end: usize): bool {
  const bytes = end - at;
  if (bytes == 0) return true;
  const first = load<u8>(at);
  if (first == 0x7b || first == 0x5b || first == 0x28) return true;
  const word = load<u32>(at);
  if (bytes == 4) return word == 0x6c6c756e || word == 0x65757274;
  return bytes == 5 && word == 0x736c6166;
}
