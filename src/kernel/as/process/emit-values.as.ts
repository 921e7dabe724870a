// Values of fields, as they are written in a record of JSON: whole, or not at all where there is no room.
import { copy, decimal, digits } from '../bytes.as';
import { escape, fitting } from '../json.as';
import { JSTR, RAW, TRUE, UINT, bytesOf, cellAt, cellMeta, kindOf } from './cells.as';
import { UNQUOTED } from './json-runs.as';

/** What a value may take beside its bytes, escaped six-fold: quotes, a comma. */
const AROUND: usize = 8;
/** More than varints and numbers take that are not counted one by one. */
export const RESERVE: usize = 256;
const COMMA: u8 = 0x2c;
const QUOTE: u8 = 0x22;

let limit: usize = 0;
/** Something had no room: what was written of the record is of no account. */
export let full: bool = false;

/** Where a record has to end at last. */
@inline
export function setLimit(to: usize): void {
  limit = to;
}

@inline
export function beginRecord(): void {
  full = false;
}

/** As `copy`, where 32 bytes mostly are enough: without a loop, then, whose end nobody foresees. */
@inline
export function copyShort(out: usize, from: usize, bytes: usize): usize {
  v128.store(out, v128.load(from));
  v128.store(out, v128.load(from, 16), 16);
  for (let i: usize = 32; i < bytes; i += 16) v128.store(out + i, v128.load(from + i));
  return out + bytes;
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

function writeValue(at: usize, from: usize, meta: u32): usize {
  const bytes = <usize>bytesOf(meta);
  const kind = kindOf(meta);
  if (kind == RAW) return fits(at, bytes) ? copyShort(at, from, bytes) : at;
  if (kind == TRUE) {
    store<u32>(at, 0x65757274);
    return at + 4;
  }
  if (kind == UINT) return decimal(at, from, digits(from));
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
  // Most texts are short, and have nothing to be escaped: so that is found out without a loop, whose end nobody foresees.
  let odd = oddBits(from) | (oddBits(from + 16) << 16);
  if (bytes <= 32) {
    if ((<u64>odd & (((<u64>1) << bytes) - 1)) == 0) {
      v128.store(at, v128.load(from));
      v128.store(at, v128.load(from, 16), 16);
      store<u8>(at + bytes, QUOTE);
      return at + bytes + 1;
    }
  } else {
    for (; odd == 0 && from + 32 <= end; from += 32, at += 32) {
      v128.store(at, v128.load(from));
      v128.store(at, v128.load(from, 16), 16);
      odd = oddBits(from + 32) | (oddBits(from + 48) << 16);
    }
  }
  at = escape(from, end, at);
  store<u8>(at, QUOTE);
  return at + 1;
}

/** A bit for each of 16 bytes that may not stand in a string as it is. */
@inline
function oddBits(at: usize): u32 {
  const bytes = v128.load(at);
  const quotes = v128.or(i8x16.eq(bytes, i8x16.splat(0x22)), i8x16.eq(bytes, i8x16.splat(0x5c)));
  return <u32>i8x16.bitmask(v128.or(quotes, i8x16.lt_s(bytes, i8x16.splat(0x20))));
}

@inline
export function writeRun(at: usize, from: usize, bytes: usize, bits: u32): usize {
  if (!fits(at, bytes + 1)) return at;
  store<u8>(at, QUOTE);
  return copy(at + usize(bits & UNQUOTED), from, bytes);
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
