// Looking at text: each reads up to 16 bytes beyond what it is given, and believes nothing of what stands there.
import { blankBits } from '../signs.as';

export const BLANK: u8 = 0x20;
export const DASH: u8 = 0x2d;
export const QUOTE: u8 = 0x22;
export const BACKSLASH: u8 = 0x5c;
export const COLON: u8 = 0x3a;
export const COMMA: u8 = 0x2c;
export const OPEN: u8 = 0x5b; // [
export const CLOSE: u8 = 0x5d; // ]

/** Where `byte` stands first in memory [at, to); `to`: nowhere. */
@inline
export function find(at: usize, to: usize, byte: u8): usize {
  const wanted = i8x16.splat(<i8>byte);
  for (; at < to; at += 16) {
    const places = <u32>i8x16.bitmask(i8x16.eq(v128.load(at), wanted));
    if (places) return min(at + ctz(places), to);
  }
  return to;
}

/** As `find` of a blank. */
@inline
export function findBlank(at: usize, to: usize): usize {
  for (; at < to; at += 16) {
    const places = blankBits(at);
    if (places) return min(at + ctz(places), to);
  }
  return to;
}

/** Whether `quoteEnd` came over a backslash. */
export let hasEscapes: bool = false;

/** The quote that ends a text; what stands behind a backslash ends nothing. `to`: there is none. */
export function quoteEnd(at: usize, to: usize): usize {
  hasEscapes = false;
  while (at < to) {
    const bytes = v128.load(at);
    const places = <u32>(
      i8x16.bitmask(v128.or(i8x16.eq(bytes, i8x16.splat(<i8>QUOTE)), i8x16.eq(bytes, i8x16.splat(<i8>BACKSLASH))))
    );
    if (places == 0) {
      at += 16;
      continue;
    }
    at += ctz(places);
    if (at >= to) return to;
    if (load<u8>(at) == QUOTE) return at;
    hasEscapes = true;
    at += 2;
  }
  return to;
}

@inline
export function isDigit(at: usize): bool {
  return <u32>load<u8>(at) - 0x30 < 10;
}

@inline
export function isLetter(at: usize): bool {
  return (<u32>load<u8>(at) | 0x20) - 0x61 < 26;
}

/** Two digits as their number; 100 and more where they are none. */
@inline
export function two(at: usize): u32 {
  const tens = <u32>load<u8>(at) - 0x30;
  const ones = <u32>load<u8>(at + 1) - 0x30;
  return tens > 9 || ones > 9 ? 100 : tens * 10 + ones;
}

/** Four digits as their number; 10000 and more where they are none. */
@inline
export function four(at: usize): u32 {
  const high = two(at);
  const low = two(at + 2);
  return low > 99 ? 10000 : high * 100 + low;
}

/** Whether memory [at, to) is digits, and at least one. */
@inline
export function areDigits(at: usize, to: usize): bool {
  if (at >= to) return false;
  while (at < to && isDigit(at)) at++;
  return at == to;
}

/** The number 1 to 12 of the month whose first three letters stand here, in any case; 0: none. */
export function monthAt(at: usize): u32 {
  const w = load<u32>(at) & 0xdfdfdf;
  if (w == 0x4e414a) return 1;
  if (w == 0x424546) return 2;
  if (w == 0x52414d) return 3;
  if (w == 0x525041) return 4;
  if (w == 0x59414d) return 5;
  if (w == 0x4e554a) return 6;
  if (w == 0x4c554a) return 7;
  if (w == 0x475541) return 8;
  if (w == 0x504553) return 9;
  if (w == 0x54434f) return 10;
  if (w == 0x564f4e) return 11;
  if (w == 0x434544) return 12;
  return 0;
}
