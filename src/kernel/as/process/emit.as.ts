// Packing records with fields: Kafka records as pack.as.ts writes them, whose value is put together after a template.
//
// A template is a head and steps of 16 bytes: kind u32, cell u32, address and bytes of a piece of text that stands before.
// There is one for each set of cells that occurs (a variant): all text between two values is one piece, and nothing is
// decided a record. The head:
//
//   0    u32 how much room all but long values takes | u32 address, u32 bytes of what SAME wrote | u32 0
//   16   u64 which call of packFields that was in | u64 0
//
// JavaScript makes it when a set is met first (`missed`). Of more sets than are kept, the rest are written after one template
// for all: steps of 48 bytes, with conditions on the set behind.
//
//   variants    open addressing: set u64, address of the template u32, 0 u32
//   conditions  any u64, and u64, none u64: the set has one of `any` and one of `and` (0: whatever) and none of `none`
//
// The set of a record whose parse failed is that of no cells; its template is another one.
//
// Invariant: a record is written as a whole below `limit`, or not at all; stores reach less than 64 bytes beyond.
import { copy, fourDigits, number, varint, varintBytes } from '../bytes.as';
import { resetReplaced } from '../json.as';
import { end, flags, length, source, start } from '../tables.as';
import { JSTR, PAIRS, bytesOf, cellAt, cellMeta, flagsOf, kindOf, orderedRow, width } from './cells.as';
import { BLOCK, RESERVE, beginRecord, copy32, copyShort, fits, full, writeCell, writePairs, writeRun, writeShort, writeText, writeValue } from './emit-values.as';
import { ISO_BYTES, writeIso } from './iso.as';

// Kinds of steps; TEXT, 0, is the piece alone.
const VALUE: u32 = 1;
/** The first run of a node, or its pairs. */
const REST: u32 = 2;
/** The other runs of node `cell`. */
const RUNS: u32 = 3;
const STAMP: u32 = 4;
const READ: u32 = 5;
const FILE: u32 = 6;
const NUMBERS: u32 = 7;
const LINE: u32 = 8;
const OPEN: u32 = 9;
const CLOSE: u32 = 10;
const END: u32 = 11;
/** What the next `cell` steps write is the same for all records of a call: once written, it is copied. NUMBERS are behind it. */
const SAME: u32 = 12;
/**
 * A value that is expected to be of a kind of cell, which is this. A STRING has its quotes in the pieces around it; PLAIN,
 * which is RAW, has none.
 */
const STRING: u32 = JSTR << 24;
/** Without flags. */
const KIND_AND_BYTES: u32 = 0xfffffff;
const MOST_BYTES: u32 = 0xffffff;

const TEMPLATE_HEAD: usize = 32;
const SAME_AT: usize = 4;
const SAME_BYTES: usize = 8;
const SAME_CALL: usize = 16;
const UNPARSED: u32 = 0x10;
const RECORD_FLAGS: u32 = 15;
const COMMA: u8 = 0x2c;
const BRACE: u8 = 0x7b;

// The job in use, as emit.ts places it.
let variants: usize = 0;
let mask: u32 = 0;
let general: usize = 0;
let unparsed: usize = 0;
let key: usize = 0;
let keyBytes: usize = 0;
let file: usize = 0;
let fileBytes: usize = 0;
/** 24 bytes of text: when the batch was read. */
let readAt: usize = 0;
let lengthPiece: usize = 0;
let skippedPiece: usize = 0;
/** By bits of a record's flags: address and bytes of a piece. */
let flagPieces: usize = 0;
let moreFrom: u32 = 0;
let moreTo: u32 = 0;
/** True: for a set without a variant the general template is taken. */
let isGeneral: bool = false;

export let fieldsEnd: usize = 0;
/** It stopped at a record whose set has no variant. */
export let missed: bool = false;

let position: u64 = 0;
let before: u64 = 0;
/** Which call of packFields this is, from 1. */
let call: u64 = 0;

