// Base64 (RFC 4648, section 4) into bytes, sixteen digits at a time.
//
// Of a digit the high half says in which range it is, and so what is added to it to get its six bits; `/` alone shares its
// half with `+`. Two tables, one by each half, have a bit in common where the byte is no digit.

/** Behind what was written. */
export let decodedAt: usize = 0;

const PAD: u32 = 0x3d;
const NONE: u32 = 64;

/**
 * Writes at `out` what the digits from `from` on mean; returns the address of what follows them and their padding, `to` at
 * most. 0: they are cut short. Writes up to 4 bytes beyond.
 */
export function decodeBase64(from: usize, to: usize, out: usize): usize {
  const low = i8x16(0x15, 0x11, 0x11, 0x11, 0x11, 0x11, 0x11, 0x11, 0x11, 0x11, 0x13, 0x1a, 0x1b, 0x1b, 0x1b, 0x1a);
  const high = i8x16(0x10, 0x10, 0x01, 0x02, 0x04, 0x08, 0x04, 0x08, 0x10, 0x10, 0x10, 0x10, 0x10, 0x10, 0x10, 0x10);
  const added = i8x16(0, 16, 19, 4, -65, -65, -71, -71, 0, 0, 0, 0, 0, 0, 0, 0);
  let at = from;
  for (; at + 16 <= to; at += 16, out += 12) {
    const text = v128.load(at);
    const half = i8x16.shr_u(text, 4);
    // Indices are below 16 everywhere.
    const lows = i8x16.relaxed_swizzle(low, v128.and(text, i8x16.splat(15)));
    const wrong = v128.and(lows, i8x16.relaxed_swizzle(high, half));
    if (v128.any_true(wrong)) break;
    const range = i8x16.add(half, i8x16.eq(text, i8x16.splat(0x2f)));
    const sixes = i8x16.add(text, i8x16.relaxed_swizzle(added, range));
    // Twelve bits of each two, then 24 of each four.
    const twelves = v128.or(i16x8.shl(v128.and(sixes, i16x8.splat(0xff)), 6), i16x8.shr_u(sixes, 8));
    const whole = i32x4.dot_i16x8_s(twelves, i16x8(4096, 1, 4096, 1, 4096, 1, 4096, 1));
    v128.store(out, i8x16.shuffle(whole, whole, 2, 1, 0, 6, 5, 4, 10, 9, 8, 14, 13, 12, 0, 0, 0, 0));
  }
  for (; at + 4 <= to; at += 4) {
    const a = sixBits(load<u8>(at));
    if (a == NONE) break;
    const b = sixBits(load<u8>(at, 1));
    const c = sixBits(load<u8>(at, 2));
    const d = sixBits(load<u8>(at, 3));
    if (b == NONE || (c == NONE && load<u8>(at, 2) != PAD) || (d == NONE && load<u8>(at, 3) != PAD)) return 0;
    if (c == NONE && d != NONE) return 0;
    const bits = (a << 18) | (b << 12) | ((c & 63) << 6) | (d & 63);
    store<u8>(out, <u8>(bits >> 16));
    store<u8>(out, <u8>(bits >> 8), 1);
    store<u8>(out, <u8>bits, 2);
    out += c == NONE ? 1 : d == NONE ? 2 : 3;
    if (d == NONE) {
      at += 4;
      break;
    }
  }
  decodedAt = out;
  return at;
}

@inline
function sixBits(digit: u32): u32 {
  if (digit >= 0x41 && digit <= 0x5a) return digit - 0x41;
  if (digit >= 0x61 && digit <= 0x7a) return digit - 0x61 + 26;
  if (digit >= 0x30 && digit <= 0x39) return digit - 0x30 + 52;
  return digit == 0x2b ? 62 : digit == 0x2f ? 63 : NONE;
}
