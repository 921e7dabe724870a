// Values of fields, as they are written in a record of JSON: whole, or not at all where there is no room.
import { number } from '../bytes.as';
import { escape, fitting } from '../json.as';
import { oddBits } from '../signs.as';
import { JSTR, RAW, TEXT, TRUE, UINT, bytesOf, cellAt, cellMeta, kindOf } from './cells.as';
import { UNQUOTED } from './json-runs.as';

/** What a value may take beside its bytes, escaped six-fold: quotes, a comma. */
const AROUND: usize = 8;
/** More than varints and numbers take that are not counted one by one. */
export const RESERVE: usize = 256;
/** Bytes that are looked at and copied at once. */
export const BLOCK: u32 = 32;
const COMMA: u8 = 0x2c;
const QUOTE: u8 = 0x22;

let limit: usize = 0;
/** Something had no room: what was written of the record is of no account. */
export let full: bool = false;

/** `to`: where what is checked by `fits` has to end at last. */
@inline
export function beginRecord(to: usize): void {
  limit = to;
  full = false;
}

@inline
export function copy32(out: usize, from: usize): void {
  v128.store(out, v128.load(from));
  v128.store(out, v128.load(from, 16), 16);
}

/** As `copy`, where 32 bytes mostly are enough: without a loop, then, whose end nobody foresees. Up to 31 bytes beyond. */
@inline
export function copyShort(out: usize, from: usize, bytes: usize): usize {
  const end = out + bytes;
  for (;;) {
    copy32(out, from);
    out += 32;
    if (out >= end) return end;
    from += 32;
  }
  return end;
}

/** Whether so many bytes more have room. Where not, all that is written from here on is of no account. */
@inline
export function fits(at: usize, bytes: usize): bool {
  if (at + bytes + RESERVE <= limit) return true;
  full = true;
  return false;
}

@inline
export function writeCell(at: usize, row: usize, cell: u32): usize {
  return writeValue(at, cellAt(row, cell), cellMeta(row, cell));
}

export function writeValue(at: usize, from: usize, meta: u32): usize {
  const bytes = <usize>bytesOf(meta);
  const kind = kindOf(meta);
  if (kind == RAW) return fits(at, bytes) ? copyShort(at, from, bytes) : at;
  if (kind == TRUE) {
    store<u32>(at, 0x65757274);
    return at + 4;
  }
  if (kind == UINT) return number(at, from);
  if (kind != JSTR) return writeText(at, from, bytes);
  if (!fits(at, bytes)) return at;
  store<u8>(at, QUOTE);
  at = copyShort(at + 1, from, bytes);
  store<u8>(at, QUOTE);
  return at + 1;
}

export function writeText(at: usize, from: usize, bytes: usize): usize {
  const end = from + bytes;
  if (!fits(at, bytes * 6 + AROUND)) {
    // It may well be shorter than it could be.
    const room = limit > at + RESERVE + AROUND ? limit - at - RESERVE - AROUND : 0;
    if (fitting(from, end, room) < end) return at;
    full = false;
  }
  store<u8>(at++, QUOTE);
  // Most texts have nothing to be escaped: so that is found out for 32 bytes at once, also for the last ones.
  while (!hasOdd(from, end - from)) {
    copy32(at, from);
    const left = end - from;
    if (left <= BLOCK) {
      store<u8>(at + left, QUOTE);
      return at + left + 1;
    }
    from += BLOCK;
    at += BLOCK;
  }
  at = escape(from, end, at);
  store<u8>(at, QUOTE);
  return at + 1;
}

/**
 * Writes a value of at most 32 bytes that is written as it is, in quotes or without: 34 bytes, all of which have room; 0:
 * it is another one.
 */
@inline
export function writeShort(at: usize, from: usize, meta: u32): usize {
  const bytes = <usize>bytesOf(meta);
  const kind = kindOf(meta);
  if (bytes > BLOCK || kind > RAW) return 0;
  if (kind == TEXT && hasOdd(from, bytes)) return 0;
  const quote = usize(kind != RAW);
  store<u8>(at, QUOTE);
  copy32(at + quote, from);
  at += bytes + quote;
  store<u8>(at, QUOTE);
  return at + quote;
}

/** Whether one of the next 32 bytes, as far as there are `left`, may not stand in a string as it is. */
@inline
function hasOdd(from: usize, left: usize): bool {
  const odd = oddBits(from) | (oddBits(from + 16) << 16);
  return odd != 0 && (left >= BLOCK || (odd & ((1 << <u32>left) - 1)) != 0);
}

@inline
export function writeRun(at: usize, from: usize, bytes: usize, bits: u32): usize {
  if (!fits(at, bytes + 1)) return at;
  store<u8>(at, QUOTE);
  return copyShort(at + usize(bits & UNQUOTED), from, bytes);
}

export function writePairs(at: usize, entry: usize, count: u32): usize {
  for (let n = count; n; n--, entry += 16) {
    const bytes = <usize>load<u32>(entry, 4);
    if (n != count) store<u8>(at++, COMMA);
    at = writeText(at, load<u32>(entry), bytes);
    if (full) return at;
    store<u8>(at++, 0x3a);
    at = writeValue(at, load<u32>(entry, 8), load<u32>(entry, 12));
    if (full) return at;
  }
  return at;
}
