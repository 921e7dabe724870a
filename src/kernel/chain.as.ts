// Records of one audit stream that follow each other, laid out so that each is hashed in one piece (audit/record.ts has the
// format): from Kafka's sections, or from the lines of an export. chain.ts is its door.
//
//   record   client's bytes without their last brace | link, 259 bytes
//   laid     0 | previous, 32 | stream, 8 | number, 8 | time, 24 | client's bytes | } | padding of sha-256 (FIPS 180-4)
//
// A record follows where its link is the expected one, but for its time and its own hash; the hash that it claims is what
// the next one has to name. Whether that is its hash is known when it is hashed. What is not as expected in any byte ends
// the loop: it is looked at in JavaScript.
import { decodeBase64, decodedAt } from './as/base64.as';
import { copy } from './as/bytes.as';

const LINK: usize = 259;
const STREAM_AT: usize = 20;
const LAST_DIGIT_AT: usize = 69;
const TIME_AT: usize = 80;
const TIME_END: usize = 104;
const PREVIOUS_AT: usize = 118;
const HASH_AT: usize = 192;
const END_AT: usize = 256;
const HASH_DIGITS: usize = 64;
/** What sha-256 takes at a time, and what its padding adds at least. */
const BLOCK: usize = 64;
const PADDING: usize = 9;
/** Bytes from one state to the next: of each, the first eight words are the hash. */
const STATE: usize = 128;
/** Before the client's bytes, in what is hashed, and where in it the parts lie. */
const HEAD: usize = 73;
const HEAD_STREAM: usize = 33;
const HEAD_NUMBER: usize = 41;
const HEAD_TIME: usize = 49;

const OPEN: u32 = 0x7b;
const BRACE: u32 = 0x7d;
const COMMA: u32 = 0x2c;
const COLON: u32 = 0x3a;
const QUOTE: u32 = 0x22;
const ZERO: u32 = 0x30;
const NINE: u32 = 0x39;
const LF: u32 = 0x0a;
/** `{"partition":`, `"offset":` and `"value":"` of a line, as numbers. */
const PARTITION: u64 = 0x746974726170227b;
const PARTITION_REST: u32 = 0x226e6f69;
const OFFSET: u64 = 0x2274657366666f22;
const VALUE: u64 = 0x3a2265756c617622;
const PARTITION_BYTES: usize = 13;
const OFFSET_BYTES: usize = 9;
const VALUE_BYTES: usize = 9;
/** A partition has fewer digits; an offset of more would not be exact in JavaScript. */
const PARTITION_DIGITS: usize = 9;
const OFFSET_DIGITS: usize = 15;

/** A row of a section's table (records/record-table.ts), and where in it the value's ends are. */
const ROW: usize = 32;
const ROW_VALUE: usize = 16;
const ROW_VALUE_END: usize = 20;

/** The link that the next record has, as text, and what of it is hashed: 32 bytes, 8 bytes, a number. */
let link: usize = 0;
let previous: usize = 0;
let stream: usize = 0;
let number: u64 = 0;
/**
 * Records are laid in [out, outEnd). Of each there is a row of u32 (address, length, where its source lies, length with
 * the padding), the hash that it claims, as text, and a state.
 */
let out: usize = 0;
let outEnd: usize = 0;
let laid: usize = 0;
let claimed: usize = 0;
let states: usize = 0;

/** `raw`: 40 bytes for what of the link is hashed. */
export function useChain(linkAt: usize, raw: usize, outAt: usize, outTo: usize, laidAt: usize, statesAt: usize): void {
  link = linkAt;
  previous = raw;
  stream = raw + 32;
  out = outAt;
  outEnd = outTo;
  laid = laidAt;
  states = statesAt;
}

/** The next record has this number, and the link that stands as text now. */
export function expectNumber(next: f64): void {
  number = <u64>next;
  rawOf(link + PREVIOUS_AT);
  store<u64>(stream, eightBytes(link + STREAM_AT));
}

/**
 * Lays the first of `count` rows, whose values lie `base` behind what the table says; returns how many follow. What they
 * claim goes to `claims`.
 */
export function layRows(table: usize, base: usize, count: u32, claims: usize): u32 {
  claimed = claims;
  let at = out;
  for (let i: u32 = 0; i < count; i++, table += ROW) {
    const from = base + load<u32>(table, ROW_VALUE);
    const bytes = load<i32>(table, ROW_VALUE_END) - load<i32>(table, ROW_VALUE);
    if (bytes <= <i32>LINK || bytes > <i32>(outEnd - at - HEAD)) return i;
    const client = <usize>bytes - LINK;
    if (load<u8>(from) != OPEN || !follows(from + client)) return i;
    copy(at + HEAD, from, client);
    at = lay(i, at, client, from + client, from);
  }
  return count;
}