export function useTemplates(job: usize, generalToo: bool): void {
  variants = load<u32>(job);
  mask = load<u32>(job, 4);
  general = load<u32>(job, 8);
  unparsed = load<u32>(job, 12);
  key = load<u32>(job, 16);
  keyBytes = load<u32>(job, 20);
  file = load<u32>(job, 24);
  fileBytes = load<u32>(job, 28);
  readAt = load<u32>(job, 32);
  lengthPiece = load<u32>(job, 36);
  skippedPiece = load<u32>(job, 40);
  flagPieces = load<u32>(job, 44);
  moreFrom = load<u32>(job, 48);
  moreTo = load<u32>(job, 52);
  isGeneral = generalToo;
}

/** The kind of a cell of the record. */
export function kindOfCell(i: u32, cell: u32): u32 {
  return kindOf(cellMeta(orderedRow(i), cell));
}

/** Which cells of the record there are: a bit each. */
export function setOf(i: u32): u64 {
  return setIn(orderedRow(i));
}

@inline
function setIn(row: usize): u64 {
  let set: u64 = 0;
  let f: u32 = 0;
  for (; f + 8 < width; f += 16) set |= (<u64>sixteen(row + (<usize>f << 3))) << f;
  if (f < width) set |= (<u64>eight(row + (<usize>f << 3))) << f;
  // A time may have nothing where others have their meta.
  set |= u64(load<u64>(row) != 0);
  return width == 64 ? set : set & (((<u64>1) << width) - 1);
}

/** Which of 16 cells have a meta, also such of the next row. */
@inline
function sixteen(at: usize): u32 {
  const low = i16x8.narrow_i32x4_s(four(at), four(at + 32));
  const high = i16x8.narrow_i32x4_s(four(at + 64), four(at + 96));
  return ~<u32>i8x16.bitmask(i8x16.eq(i8x16.narrow_i16x8_s(low, high), i8x16.splat(0))) & 0xffff;
}

/** As `sixteen`. */
@inline
function eight(at: usize): u32 {
  const cells = i16x8.narrow_i32x4_s(four(at), four(at + 32));
  return ~<u32>i16x8.bitmask(i16x8.eq(cells, i64x2.splat(0))) & 0xff;
}

/** The metas of four cells. */
@inline
function four(at: usize): v128 {
  return i32x4.shuffle(v128.load(at), v128.load(at, 16), 1, 3, 5, 7);
}

/** As `pack`: records [first, first + count) at [out, to); gives how many there are then, up to the first that is too large. */
export function packFields(
  first: u32, count: u32, from: f64, skipped: f64, delta: u32, out: usize, to: usize,
): u32 {
  position = <u64>from;
  before = <u64>skipped;
  missed = false;
  call++;
  resetReplaced();
  let i = first;
  // Bytes of the two lengths that stand before what they measure: as many as of the record before.
  let guess: usize = 2;
  for (; i < first + count; i++) {
    const bits = flags(i);
    let steps = unparsed;
    let set: u64 = 0;
    if ((bits & UNPARSED) == 0) {
      set = setIn(orderedRow(i));
      steps = variantOf(set);
      if (steps == 0 && !isGeneral) {
        missed = true;
        break;
      }
    }
    const fixed: usize = steps ? <usize>load<u32>(steps) : 0;
    if (out + RESERVE + keyBytes + fixed > to) break;
    beginRecord(to - fixed);
    const bodyAt = out + guess;
    store<u16>(bodyAt, 0);
    const valueAt = copy(varint(bodyAt + 2, delta), key, keyBytes);
    let at = steps ? write(valueAt + guess, i, steps) : writeGeneral(valueAt + guess, i, set);
    if (full) break;
    const needed = varintBytes(<u32>(at - valueAt - guess));
    const end = varint(measure(valueAt, guess, at), 0);
    out = measure(out, guess, end);
    // What is to be copied has moved.
    if (out != at + 1 && steps) store<u64>(steps, 0, SAME_CALL);
    guess = needed;
    delta++;
  }
  fieldsEnd = out;
  return i - first;
}

