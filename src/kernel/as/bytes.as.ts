// Writing: each function writes at `out` and returns the address behind what it wrote.

const ZERO: u32 = 0x30;

/** Copies in steps of 16: reads and writes up to 15 bytes beyond, and the stretches must not overlap. */
@inline
export function copy(out: usize, from: usize, bytes: usize): usize {
  for (let i: usize = 0; i < bytes; i += 16) v128.store(out + i, v128.load(from + i));
  return out + bytes;
}

/** Bytes that `varint` takes. */
@inline
export function varintBytes(value: u32): usize {
  return value < 0x40 ? 1 : value < 0x2000 ? 2 : value < 0x100000 ? 3 : value < 0x8000000 ? 4 : 5;
}

/** A number that is not negative as zigzag varint: doubled, seven bits a byte, the low ones first. */
@inline
export function varint(out: usize, value: u32): usize {
  let rest = <u64>value << 1;
  while (rest > 0x7f) {
    store<u8>(out++, <u8>rest | 0x80);
    rest >>= 7;
  }
  store<u8>(out++, <u8>rest);
  return out;
}

/** Decimal digits of a number, at least one. */
@inline
export function digits(value: u64): usize {
  let count: usize = 1;
  while (value >= 10000) {
    value /= 10000;
    count += 4;
  }
  const rest = <u32>value;
  return count + usize(rest >= 10) + usize(rest >= 100) + usize(rest >= 1000);
}

/** A number as `count` = digits(value) decimal digits, written from the last to the first. */
@inline
export function decimal(out: usize, value: u64, count: usize): usize {
  const end = out + count;
  let at = end;
  while (value > 0xffffffff) {
    at = pair(at, <u32>(value % 100));
    value /= 100;
  }
  let rest = <u32>value;
  while (rest >= 10) {
    at = pair(at, rest % 100);
    rest /= 100;
  }
  if (at > out) store<u8>(out, <u8>(ZERO + rest));
  return end;
}

/** A number below 10000 as four digits. */
@inline
export function fourDigits(out: usize, value: u32): usize {
  store<u32>(out, fourOf(value));
  return out + 4;
}

/** A number as decimal digits; those of small ones, however many they are, without a branch. Writes up to 3 bytes beyond. */
@inline
export function number(out: usize, value: u64): usize {
  if (value >= 10000) return decimal(out, value, digits(value));
  const rest = <u32>value;
  const beyond = u32(rest < 10) + u32(rest < 100) + u32(rest < 1000);
  store<u32>(out, fourOf(rest) >> (beyond << 3));
  return out + 4 - beyond;
}

/** Four digits, the first one in the lowest byte. */
@inline
function fourOf(value: u32): u32 {
  const high = value / 100;
  const pairs = high | ((value - high * 100) << 16);
  // A tenth of both.
  const tens = ((pairs * 103) >> 10) & 0x000f000f;
  return (tens | ((pairs - tens * 10) << 8)) + 0x30303030;
}

/** Two digits that end at `end`; returns where they begin. */
@inline
function pair(end: usize, value: u32): usize {
  const tens = value / 10;
  store<u16>(end - 2, <u16>(((ZERO + value - tens * 10) << 8) | (ZERO + tens)));
  return end - 2;
}
