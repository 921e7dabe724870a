// JSON text, walked without making anything of it: each function gives the address behind what it found, 0 where that is
// no JSON. As strict as fatal decoding of UTF-8 and JSON.parse, but for what these leave to whoever asks:
//
//   tooDeep    nested deeper than the stack has room for, which takes a line of that many bytes
//   lone       an escaped surrogate without its other half, as JSON.parse takes them
//
// A string's end is looked for 16 bytes at a time: quotes, backslashes, controls and bytes beyond ASCII in one comparison;
// most keys and values end in the first load. UTF-8 is checked once a text, when the first such byte is met.
//
// Invariant: a byte below 0x20 stands behind the text, so no scan goes beyond it.
import { isUtf8 } from '../utf8.as';
import { hex4 } from '../container.as';
import { digitCount, oddBits } from '../signs.as';

const QUOTE: u32 = 0x22;
const BACKSLASH: u32 = 0x5c;
const OBJECT: u32 = 0x7b;
const ARRAY: u32 = 0x5b;
/** A bit a level; the words behind the first 64 are spilled. */
const DEPTH: u32 = 1 << 18;

export let tooDeep: bool = false;
export let lone: bool = false;
/** A string that was walked since `noEscapes` has backslashes. */
export let escaped: bool = false;
/** One that was walked since that was asked last has escapes that may hide what it says: `\u0040` is `@`, `\/` is `/`. */
let hiding: bool = false;

let spill: usize = 0;
let textFrom: usize = 0;
let utf8: bool = false;

/** Where the stack of objects and arrays has room for DEPTH bits. */
export function useSpill(at: usize): void {
  spill = at;
}

/** Another text begins. */
@inline
export function beginText(from: usize): void {
  textFrom = from;
  utf8 = false;
  tooDeep = false;
  lone = false;
}

@inline
export function noEscapes(): void {
  escaped = false;
}

/** Somebody else walked a string that hides what it says. */
export function noteHiding(): void {
  hiding = true;
}

/** Whether a string hides what it says of those that were walked since this was asked last. */
export function takeHiding(): bool {
  const was = hiding;
  hiding = false;
  return was;
}

@inline
export function blank(at: usize, to: usize): usize {
  while (load<u8>(at) <= 0x20 && at < to && isBlank(load<u8>(at))) at++;
  return at;
}

@inline
function isBlank(byte: u32): bool {
  return byte == 0x20 || byte == 10 || byte == 13 || byte == 9;
}

/** The quote that ends the string whose inside begins at `at`. */
@inline
export function stringEnd(at: usize, to: usize): usize {
  let odd = oddBits(at);
  while (odd == 0) {
    at += 16;
    odd = oddBits(at);
  }
  at += ctz(odd);
  return load<u8>(at) == QUOTE ? at : rareEnd(at, to);
}

/** As `stringEnd`, from a byte that is not plain. */
function rareEnd(at: usize, to: usize): usize {
  while (at < to) {
    const byte = <u32>load<u8>(at);
    if (byte == QUOTE) return at;
    if (byte == BACKSLASH) {
      escaped = true;
      at = escapeEnd(at, to);
      if (at == 0) return 0;
    } else if (byte >= 0x80) {
      if (!utf8 && !isUtf8(textFrom, to)) return 0;
      utf8 = true;
      at = asciiAt(at);
    } else return 0;
    let odd = oddBits(at);
    while (odd == 0) {
      at += 16;
      odd = oddBits(at);
    }
    at += ctz(odd);
  }
  return 0;
}

/** The first byte of ASCII from `at` on. */
@inline
function asciiAt(at: usize): usize {
  let beyond = <u32>i8x16.bitmask(v128.load(at));
  while (beyond == 0xffff) {
    at += 16;
    beyond = <u32>i8x16.bitmask(v128.load(at));
  }
  return at + ctz(~beyond);
}

function escapeEnd(at: usize, to: usize): usize {
  const letter = <u32>load<u8>(at + 1);
  if (letter == 0x75 || letter == 0x2f) hiding = true;
  if (letter == 0x75) {
    const code = at + 6 <= to ? hex4(at + 2) : -1;
    if (code < 0) return 0;
    at += 6;
    if (code < 0xd800 || code >= 0xe000) return at;
    if (code < 0xdc00 && at + 6 <= to && load<u16>(at) == 0x755c && (hex4(at + 2) & ~0x3ff) == 0xdc00) return at + 6;
    lone = true;
    return at;
  }
  const plain = letter == QUOTE || letter == BACKSLASH || letter == 0x2f || letter == 0x6e || letter == 0x74;
  return at + 2 <= to && (plain || letter == 0x72 || letter == 0x62 || letter == 0x66) ? at + 2 : 0;
}