@inline
function variantOf(set: u64): usize {
  for (let slot = hashOf(set) & mask; ; slot = (slot + 1) & mask) {
    const entry = variants + (<usize>slot << 4);
    const template = load<u32>(entry, 8);
    if (template == 0 || load<u64>(entry) == set) return template;
  }
  return 0;
}

@inline
function hashOf(set: u64): u32 {
  return <u32>((set * 0x9e3779b97f4a7c15) >> 32);
}

/** Puts the bytes of what lies `width` bytes after `at` up to `end` before it; gives its end, which may have moved. */
@inline
function measure(at: usize, width: usize, end: usize): usize {
  const bytes = end - at - width;
  const needed = varintBytes(<u32>bytes);
  if (needed != width) memory.copy(at + needed, at + width, bytes);
  varint(at, <u32>bytes);
  return at + needed + bytes;
}

function write(at: usize, i: u32, template: usize): usize {
  const row = orderedRow(i);
  /** The quote that the next piece begins with is not wanted. */
  let unquoted: u32 = 0;
  for (let step = template + TEMPLATE_HEAD; ; step += 16) {
    const kind = load<u32>(step);
    at = copyShort(at, load<u32>(step, 8) + unquoted, load<u32>(step, 12) - unquoted);
    unquoted = 0;
    if (kind >= STRING) {
      const cell = row + (<usize>load<u32>(step, 4) << 3);
      const from = load<u32>(cell);
      const meta = load<u32>(cell, 4);
      const bytes = (meta & KIND_AND_BYTES) - kind;
      if (bytes <= BLOCK) {
        copy32(at, from);
        at += bytes;
        continue;
      }
      if (bytes <= MOST_BYTES) {
        if (!fits(at, bytes)) return at;
        at = copyShort(at, from, bytes);
        continue;
      }
      unquoted = u32(kind == STRING);
      at = writeValue(at - unquoted, from, meta);
    } else if (kind == VALUE) {
      const cell = row + (<usize>load<u32>(step, 4) << 3);
      const from = load<u32>(cell);
      const meta = load<u32>(cell, 4);
      const short = writeShort(at, from, meta);
      if (short) {
        at = short;
        continue;
      }
      at = writeValue(at, from, meta);
    } else if (kind == REST) at = writeRest(at, row, load<u32>(step, 4));
    else if (kind == STAMP) {
      at = writeIso(at, load<u64>(row + (<usize>load<u32>(step, 4) << 3)));
      continue;
    } else if (kind == READ) {
      at = writeRead(at);
      continue;
    } else if (kind == SAME) {
      at = load<u64>(template, SAME_CALL) == call ? writeAgain(at, template) : writeSame(at, i, step, template);
      if (full) return at;
      at = writeNumbers(at, i);
      step += <usize>(load<u32>(step, 4) + 1) << 4;
      continue;
    } else if (kind == END) return at;
    else at = writeOther(at, i, row, kind, load<u32>(step, 4));
    if (full) return at;
  }
  return at;
}

@inline
function writeAgain(at: usize, template: usize): usize {
  const bytes = <usize>load<u32>(template, SAME_BYTES);
  return fits(at, bytes) ? copyShort(at, load<u32>(template, SAME_AT), bytes) : at;
}

/** What the steps behind `step` write, which is what others of this template take from here. */
function writeSame(at: usize, i: u32, step: usize, template: usize): usize {
  const from = at;
  for (let left = load<u32>(step, 4); left; left--) {
    step += 16;
    at = copyShort(at, load<u32>(step, 8), load<u32>(step, 12));
    at = writeOther(at, i, orderedRow(i), load<u32>(step), 0);
    if (full) return at;
  }
  store<u32>(template, <u32>from, SAME_AT);
  store<u32>(template, <u32>(at - from), SAME_BYTES);
  store<u64>(template, call, SAME_CALL);
  return at;
}

