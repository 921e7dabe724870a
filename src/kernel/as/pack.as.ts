// Packing: records of the tables become Kafka records (message format v2) at `out`, one behind the other.
//
//   varint bytes that follow | 0 attributes | 0 timestamp delta | varint offset delta | varint key bytes, key |
//   varint value bytes, value | varint headers, then for each: varint name bytes, name, varint value bytes, value
//
// All varints are zigzag. By kind the value is
//   JSON   HEAD, the escaped line, OFFSET digits LENGTH digits [SKIPPED digits] [FLAGS] AFTER; no headers
//   RAW    the line's bytes; headers HEAD, then offset, length [, skipped] [, flags] [, iostream]
//   VALUE  the bytes; no headers
//
// Invariant: what is written ends at or before `limit`; stores reach less than 64 bytes beyond.
import { copy, decimal, digits, varint, varintBytes } from './bytes.as';
import { escape, fitting, resetReplaced } from './json.as';
import { AFTER, FLAGS, HEAD, KEY, LENGTH, OFFSET, pieceBytes, SKIPPED, writePiece } from './pieces.as';
import { end, flags, length, source, start } from './tables.as';
import { boundary } from './utf8.as';

const JSON: u32 = 0;
const RAW: u32 = 1;
const VALUE: u32 = 2;
/** Bits of a record's flags. */
const TRUNCATED: u32 = 1;
const MULTILINE: u32 = 2;
const MARKS = TRUNCATED | MULTILINE;
const STDOUT: u32 = 4;
const STDERR: u32 = 8;
const IOSTREAM = STDOUT | STDERR;
/** Other bits are not for the record. */
const ALL_FLAGS = MARKS | IOSTREAM;
/** Headers that a raw record may have beside those that do not change. */
const ADDED_HEADERS: u32 = 5;
/** Escaping makes of a byte at most \u00xx. */
const JSON_GROWTH: usize = 6;
/** More than all varints and numbers of a record take. */
const VARIABLE_BYTES: usize = 96;

/** The address behind the last record. */
export let endAt: usize = 0;
/** Records that were cut. */
export let cut: u32 = 0;

let kind: u32 = 0;
let position: u64 = 0;
let before: u64 = 0;
let headerCount: u32 = 0;

/**
 * Packs records [first, first + count) at memory [out, limit); returns how many fit. `skipped`: bytes that were left out
 * before the batch. `empty`: the first record is cut to fit.
 */
export function pack(
  as: u32, headers: u32, first: u32, count: u32, from: f64, skipped: f64, delta: u32, out: usize, limit: usize, empty: bool,
): u32 {
  kind = as;
  headerCount = headers;
  position = <u64>from;
  before = <u64>skipped;
  cut = 0;
  resetReplaced();
  const around = aroundBytes();
  const growth: usize = kind == JSON ? JSON_GROWTH : 1;
  let i = first;
  for (; i < first + count; i++) {
    const at = start(i);
    let to = end(i);
    let bits = flags(i) & ALL_FLAGS;
    if (around + (to - at) * growth > limit - out) {
      const fits = fit(i, delta, bits, limit - out);
      if (fits < to) {
        if (!empty || i != first) break;
        bits |= TRUNCATED;
        to = fit(i, delta, bits, limit - out);
        if (to == 0) break;
        cut++;
      }
    }
    out = record(out, i, at, to, bits, delta++, around);
  }
  endAt = out;
  return i - first;
}

/** The bytes of a record apart from the line, at most. */
function aroundBytes(): usize {
  let bytes = VARIABLE_BYTES;
  for (let piece = KEY; piece < FLAGS; piece++) bytes += pieceBytes(piece);
  return bytes + pieceBytes(FLAGS + ALL_FLAGS);
}

