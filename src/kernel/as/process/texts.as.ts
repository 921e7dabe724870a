// What is parsed: of each record a text, its line or a field. textStart(i) and textEnd(i) are addresses; a stop byte, one
// below 0x20, stands behind each.
import { unescape } from '../container.as';
import { ESCAPED, JSTR, TEXT, bytesOf, cellAt, cellMeta, clearRow, flagsOf, kindOf, rowAt, setCell, sideTake } from './cells.as';
import { end, flags, setFlags, start } from '../tables.as';

const LF: u8 = 10;
const UNPARSED: u32 = 0x10;
/** Of a record at `todo`: it has no text there, and nobody is to look for one. Parsers have 2 and 3 for themselves. */
const WITHOUT: u8 = 4;

let starts: usize = 0;
let ends: usize = 0;

/** Tables of addresses: those of the slot in use, or others. */
export function useTexts(startsAt: usize, endsAt: usize): void {
  starts = startsAt;
  ends = endsAt;
}

@inline
export function textStart(i: u32): usize {
  return load<u32>(starts + (<usize>i << 2));
}

@inline
export function textEnd(i: u32): usize {
  return load<u32>(ends + (<usize>i << 2));
}

/** A stop byte is behind records [0, count). */
export function stopTexts(count: u32): void {
  for (let i: u32 = 0; i < count; i++) {
    const to = end(i);
    // What is there otherwise is of no use: what was cut off, or what was read of an earlier file.
    if (load<u8>(to) >= 0x20) store<u8>(to, LF);
  }
}

/** Rows of records [0, count) that have nothing but the message, which is the line. */
export function freshRows(count: u32, message: u32): void {
  for (let i: u32 = 0; i < count; i++) {
    clearRow(rowAt(i));
    setCell(rowAt(i), message, start(i), <u32>(end(i) - start(i)), TEXT);
  }
}

/** Marks at `todo` the records that are to be parsed: all, or those at `only`; of them those without a parse that failed. */
export function chooseRecords(count: u32, only: usize, todo: usize): u32 {
  let chosen: u32 = 0;
  for (let i: u32 = 0; i < count; i++) {
    const is = u32((flags(i) & UNPARSED) == 0) & (only == 0 ? 1 : <u32>load<u8>(only + i));
    store<u8>(todo + i, <u8>is);
    chosen += is;
  }
  return chosen;
}

/**
 * The texts of field `f` of the records at `todo` go to the tables at `startsAt` and `endsAt`. A record without it, or
 * whose value is no text, or for which there is no room is marked WITHOUT instead; returns how many there are of those.
 */
export function fieldTexts(count: u32, f: u32, todo: usize, startsAt: usize, endsAt: usize): u32 {
  let without: u32 = 0;
  for (let i: u32 = 0; i < count; i++) {
    if (load<u8>(todo + i) != 1) continue;
    const row = rowAt(i);
    const meta = cellMeta(row, f);
    const kind = kindOf(meta);
    const bytes = <usize>bytesOf(meta);
    const side = kind == JSTR || kind == TEXT ? sideTake(bytes + 1) : 0;
    if (side == 0) {
      store<u8>(todo + i, WITHOUT);
      without++;
      continue;
    }
    const at = cellAt(row, f);
    let to = side + bytes;
    if (kind == JSTR && flagsOf(meta) & ESCAPED) to = unescape(at, at + bytes, side);
    else memory.copy(side, at, bytes);
    store<u8>(to, LF);
    store<u32>(startsAt + (<usize>i << 2), <u32>side);
    store<u32>(endsAt + (<usize>i << 2), <u32>to);
  }
  return without;
}

/** Of the records at `todo` the parse failed: their rows are empty, and they go out as they are. */
export function failRecords(count: u32, todo: usize): u32 {
  let failed: u32 = 0;
  for (let i: u32 = 0; i < count; i++) {
    if (load<u8>(todo + i) == 0) continue;
    clearRow(rowAt(i));
    setFlags(i, flags(i) | UNPARSED);
    failed++;
  }
  return failed;
}

/** Puts a text into cell `f` of the records at `todo` that have none there. */
export function markRecords(count: u32, todo: usize, f: u32, text: usize, bytes: u32): u32 {
  let marked: u32 = 0;
  for (let i: u32 = 0; i < count; i++) {
    if (load<u8>(todo + i) == 0) continue;
    if (cellMeta(rowAt(i), f) == 0) setCell(rowAt(i), f, text, bytes, TEXT);
    marked++;
  }
  return marked;
}

/** How many bytes at `todo` are not 0. */
export function countRecords(count: u32, todo: usize): u32 {
  let left: u32 = 0;
  let i: u32 = 0;
  for (; i + 16 <= count; i += 16) left += 16 - popcnt(<u32>i8x16.bitmask(i8x16.eq(v128.load(todo + i), i8x16.splat(0))));
  for (; i < count; i++) left += u32(load<u8>(todo + i) != 0);
  return left;
}
