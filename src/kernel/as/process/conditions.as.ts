// For which records a test of a cell holds: a byte each at `out`, 1 or 0. It holds for none whose cell is absent.
import { cellMeta, rowAt } from './cells.as';
import { compare, fewDigits, take, UNORDERED } from './decimal.as';
import { regexTest } from './regex-lines.as';
import { hasAtEdge, holds } from '../search.as';
import { textAt, textEnd, textOf } from './cell-text.as';

/** The cell holds one of the literals of `table`, or lies as `where` says (search.as.ts). `empty`: an empty text does, too. */
export function cellHolds(f: u32, table: usize, where: u32, empty: bool, count: u32, out: usize): void {
  for (let i: u32 = 0; i < count; i++) {
    let found = false;
    if (textOf(rowAt(i), f)) {
      if (textAt == textEnd) found = empty;
      else if (table != 0) {
        found = where ? hasAtEdge(table, where, textAt, textEnd) : holds(table, textAt, textEnd);
      }
    }
    store<u8>(out + i, u8(found));
  }
}

/** The regular expression is found in the cell. */
export function cellMatches(f: u32, program: usize, count: u32, out: usize): void {
  for (let i: u32 = 0; i < count; i++) {
    store<u8>(out + i, u8(textOf(rowAt(i), f) && regexTest(program, textAt, textEnd)));
  }
}

export function cellIsThere(f: u32, count: u32, out: usize): void {
  for (let i: u32 = 0; i < count; i++) store<u8>(out + i, u8(cellMeta(rowAt(i), f) != 0));
}

/** The cell is a number that is less (bit 1), equal (bit 2) or more (bit 4) than the one that memory [from, to) is. */
export function cellCompares(f: u32, orders: u32, from: usize, to: usize, count: u32, out: usize): void {
  take(from, to);
  const other = fewDigits(from, to);
  for (let i: u32 = 0; i < count; i++) {
    let order = UNORDERED;
    if (textOf(rowAt(i), f)) {
      const number = other < 0 ? -1 : fewDigits(textAt, textEnd);
      order = number < 0 ? compare(textAt, textEnd) : i32(number > other) - i32(number < other);
    }
    store<u8>(out + i, u8(order != UNORDERED && (orders & (1 << <u32>(order + 1))) != 0));
  }
}
