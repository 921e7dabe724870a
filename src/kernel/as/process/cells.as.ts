// Rows of cells: the fields of a batch's records, a row each, in a slot of their own beside the batch's.
//
//   slot of fields   | side u32 | ...  | row 0 | row 1 | ... | order |      free      ... | side bytes |
//                    header, 64 bytes  rows                                         side ->
//
//   row     `width` cells of 8 bytes, an even number; which field has which cell is the program's (transforms/program.ts)
//   cell    u32 address | u32 meta: bytes (24 bits), kind << 24 (4 bits), flags << 28 (4 bits); meta 0: absent
//
// Rows are not moved when their records go to several topics: which row each has then says the order, a u16 a record.
// Addresses are of the pool's memory: a value lies in the line, among the side bytes, or in the program's arena.
// Invariant: a line feed stands behind every record's text and every side text that is scanned, so a scan stops there.
// The side grows down from the slot's end; it never reaches the rows of the records that there are, nor their order.

/** Bytes as they are: escaped when they are written. */
export const TEXT: u32 = 1;
/** The inside of a JSON string, copied. Flag 1: it has backslashes. */
export const JSTR: u32 = 2;
/** A JSON value as it stands. */
export const RAW: u32 = 3;
/** Cell 0: milliseconds since the epoch, a u64 in place of address and meta; not 0. */
export const TIME: u32 = 4;
/** A word without a value: `true`. */
export const TRUE: u32 = 5;
/** The address of so many entries of 16 bytes: key, its bytes, and a cell. */
export const PAIRS: u32 = 6;
/** The number stands in the address. */
export const UINT: u32 = 7;

/** Of a JSTR: it has backslashes. */
export const ESCAPED: u32 = 1;

/** Bit of a record's flags: its parse failed. Steps that go by fields leave it alone, and it goes out plain. */
export const FAILED: u32 = 0x10;

const HEADER: usize = 64;
/** Cells of a row. */
export let width: u32 = 0;
let slot: usize = 0;
let rows: usize = 0;
/** Where the side ends at the latest. */
let sideEnd: usize = 0;
/** Of which row of the slot each record has, from the first on; 0: they have them one after the other. */
let order: usize = 0;

/**
 * The slot of fields in use, from record `first` on, of `records`; `limit` is its end. `fresh`: of a batch that has no rows
 * yet. `ordered`: each has the row that the order behind all rows says.
 */
export function useRows(at: usize, limit: usize, cells: u32, first: u32, records: u32, fresh: bool, ordered: bool): void {
  slot = at;
  width = cells;
  const rowsFrom = at + HEADER;
  const rowsTo = rowsFrom + ((<usize>records * width) << 3);
  rows = rowsFrom + ((<usize>first * width) << 3);
  order = ordered ? rowsTo + (<usize>first << 1) : 0;
  sideEnd = rowsTo + (<usize>records << 1);
  if (fresh) store<u32>(slot, <u32>limit);
}

/** Empties the rows of records [first, first + records). */
export function clearRows(first: u32, records: u32): void {
  memory.fill(rowAt(first), 0, (<usize>records * width) << 3);
}

@inline
export function rowAt(i: u32): usize {
  return rows + ((<usize>i * width) << 3);
}

@inline
export function clearRow(row: usize): void {
  const end = row + (<usize>width << 3);
  for (let at = row; at < end; at += 16) v128.store(at, i64x2.splat(0));
}

/** The row of record i where records may have an order. */
@inline
export function orderedRow(i: u32): usize {
  return order ? slot + HEADER + ((<usize>load<u16>(order + (<usize>i << 1)) * width) << 3) : rowAt(i);
}

@inline
export function setCell(row: usize, f: u32, at: usize, bytes: u32, kind: u32, flags: u32 = 0): void {
  const cell = row + (<usize>f << 3);
  store<u32>(cell, <u32>at);
  store<u32>(cell, bytes | (kind << 24) | (flags << 28), 4);
}

@inline
export function clearCell(row: usize, f: u32): void {
  store<u64>(row + (<usize>f << 3), 0);
}

@inline
export function cellAt(row: usize, f: u32): usize {
  return load<u32>(row + (<usize>f << 3));
}

/** 0: the field is absent. */
@inline
export function cellMeta(row: usize, f: u32): u32 {
  return load<u32>(row + (<usize>f << 3), 4);
}

@inline
export function bytesOf(meta: u32): u32 {
  return meta & 0xffffff;
}

@inline
export function kindOf(meta: u32): u32 {
  return (meta >> 24) & 15;
}

@inline
export function flagsOf(meta: u32): u32 {
  return meta >> 28;
}

/** The address of so many side bytes, with 16 more behind them; a multiple of 16. 0: there is no room. */
export function sideTake(bytes: usize): usize {
  const top = <usize>load<u32>(slot);
  const need = bytes + 16;
  if (need > top) return 0;
  const at = (top - need) & ~15;
  if (at < sideEnd) return 0;
  store<u32>(slot, <u32>at);
  return at;
}

/** Of `taken` side bytes, the last that were taken, only the first `used` are kept: returns where they are then. */
export function sideKeep(at: usize, taken: usize, used: usize): usize {
  const to = (at + taken - used) & ~15;
  memory.copy(to, at, used);
  store<u32>(slot, <u32>to);
  return to;
}

/** Where the side begins: given back to `sideBack`, all that was taken since is free again. */
@inline
export function sideTop(): u32 {
  return load<u32>(slot);
}

@inline
export function sideBack(top: u32): void {
  store<u32>(slot, top);
}