function writeGeneral(at: usize, i: u32, set: u64): usize {
  const row = orderedRow(i);
  let opened: usize = 0;
  for (let step = general; ; step += 48) {
    const kind = load<u32>(step);
    if (kind == END) return at;
    const any = load<u64>(step, 16);
    const and = load<u64>(step, 24);
    if ((any != 0 && (set & any) == 0) || (and != 0 && (set & and) == 0) || (set & load<u64>(step, 32)) != 0) continue;
    const cell = load<u32>(step, 4);
    const bytes = <usize>load<u32>(step, 12);
    if (!fits(at, bytes)) return at;
    if (kind == CLOSE) {
      if (load<u8>(at - 1) == BRACE) at = opened;
      else store<u8>(at++, BRACE + 2);
      continue;
    }
    if (kind == OPEN) opened = at;
    if (bytes) {
      // The comma that it begins with is not for the first member of an object.
      const skip = usize(load<u8>(at - 1) == BRACE && load<u8>(load<u32>(step, 8)) == COMMA);
      at = copy(at, <usize>load<u32>(step, 8) + skip, bytes - skip);
    }
    if (kind == VALUE) at = writeCell(at, row, cell);
    else at = writeOther(at, i, row, kind, cell);
    if (full) return at;
  }
  return at;
}

function writeOther(at: usize, i: u32, row: usize, kind: u32, cell: u32): usize {
  if (kind == REST) return writeRest(at, row, cell);
  if (kind == RUNS) return writeRuns(at, row, cell);
  if (kind == NUMBERS) return writeNumbers(at, i);
  if (kind == FILE) return fits(at, fileBytes) ? copy(at, file, fileBytes) : at;
  if (kind == READ) return writeRead(at);
  if (kind == STAMP) return writeIso(at, load<u64>(row + (<usize>cell << 3)));
  return kind == LINE ? writeText(at, start(i), end(i) - start(i)) : at;
}

@inline
function writeRead(at: usize): usize {
  copy32(at, readAt);
  return at + ISO_BYTES;
}

/** The first members of an object, or what is behind its comma. */
function writeRest(at: usize, row: usize, cell: u32): usize {
  const meta = cellMeta(row, cell);
  const from = cellAt(row, cell);
  if (kindOf(meta) == PAIRS) return writePairs(at, from, bytesOf(meta));
  return writeRun(at, from, bytesOf(meta), flagsOf(meta));
}

/** The runs of a node behind its first one. */
function writeRuns(at: usize, row: usize, node: u32): usize {
  for (let f = moreFrom; f < moreTo && !full; f++) {
    const meta = cellMeta(row, f);
    if (meta >> 25 != node || meta == 0) continue;
    store<u8>(at++, COMMA);
    at = writeRun(at, cellAt(row, f), bytesOf(meta), (meta >> 24) & 1);
  }
  return at;
}
/** Behind `"offset":`, as pack.as.ts has it. */
function writeNumbers(at: usize, i: u32): usize {
  at = writeAscending(at, position + source(i));
  at = number(piece(at, lengthPiece), length(i));
  const skipped = skippedBefore(i);
  if (skipped > 0) at = number(piece(at, skippedPiece), skipped);
  const bits = flags(i) & RECORD_FLAGS;
  return bits > 0 ? piece(at, flagPieces + (<usize>bits << 3)) : at;
}

/** Numbers below 10^20 whose last four digits are written anew, the others with the first of as many. */
let tenThousands: u64 = 0;
let highDigits: v128 = i64x2.splat(0);
let highBytes: usize = 0;

@inline
function writeAscending(at: usize, value: u64): usize {
  if (value - tenThousands >= 10000 || highBytes == 0) return writeHigh(at, value);
  v128.store(at, highDigits);
  return fourDigits(at + highBytes, <u32>(value - tenThousands));
}

function writeHigh(at: usize, value: u64): usize {
  const end = number(at, value);
  highBytes = max(end - at, 4) - 4;
  highDigits = v128.load(at);
  tenThousands = value - value % 10000;
  return end;
}

/** A piece by where its address and bytes are. */
@inline
function piece(at: usize, entry: usize): usize {
  return copy(at, load<u32>(entry), load<u32>(entry, 4));
}

@inline
function skippedBefore(i: u32): u64 {
  if (i == 0) return before + source(0);
  const end = source(i - 1) + length(i - 1);
  return source(i) > end ? source(i) - end : 0;
}
