// Which records hold one of some literals: a byte a record, 1 or 0.
//
// Teddy: of the three bytes at a place, each half of each says by a table in which of eight buckets a literal may be that
// begins so; 16 places at a time. What is left is compared. A line that is made to be compared at every place is walked
// by an automaton instead (Aho-Corasick), a step or two a byte whatever it holds: so no line costs much more than another.
//
// The tables are made by needles.ts:
//
//   0      six tables of 16 bytes: low and high halves of the first byte, the second, the third; a bit a bucket
//   96     eight addresses: of each bucket's literals, address and bytes of each, one without bytes behind the last
//   128    number of literals | their address, as in a bucket | address of edges | of states | shift of a hash of edges
//          edges: open addressing, 0 free, else state (12 bits), byte (8), next state (12)
//          states: a u16 each, the state to fall back to, and the highest bit where a literal ends
//
// Invariant: a literal is found only where all of it lies in the record.
import { end, start } from './tables.as';

const COUNT: usize = 128;
const LITERALS: usize = 132;
const EDGES: usize = 136;
const STATES: usize = 140;
const SHIFT: usize = 144;
const ACCEPTS: u32 = 0x8000;
const BUCKETS: usize = 96;
/** How a literal must lie in a record. */
const STARTS: u32 = 1;
const ENDS: u32 = 2;
/** Comparisons that a record may take, beside so many a byte. */
const LEAST: i32 = 256;
const A_BYTE: i32 = 2;

let left: i32 = 0;

/** Records [0, count) that hold one of the literals of `table`, as bytes at `out`. */
export function search(table: usize, count: u32, out: usize): void {
  for (let i: u32 = 0; i < count; i++) {
    store<u8>(out + i, u8(holds(table, start(i), end(i))));
  }
}

/** Whether memory [from, to) holds one of the literals of `table`. */
@inline
export function holds(table: usize, from: usize, to: usize): bool {
  left = LEAST + A_BYTE * <i32>(to - from);
  const found = teddy(table, from, to);
  return left < 0 ? walk(table, from, to) : found;
}

/** The same where a literal begins the record, ends it, or both: is all of it. */
export function searchEdges(table: usize, where: u32, count: u32, out: usize): void {
  for (let i: u32 = 0; i < count; i++) store<u8>(out + i, u8(hasAtEdge(table, where, start(i), end(i))));
}

/**
 * Names only the records whose byte at `verdicts` is `wanted`; returns how many there are. Each has a row of `rowBytes`,
 * a multiple of 16, from `rows` on.
 */
export function select(
  count: u32, verdicts: usize, wanted: u32, starts: usize, stride: usize, flags: usize, rows: usize, rowBytes: usize,
): u32 {
  let kept: u32 = 0;
  for (let i: u32 = 0; i < count; i++) {
    if (<u32>load<u8>(verdicts + i) != wanted) continue;
    if (kept != i) {
      for (let at = starts; at < starts + 4 * stride; at += stride) {
        store<u32>(at + (<usize>kept << 2), load<u32>(at + (<usize>i << 2)));
      }
      store<u8>(flags + kept, load<u8>(flags + i));
      const to = rows + <usize>kept * rowBytes;
      const from = rows + <usize>i * rowBytes;
      for (let at: usize = 0; at < rowBytes; at += 16) v128.store(to + at, v128.load(from + at));
    }
    kept++;
  }
  return kept;
}

@inline
function halves(table: usize, bytes: v128): v128 {
  const low = i8x16.swizzle(v128.load(table), v128.and(bytes, i8x16.splat(15)));
  return v128.and(low, i8x16.swizzle(v128.load(table, 16), i8x16.shr_u(bytes, 4)));
}

/** False as well where it takes too many comparisons: then `left` is below 0. */
function teddy(table: usize, from: usize, to: usize): bool {
  for (let at = from; at < to; at += 16) {
    let may = halves(table, v128.load(at));
    may = v128.and(may, halves(table + 32, v128.load(at, 1)));
    may = v128.and(may, halves(table + 64, v128.load(at, 2)));
    if (!v128.any_true(may)) continue;
    let places = <u32>i8x16.bitmask(i8x16.ne(may, i8x16.splat(0)));
    while (places) {
      const place = ctz(places);
      places &= places - 1;
      if (at + place >= to) break;
      if (isIn(table, bucketsAt(may, place), at + place, to)) return true;
      if (left < 0) return false;
    }
  }
  return false;
}

@inline
function bucketsAt(may: v128, place: u32): u32 {
  // The lane's number must be known when this is compiled: so its byte is moved to the first.
  return <u32>i8x16.extract_lane_u(i8x16.swizzle(may, i8x16.splat(<i8>place)), 0);
}

function isIn(table: usize, buckets: u32, at: usize, to: usize): bool {
  for (; buckets; buckets &= buckets - 1) {
    let literal: usize = load<u32>(table + BUCKETS + (<usize>ctz(buckets) << 2));
    for (let bytes: usize = load<u32>(literal, 4); bytes; bytes = load<u32>(literal, 4)) {
      if (bytes <= to - at && equals(at, load<u32>(literal), bytes)) return true;
      left--;
      literal += 8;
    }
  }
  return false;
}

/** Whether memory [from, to) begins or ends with one of the literals, or is one. */
export function hasAtEdge(table: usize, where: u32, from: usize, to: usize): bool {
  let literal: usize = load<u32>(table, LITERALS);
  for (let count = load<u32>(table, COUNT); count; count--, literal += 8) {
    const bytes: usize = load<u32>(literal, 4);
    if (bytes > to - from || ((where & STARTS) && (where & ENDS) && bytes < to - from)) continue;
    if (equals(where & STARTS ? from : to - bytes, load<u32>(literal), bytes)) return true;
  }
  return false;
}

function equals(text: usize, literal: usize, bytes: usize): bool {
  for (let i: usize = 0; i < bytes; i += 16) {
    left--;
    const same = <u32>i8x16.bitmask(i8x16.eq(v128.load(text + i), v128.load(literal + i)));
    const wanted: u32 = bytes - i >= 16 ? 0xffff : (1 << <u32>(bytes - i)) - 1;
    if ((same & wanted) != wanted) return false;
  }
  return true;
}

function walk(table: usize, from: usize, to: usize): bool {
  const states: usize = load<u32>(table, STATES);
  let state: u32 = 0;
  for (let at = from; at < to; at++) {
    const byte = load<u8>(at);
    let next = step(table, state, byte);
    while (next == 0 && state != 0) {
      state = load<u16>(states + (<usize>state << 1)) & (ACCEPTS - 1);
      next = step(table, state, byte);
    }
    state = next;
    if (load<u16>(states + (<usize>state << 1)) & ACCEPTS) return true;
  }
  return false;
}

/** The state that a byte leads to; 0: there is none. */
@inline
function step(table: usize, state: u32, byte: u32): u32 {
  const edges: usize = load<u32>(table, EDGES);
  const shift = load<u32>(table, SHIFT);
  const key = (state << 8) | byte;
  const mask = 0xffffffff >>> shift;
  let slot = (key * 0x9e3779b1) >>> shift;
  let edge = load<u32>(edges + (<usize>slot << 2));
  // Half of the table is free.
  while (edge != 0 && edge >>> 12 != key) {
    slot = (slot + 1) & mask;
    edge = load<u32>(edges + (<usize>slot << 2));
  }
  return edge & 0xfff;
}