/** As `layRows`, up to `count` lines of [from, to), all of this partition. */
export function layLines(from: usize, to: usize, partition: u32, count: u32, claims: usize): u32 {
  claimed = claims;
  let at = out;
  let lineAt = from;
  for (let i: u32 = 0; i < count; i++) {
    const value = valueOf(lineAt, to, partition);
    if (value == 0) return i;
    // Three bytes of four digits, as long as there is room.
    const end = decodeBase64(value, min(to, value + ((outEnd - at - HEAD) / 3) * 4), at + HEAD);
    if (end == 0 || end + 3 > to) return i;
    if (load<u8>(end) != QUOTE || load<u8>(end, 1) != BRACE || load<u8>(end, 2) != LF) return i;
    const bytes = decodedAt - at - HEAD;
    if (bytes <= LINK) return i;
    const client = bytes - LINK;
    const linkAt = at + HEAD + client;
    if (load<u8>(at, HEAD) != OPEN || !follows(linkAt)) return i;
    lineAt = end + 3;
    at = lay(i, at, client, linkAt, lineAt);
  }
  return count;
}

/** How many of the first `count` records have the hash that they claim, as their states say. */
export function intact(count: u32): u32 {
  for (let i: u32 = 0; i < count; i++) {
    const state = states + <usize>i * STATE;
    const text = claimed + <usize>i * HASH_DIGITS;
    if (!digitsAre(v128.load(state), text) || !digitsAre(v128.load(state, 16), text + 32)) return i;
  }
  return count;
}

