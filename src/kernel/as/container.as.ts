// What container runtimes put around a line, taken off in place:
//
//   cri      2026-01-01T00:00:00.000000000Z stdout P text        P, P:tag: the line goes on; F, F:tag: it ends
//   docker   {"log":"text\n","stream":"stdout","time":"..."}     any order of keys; without \n the line goes on
//
// A line that is not like that stays as it is, and is counted. A byte order mark that begins the text is left out, but
// where the text goes on with a line.
import { setFlags, setText, end, flags, start } from './tables.as';
import { utf8Bytes, writeUtf8 } from './decode.as';
import { withoutMarks } from './utf8.as';

const STDOUT: u32 = 4;
const STDERR: u32 = 8;
const MALFORMED: u32 = 0x20;
const PARTIAL: u32 = 0x40;
const SPACE: u32 = 0x20;
const COLON: u32 = 0x3a;
const QUOTE: u32 = 0x22;
const BACKSLASH: u32 = 0x5c;
/** `std`, and what follows it. */
const STD: u32 = 0x647473;
const OUT: u32 = 0x74756f;
const ERR: u32 = 0x727265;
/** 2026-01-01T00:00:00Z */
const SHORTEST_TIME: usize = 20;
const LONGEST_TIME: usize = 40;

/** Lines that are not of the format. */
export let malformed: u32 = 0;
/** Escapes of surrogates without their other half, which became U+FFFD. */
export let unescapedReplaced: u32 = 0;

/** Unwraps records [first, first + count); returns how many of them go on in another. */
export function unwrapCri(first: u32, count: u32): u32 {
  let partial: u32 = 0;
  malformed = 0;
  unfinished = 0;
  for (let i = first; i < first + count; i++) {
    const bits = cri(i, start(i), end(i));
    if (bits & MALFORMED) malformed++;
    if (bits & PARTIAL) partial++;
    takeMarks(i, bits);
    setFlags(i, flags(i) | bits);
  }
  return partial;
}

/** A bit for each stream of which the line before goes on. */
let unfinished: u32 = 0;

/** Takes the marks off the text of line i, unless it is not the beginning of a line. */
@inline
function takeMarks(i: u32, bits: u32): void {
  const stream: u32 = 1 << ((bits >> 2) & 3);
  if ((unfinished & stream) == 0) setText(i, withoutMarks(start(i), end(i)), end(i));
  unfinished = bits & PARTIAL ? unfinished | stream : unfinished & ~stream;
}

/** Takes the beginning off line i; returns its flags. */
@inline
function cri(i: u32, from: usize, to: usize): u32 {
  const most = min(to, from + LONGEST_TIME);
  let at = from + SHORTEST_TIME;
  if (at >= to || load<u8>(from + 4) != 0x2d || load<u8>(from + 10) != 0x54) return MALFORMED;
  while (at < most && load<u8>(at) != SPACE) at++;
  // " stdout F" at least.
  if (at + 9 > to || load<u8>(at) != SPACE || load<u8>(at + 7) != SPACE) return MALFORMED;
  const bits = iostream(at + 1);
  if (bits == 0) return MALFORMED;
  at += 8;
  const tag = <u32>load<u8>(at++);
  if (tag != 0x46 && tag != 0x50) return MALFORMED;
  if (at < to && load<u8>(at) == COLON) while (at < to && load<u8>(at) != SPACE) at++;
  // An empty text may have lost the blank before it.
  if (at < to && load<u8>(at++) != SPACE) return MALFORMED;
  setText(i, at, to);
  return tag == 0x50 ? bits | PARTIAL : bits;
}

@inline
function iostream(at: usize): u32 {
  if ((load<u32>(at) & 0xffffff) != STD) return 0;
  const rest = load<u32>(at + 3) & 0xffffff;
  return rest == OUT ? STDOUT : rest == ERR ? STDERR : 0;
}

/** As `unwrapCri`. */
export function unwrapDocker(first: u32, count: u32): u32 {
  let partial: u32 = 0;
  malformed = 0;
  unescapedReplaced = 0;
  unfinished = 0;
  for (let i = first; i < first + count; i++) {
    const from = start(i);
    if (!scan(from, end(i))) {
      malformed++;
      takeMarks(i, MALFORMED);
      setFlags(i, flags(i) | MALFORMED);
      continue;
    }
    let to = unescape(logAt, logEnd, from);
    let bits = streamBits | flags(i);
    if (to > from && load<u8>(to - 1) == 10) {
      to--;
      if (to > from && load<u8>(to - 1) == 13) to--;
    } else {
      bits |= PARTIAL;
      partial++;
    }
    setText(i, from, to);
    takeMarks(i, bits);
    setFlags(i, bits);
  }
  return partial;
}

let logAt: usize = 0;
let logEnd: usize = 0;
let streamBits: u32 = 0;