/** Escapes of surrogates without their other half become those of U+FFFD, where they stand; gives how many there were. */
export function replaceLone(at: usize, to: usize): u32 {
  let count: u32 = 0;
  while (at < to) {
    if (load<u8>(at) != BACKSLASH) {
      at++;
      continue;
    }
    lone = false;
    const end = escapeEnd(at, to);
    if (lone) {
      // fffd, as a little-endian word.
      store<u32>(at + 2, 0x64666666);
      count++;
    }
    at = end;
  }
  return count;
}

@inline
function isDigit(at: usize): bool {
  return <u32>load<u8>(at) - 0x30 < 10;
}

@inline
function digitsEnd(at: usize): usize {
  let count = digitCount(at);
  if (count == 0) return 0;
  at += count;
  while (count == 16) {
    count = digitCount(at);
    at += count;
  }
  return at;
}

/** Behind the number at `at`, where something else stands behind it; 0: there is none. */
export function jsonNumberEnd(at: usize): usize {
  return isDigit(at) || load<u8>(at) == 0x2d ? numberEnd(at) : 0;
}

@inline
function numberEnd(at: usize): usize {
  if (load<u8>(at) == 0x2d) at++;
  at = load<u8>(at) == 0x30 ? at + 1 : digitsEnd(at);
  if (at == 0) return 0;
  if (load<u8>(at) == 0x2e) {
    at = digitsEnd(at + 1);
    if (at == 0) return 0;
  }
  return (load<u8>(at) | 0x20) == 0x65 ? exponentEnd(at) : at;
}

function exponentEnd(at: usize): usize {
  at++;
  if (load<u8>(at) == 0x2b || load<u8>(at) == 0x2d) at++;
  return digitsEnd(at);
}

/** Behind a value that is no object and no array. It may end behind `to` where `to` is within it. */
@inline
function scalarEnd(at: usize, to: usize): usize {
  const first = <u32>load<u8>(at);
  if (first == QUOTE) {
    const end = stringEnd(at + 1, to);
    return end ? end + 1 : 0;
  }
  if (first - 0x30 < 10 || first == 0x2d) return numberEnd(at);
  const word = load<u32>(at);
  if (word == 0x65757274 || word == 0x6c6c756e) return at + 4;
  return word == 0x736c6166 && load<u8>(at + 4) == 0x65 ? at + 5 : 0;
}

/** Behind the value at `at`, whatever it is. */
@inline
export function valueEnd(at: usize, to: usize): usize {
  const first = <u32>load<u8>(at);
  let end: usize = 0;
  // What is frequent comes first.
  if (first == QUOTE) {
    end = stringEnd(at + 1, to);
    return end ? end + 1 : 0;
  }
  if (first - 0x30 < 10 || first == 0x2d) end = numberEnd(at);
  else end = first == OBJECT || first == ARRAY ? nestedEnd(at, to) : scalarEnd(at, to);
  return end <= to ? end : 0;
}

/** Behind `"key":` and blanks, where a value is due. */
@inline
function keyEnd(at: usize, to: usize): usize {
  if (load<u8>(at) != QUOTE) return 0;
  at = stringEnd(at + 1, to);
  if (at == 0) return 0;
  at = blank(at + 1, to);
  return load<u8>(at) == 0x3a ? blank(at + 1, to) : 0;
}

/** Behind the object or array at `at`. */
function nestedEnd(at: usize, to: usize): usize {
  // A bit a level: 1 in an object.
  let stack: u64 = 0;
  let depth: u32 = 0;
  for (;;) {
    // A value is due.
    const first = <u32>load<u8>(at);
    if (first == OBJECT || first == ARRAY) {
      if (depth && (depth & 63) == 0) {
        if (depth == DEPTH) {
          tooDeep = true;
          return 0;
        }
        store<u64>(spill + ((<usize>depth >> 6) << 3), stack);
      }
      depth++;
      stack = (stack << 1) | u64(first == OBJECT);
      at = blank(at + 1, to);
      if (<u32>load<u8>(at) != first + 2) {
        if (first == OBJECT) at = keyEnd(at, to);
        if (at == 0) return 0;
        continue;
      }
      at++;
      stack = popped(stack, --depth);
    } else {
      at = scalarEnd(at, to);
      if (at == 0) return 0;
    }
    for (;;) {
      if (depth == 0) return at;
      at = blank(at, to);
      if (at >= to) return 0;
      const next = <u32>load<u8>(at++);
      const inObject = (stack & 1) != 0;
      if (next == 0x2c) {
        at = blank(at, to);
        if (inObject) at = keyEnd(at, to);
        if (at == 0) return 0;
        break;
      }
      if (next != (inObject ? OBJECT + 2 : ARRAY + 2)) return 0;
      stack = popped(stack, --depth);
    }
  }
  return 0;
}

@inline
function popped(stack: u64, depth: u32): u64 {
  return depth && (depth & 63) == 0 ? load<u64>(spill + ((<usize>depth >> 6) << 3)) : stack >> 1;
}
