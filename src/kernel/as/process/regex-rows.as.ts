// The groups of a regular expression as cells of a row. Of groups that go to one cell, the first that took part counts.
//
// In the program's head: address of groups | how many. Each is a word: its cell, with 0x100 for a whole number, 0x200 for
// a number, 0x400 where nothing is left out; NOWHERE: nobody wants it.
import { RAW, TEXT, rowAt, setCell, sideTake } from './cells.as';
import { regexTest } from './regex-lines.as';
import { slot } from './regex-stack.as';
import { textAt, textEnd as cellEnd, textOf } from './cell-text.as';
import { textEnd, textStart } from './texts.as';

const GROUPS: usize = 24;
const GROUP_COUNT: usize = 28;
const NOWHERE: u32 = 0xffff;
const WHOLE: u32 = 0x100;
const NUMBER: u32 = 0x200;
const NOT_EMPTY: u32 = 0x400;

/** Sets the cells of what memory [at, to) captures; false: it does not match, and the row is as it was. */
function regexRow(program: usize, at: usize, to: usize, row: usize): bool {
  if (!regexTest(program, at, to)) return false;
  const groups = <usize>load<u32>(program, GROUPS);
  const count = load<u32>(program, GROUP_COUNT);
  for (let i = <i32>count - 1; i >= 0; i--) {
    const group = load<u32>(groups + (<usize>i << 2));
    const end = <usize>slot(2 * i + 1);
    if (group == NOWHERE || !end) continue;
    const from = <usize>slot(2 * i);
    if (group & NOT_EMPTY && from == end) continue;
    if (!(group & (WHOLE | NUMBER)) || !number(row, group, from, end)) setCell(row, group & 0xff, from, <u32>(end - from), TEXT);
  }
  return true;
}

/**
 * The texts (texts.as.ts) of the records at `todo`; of those that match the byte becomes 0, and the text goes to the cell
 * `original` (NOWHERE: to none).
 */
export function regexTexts(program: usize, count: u32, todo: usize, original: u32): void {
  for (let i: u32 = 0; i < count; i++) {
    if (load<u8>(todo + i) != 1) continue;
    const row = rowAt(i);
    const at = textStart(i);
    const to = textEnd(i);
    if (!regexRow(program, at, to, row)) continue;
    store<u8>(todo + i, 0);
    if (original != NOWHERE) setCell(row, original, at, <u32>(to - at), TEXT);
  }
}

/** Of which records [0, count) the text of cell `f` matches: a byte each at `out`. What is absent does not. */
export function regexTestCells(program: usize, f: u32, count: u32, out: usize): void {
  for (let i: u32 = 0; i < count; i++) {
    store<u8>(out + i, u8(textOf(rowAt(i), f) && regexTest(program, textAt, cellEnd)));
  }
}

@inline
function isDigit(at: usize, to: usize): bool {
  return at < to && <u32>load<u8>(at) - 48 < 10;
}

/** A number as JSON writes it: no sign +, no zeros before it, digits on both sides of the point. False: it is none. */
function number(row: usize, group: u32, at: usize, to: usize): bool {
  const minus = at < to && load<u8>(at) == 45;
  if (at < to && (minus || load<u8>(at) == 43)) at++;
  let whole = at;
  while (isDigit(whole, to)) whole++;
  while (at + 1 < whole && load<u8>(at) == 48) at++;
  let end = whole;
  const point = end < to && load<u8>(end) == 46;
  if (point) {
    end++;
    while (isDigit(end, to)) end++;
  }
  const fraction = end > whole + 1;
  if (whole == at && !fraction) return false;
  let behind = end;
  if (behind < to && (load<u8>(behind) | 32) == 101) {
    let e = behind + 1;
    if (e < to && (load<u8>(e) == 43 || load<u8>(e) == 45)) e++;
    if (isDigit(e, to)) {
      while (isDigit(e, to)) e++;
      behind = e;
    }
  }
  if (behind != to) return false;
  const last = group & NUMBER && fraction ? end : whole;
  // As it stands where that will do.
  const power = group & NUMBER ? behind - end : 0;
  if (whole > at && (power == 0 || last == end) && (!minus || load<u8>(at - 1) == 45)) {
    const from = minus ? at - 1 : at;
    setCell(row, group & 0xff, from, <u32>(last - from + power), RAW);
    return true;
  }
  const zero: usize = whole == at ? 1 : 0;
  const bytes = <usize>minus + zero + (last - at) + power;
  const out = sideTake(bytes);
  if (!out) return false;
  let next = out;
  if (minus) store<u8>(next++, 45);
  if (zero) store<u8>(next++, 48);
  if (last > at) {
    memory.copy(next, at, last - at);
    next += last - at;
  }
  memory.copy(next, end, power);
  setCell(row, group & 0xff, out, <u32>bytes, RAW);
  return true;
}
