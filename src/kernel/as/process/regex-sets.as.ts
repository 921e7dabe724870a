// Sets of characters, as regular expressions need them: is there one at a place, and where does a run of them end. Lines
// are UTF-8, so what is known of a set is what a first byte says:
//
//   0      which bytes may be skipped without another look, as two tables of halves: of bytes below 128, of the others
//   32     257 bytes, by first byte, and for the end of the line: 0 none; 1 it is in; with 2: so are all characters that
//          begin with it; with 4: some are, which the ranges tell
//   292    address of ranges, first and last code point of each | their number
//
// A byte that belongs to no character is U+FFFD, with up to three that only continue one.

export const FLAGS: usize = 32;
const RANGES: usize = 292;
const RANGE_COUNT: usize = 296;
export const AT_END: u32 = 256;
const REPLACEMENT: u32 = 0xfffd;

/** Steps that were taken character by character. */
export let walked: u32 = 0;
const A_CHARACTER: u32 = 5;

export function forgetWalked(): void {
  walked = 0;
}

/** Whether what stands at `at`, or that nothing does, is in a set of first bytes. */
@inline
export function begins(set: usize, at: usize, to: usize): bool {
  return load<u8>(set + FLAGS + <usize>(at < to ? <u32>load<u8>(at) : AT_END)) != 0;
}

@inline
function isContinuation(byte: u32): bool {
  return (byte & 0xc0) == 0x80;
}

/** Whether a character begins at `at`, which lies in [from, to). */
@inline
export function isBoundary(at: usize, from: usize): bool {
  return !isContinuation(load<u8>(at)) || at == from || load<u8>(at - 1) < 0x80;
}

/** Bytes of the character at `at` < `to`. */
@inline
function characterBytes(at: usize, to: usize): usize {
  const first = <u32>load<u8>(at);
  if (first < 0x80) return 1;
  const most: usize = first >= 0xf0 || isContinuation(first) ? 4 : first >= 0xe0 ? 3 : 2;
  let bytes: usize = 1;
  while (bytes < most && at + bytes < to && isContinuation(load<u8>(at + bytes))) bytes++;
  return bytes;
}

/** The code point of the character at `at`, which has so many bytes. */
function codePoint(at: usize, bytes: usize): u32 {
  const first = <u32>load<u8>(at);
  const second = <u32>load<u8>(at + 1) & 0x3f;
  if (bytes == 2 && first >= 0xc2 && first < 0xe0) return ((first & 0x1f) << 6) | second;
  const third = <u32>load<u8>(at + 2) & 0x3f;
  if (bytes == 3 && first >= 0xe0 && first < 0xf0) return ((first & 0x0f) << 12) | (second << 6) | third;
  if (bytes == 4 && first >= 0xf0 && first < 0xf5) {
    return ((first & 0x07) << 18) | (second << 12) | (third << 6) | (<u32>load<u8>(at + 3) & 0x3f);
  }
  return REPLACEMENT;
}

function inRanges(set: usize, code: u32): bool {
  const ranges = <usize>load<u32>(set + RANGES);
  let low: u32 = 0;
  let high = load<u32>(set + RANGE_COUNT);
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (load<u32>(ranges + (<usize>middle << 3) + 4) < code) low = middle + 1;
    else high = middle;
  }
  return low < load<u32>(set + RANGE_COUNT) && load<u32>(ranges + (<usize>low << 3)) <= code;
}

/** Bytes of the character at `at` when it is in the set; 0: it is not, or there is none. */
@inline
export function taken(set: usize, at: usize, to: usize): usize {
  if (at >= to) return 0;
  const known = <u32>load<u8>(set + FLAGS + load<u8>(at));
  if (known <= 1) return known;
  return takenBeyond(set, known, at, to);
}

function takenBeyond(set: usize, known: u32, at: usize, to: usize): usize {
  walked += A_CHARACTER;
  const bytes = characterBytes(at, to);
  if (known & 4 && !inRanges(set, codePoint(at, bytes))) return 0;
  return bytes;
}

/** Where the character before `at` > `from` begins. */
export function before(at: usize, from: usize): usize {
  let p = at - 1;
  while (p > from && at - p < 4 && isContinuation(load<u8>(p)) && load<u8>(p - 1) >= 0x80) p--;
  return p;
}

/** A bit for each of 16 bytes that the tables do not have. */
@inline
function others(set: usize, bytes: v128): u32 {
  const low = v128.and(bytes, i8x16.splat(15));
  const high = i8x16.shr_u(bytes, 4);
  const bits = i8x16(1, 2, 4, 8, 16, 32, 64, -128, 0, 0, 0, 0, 0, 0, 0, 0);
  let found = v128.and(i8x16.relaxed_swizzle(v128.load(set), low), i8x16.relaxed_swizzle(bits, high));
  if (i8x16.bitmask(bytes)) {
    const beyond = i8x16(0, 0, 0, 0, 0, 0, 0, 0, 1, 2, 4, 8, 16, 32, 64, -128);
    found = v128.or(found, v128.and(i8x16.relaxed_swizzle(v128.load(set, 16), low), i8x16.relaxed_swizzle(beyond, high)));
  }
  return <u32>i8x16.bitmask(i8x16.eq(found, i8x16.splat(0)));
}

/** One for each that they have. */
@inline
function hits(set: usize, bytes: v128): u32 {
  return others(set, bytes) ^ 0xffff;
}

/** Where the run of characters of the set that begins at `at` ends. */
@inline
export function runEnd(set: usize, at: usize, to: usize): usize {
  while (at < to) {
    const ends = others(set, v128.load(at));
    if (!ends) {
      at += 16;
      continue;
    }
    at += ctz(ends);
    if (at >= to) break;
    const known = <u32>load<u8>(set + FLAGS + load<u8>(at));
    if (!(known & 4)) return at;
    const bytes = takenBeyond(set, known, at, to);
    if (!bytes) return at;
    at += bytes;
  }
  return to;
}

/** The first place from `at` on where a byte of the set is; `to` where there is none. */
@inline
export function nextOf(set: usize, at: usize, to: usize): usize {
  for (; at < to; at += 16) {
    const found = hits(set, v128.load(at));
    if (found) return min(at + ctz(found), to);
  }
  return to;
}

/** The first place from `at` on where a character begins with a byte of the set; `to` where there is none. */
@inline
export function nextBegin(set: usize, at: usize, to: usize, line: usize): usize {
  let next = nextOf(set, at, to);
  while (next < to && !isBoundary(next, line)) {
    walked += A_CHARACTER;
    next = nextOf(set, next + 1, to);
  }
  return next;
}

/** The last place in [from, at] where a character begins with a byte of the set; `from` - 1 where there is none. */
@inline
export function lastBegin(set: usize, at: usize, from: usize, line: usize): usize {
  let last = lastOf(set, at, from);
  while (last >= from && !isBoundary(last, line)) {
    walked += A_CHARACTER;
    last = lastOf(set, last - 1, from);
  }
  return last;
}

/** The last place in [from, at] where a byte of the set is; `from` - 1 where there is none. */
@inline
export function lastOf(set: usize, at: usize, from: usize): usize {
  for (;;) {
    const found = hits(set, v128.load(at - 15));
    if (found) return max(at - 15 + (31 - clz(found)), from - 1);
    if (at < from + 16) return from - 1;
    at -= 16;
  }
  return from - 1;
}
