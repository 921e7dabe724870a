// What a parser of a fixed format has found of one line: cells by the format's own numbers, and the time. A row that has
// nothing else takes them as they are found, and is emptied when the line turns out to be none; into any other they come
// when all of the line is right: so a line that fails leaves nothing behind.
//
//   the format's program (process/formats.ts):
//   0    u32 which format | u32 zone | u32 fields | u32 room for what is found, 16 bytes behind each stretch
//   16   u32 options of the format, 4 of them
//   32   the row's cell of each field, a byte each; NOWHERE: nobody wants it
//        the numbers of the fields themselves, a byte each
import { BACKSLASH, QUOTE } from './scan.as';
import { TEXT, cellMeta, sideTake } from './cells.as';

const FIELDS: usize = 8;
const ROOM: usize = 12;
const OPTIONS: usize = 16;
const CELLS: usize = 32;
export const NOWHERE: u32 = 0xff;

/** Where cells go, and which of them by a field's number. */
let found: usize = 0;
let cells: usize = 0;
let time: u64 = 0;
let latest: i64 = 0;
/** Times that were too far ahead. */
export let ahead: u32 = 0;

/** Later times, in milliseconds, are not believed. */
export function useLatest(ms: f64): void {
  latest = <i64>ms;
  ahead = 0;
}

/** What is found is kept apart, for `keep`. */
@inline
export function begin(program: usize): void {
  const fields: usize = load<u32>(program, FIELDS);
  found = load<u32>(program, ROOM);
  cells = program + CELLS + fields;
  time = 0;
  for (let at: usize = 0; at < fields << 3; at += 16) v128.store(found + at, i64x2.splat(0));
}

/** What is found goes to this row, but the time. */
@inline
export function beginIn(program: usize, row: usize): void {
  found = row;
  cells = program + CELLS;
  time = 0;
}

/** The time that was found becomes the row's. */
@inline
export function keepTime(row: usize): void {
  if (time != 0) store<u64>(row, time);
}

@inline
export function option(program: usize, i: usize): u32 {
  return load<u32>(program + OPTIONS + (i << 2));
}

@inline
export function put(f: u32, at: usize, bytes: usize, kind: u32): void {
  const to = <usize>load<u8>(cells + f);
  if (to == NOWHERE) return;
  store<u32>(found + (to << 3), <u32>at);
  store<u32>(found + (to << 3), <u32>bytes | (kind << 24), 4);
}

/** `is` false: nothing. */
@inline
export function putIf(is: bool, f: u32, at: usize, bytes: usize, kind: u32): void {
  put(f, is ? at : 0, is ? bytes : 0, is ? kind : 0);
}

/** The line's time; where it is too far ahead, its text is kept as a field. */
@inline
export function putTime(ms: i64, f: u32, at: usize, bytes: usize): void {
  if (believed(ms)) time = <u64>ms;
  else put(f, at, bytes, TEXT);
}

/** Counts those that are too far ahead. */
@inline
export function believed(ms: i64): bool {
  if (ms > latest) ahead++;
  return ms > 0 && ms <= latest;
}

/** The inside of quotes, in which `\"` is a quote. False: there is no room. */
export function putEscaped(f: u32, at: usize, to: usize): bool {
  const out = sideTake(to - at);
  if (out == 0) return false;
  let next = out;
  for (; at < to; at++) {
    if (load<u8>(at) == BACKSLASH && at + 1 < to) {
      if (load<u8>(at, 1) == QUOTE) at++;
      else store<u8>(next++, load<u8>(at++));
    }
    store<u8>(next++, load<u8>(at));
  }
  put(f, out, next - out, TEXT);
  return true;
}

/** Makes what was found fields of the row. */
@inline
export function keep(program: usize, row: usize): void {
  const fields: u32 = load<u32>(program, FIELDS);
  for (let f: u32 = 0; f < fields; f++) {
    const cell = load<u64>(found + (<usize>f << 3));
    if (cell == 0) continue;
    const to = <u32>load<u8>(program + CELLS + f);
    if (to != NOWHERE) store<u64>(row + (<usize>to << 3), cell);
  }
  keepTime(row);
}

/**
 * Whether the row has something where the first field that was found would go, or anything where the second would: pairs,
 * and those that go to `conflict`.
 */
export function isTaken(program: usize, row: usize): bool {
  const pairs = <u32>load<u8>(program + CELLS);
  const conflicts = <u32>load<u8>(program + CELLS, 1);
  if (conflicts != NOWHERE && cellMeta(row, conflicts) != 0) return true;
  return load<u64>(found) != 0 && pairs != NOWHERE && cellMeta(row, pairs) != 0;
}
