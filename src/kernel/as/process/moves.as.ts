// Edits of rows: cells are moved, emptied, given a constant. A step's edits are a program, made by transforms/fields/edits.ts:
//
//   entries of 16 bytes: kind u32, cell a u32, cell b u32 (or bytes and kind of a constant), address u32; END behind the last
//
// They are done in order, for each record that the step is for.
import { flags } from '../tables.as';
import { FAILED, JSTR, RAW, TEXT, bytesOf, cellAt, cellMeta, clearCell, flagsOf, kindOf, rowAt, setCell, sideTake } from './cells.as';
import { jsonNumberEnd } from './json-text.as';
import { textAt, textEnd, textOf } from './cell-text.as';

/** What is in a goes to b, which had something or not; a is empty then. */
const MOVE: u32 = 0;
/** The same, and a stays as it is. */
const COPY: u32 = 1;
/** So many cells, a, whose numbers are the bytes behind the 16 at `address`; and, b not 0, runs that are not the first of
 *  their node, of the nodes that those 16 have bits of. */
const CLEAR: u32 = 2;
/** A constant: its address, and its meta in b. */
const SET: u32 = 3;
/** The same where there is nothing. */
const DEFAULT: u32 = 4;
/** Runs of node a that are not its first are of node b from now on. */
const MOVE_RUNS: u32 = 5;
/** Letters of ASCII become small ones. */
const LOWER: u32 = 6;
/** Text that is a number as JSON has it becomes one. */
const NUMBER: u32 = 7;
/** Goes on behind so many entries, b, where none of the cells is there that the u64 at `address` has bits of. */
const UNLESS: u32 = 8;
const END: u32 = 9;

/** Records with values that had no room to be changed: those stay as they were. */
export let editsFailed: u32 = 0;
/** The record has one. */
let stays: bool = false;

export function editRows(program: usize, count: u32, only: usize, moreFrom: u32, moreTo: u32): void {
  editsFailed = 0;
  for (let i: u32 = 0; i < count; i++) {
    if (flags(i) & FAILED || (only != 0 && load<u8>(only + i) == 0)) continue;
    const row = rowAt(i);
    stays = false;
    for (let at = program; load<u32>(at) != END; at += 16) {
      const kind = load<u32>(at);
      const a = load<u32>(at, 4);
      const b = load<u32>(at, 8);
      const address = <usize>load<u32>(at, 12);
      if (kind == MOVE || kind == COPY) {
        if (cellMeta(row, a) != 0) store<u64>(row + (<usize>b << 3), load<u64>(row + (<usize>a << 3)));
        if (kind == MOVE) clearCell(row, a);
      } else if (kind == CLEAR) {
        for (let k: usize = 0; k < a; k++) clearCell(row, load<u8>(address + k, 16));
        if (b) clearRuns(row, load<u64>(address), load<u64>(address, 8), moreFrom, moreTo);
      } else if (kind == SET || (kind == DEFAULT && cellMeta(row, a) == 0)) {
        store<u32>(row + (<usize>a << 3), <u32>address);
        store<u32>(row + (<usize>a << 3), b, 4);
      } else if (kind == MOVE_RUNS) moveRuns(row, a, b, moreFrom, moreTo);
      else if (kind == LOWER) lower(row, a);
      else if (kind == NUMBER) number(row, a);
      else if (kind == UNLESS && !hasAny(row, load<u64>(address))) at += <usize>b << 4;
    }
    editsFailed += u32(stays);
  }
}

function hasAny(row: usize, cells: u64): bool {
  for (; cells; cells &= cells - 1) if (cellMeta(row, <u32>ctz(cells)) != 0) return true;
  return false;
}

function moveRuns(row: usize, a: u32, b: u32, moreFrom: u32, moreTo: u32): void {
  for (let f = moreFrom; f < moreTo; f++) {
    const meta = cellMeta(row, f);
    if (meta == 0 || meta >> 25 != a) continue;
    store<u32>(row + (<usize>f << 3), (meta & 0x1ffffff) | (b << 25), 4);
  }
}

/** Nodes by bits: 0 to 63, and the others. */
function clearRuns(row: usize, low: u64, high: u64, moreFrom: u32, moreTo: u32): void {
  for (let f = moreFrom; f < moreTo; f++) {
    const meta = cellMeta(row, f);
    if (meta == 0) continue;
    const node = meta >> 25;
    if (((node < 64 ? low : high) >> (node & 63)) & 1) clearCell(row, f);
  }
}

function lower(row: usize, f: u32): void {
  // Where nothing is to be changed it stays.
  if (isLower(row, f) || !take(row, f)) return;
  for (let k: usize = 0; k < takenBytes; k++) {
    const byte = <u32>load<u8>(taken + k);
    store<u8>(taken + k, <u8>(byte - 0x41 < 26 ? byte + 32 : byte));
  }
  setCell(row, f, taken, <u32>takenBytes, TEXT);
}

/** A text as it is, without capitals. False: it may be one all the same. */
function isLower(row: usize, f: u32): bool {
  const meta = cellMeta(row, f);
  const kind = kindOf(meta);
  if ((kind != TEXT && kind != JSTR) || flagsOf(meta) != 0) return false;
  const from = cellAt(row, f);
  const to = from + bytesOf(meta);
  for (let at = from; at < to; at++) if (<u32>load<u8>(at) - 0x41 < 26) return false;
  return true;
}

function number(row: usize, f: u32): void {
  if (!take(row, f) || takenBytes == 0) return;
  if (jsonNumberEnd(taken) == taken + takenBytes) setCell(row, f, taken, <u32>takenBytes, RAW);
}

let taken: usize = 0;
let takenBytes: usize = 0;

/** Copies the text of a cell to side bytes, a stop byte behind it; false: it has none, or there is no room. */
function take(row: usize, f: u32): bool {
  const kind = kindOf(cellMeta(row, f));
  if ((kind != TEXT && kind != JSTR) || !textOf(row, f)) return false;
  takenBytes = textEnd - textAt;
  taken = sideTake(takenBytes + 1);
  if (taken == 0) {
    stays = true;
    return false;
  }
  // What was unescaped may lie where it goes.
  memory.copy(taken, textAt, takenBytes);
  store<u8>(taken + takenBytes, 10);
  return true;
}
