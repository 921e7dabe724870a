// JSON objects into rows: members that a step names into their cells, all others as they stand, in stretches.
//
//   {"level":30,"pid":7,"req":{"id":1,"method":"GET"},"msg":"done"}
//     cell       run 1          run      cell           cell             level, req.method and msg are named
//
// Names are looked up by node: the objects that have named fields, one of which is the one that is walked. Each node has a
// cell for its first run; more runs of whatever node go to a few cells that all share, with the node's number.
//
// Lines of one program mostly have the same names in the same order. So those of the line before are kept (its shape), and as
// long as a line has them, too, what is known of a name is read beside it: no hash, no search, no look for equal names, and
// where the value begins does not wait for where the name ends.
//
// Where two names may be equal the line is walked twice more: first the last place of each name is found, then members in
// other places are left out.
//
// What JavaScript does instead: very many members, more runs than cells, equal names with backslashes, nesting that is too
// deep, and members that are the envelope's within `log` or `event`.
import { ESCAPED, JSTR, RAW, TEXT, cellMeta, clearRow, rowAt, setCell } from './cells.as';
import { IS_CELL, IS_NODE, LAST, LEFT_OUT, ONCE, PLACES, beginNames, equal, mode, setEqual, setSlow, slow, useNames } from './json-names.as';
import { UNQUOTED, beginRuns, keep, merge, seeNames, useRuns } from './json-runs.as';
import { BYTES, DEEPEST, KNOWN, PASSED, WITHIN, beginShape, closeShape, keepName, keepValue, keeping, keptEnd, leaveShape, newName, nextOfShape, oddNames, record, useShapes } from './json-shape.as';
import { beginText, blank, escaped, lone, noEscapes, replaceLone, stringEnd, tooDeep, useSpill, valueEnd } from './json-text.as';
import { textEnd, textStart } from './texts.as';

/** No cell. */
const NONE: u32 = 0xff;
/** `,"` */
const COMMA_QUOTE: u16 = 0x222c;
/** Names with backslashes are written without behind the row that is made of a text. */
const UNESCAPED: usize = 512;

/** The node whose members those of the text are. */
let root: u32 = 0;
/** The row that has members already, to which those of the text come; 0: there is none. */
let among: usize = 0;

export let jsonFailed: u32 = 0;
export let jsonSlow: u32 = 0;
/** Surrogates without their other half, which became U+FFFD. */
export let jsonReplaced: u32 = 0;

/**
 * Parses the texts of those of records [0, count) whose byte at `todo` is 1: it becomes 0, or 2 where JavaScript is
 * to do it, 3 where that has to find out whether it is JSON, too.
 * What was parsed takes the place of cell `instead`: the message, or a field. `fresh`: there is nothing else in the rows.
 * The text as it was is in cell `original` then, if that is not NONE.
 */
export function walkJson(count: u32, todo: usize, job: usize, fresh: bool, instead: u32, original: u32): void {
  useNames(load<u32>(job), load<u32>(job, 4), load<u32>(job, 8), load<u32>(job, 12), load<u32>(job, 16), load<u32>(job, 20));
  useRuns(job + 52, load<u32>(job, 24), load<u32>(job, 28), load<u32>(job, 32));
  useSpill(load<u32>(job, 36));
  const scratch: usize = load<u32>(job, 40);
  root = load<u32>(job, 44);
  useShapes(load<u32>(job, 48), scratch + UNESCAPED, root);
  jsonFailed = 0;
  jsonSlow = 0;
  jsonReplaced = 0;
  let isFirst = true;
  for (let i: u32 = 0; i < count; i++) {
    if (load<u8>(todo + i) != 1) continue;
    const from = textStart(i);
    const to = textEnd(i);
    const row = fresh ? rowAt(i) : scratch;
    clearRow(row);
    among = fresh ? 0 : rowAt(i);
    let is = isObject(from, to, row, ONCE, isFirst);
    if (is) isFirst = false;
    closeShape(!is || slow || equal);
    if (is && equal && !slow) {
      isObject(from, to, row, PLACES, false);
      clearRow(row);
      is = isObject(from, to, row, LAST, false);
    }
    if (is && lone && !slow) {
      // What is kept stays as it was.
      if (original != NONE) setSlow();
      else jsonReplaced += replaceLone(from, to);
    }
    if (is && !slow) {
      if (fresh || merge(row, rowAt(i), instead)) {
        if (original != NONE) setCell(rowAt(i), original, from, <u32>(to - from), TEXT);
        store<u8>(todo + i, 0);
        continue;
      }
      setSlow();
    }
    if (fresh) {
      clearRow(row);
      setCell(row, instead, from, <u32>(to - from), TEXT);
    }
    if (is || tooDeep) {
      store<u8>(todo + i, is ? 2 : 3);
      jsonSlow++;
    } else jsonFailed++;
  }
}

function isObject(from: usize, to: usize, row: usize, how: u32, isFirst: bool): bool {
  beginText(from);
  beginNames(how);
  beginRuns();
  beginShape(how, isFirst);
  let at = blank(from, to);
  if (at >= to || load<u8>(at) != 0x7b) return false;
  if (among) {
    leaveShape();
    seeNames(among);
    if (equal) setSlow();
  }
  at = members(at + 1, to, row, root);
  if (among && equal) setSlow();
  if (oddNames && (lone || (mode == ONCE && equal))) setSlow();
  return at != 0 && blank(at, to) == to;
}

