// The level of a record: a word in lower case, or the name of a number, by a table of words (process/levels.ts) that
// stand for address and bytes of a level.
import { TEXT, clearCell, setCell, sideTake } from './cells.as';
import { BACKSLASH, BLANK, DASH, QUOTE, isDigit } from './scan.as';
import { textAt, textOf, textTo } from './text.as';
import { firstOf, secondOf, wordAt } from './words.as';

const LONGEST: usize = 32;

/** Moves the level in cell `from` to cell `to`. False: it is none, and stays. */
export function moveLevel(table: usize, row: usize, from: u32, to: u32): bool {
  if (!textOf(row, from)) return false;
  let at = textAt;
  let end = textTo;
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
  const out = sideTake(bytes);
  if (out == 0) return false;
  for (let i: usize = 0; i < bytes; i++) {
    const c = load<u8>(at + i);
    if (c < BLANK || c == QUOTE || c == BACKSLASH) return false;
    store<u8>(out + i, c - 0x41 < 26 ? c + 0x20 : c);
  }
  clearCell(row, from);
  setCell(row, to, out, <u32>bytes, TEXT);
  return true;
}
