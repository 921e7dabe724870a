// OTLP's JSON form becomes protobuf, in one pass over the text, by the same schema. Keys that are not known are passed over,
// null is as if it were not there. As the walk it can stop after any value and go on later.
//
//   names   16 bytes a message   0 its list | 4 how many | 8 bytes that the length of such a message is likely to take
//   list    16 bytes a field     0 name | 4 bytes | 8 field number | 12 what it is, as in the table of the walk; bit 6: repeated
//   frame   24 bytes             0 row | 4 what it is | 8 field number | 12 where its length stands | 16 bytes of that | 20 state
//
// A message's length stands before it and is known behind it: it gets the bytes that it is likely to need. Where they are too
// many it is written wider than it must be, where they are too few the message is moved.
//
// What is rare (numbers with exponents, names of enums) is asked of JavaScript.
import { unescape } from '../container.as';
import { beginText, blank, escaped, jsonNumberEnd, noEscapes, stringEnd, useSpill, valueEnd } from '../process/json-text.as';
import { fast, readDouble } from './json-numbers.as';
import { fromBase64, fromHex } from './json-bytes.as';
import { lengthBytes, writeLength } from './wire.as';

/** What `convert` returns. */
const MORE: u32 = 0;
const DONE: u32 = 1;
const WRONG: u32 = 2;
const ASK: u32 = 3;

/** Reasons, as reasons.ts has them. */
const SYNTAX: u32 = 1;
const TYPE: u32 = 2;
const LARGE: u32 = 3;
const DEPTH: u32 = 4;

const MESSAGE: u32 = 3;
const REPEATED: u32 = 0x40;
const LEN: u32 = 2;
/** Scalars, as otlp/table.ts numbers them. */
const STRING: u32 = 1;
const BYTES: u32 = 2;
const BOOL: u32 = 3;
const INT32: u32 = 4;
const UINT32: u32 = 5;
const SINT32: u32 = 6;
const INT64: u32 = 7;
const UINT64: u32 = 8;
const FIXED32: u32 = 9;
const FIXED64: u32 = 10;
const SFIXED64: u32 = 11;
const DOUBLE: u32 = 12;
const ID: u32 = 13;
const ENUM: u32 = 14;

const FRAME: usize = 24;
/** Objects and arrays; of messages the walk allows fewer. */
const DEEPEST: u32 = 200;
/** States of frames: nothing of it was read; something was. An array, not an object. */
const BEGUN: u32 = 1;
const ARRAY: u32 = 2;
/** What a value that is no text takes in protobuf, with its tag. */
const ROOM: usize = 32;

const QUOTE: u32 = 0x22;
const COMMA: u32 = 0x2c;
const NULL: u32 = 0x6c6c756e;
const TRUE: u32 = 0x65757274;
const FALSE: u32 = 0x736c6166;

let names: usize = 0;
let stack: usize = 0;
let at: usize = 0;
let to: usize = 0;
let out: usize = 0;
let limit: usize = 0;
let depth: i32 = 0;

export let jsonWrong: u32 = 0;
/** What is asked: a token, and whose value it is. */
export let askedAt: usize = 0;
export let askedBytes: u32 = 0;
export let askedScalar: u32 = 0;
export let askedField: u32 = 0;
let askedEntry: u32 = 0;
let askedAlone = false;

export function useJson(table: usize, frames: usize, spill: usize): void {
  names = table;
  stack = frames;
  useSpill(spill);
}

export function jsonAt(): usize {
  return at;
}

/** Behind what was written. */
export function jsonOut(): usize {
  return out;
}

export function beginJson(from: usize, end: usize, request: u32, writeAt: usize, writeLimit: usize): void {
  // What looks for the end of a text stops there.
  store<u8>(end, 0);
  v128.store(end, i32x4.splat(0));
  beginText(from);
  at = from;
  to = end;
  out = writeAt;
  limit = writeLimit;
  depth = 0;
  jsonWrong = 0;
  const frame = stack;
  store<u32>(frame, request);
  store<u32>(frame, 0, 12);
  store<u32>(frame, 0, 20);
  at = blank(at, to);
  if (at >= to || load<u8>(at) != 0x7b) jsonWrong = SYNTAX;
  else at++;
}

/** The bits of what was asked. */
export function answer(bits: u64): void {
  writeNumber(askedEntry, askedField, bits, askedAlone);
}

function fail(reason: u32): u32 {
  jsonWrong = reason;
  return WRONG;
}