/** Puts the members of the object whose inside begins at `at` into the row; gives the address behind the object. */
function members(at: usize, to: usize, row: usize, node: u32): usize {
  at = blank(at, to);
  if (load<u8>(at) == 0x7d) return at + 1;
  // The run that may go on; 0: there is none.
  let run: usize = 0;
  let runEnd: usize = 0;
  for (;;) {
    if (load<u8>(at) != 0x22) return 0;
    const key = at + 1;
    let entry = nextOfShape(key, node);
    let end: usize = 0;
    if (entry) {
      at = key + load<u32>(entry, BYTES) + 2;
      end = keptEnd(entry, key, to);
    } else {
      entry = newName(key, to, node);
      if (entry == 0) return 0;
      at = colonEnd(key + load<u32>(entry, BYTES) + 1, to);
      if (at == 0) return 0;
    }
    const known = load<u32>(entry, KNOWN);
    if (load<u8>(at) <= 0x20) at = blank(at, to);
    const value = at;
    if (known == LEFT_OUT) {
      if (run) keep(row, node, run, runEnd, 0);
      run = 0;
      at = valueEnd(value, to);
      if (at == 0) return 0;
    } else if (known & IS_NODE && end == 0 && isFull(value, to)) {
      if (run) keep(row, node, run, runEnd, 0);
      run = 0;
      at = members(value + 1, to, row, known >> 24);
      if (at == 0) return 0;
    } else {
      noEscapes();
      at = end ? end : isFull(value, to) ? passed(value + 1, to, PASSED) : readValue(value, to, entry, key);
      if (at == 0) return 0;
      if (known & IS_CELL) {
        if (run) keep(row, node, run, runEnd, 0);
        run = 0;
        const cell = (known >> 16) & 0xff;
        if (cellMeta(row, cell) != 0 && mode == ONCE) setEqual();
        if (load<u8>(value) == 0x22) setCell(row, cell, value + 1, <u32>(at - value - 2), JSTR, escaped ? ESCAPED : 0);
        else setCell(row, cell, value, <u32>(at - value), RAW);
      } else {
        const within: usize = load<u32>(entry, WITHIN);
        if (within) {
          if (run) keep(row, node, run, runEnd, 0);
          run = 0;
          keep(row, load<u32>(within, 24), key + load<u32>(within, 16), at, UNQUOTED);
        } else {
          if (run == 0) run = key - 1;
          runEnd = at;
        }
      }
    }
    if (load<u16>(at) == COMMA_QUOTE) {
      at++;
      continue;
    }
    if (load<u8>(at) <= 0x20) at = blank(at, to);
    if (at >= to) return 0;
    const next = <u32>load<u8>(at++);
    if (next == 0x7d) break;
    if (next != 0x2c) return 0;
    if (load<u8>(at) <= 0x20) at = blank(at, to);
  }
  if (run) keep(row, node, run, runEnd, 0);
  return at;
}

/** Behind an object that no step names, whose inside begins at `at`: its names are of the shape, too. */
function passed(at: usize, to: usize, depth: u32): usize {
  at = blank(at, to);
  for (;;) {
    if (load<u8>(at) != 0x22) return 0;
    const key = at + 1;
    let entry = nextOfShape(key, depth);
    let end: usize = 0;
    if (entry) {
      at = key + load<u32>(entry, BYTES) + 2;
      end = keptEnd(entry, key, to);
    } else {
      const keyEnd = stringEnd(key, to);
      if (keyEnd == 0) return 0;
      entry = record;
      if (entry) keepName(key, <u32>(keyEnd - key), depth);
      at = colonEnd(keyEnd + 1, to);
      if (at == 0) return 0;
    }
    if (end) at = end;
    else {
      if (load<u8>(at) <= 0x20) at = blank(at, to);
      at = isFull(at, to) && depth < DEEPEST ? passed(at + 1, to, depth + 1) : readValue(at, to, entry, key);
      if (at == 0) return 0;
    }
    if (load<u16>(at) == COMMA_QUOTE) {
      at++;
      continue;
    }
    if (load<u8>(at) <= 0x20) at = blank(at, to);
    if (at >= to) return 0;
    const next = <u32>load<u8>(at++);
    if (next == 0x7d) return at;
    if (next != 0x2c) return 0;
    if (load<u8>(at) <= 0x20) at = blank(at, to);
  }
  return 0;
}

/** Behind the value at `at`, which is kept with its name when this is a line for that; 0: there is none. */
@inline
function readValue(at: usize, to: usize, entry: usize, key: usize): usize {
  const end = valueEnd(at, to);
  if (keeping && entry && end && !escaped) keepValue(entry, key, end);
  return end;
}

/** Behind the colon, and blanks before it; 0: there is none. */
function colonEnd(at: usize, to: usize): usize {
  at = blank(at, to);
  return load<u8>(at) == 0x3a ? at + 1 : 0;
}

/** Whether there is an object at `at`, and something in it. */
@inline
function isFull(at: usize, to: usize): bool {
  return load<u8>(at) == 0x7b && load<u8>(blank(at + 1, to)) != 0x7d;
}
