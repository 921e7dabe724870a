// Fields of JSON that have escapes which may hide a secret: `\u0040` is `@`, `\/` is `/`.
import { BACKSLASH } from './scan.as';
import { ESCAPED, JSTR, bytesOf, cellAt, cellMeta, flagsOf, kindOf, rowAt, width } from './cells.as';
import { unescape } from '../container.as';

/** None is left. */
const NONE: u32 = 0xffffffff;

/** Of two cells, the words that are their metas; and in those the kind, and the flag. */
const METAS: v128 = i32x4(0, -1, 0, -1);
const KIND_AND_FLAG: v128 = i32x4.splat((15 << 24) | (ESCAPED << 28));
const ESCAPED_STRING: v128 = i32x4.splat((JSTR << 24) | (ESCAPED << 28));

/** The first cell that has such an escape, of `count` rows, from cell `next` of all on: its number, or NONE. */
export function escapedCell(next: u32, count: u32): u32 {
  const all = count * width;
  const row = rowAt(0);
  for (; next < all; next++) {
    // Rows begin at 16 bytes and have an even number of cells: most pairs hold none.
    if ((next & 1) == 0) next = pairFrom(row, next, all);
    if (next == all) return NONE;
    const meta = cellMeta(row, next);
    if (kindOf(meta) != JSTR || !(flagsOf(meta) & ESCAPED)) continue;
    const at = cellAt(row, next);
    if (hides(at, at + bytesOf(meta))) return next;
  }
  return NONE;
}

/** The first pair of cells from `next` on, before `all`, one of which is a string with escapes. */
function pairFrom(row: usize, next: u32, all: u32): u32 {
  for (; next + 8 <= all; next += 8) {
    const at = row + (<usize>next << 3);
    const four = v128.or(v128.or(escapes(at), escapes(at + 16)), v128.or(escapes(at + 32), escapes(at + 48)));
    if (v128.any_true(v128.and(four, METAS))) break;
  }
  while (next < all && !v128.any_true(v128.and(escapes(row + (<usize>next << 3)), METAS))) next += 2;
  return next;
}

@inline
function escapes(at: usize): v128 {
  return i32x4.eq(v128.and(v128.load(at), KIND_AND_FLAG), ESCAPED_STRING);
}

function hides(at: usize, to: usize): bool {
  for (; at + 1 < to; at++) {
    if (load<u8>(at) != BACKSLASH) continue;
    const letter = load<u8>(++at);
    if (letter == 0x75 || letter == 0x2f) return true;
  }
  return false;
}

/** Writes the text of a cell's string at `out`; returns the address behind. */
export function cellText(cell: u32, out: usize): usize {
  const at = cellAt(rowAt(0), cell);
  return unescape(at, at + bytesOf(cellMeta(rowAt(0), cell)), out);
}