export function convert(steps: i32): u32 {
  if (jsonWrong) return WRONG;
  while (depth >= 0) {
    if (--steps < 0) return MORE;
    const frame = stack + <usize>depth * FRAME;
    const state = load<u32>(frame, 20);
    at = blank(at, to);
    if (at >= to) return fail(SYNTAX);
    let byte = <u32>load<u8>(at);
    if (byte == (state & ARRAY ? 0x5d : 0x7d)) {
      at++;
      close(frame);
      continue;
    }
    if (state & BEGUN) {
      if (byte != COMMA) return fail(SYNTAX);
      at = blank(at + 1, to);
      if (at >= to) return fail(SYNTAX);
      byte = <u32>load<u8>(at);
    }
    store<u32>(frame, state | BEGUN, 20);
    if (out + ROOM > limit) return fail(LARGE);
    if (state & ARRAY) {
      const said = one(load<u32>(frame, 4), load<u32>(frame, 8), byte, load<u32>(frame, 12) == 0);
      if (said != MORE) return said;
      continue;
    }
    if (byte != QUOTE) return fail(SYNTAX);
    const key = at + 1;
    const end = stringEnd(key, to);
    if (end == 0) return fail(SYNTAX);
    at = blank(end + 1, to);
    if (load<u8>(at) != 0x3a) return fail(SYNTAX);
    at = blank(at + 1, to);
    if (at >= to) return fail(SYNTAX);
    byte = <u32>load<u8>(at);
    const field = find(load<u32>(frame), key, <u32>(end - key));
    if (field == 0 || load<u32>(at) == NULL) {
      at = valueEnd(at, to);
      if (at == 0) return fail(SYNTAX);
      continue;
    }
    const entry = load<u32>(field, 12);
    if (!(entry & REPEATED)) {
      const said = one(entry, load<u32>(field, 8), byte, true);
      if (said != MORE) return said;
      continue;
    }
    if (byte != 0x5b) return fail(TYPE);
    at++;
    const isPacked = (entry & 7) != LEN;
    if (!open(0, entry, load<u32>(field, 8), ARRAY, isPacked ? 1 : 0)) return fail(DEPTH);
  }
  at = blank(at, to);
  return at == to ? DONE : fail(SYNTAX);
}

/** The field of this name; 0: there is none. */
@inline
function find(row: u32, key: usize, bytes: u32): usize {
  const message = names + (<usize>row << 4);
  let field = <usize>load<u32>(message);
  for (let left = load<u32>(message, 4); left > 0; left--) {
    if (load<u32>(field, 4) == bytes && isSame(<usize>load<u32>(field), key, bytes)) return field;
    field += 16;
  }
  return 0;
}

@inline
function isSame(a: usize, b: usize, bytes: u32): bool {
  let i: u32 = 0;
  for (; i + 8 <= bytes; i += 8) if (load<u64>(a + i) != load<u64>(b + i)) return false;
  const rest = bytes - i;
  return rest == 0 || ((load<u64>(a + i) ^ load<u64>(b + i)) << (64 - (<u64>rest << 3))) == 0;
}

/** A message or an array begins: its length stands in `width` bytes, if it has one. */
function open(row: u32, entry: u32, field: u32, state: u32, width: u32): bool {
  if (++depth >= <i32>DEEPEST) return false;
  const frame = stack + <usize>depth * FRAME;
  store<u32>(frame, row);
  store<u32>(frame, entry, 4);
  store<u32>(frame, field, 8);
  store<u32>(frame, 0, 12);
  store<u32>(frame, width, 16);
  store<u32>(frame, state, 20);
  if (width > 0) {
    out = writeLength(out, (field << 3) | LEN);
    store<u32>(frame, <u32>out, 12);
    out += width;
  }
  return true;
}

function close(frame: usize): void {
  depth--;
  const place = <usize>load<u32>(frame, 12);
  if (place == 0) return;
  const width = load<u32>(frame, 16);
  const length = <u32>(out - place - <usize>width);
  if (length == 0 && load<u32>(frame, 20) & ARRAY) {
    // No numbers: no field.
    out = place - <usize>lengthBytes(load<u32>(frame, 8) << 3);
    return;
  }
  const needed = lengthBytes(length);
  if (needed > width) {
    memory.copy(place + <usize>needed, place + <usize>width, <usize>length);
    out += <usize>(needed - width);
  }
  writeWide(place, length, max(needed, width));
}

/** A length in so many bytes, which may be more than it needs. */
function writeWide(place: usize, length: u32, width: u32): void {
  for (let i: u32 = 1; i < width; i++) {
    store<u8>(place++, <u8>(length | 0x80));
    length >>= 7;
  }
  store<u8>(place, <u8>length);
}

/** One value, whose first byte is given. `alone`: with its tag; numbers of a list have none. */
function one(entry: u32, field: u32, byte: u32, alone: bool): u32 {
  if (((entry >> 3) & 7) == MESSAGE) {
    // In a list it stands for an empty one, as nothing else could.
    if (byte != 0x7b) return fail(TYPE);
    at++;
    const row = (entry >> 8) & 0xff;
    return open(row, entry, field, 0, load<u32>(names + (<usize>row << 4), 8)) ? MORE : fail(DEPTH);
  }
  const scalar = entry >> 24;
  if (scalar == BOOL) return boolean(entry, field, alone);
  if (byte == QUOTE) {
    const from = at + 1;
    noEscapes();
    const end = stringEnd(from, to);
    if (end == 0) return fail(SYNTAX);
    at = end + 1;
    if (scalar == STRING) return text(field, from, end);
    if (scalar == ID || scalar == BYTES) return bytes(field, from, end, scalar == ID);
    return number(entry, field, from, end, alone, true);
  }
  if (scalar == STRING || scalar == ID || scalar == BYTES) return fail(TYPE);
  const end = jsonNumberEnd(at);
  if (end == 0 || end > to) return fail(TYPE);
  const from = at;
  at = end;
  return number(entry, field, from, end, alone, false);
}

