// Fields of JSON that have escapes which may hide a secret: `\u0040` is `@`, `\/` is `/`.
import { BACKSLASH } from './scan.as';
import { ESCAPED, JSTR, bytesOf, cellAt, cellMeta, flagsOf, kindOf, rowAt, width } from './cells.as';
import { unescape } from '../container.as';

/** None is left. */
const NONE: u32 = 0xffffffff;

/** The first cell that has such an escape, of `count` rows, from cell `next` of all on: its number, or NONE. */
export function escapedCell(next: u32, count: u32): u32 {
  const all = count * width;
  const row = rowAt(0);
  for (; next < all; next++) {
    const meta = cellMeta(row, next);
    if (kindOf(meta) != JSTR || !(flagsOf(meta) & ESCAPED)) continue;
    const at = cellAt(row, next);
    if (hides(at, at + bytesOf(meta))) return next;
  }
  return NONE;
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