/** Whether four words, the high byte of each first, are these 32 digits. */
@inline
function digitsAre(words: v128, text: usize): bool {
  const digits = i8x16(0x30, 0x31, 0x32, 0x33, 0x34, 0x35, 0x36, 0x37, 0x38, 0x39, 0x61, 0x62, 0x63, 0x64, 0x65, 0x66);
  const bytes = i8x16.shuffle(words, words, 3, 2, 1, 0, 7, 6, 5, 4, 11, 10, 9, 8, 15, 14, 13, 12);
  const high = i8x16.relaxed_swizzle(digits, i8x16.shr_u(bytes, 4));
  const low = i8x16.relaxed_swizzle(digits, v128.and(bytes, i8x16.splat(15)));
  const first = i8x16.shuffle(high, low, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
  const second = i8x16.shuffle(high, low, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31);
  return (
    i8x16.all_true(i8x16.eq(first, v128.load(text))) && i8x16.all_true(i8x16.eq(second, v128.load(text, 16)))
  );
}

/** Writes what is before and behind the client's bytes; returns where the next one goes. `source`: kept beside it. */
@inline
function lay(i: u32, at: usize, client: usize, linkAt: usize, source: usize): usize {
  store<u8>(at, 0);
  v128.store(at + 1, v128.load(previous));
  v128.store(at + 17, v128.load(previous, 16));
  store<u64>(at + HEAD_STREAM, load<u64>(stream));
  store<u64>(at + HEAD_NUMBER, bswap<u64>(number));
  v128.store(at + HEAD_TIME, v128.load(linkAt + TIME_AT));
  store<u64>(at + HEAD_TIME + 16, load<u64>(linkAt + TIME_AT + 16));
  const hash = claimed + <usize>i * HASH_DIGITS;
  copy(hash, linkAt + HASH_AT, HASH_DIGITS);
  copy(link + PREVIOUS_AT, hash, HASH_DIGITS);
  rawOf(hash);
  count();
  store<u8>(at + HEAD + client, <u8>BRACE);
  const length = HEAD + client + 1;
  const padded = pad(at, length);
  begin(states + <usize>i * STATE);
  const row = laid + (<usize>i << 4);
  store<u32>(row, <u32>at);
  store<u32>(row, <u32>length, 4);
  store<u32>(row, <u32>source, 8);
  store<u32>(row, <u32>padded, 12);
  return at + padded;
}

/** Pads what is hashed, the `length` bytes at `at`; returns how many it are then. Writes up to 16 bytes beyond. */
@inline
function pad(at: usize, length: usize): usize {
  const padded = (length + PADDING + BLOCK - 1) & ~(BLOCK - 1);
  const end = at + padded;
  for (let to = at + length; to < end; to += 16) v128.store(to, i64x2(0, 0));
  store<u8>(at + length, 0x80);
  store<u64>(end - 8, bswap<u64>(<u64>length << 3));
  return padded;
}

/** The state before the first block. */
@inline
function begin(state: usize): void {
  v128.store(state, i32x4(0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a));
  v128.store(state, i32x4(0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19), 16);
}

@inline
function follows(at: usize): bool {
  return (
    same(link, at) &&
    same(link + 16, at + 16) &&
    same(link + 32, at + 32) &&
    same(link + 48, at + 48) &&
    same(link + 64, at + 64) &&
    same(link + TIME_END, at + TIME_END) &&
    same(link + TIME_END + 16, at + TIME_END + 16) &&
    same(link + TIME_END + 32, at + TIME_END + 32) &&
    same(link + TIME_END + 48, at + TIME_END + 48) &&
    same(link + TIME_END + 64, at + TIME_END + 64) &&
    same(link + HASH_AT - 16, at + HASH_AT - 16) &&
    load<u16>(link + END_AT) == load<u16>(at + END_AT) &&
    load<u8>(link + END_AT, 2) == load<u8>(at + END_AT, 2)
  );
}

@inline
function same(a: usize, b: usize): bool {
  return i8x16.all_true(i8x16.eq(v128.load(a), v128.load(b)));
}

/** The number of the next record, as text as well. */
@inline
function count(): void {
  number++;
  let at = link + LAST_DIGIT_AT;
  for (; load<u8>(at) == NINE; at--) store<u8>(at, <u8>ZERO);
  store<u8>(at, load<u8>(at) + 1);
}

/** The 64 digits there are the hash that the next record names. */
@inline
function rawOf(digits: usize): void {
  for (let i: usize = 0; i < HASH_DIGITS; i += 16) store<u64>(previous + (i >> 1), eightBytes(digits + i));
}

/** Of 16 hex digits; of what are none, anything. */
@inline
function eightBytes(digits: usize): u64 {
  const text = v128.load(digits);
  const letter = v128.and(i8x16.gt_s(text, i8x16.splat(<i8>NINE)), i8x16.splat(0x61 - 10 - 0x30));
  const halves = i8x16.sub(i8x16.sub(text, i8x16.splat(<i8>ZERO)), letter);
  const bytes = v128.and(v128.or(i16x8.shl(halves, 4), i16x8.shr_u(halves, 8)), i16x8.splat(0xff));
  return i64x2.extract_lane(i8x16.narrow_i16x8_u(bytes, bytes), 0);
}

/** Where in [from, to) the base64 of a line's value begins; 0: it is not written as we write it, or another partition's. */
function valueOf(from: usize, to: usize, partition: u32): usize {
  if (from + 64 > to || load<u64>(from) != PARTITION || load<u32>(from, 8) != PARTITION_REST) return 0;
  let at = from + PARTITION_BYTES;
  if (load<u8>(at - 1) != COLON) return 0;
  let end = behindDigits(at, PARTITION_DIGITS);
  if (end == at || load<u8>(end) != COMMA) return 0;
  let n: u32 = 0;
  for (; at < end; at++) n = n * 10 + load<u8>(at) - ZERO;
  at = end + 1;
  if (n != partition || load<u64>(at) != OFFSET || load<u8>(at, 8) != COLON) return 0;
  at += OFFSET_BYTES;
  end = behindDigits(at, OFFSET_DIGITS);
  if (end == at || load<u8>(end) != COMMA) return 0;
  for (at = end; at < to; at += 16) {
    const text = v128.load(at);
    const begins = v128.and(i8x16.eq(text, i8x16.splat(<i8>QUOTE)), i8x16.eq(v128.load(at, 1), i8x16.splat(0x76)));
    const ends = i8x16.eq(text, i8x16.splat(<i8>LF));
    if (!v128.any_true(v128.or(begins, ends))) continue;
    let places = i8x16.bitmask(v128.or(begins, ends));
    for (; places; places &= places - 1) {
      const place = at + ctz(places);
      if (load<u8>(place) == LF) return 0;
      if (load<u64>(place) == VALUE && load<u8>(place, 8) == QUOTE) return place + VALUE_BYTES;
    }
  }
  return 0;
}

@inline
function behindDigits(from: usize, most: usize): usize {
  let at = from;
  while (at - from < most && load<u8>(at) >= ZERO && load<u8>(at) <= NINE) at++;
  return at;
}
