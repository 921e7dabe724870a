// UTF-8 as the WHATWG Encoding Standard decodes it (which is Unicode's table 3-7):
//
//   C2..DF          80..BF
//   E0              A0..BF  80..BF
//   E1..EC EE EF    80..BF  80..BF
//   ED              80..9F  80..BF
//   F0              90..BF  80..BF  80..BF
//   F1..F3          80..BF  80..BF  80..BF
//   F4              80..8F  80..BF  80..BF

/** EF BB BF, the UTF-8 of U+FEFF, as a little-endian word. */
const MARK: u32 = 0xbfbbef;

/** Where the text of the line in memory [from, to) begins: writers put a byte order mark there each time they open a file. */
@inline
export function withoutMarks(from: usize, to: usize): usize {
  return (load<u32>(from) & 0xffffff) == MARK ? behindMarks(from, to) : from;
}

function behindMarks(from: usize, to: usize): usize {
  while (from + 3 <= to && (load<u32>(from) & 0xffffff) == MARK) from += 3;
  return from;
}

/** The sequence at `from`, not ASCII, in memory [from, to): its bytes, or minus the bytes of the maximal subpart that is none. */
export function sequence(from: usize, to: usize): i32 {
  const lead = <u32>load<u8>(from);
  const bytes = sequenceBytes(lead);
  let lowest: u32 = lead == 0xe0 ? 0xa0 : lead == 0xf0 ? 0x90 : 0x80;
  let highest: u32 = lead == 0xed ? 0x9f : lead == 0xf4 ? 0x8f : 0xbf;
  if (bytes == 0) return -1;
  for (let i: i32 = 1; i < bytes; i++) {
    if (from + i >= to) return -i;
    const byte = <u32>load<u8>(from + i);
    if (byte < lowest || byte > highest) return -i;
    lowest = 0x80;
    highest = 0xbf;
  }
  return bytes;
}

/** Where memory [from, to) can be cut at or before `at` so that no character is: `at`, or up to three bytes before it. */
export function boundary(from: usize, at: usize, to: usize): usize {
  for (let lead = at - 1; lead >= from && at - lead <= 3; lead--) {
    if ((load<u8>(lead) & 0xc0) == 0x80) continue;
    return lead + abs(sequence(lead, to)) > at ? lead : at;
  }
  return at;
}

/** Bytes of a sequence with this lead, 0 where there is none. */
@inline
function sequenceBytes(lead: u32): i32 {
  if (lead < 0xc2) return 0;
  return lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : lead < 0xf5 ? 4 : 0;
}

// Errors of two bytes in a row, as bits: three tables say which errors the high half of the first, its low half and the
// high half of the second allow; an error is what all three allow. TWO is no error where a third or fourth byte is due.
// After Keiser and Lemire, Validating UTF-8 in less than one instruction per byte (2021).
const SHORT: i8 = 1;
const LONG: i8 = 2;
const OVERLONG_3: i8 = 4;
const LARGE: i8 = 8;
const SURROGATE: i8 = 16;
const OVERLONG_2: i8 = 32;
const OVERLONG_4: i8 = 64;
const TWO: i8 = -128;
const ANY: i8 = SHORT | LONG | TWO;
const E: i8 = SHORT | OVERLONG_3 | SURROGATE;
const F: i8 = SHORT | LARGE | OVERLONG_4;
const C: i8 = SHORT | OVERLONG_2;
const LOW_0: i8 = ANY | OVERLONG_2 | OVERLONG_3 | OVERLONG_4;
const LOW_1: i8 = ANY | OVERLONG_2;
const LOW_4: i8 = ANY | LARGE;
const LOW_5: i8 = ANY | LARGE | OVERLONG_4;
const LOW_D: i8 = LOW_5 | SURROGATE;
const NEXT_8: i8 = LONG | TWO | OVERLONG_2 | OVERLONG_3 | OVERLONG_4;
const NEXT_9: i8 = LONG | TWO | OVERLONG_2 | OVERLONG_3 | LARGE;
const NEXT_A: i8 = LONG | TWO | OVERLONG_2 | SURROGATE | LARGE;

/** Whether memory [from, to), which begins with a character, is UTF-8. */
export function isUtf8(from: usize, to: usize): bool {
  let before = i8x16.splat(0);
  let errors = i8x16.splat(0);
  // Up to one block of zeros behind the end, which finds a sequence that lacks its end.
  for (; from < to + 1; from += 16) {
    const bytes = from + 16 <= to ? v128.load(from) : firstBytes(from, to);
    errors = v128.or(errors, blockErrors(before, bytes));
    before = bytes;
  }
  return !v128.any_true(errors);
}

/** Memory [from, to), less than 16 bytes, with zeros behind it. */
@inline
function firstBytes(from: usize, to: usize): v128 {
  const lanes = i8x16(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
  return v128.and(v128.load(from), i8x16.lt_u(lanes, i8x16.splat(<i8>(to - from))));
}

@inline
function blockErrors(before: v128, bytes: v128): v128 {
  const back1 = i8x16.shuffle(before, bytes, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30);
  const back2 = i8x16.shuffle(before, bytes, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29);
  const back3 = i8x16.shuffle(before, bytes, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28);
  const high = i8x16(LONG, LONG, LONG, LONG, LONG, LONG, LONG, LONG, TWO, TWO, TWO, TWO, C, SHORT, E, F);
  const low = i8x16(
    LOW_0, LOW_1, ANY, ANY, LOW_4, LOW_5, LOW_5, LOW_5, LOW_5, LOW_5, LOW_5, LOW_5, LOW_5, LOW_D, LOW_5, LOW_5,
  );
  const next = i8x16(
    SHORT, SHORT, SHORT, SHORT, SHORT, SHORT, SHORT, SHORT, NEXT_8, NEXT_9, NEXT_A, NEXT_A, SHORT, SHORT, SHORT, SHORT,
  );
  const byHigh = i8x16.swizzle(high, i8x16.shr_u(back1, 4));
  const byLow = i8x16.swizzle(low, v128.and(back1, i8x16.splat(15)));
  const byNext = i8x16.swizzle(next, i8x16.shr_u(bytes, 4));
  const pairs = v128.and(v128.and(byHigh, byLow), byNext);
  // From E0 on a lead is followed by a third byte, from F0 on by a fourth: that leaves them the highest bit.
  const third = i8x16.sub_sat_u(back2, i8x16.splat(0x60));
  const fourth = i8x16.sub_sat_u(back3, i8x16.splat(0x70));
  return v128.xor(pairs, v128.and(v128.or(third, fourth), i8x16.splat(TWO)));
}
