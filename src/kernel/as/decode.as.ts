// Decoding: lines of UTF-16 or Latin-1 become lines of UTF-8, one behind the other with LF between them.
//
//   memory [from, to)   G 0 E 0 T 0 \n 0   ->   memory [out, limit)   G E T \n
//
// Byte order marks that begin a line are left out. An unpaired surrogate becomes U+FFFD. Of a line longer than `longest` as UTF-8 the beginning is kept.
import { setFlags, setRecord } from './tables.as';

const UTF16LE: u32 = 1;
const LATIN1: u32 = 3;
const LF: u32 = 10;
const CR: u32 = 13;
const MARK: u32 = 0xfeff;
const TRUNCATED: u32 = 1;
const REPLACEMENT: u32 = 0xfffd;
/** Units that are looked at together. */
const STEP: usize = 16;

/** The address after the last terminator that was taken. */
export let decodedTo: usize = 0;
/** The address behind the last line's LF. */
export let decodedEnd: usize = 0;
/** Units that were no character, and lines that were cut. */
export let decodedReplaced: u32 = 0;
export let decodedCut: u32 = 0;
/** There may be more lines: they have no room, in memory or in the tables. */
export let decodedStopped: bool = false;

let encoding: u32 = 0;
let unitBytes: usize = 2;
let replaced: u32 = 0;

/**
 * Names the lines in the tables from index `first` up to `max`; returns how many there are. It stops before a line for
 * which there is no room; the first one always has it: limit - out is at least `longest` + 32. `last`: what no LF ends is a
 * line, too.
 */
export function decodeLines(
  from: usize, to: usize, base: usize, as: u32, out: usize, limit: usize, longest: usize, first: u32, max: u32,
  last: bool,
): u32 {
  encoding = as;
  unitBytes = as == LATIN1 ? 1 : 2;
  decodedReplaced = 0;
  decodedCut = 0;
  decodedStopped = false;
  let lineAt = from;
  let i = first;
  while (i < max && lineAt < to) {
    const textAt = out;
    // LF follows the text.
    let stop = min(textAt + longest, limit - 1);
    let at = lineAt;
    let ended = false;
    replaced = 0;
    if (as != LATIN1) while (at + 2 <= to && unit(at) == MARK) at += 2;
    while (at + unitBytes <= to) {
      if (at + STEP * unitBytes <= to && out + STEP <= stop) {
        const plain = copyPlain(at, out);
        at += plain * unitBytes;
        out += plain;
        if (plain == STEP) continue;
      }
      let code = unit(at);
      at += unitBytes;
      if (code == LF || (code == CR && at + unitBytes <= to && unit(at) == LF)) {
        if (code == CR) at += unitBytes;
        ended = true;
        break;
      }
      let lone = false;
      if (code >= 0xd800 && code < 0xe000) {
        // The other half may not have been written yet: then neither is the line's end.
        const low = code < 0xdc00 && at + 2 <= to ? unit(at) : 0;
        if (low >= 0xdc00 && low < 0xe000) {
          code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
          at += 2;
        } else {
          code = REPLACEMENT;
          lone = true;
        }
      }
      const bytes = utf8Bytes(code);
      // From here on nothing of the line is kept, also what would be shorter.
      if (out + bytes > stop) stop = 0;
      else {
        out = writeUtf8(out, code, bytes);
        replaced += u32(lone);
      }
    }
    if (!ended && !last) {
      out = textAt;
      break;
    }
    if (!ended && at < to) {
      // Half a unit at the very end.
      at = to;
      if (stop != 0 && out + 3 <= stop) {
        out = writeUtf8(out, REPLACEMENT, 3);
        replaced++;
      } else stop = 0;
    }
    const cut = stop == 0;
    if (cut && textAt + longest > limit - 1 && i > first) {
      out = textAt;
      decodedStopped = true;
      break;
    }
    setRecord(i, textAt, out, <u32>(lineAt - base), <u32>(at - lineAt));
    if (cut) {
      setFlags(i, TRUNCATED);
      decodedCut++;
    }
    decodedReplaced += replaced;
    store<u8>(out++, <u8>LF);
    lineAt = at;
    i++;
  }
  if (i == max) decodedStopped = true;
  decodedTo = lineAt;
  decodedEnd = out;
  return i - first;
}

@inline
function unit(at: usize): u32 {
  if (encoding == LATIN1) return load<u8>(at);
  const bytes = <u32>load<u16>(at);
  return encoding == UTF16LE ? bytes : ((bytes & 0xff) << 8) | (bytes >> 8);
}

/** Copies the ASCII units before the next CR, LF or other character, at most 16; writes 16 bytes. */
@inline
function copyPlain(at: usize, out: usize): usize {
  let bytes: v128;
  let others: v128;
  if (encoding == LATIN1) {
    bytes = v128.load(at);
    others = i8x16.lt_s(bytes, i8x16.splat(0));
  } else {
    const low = units(at);
    const high = units(at + 16);
    bytes = i8x16.narrow_i16x8_u(low, high);
    const most = i16x8.splat(0x7f);
    others = i8x16.narrow_i16x8_s(i16x8.gt_u(low, most), i16x8.gt_u(high, most));
  }
  const ends = v128.or(i8x16.eq(bytes, i8x16.splat(<i8>LF)), i8x16.eq(bytes, i8x16.splat(<i8>CR)));
  v128.store(out, bytes);
  return ctz(<u32>i8x16.bitmask(v128.or(others, ends)) | (1 << 16));
}

@inline
function units(at: usize): v128 {
  const bytes = v128.load(at);
  if (encoding == UTF16LE) return bytes;
  return i8x16.shuffle(bytes, bytes, 1, 0, 3, 2, 5, 4, 7, 6, 9, 8, 11, 10, 13, 12, 15, 14);
}

@inline
export function utf8Bytes(code: u32): usize {
  return code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
}

/** Writes the character and returns the address behind it. */
@inline
export function writeUtf8(out: usize, code: u32, bytes: usize): usize {
  if (bytes == 1) store<u8>(out, <u8>code);
  else if (bytes == 2) store<u16>(out, <u16>(0x80c0 | (code >> 6) | ((code & 0x3f) << 8)));
  else if (bytes == 3) {
    store<u16>(out, <u16>(0x80e0 | (code >> 12) | (((code >> 6) & 0x3f) << 8)));
    store<u8>(out + 2, <u8>(0x80 | (code & 0x3f)));
  } else {
    const tail = (((code >> 6) & 0x3f) << 16) | ((code & 0x3f) << 24);
    store<u32>(out, 0x808080f0 | (code >> 18) | (((code >> 12) & 0x3f) << 8) | tail);
  }
  return out + bytes;
}
