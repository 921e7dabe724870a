// The inside of a JSON string, sixteen bytes at a time. `"` and `\` are frequent and where they stand is random, so they
// cost no branch: a table says for each pattern of them in eight bytes how to spread these, with `\` in the gaps.
// Controls below 0x20 (escaped) and bytes from 0x80 on (checked to be UTF-8) stop the copying.
//
// What is not UTF-8 becomes U+FFFD, one for each maximal subpart, as the WHATWG Encoding Standard decodes.
import { othersAmong, quotesAmong } from './signs.as';
import { isUtf8, sequence } from './utf8.as';

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const SPACE = 0x20;
/** EF BF BD, the UTF-8 of U+FFFD, as a little-endian word. */
const REPLACEMENT = 0xbdbfef;
const REPLACEMENT_BYTES = 3;

/** Sequences that became U+FFFD. */
export let replaced: u32 = 0;

export function resetReplaced(): void {
  replaced = 0;
}

/** 256 patterns of 16 lane numbers; lane 8 holds a backslash. */
const SPREAD_AT: usize = 2048;
fillSpreads();

function fillSpreads(): void {
  for (let pattern = 0; pattern < 256; pattern++) {
    let at = SPREAD_AT + (pattern << 4);
    for (let lane = 0; lane < 8; lane++) {
      if ((pattern >> lane) & 1) store<u8>(at++, 8);
      store<u8>(at++, <u8>lane);
    }
  }
}

@inline
function spread(halfAndBackslashes: v128, pattern: u32): v128 {
  return i8x16.relaxed_swizzle(halfAndBackslashes, v128.load(SPREAD_AT + (<usize>pattern << 4)));
}

/** Writes memory [from, to) at `out`; returns the address behind. Writes up to 32 bytes beyond. */
@inline
export function escape(from: usize, to: usize, out: usize): usize {
  let checked = false;
  while (from < to) {
    const bytes = v128.load(from);
    const others = otherBits(bytes);
    const left = to - from;
    if (others == 0 && left >= 16) {
      // Sixteen, not a count that was found out: so the next load waits for nothing.
      out = spreadAll(out, bytes, quoteBits(bytes), 16);
      from += 16;
      continue;
    }
    const plain = ctz(others | (1 << <u32>min(left, 16)));
    out = spreadAll(out, bytes, quoteBits(bytes) & ((1 << plain) - 1), plain);
    from += plain;
    if (from == to) break;
    const byte = <u32>load<u8>(from);
    if (byte < 0x80) {
      out = escapeByte(out, byte);
      from++;
      continue;
    }
    if (!checked && isUtf8(from, to)) return escapeUtf8(from, to, out);
    checked = true;
    do {
      const found = sequence(from, to);
      if (found > 0) {
        store<u32>(out, load<u32>(from));
        out += found;
        from += found;
      } else {
        store<u32>(out, REPLACEMENT);
        out += REPLACEMENT_BYTES;
        from -= found;
        replaced++;
      }
    } while (from < to && load<u8>(from) >= 0x80);
  }
  return out;
}

/** As `escape`, of what is known to be UTF-8. */
function escapeUtf8(from: usize, to: usize, out: usize): usize {
  while (from < to) {
    const bytes = v128.load(from);
    const left = <u32>min(to - from, 16);
    const plain = ctz(controlBits(bytes) | (1 << left));
    out = spreadAll(out, bytes, quoteBits(bytes) & ((1 << plain) - 1), plain);
    from += plain;
    if (plain == left) continue;
    out = escapeByte(out, load<u8>(from));
    from++;
  }
  return out;
}

/** Writes the first `count` of the bytes, with a backslash before each whose bit is set. */
@inline
function spreadAll(out: usize, bytes: v128, quotes: u32, count: u32): usize {
  const backslashes = i8x16.splat(<i8>BACKSLASH);
  const low = quotes & 0xff;
  v128.store(out, spread(v128.shuffle<u64>(bytes, backslashes, 0, 2), low));
  v128.store(out + 8 + popcnt(low), spread(v128.shuffle<u64>(bytes, backslashes, 1, 2), quotes >> 8));
  return out + count + popcnt(quotes);
}

/** How much of memory [from, to) fits into `room` bytes when it is escaped: the address behind the last character. */
export function fitting(from: usize, to: usize, room: usize): usize {
  while (from < to) {
    const bytes = v128.load(from);
    const plain = <usize>ctz(otherBits(bytes) | quoteBits(bytes) | (1 << <u32>min(to - from, 16)));
    if (plain > room) return from + room;
    from += plain;
    room -= plain;
    if (plain == 16 || from == to) continue;
    const byte = <u32>load<u8>(from);
    const found = byte < 0x80 ? 1 : sequence(from, to);
    const written: usize = byte < 0x80 ? escapedBytes(byte) : found > 0 ? found : REPLACEMENT_BYTES;
    if (written > room) return from;
    from += abs(found);
    room -= written;
  }
  return to;
}

/** A bit for each byte that is a control or beyond ASCII. */
@inline
function otherBits(bytes: v128): u32 {
  return i8x16.bitmask(othersAmong(bytes));
}

@inline
function controlBits(bytes: v128): u32 {
  return i8x16.bitmask(i8x16.lt_u(bytes, i8x16.splat(<i8>SPACE)));
}

/** A bit for each byte that is `"` or `\`. */
@inline
function quoteBits(bytes: v128): u32 {
  return i8x16.bitmask(quotesAmong(bytes));
}

/** The letter of a short escape, or 0. */
@inline
function shortEscape(byte: u32): u32 {
  if (byte == QUOTE || byte == BACKSLASH) return byte;
  if (byte == 9) return 0x74; // \t
  if (byte == 10) return 0x6e; // \n
  if (byte == 13) return 0x72; // \r
  if (byte == 8) return 0x62; // \b
  if (byte == 12) return 0x66; // \f
  return 0;
}

@inline
function escapedBytes(byte: u32): usize {
  return shortEscape(byte) ? 2 : 6;
}

/** `\"`, `\t`, ... or `\u001f`. */
@inline
function escapeByte(out: usize, byte: u32): usize {
  const letter = shortEscape(byte);
  if (letter) {
    store<u16>(out, <u16>(BACKSLASH | (letter << 8)));
    return out + 2;
  }
  store<u32>(out, 0x3030755c); // \u00
  store<u8>(out + 4, <u8>(0x30 + (byte >> 4)));
  const low = byte & 15;
  store<u8>(out + 5, <u8>(low < 10 ? 0x30 + low : 0x57 + low));
  return out + 6;
}