function text(field: u32, from: usize, end: usize): u32 {
  const raw = <u32>(end - from);
  if (out + <usize>raw + ROOM > limit) return fail(LARGE);
  out = writeLength(out, (field << 3) | LEN);
  const place = out;
  const width = lengthBytes(raw);
  out += <usize>width;
  if (!escaped) {
    memory.copy(out, from, <usize>raw);
    out += <usize>raw;
    writeWide(place, raw, width);
    return MORE;
  }
  const behind = unescape(from, end, out);
  const length = <u32>(behind - out);
  const needed = lengthBytes(length);
  if (needed != width) memory.copy(place + <usize>needed, out, <usize>length);
  writeWide(place, length, needed);
  out = place + <usize>needed + <usize>length;
  return MORE;
}

/** Hex or base64. */
function bytes(field: u32, from: usize, end: usize, isHex: bool): u32 {
  const raw = <u32>(end - from);
  if (out + (<usize>raw << 1) + 2 * ROOM > limit) return fail(LARGE);
  if (escaped) {
    // Behind where the bytes go.
    const plain = out + <usize>raw + ROOM;
    end = unescape(from, end, plain);
    from = plain;
  }
  const place = writeLength(out, (field << 3) | LEN);
  const width = lengthBytes(raw);
  const first = place + <usize>width;
  const behind = isHex ? fromHex(from, end, first) : fromBase64(from, end, first);
  if (behind == 0) return fail(TYPE);
  writeWide(place, <u32>(behind - first), width);
  out = behind;
  return MORE;
}

function boolean(entry: u32, field: u32, alone: bool): u32 {
  const word = load<u32>(at);
  const isTrue = word == TRUE;
  if (!isTrue && (word != FALSE || load<u8>(at, 4) != 0x65)) return fail(TYPE);
  at += isTrue ? 4 : 5;
  if (at > to) return fail(SYNTAX);
  writeNumber(entry, field, u64(isTrue), alone);
  return MORE;
}

/** A number, or a text that is one. */
function number(entry: u32, field: u32, from: usize, end: usize, alone: bool, quoted: bool): u32 {
  const scalar = entry >> 24;
  if (scalar == DOUBLE) {
    const read = readDouble(from, end);
    if (!fast) return ask(entry, field, from, end, alone);
    writeNumber(entry, field, reinterpret<u64>(read), alone);
    return MORE;
  }
  const negative = load<u8>(from) == 0x2d;
  let digit = negative ? from + 1 : from;
  const count = end - digit;
  // Up to 19 digits fit into 64 bits without a sign.
  if (count == 0 || count > 19) return ask(entry, field, from, end, alone);
  let value: u64 = 0;
  for (; digit < end; digit++) {
    const one = <u64>load<u8>(digit) - 0x30;
    if (one > 9) return ask(entry, field, from, end, alone);
    value = value * 10 + one;
  }
  const signed = (scalar == INT64 || scalar == SFIXED64) && value <= <u64>i64.MAX_VALUE;
  const fits = signed || (!negative && (scalar == UINT64 || scalar == FIXED64));
  const small = scalar == UINT32 || scalar == FIXED32 ? !negative && value <= 0xffffffff : value <= 0x7fffffff;
  const is32 = scalar != UINT64 && scalar != FIXED64 && scalar != INT64 && scalar != SFIXED64;
  if (!fits && !(is32 && small)) return ask(entry, field, from, end, alone);
  writeNumber(entry, field, negative ? 0 - value : value, alone);
  return MORE;
}

function ask(entry: u32, field: u32, from: usize, end: usize, alone: bool): u32 {
  askedAt = from;
  askedBytes = <u32>(end - from);
  askedScalar = entry >> 24;
  askedField = field;
  askedEntry = entry;
  askedAlone = alone;
  return ASK;
}

/** Which message the field that is asked for is of. */
export function askedRow(): u32 {
  const frame = stack + <usize>depth * FRAME;
  return load<u32>(frame, 20) & ARRAY ? load<u32>(frame - FRAME) : load<u32>(frame);
}

function writeNumber(entry: u32, field: u32, bits: u64, alone: bool): void {
  if (alone) out = writeLength(out, (field << 3) | (entry & 7));
  const type = entry & 7;
  if (type == 1) {
    store<u64>(out, bits);
    out += 8;
  } else if (type == 5) {
    store<u32>(out, <u32>bits);
    out += 4;
  } else {
    let rest = entry >> 24 == SINT32 ? (bits << 1) ^ <u64>(<i64>bits >> 63) : bits;
    while (rest > 0x7f) {
      store<u8>(out++, <u8>(rest | 0x80));
      rest >>= 7;
    }
    store<u8>(out++, <u8>rest);
  }
}