/** The address up to which record i fits into `room` bytes, at a character's boundary; 0 where not even nothing does. */
function fit(i: u32, delta: u32, bits: u32, room: usize): usize {
  // Two varints are as wide as for a record that fills the room; they may turn out narrower.
  let around: usize = 2 * varintBytes(<u32>room) + 2 + varintBytes(delta) + pieceBytes(KEY);
  around += varintBytes(headerCount + ADDED_HEADERS);
  if (kind != VALUE) around += pieceBytes(HEAD) + tailBytes(i, bits);
  if (around > room) return 0;
  const from = start(i);
  const to = end(i);
  if (kind == JSON) return fitting(from, to, room - around);
  return to - from <= room - around ? to : boundary(from, from + room - around, to);
}

/**
 * Writes record i with the line's bytes [from, to). Two varints stand before what they measure: their width is guessed,
 * and what follows is moved where the guess was wrong.
 */
@inline
function record(out: usize, i: u32, from: usize, to: usize, bits: u32, delta: u32, around: usize): usize {
  const widest = varintBytes(<u32>(around + (to - from)));
  const bodyAt = out + widest;
  store<u16>(bodyAt, 0);
  const valueAt = writePiece(varint(bodyAt + 2, delta), KEY);
  const width = kind == JSON ? widest : varintBytes(<u32>(to - from));
  let at = writeValue(valueAt + width, i, from, to, bits);
  at = measure(valueAt, width, at);
  at = writeHeaders(at, i, bits);
  return measure(out, widest, at);
}

/** Puts the bytes of what lies `width` bytes after `at` up to `end` before it; returns its end, which may have moved. */
@inline
function measure(at: usize, width: usize, end: usize): usize {
  const bytes = end - at - width;
  const needed = varintBytes(<u32>bytes);
  if (needed != width) memory.copy(at + needed, at + width, bytes);
  varint(at, <u32>bytes);
  return at + needed + bytes;
}

@inline
function writeValue(out: usize, i: u32, from: usize, to: usize, bits: u32): usize {
  if (kind != JSON) return copy(out, from, to - from);
  out = writePiece(out, HEAD);
  out = escape(from, to, out);
  return writeTail(out, i, bits);
}

@inline
function writeHeaders(out: usize, i: u32, bits: u32): usize {
  if (kind != RAW) return varint(out, 0);
  const said = u32((bits & MARKS) > 0) + u32((bits & IOSTREAM) > 0);
  out = varint(out, headerCount + 2 + u32(skippedBefore(i) > 0) + said);
  out = writePiece(out, HEAD);
  return writeTail(out, i, bits);
}

/** Where record i came from: the end of a JSON document, or headers. */
@inline
function writeTail(out: usize, i: u32, bits: u32): usize {
  out = writeNumber(writePiece(out, OFFSET), position + source(i));
  out = writeNumber(writePiece(out, LENGTH), length(i));
  const skipped = skippedBefore(i);
  if (skipped > 0) out = writeNumber(writePiece(out, SKIPPED), skipped);
  if (bits > 0) out = writePiece(out, FLAGS + bits);
  return writePiece(out, AFTER);
}

/** Bytes that `writeTail` writes. */
function tailBytes(i: u32, bits: u32): usize {
  const skipped = skippedBefore(i);
  let bytes = pieceBytes(OFFSET) + digits(position + source(i)) + pieceBytes(LENGTH) + digits(length(i));
  if (skipped > 0) bytes += pieceBytes(SKIPPED) + digits(skipped);
  if (kind == RAW) bytes += skipped > 0 ? 3 : 2;
  return bytes + pieceBytes(FLAGS + bits) + pieceBytes(AFTER);
}

/** Digits; in a header with their number before them. */
@inline
function writeNumber(out: usize, value: u64): usize {
  const count = digits(value);
  if (kind == RAW) out = varint(out, <u32>count);
  return decimal(out, value, count);
}

/** Bytes of the source that were left out between the record before, also in an earlier batch, and record i. */
@inline
function skippedBefore(i: u32): u64 {
  if (i == 0) return before + source(0);
  const end = source(i - 1) + length(i - 1);
  return source(i) > end ? source(i) - end : 0;
}
