// Where quotes stand in a line: a bit for each of its bytes. So the end of a text in quotes is found without looking at it
// again, and it is known of all texts at once whether they can stand in JSON as they are.
import { othersAmong } from '../signs.as';

/**
 * Longer lines are not looked at: as process/formats.ts has it, which has room for the bits of so many bytes, and 32 more;
 * before those stand 16 quotes and 16 backslashes (constants would be made anew at each turn of the loop).
 */
const LONGEST: usize = 1024;
const SIGNS: usize = 32;

let bits: usize = 0;
let base: usize = 0;

/**
 * Looks at memory [at, to). True: but for quotes all of it may stand in a string of JSON as it is, and `nextQuote` says
 * where those are.
 */
@inline
export function readQuotes(room: usize, at: usize, to: usize): bool {
  if (to - at > LONGEST) return false;
  const quotes = v128.load(room);
  const backslashes = v128.load(room, 16);
  let out = room + SIGNS;
  bits = out;
  base = at;
  /** No byte of it is a backslash; none is below a blank, nor, as they are signed, beyond ASCII. */
  let odd = i64x2.splat(0);
  let least = i64x2.splat(0x2020202020202020);
  for (; at + 32 <= to; at += 32, out += 4) {
    const low = v128.load(at);
    const high = v128.load(at, 16);
    least = i8x16.min_s(least, i8x16.min_s(low, high));
    odd = v128.or(odd, v128.or(i8x16.eq(low, backslashes), i8x16.eq(high, backslashes)));
    store<u32>(out, both(i8x16.eq(low, quotes), i8x16.eq(high, quotes)));
  }
  const mask: u32 = (1 << <u32>(to - at)) - 1;
  const low = v128.load(at);
  const high = v128.load(at, 16);
  store<u32>(out, mask & both(i8x16.eq(low, quotes), i8x16.eq(high, quotes)));
  v128.store(out, i64x2.splat(0), 4);
  const last = both(
    v128.or(othersAmong(low), i8x16.eq(low, backslashes)),
    v128.or(othersAmong(high), i8x16.eq(high, backslashes)),
  );
  return (mask & last) == 0 && !v128.any_true(v128.or(odd, othersAmong(least)));
}

@inline
function both(low: v128, high: v128): u32 {
  return <u32>i8x16.bitmask(low) | (<u32>i8x16.bitmask(high) << 16);
}

/** The first quote in memory [at, to), of what `readQuotes` has looked at; `to`: there is none. */
@inline
export function nextQuote(at: usize, to: usize): usize {
  for (let offset = at - base; offset < to - base; offset = (offset & ~7) + 64) {
    const rest = load<u64>(bits + (offset >> 3)) >> (offset & 7);
    if (rest) return base + offset + <usize>ctz(rest);
  }
  return to;
}
