// Signs that texts are compared with, sixteen of each in memory: constants would be made anew wherever they are used, in
// three instructions each. They lie at the beginning of a kernel's memory, before what is its own.

const QUOTES: usize = 1024;
const BACKSLASHES: usize = 1040;
const BLANKS: usize = 1056;
const ZEROS: usize = 1072;
const NINES: usize = 1088;
const DASHES: usize = 1104;
const LOW_LINES: usize = 1120;
const LETTERS: usize = 1136;
const LAST_LETTERS: usize = 1152;
v128.store(QUOTES, i8x16.splat(0x22));
v128.store(BACKSLASHES, i8x16.splat(0x5c));
v128.store(BLANKS, i8x16.splat(0x20));
v128.store(ZEROS, i8x16.splat(0x30));
v128.store(NINES, i8x16.splat(9));
v128.store(DASHES, i8x16.splat(0x2d));
v128.store(LOW_LINES, i8x16.splat(0x5f));
v128.store(LETTERS, i8x16.splat(0x61));
v128.store(LAST_LETTERS, i8x16.splat(25));

/** A lane for each byte that is `"` or `\`. */
@inline
export function quotesAmong(bytes: v128): v128 {
  return v128.or(i8x16.eq(bytes, v128.load(QUOTES)), i8x16.eq(bytes, v128.load(BACKSLASHES)));
}

/** A lane for each that is a control or beyond ASCII: signed, both are below a blank. */
@inline
export function othersAmong(bytes: v128): v128 {
  return i8x16.lt_s(bytes, v128.load(BLANKS));
}

/** A bit for each of the 16 bytes at `at` that may not stand in a string of JSON as it is, or needs a look. */
@inline
export function oddBits(at: usize): u32 {
  const bytes = v128.load(at);
  return <u32>i8x16.bitmask(v128.or(quotesAmong(bytes), othersAmong(bytes)));
}

/** A bit for each of the 16 bytes at `at` that is a blank. */
@inline
export function blankBits(at: usize): u32 {
  return <u32>i8x16.bitmask(i8x16.eq(v128.load(at), v128.load(BLANKS)));
}

/** A bit for each that is a digit. */
@inline
export function digitBits(at: usize): u32 {
  return <u32>i8x16.bitmask(i8x16.le_u(i8x16.sub(v128.load(at), v128.load(ZEROS)), v128.load(NINES)));
}

/** How many digits there are at `at`, 16 at most. */
@inline
export function digitCount(at: usize): u32 {
  return ctz(~digitBits(at));
}

/** A bit for each that is no letter, `-` or `_`. */
@inline
export function notOfName(at: usize): u32 {
  const bytes = v128.load(at);
  // Small letters and large ones are a blank apart.
  const letters = i8x16.sub(v128.or(bytes, v128.load(BLANKS)), v128.load(LETTERS));
  const signs = v128.or(i8x16.eq(bytes, v128.load(DASHES)), i8x16.eq(bytes, v128.load(LOW_LINES)));
  const name = v128.or(signs, i8x16.le_u(letters, v128.load(LAST_LETTERS)));
  return ~<u32>i8x16.bitmask(name) & 0xffff;
}