/** Finds the texts of `log` and `stream` in the object that memory [from, to) is; false: it is none, or has no log. */
function scan(from: usize, to: usize): bool {
  logEnd = 0;
  streamBits = 0;
  let at = blank(from, to);
  if (at >= to || load<u8>(at) != 0x7b) return false;
  at = blank(at + 1, to);
  while (at < to && load<u8>(at) == QUOTE) {
    const keyAt = at + 1;
    const keyEnd = stringEnd(keyAt, to);
    at = blank(keyEnd + 1, to);
    if (at >= to || load<u8>(at) != COLON) return false;
    at = blank(at + 1, to);
    if (at >= to) return false;
    if (load<u8>(at) == QUOTE) {
      const valueAt = at + 1;
      const valueEnd = stringEnd(valueAt, to);
      if (valueEnd >= to) return false;
      if (keyEnd - keyAt == 3 && (load<u32>(keyAt) & 0xffffff) == 0x676f6c) {
        logAt = valueAt;
        logEnd = valueEnd;
      } else if (keyEnd - keyAt == 6 && load<u32>(keyAt) == 0x65727473 && load<u16>(keyAt + 4) == 0x6d61) {
        streamBits = valueEnd - valueAt == 6 ? iostream(valueAt) : 0;
      }
      at = valueEnd + 1;
    } else at = skipValue(at, to);
    at = blank(at, to);
    if (at >= to) return false;
    const next = <u32>load<u8>(at++);
    if (next == 0x7d) return logEnd > 0 && blank(at, to) == to;
    if (next != 0x2c) return false;
    at = blank(at, to);
  }
  return false;
}

@inline
function blank(at: usize, to: usize): usize {
  while (at < to && (load<u8>(at) == SPACE || load<u8>(at) == 9 || load<u8>(at) == 13)) at++;
  return at;
}

/** Where the quote is that ends the string whose text begins at `at`; `to`: nowhere, or what a backslash escapes is wrong. */
function stringEnd(at: usize, to: usize): usize {
  while (at < to) {
    const found = quoteOrBackslash(at);
    if (found == 16) {
      at += 16;
      continue;
    }
    at += found;
    if (at >= to) break;
    if (load<u8>(at) == QUOTE) return at;
    const escaped = <u32>load<u8>(at + 1);
    if (at + 1 >= to) break;
    if (escaped == 0x75) {
      if (at + 6 > to || hex4(at + 2) < 0) break;
      at += 6;
    } else if (plainEscape(escaped) != 0) at += 2;
    else break;
  }
  return to;
}

@inline
function quoteOrBackslash(at: usize): u32 {
  const bytes = v128.load(at);
  const found = v128.or(i8x16.eq(bytes, i8x16.splat(<i8>QUOTE)), i8x16.eq(bytes, i8x16.splat(<i8>BACKSLASH)));
  return ctz(<u32>i8x16.bitmask(found) | (1 << 16));
}

/** Behind a number, a word, an array or an object. */
function skipValue(at: usize, to: usize): usize {
  let depth: u32 = 0;
  while (at < to) {
    const byte = <u32>load<u8>(at);
    if (byte == QUOTE) {
      at = stringEnd(at + 1, to) + 1;
      continue;
    }
    if (byte == 0x7b || byte == 0x5b) depth++;
    else if (byte == 0x2c && depth == 0) return at;
    else if (byte == 0x7d || byte == 0x5d) {
      if (depth == 0) return at;
      depth--;
    }
    at++;
  }
  return to;
}

/** Of a string's text that `stringEnd` has checked, what it stands for, at `out`, at least eight bytes before. */
export function unescape(from: usize, to: usize, out: usize): usize {
  while (from < to) {
    let plain = from;
    while (plain < to) {
      const found = quoteOrBackslash(plain);
      plain += found;
      if (found < 16) break;
    }
    plain = min(plain, to);
    // What is written beyond the end lies before what is still to be read.
    for (let i: usize = 0; i < plain - from; i += 8) store<u64>(out + i, load<u64>(from + i));
    out += plain - from;
    from = plain;
    if (from == to) break;
    const escaped = <u32>load<u8>(from + 1);
    if (escaped != 0x75) {
      store<u8>(out++, <u8>plainEscape(escaped));
      from += 2;
      continue;
    }
    let code = <u32>hex4(from + 2);
    from += 6;
    if (code >= 0xd800 && code < 0xe000) {
      const other = from + 6 <= to && load<u16>(from) == 0x755c ? <u32>hex4(from + 2) : 0;
      if (code < 0xdc00 && other >= 0xdc00 && other < 0xe000) {
        code = 0x10000 + ((code - 0xd800) << 10) + (other - 0xdc00);
        from += 6;
      } else {
        code = 0xfffd;
        unescapedReplaced++;
      }
    }
    out = writeUtf8(out, code, utf8Bytes(code));
  }
  return out;
}

/** What `\` and this letter stand for; 0: nothing. */
@inline
function plainEscape(letter: u32): u32 {
  if (letter == QUOTE || letter == BACKSLASH || letter == 0x2f) return letter;
  if (letter == 0x6e) return 10;
  if (letter == 0x74) return 9;
  if (letter == 0x72) return 13;
  if (letter == 0x62) return 8;
  return letter == 0x66 ? 12 : 0;
}

/** Four hexadecimal digits; -1: they are none. */
@inline
export function hex4(at: usize): i32 {
  let value: i32 = 0;
  for (let i: usize = 0; i < 4; i++) {
    const byte = <i32>load<u8>(at + i);
    const digit = byte - 0x30;
    const letter = (byte | 0x20) - 0x61;
    if (digit >= 0 && digit < 10) value = (value << 4) | digit;
    else if (letter >= 0 && letter < 6) value = (value << 4) | (letter + 10);
    else return -1;
  }
  return value;
}
