// The level of a record: a word in lower case, or the name of a number, by a table of words (process/levels.ts) that
// stand for address and bytes of a level.
import { textAt, textEnd, textOf } from './cell-text.as';
import { RAW, TEXT, TRUE, cellMeta, clearCell, kindOf, setCell, sideTake } from './cells.as';
import { BACKSLASH, BLANK, DASH, QUOTE, isDigit } from './scan.as';
import { firstOf, secondOf, wordAt } from './words.as';

const LONGEST: usize = 32;

/** Moves the level in cell `from` to cell `to`. False: it is none, and stays. */
export function moveLevel(table: usize, row: usize, from: u32, to: u32): bool {
  const kind = kindOf(cellMeta(row, from));
  if (kind == TRUE || !textOf(row, from)) return false;
  let at = textAt;
  let end = textEnd;
  // Objects, lists and null are no levels.
  if (kind == RAW && !isDigit(at)) return false;
  while (at < end && load<u8>(at) == BLANK) at++;
  while (at < end && load<u8>(end - 1) == BLANK) end--;
  const bytes = end - at;
  if (bytes == 0 || bytes > LONGEST) return false;
  const known = wordAt(table, at, bytes);
  if (known != 0) {
    clearCell(row, from);
    setCell(row, to, firstOf(known), secondOf(known), TEXT);
    return true;
  }
  // The numbers are all in the table.
  if (isDigit(at) || load<u8>(at) == DASH) return false;
  for (let i: usize = 0; i < bytes; i++) {
    const c = load<u8>(at + i);
    if (c < BLANK || c == QUOTE || c == BACKSLASH) return false;
  }
  // The text may stand where this is written.
  const first = small(v128.load(at));
  const second = small(v128.load(at, 16));
  const out = sideTake(bytes);
  if (out == 0) return false;
  v128.store(out, first);
  if (bytes > 16) v128.store(out, second, 16);
  clearCell(row, from);
  setCell(row, to, out, <u32>bytes, TEXT);
  return true;
}

/** Letters of ASCII as small ones. */
@inline
function small(text: v128): v128 {
  const capital = i8x16.lt_u(i8x16.sub(text, i8x16.splat(0x41)), i8x16.splat(26));
  return v128.or(text, v128.and(capital, i8x16.splat(0x20)));
}
