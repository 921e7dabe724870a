// Masks secrets in records: one pass over each finds places where one may begin, 16 at a time, and looks closer there.
//
//   `@`, and words that secrets begin with    three bytes in a row, each half of each by a table (as in search.as.ts)
//   cards                                     13 digits, blanks and dashes that follow each other
//
// The steps that a record takes are some for each of its bytes, whatever it holds.
import { DASH } from './scan.as';
import { end, start } from '../tables.as';
import { CARD, IBAN, beginCards, cardsIn, ibanAt } from './mask-cards.as';
import { PRIVATE_KEY, isOfKey, keyAt } from './mask-keys.as';
import { PASSWORD, secretAt } from './mask-names.as';
import { BASI, BEAR, BEARER, CLOUD, EMAIL, JWT, bearerAt, cloudAt, emailAt, jwtAt, lower32 } from './mask-tokens.as';
import { MOST_SPANS, beginRecord, isUpperByte, job, spans, to, wanted } from './mask-spans.as';

const TABLES: usize = 16;
/** More than a record may usually have. */
const ENOUGH: u32 = MOST_SPANS / 2;

/** Up to where tokens were looked at. */
let tokens: usize = 0;

/** Records [first, count), as far as there is room to note what is found; returns the first that is not looked at. */
export function maskRecords(first: u32, count: u32): u32 {
  let i = first;
  for (; i < count && spans < ENOUGH; i++) maskText(start(i), end(i));
  return i;
}

export function maskText(begin: usize, limit: usize): void {
  beginRecord(begin, limit);
  if (isOfKey()) return;
  const cards = wanted(CARD);
  beginCards();
  const words = load<u32>(job) & ~(<u32>1 << CARD);
  /** Which of the 16 bytes before are digits, blanks, dashes. */
  let before: u32 = 0;
  done = begin;
  tokens = begin;
  // In registers: what is masked could be anywhere, as far as the compiler knows.
  const low0 = v128.load(job + TABLES);
  const high0 = v128.load(job + TABLES, 16);
  const low1 = v128.load(job + TABLES, 32);
  const high1 = v128.load(job + TABLES, 48);
  const low2 = v128.load(job + TABLES, 64);
  const high2 = v128.load(job + TABLES, 80);
  // Of the 16 bytes before: which may be the first of a word, and the second.
  let first0 = i64x2.splat(0);
  let second0 = i64x2.splat(0);
  let at = begin;
  for (; at < limit; at += 16) {
    const bytes = v128.load(at);
    if (cards) {
      let here = digitsOrParts(bytes);
      if (limit - at < 16) here &= (1 << <u32>(limit - at)) - 1;
      const runs = thirteen(before | (here << 16)) & 0xffff;
      if (runs) cardsIn(at - 16, runs);
      before = here;
    }
    if (!words) continue;
    const low = v128.and(bytes, i8x16.splat(15));
    const high = i8x16.shr_u(bytes, 4);
    const first = halves(low0, high0, low, high);
    const second = halves(low1, high1, low, high);
    const third = halves(low2, high2, low, high);
    const behindFirst = v128.shuffle<u8>(first0, first, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29);
    const behindSecond = v128.shuffle<u8>(second0, second, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30);
    const may = v128.and(v128.and(behindFirst, behindSecond), third);
    first0 = first;
    second0 = second;
    // A word is found where its third byte stands, which no secret ends with.
    if (v128.any_true(may)) lookAt(at - 2, <u32>i8x16.bitmask(i8x16.ne(may, i8x16.splat(0))));
  }
  if (cards) {
    const runs = thirteen(before);
    if (runs) cardsIn(at - 16, runs);
  }
}

/** Behind what was dealt with. */
let done: usize = 0;

/** Looks closer at the places from `at` on that have a bit. */
function lookAt(at: usize, places: u32): void {
  while (places) {
    const place = at + ctz(places);
    places &= places - 1;
    if (place >= to) return;
    if (place >= done) done = max(done, look(place));
  }
}

@inline
function digitsOrParts(bytes: v128): u32 {
  // As signed numbers, of which the digits are the least.
  const digits = i8x16.lt_s(i8x16.sub(bytes, i8x16.splat(<i8>0xb0)), i8x16.splat(-118));
  const parts = v128.or(i8x16.eq(bytes, i8x16.splat(0x20)), i8x16.eq(bytes, i8x16.splat(<i8>DASH)));
  return <u32>i8x16.bitmask(v128.or(digits, parts));
}

/** Where 13 ones follow each other. */
@inline
function thirteen(bits: u32): u32 {
  let runs = bits & (bits >>> 1);
  runs &= runs >>> 2;
  runs &= runs >>> 4;
  return runs & (runs >>> 5);
}

@inline
function halves(lows: v128, highs: v128, low: v128, high: v128): v128 {
  return v128.and(i8x16.relaxed_swizzle(lows, low), i8x16.relaxed_swizzle(highs, high));
}

/** What begins at this place is masked; returns the address behind it, or 0. */
function look(at: usize): usize {
  const word = load<u32>(at);
  const byte = word & 0xff;
  if (byte == 0x40) return wanted(EMAIL) ? emailAt(at, 1) : 0;
  const three = word & 0xffffff;
  // %40
  if (three == 0x303425) return wanted(EMAIL) ? emailAt(at, 3) : 0;
  // eyJ
  if (three == 0x4a7965) {
    if (!wanted(JWT) || at < tokens) return 0;
    tokens = jwtAt(at);
    // What is none may hold others.
    return load<u8>(at) == 0x65 ? 0 : tokens;
  }
  // BEG
  if (three == 0x474542) return wanted(PRIVATE_KEY) ? keyAt(at) : 0;
  if (wanted(CLOUD)) {
    const behind = cloudAt(at, word);
    if (behind) return behind;
  }
  const lower = three | 0x202020;
  if (wanted(BEARER)) {
    // bea|rer, ba|sic
    if (lower == 0x726572 && lower32(at - 3) == BEAR && (load<u8>(at, 1) | 0x20) == 0x65) return bearerAt(at - 3, 6);
    if (lower == 0x636973 && lower32(at - 2) == BASI) return bearerAt(at - 2, 5);
  }
  if (wanted(IBAN) && isUpperByte(byte)) {
    const behind = ibanAt(at);
    if (behind) return behind;
  }
  return wanted(PASSWORD) ? secretAt(at, lower) : 0;
}
