/*
 * StatsD lines of known spellings, from a datagram into columns, without a step in JavaScript. AssemblyScript.
 *
 *   name : value [: value ...] | type [| @rate] [| #tags] [| T..., c:..., e:..., card:...]
 *   \__/                         \__/               \__/    these three are the spelling
 *
 * A spelling leads by a hash table (open addressing, linear probing) to the number of its series:
 *   slot, 16 bytes: fingerprint u64 (its low half 0: free) | name length u16, tags length u16 | kind << 28 + series
 * The fingerprint is of name, tags and origin, as the same spelling from another is another. The spelling itself is not
 * kept: of two with the same lengths and kind, whoever chooses them, both halves of it are the same once in 2^60.
 * counters  sums[series] += value / rate        gauges  sums[series] = value        all  samples[series] += 1
 * histograms and timers go to the list of entries (series, value, weight), which JavaScript drains into sketches.
 * Set members, and counters and gauges with a time of their own, are given back with the number of their series.
 *
 * What is accepted here is a subset of what parse.ts accepts and means the same; everything else (exponents, more than
 * 15 digits, events, malformed lines, new spellings) stops the loop and is given to parse.ts.
 */

import { longestText, seriesKey, tagCount } from './as/series-key.as';

/** Why accumulate stopped; the line is at the address it returned. */
const DONE: u32 = 0;
const UNKNOWN: u32 = 1;
const ODD: u32 = 2;
const FULL: u32 = 3;
const MEMBER: u32 = 4;
const TIMED: u32 = 5;

const COUNTER: u32 = 0;
const GAUGE: u32 = 1;
const HISTOGRAM: u32 = 2;
const TIMER: u32 = 3;
const SET: u32 = 4;

const MAX_VALUES: u32 = 512;
/** Name and tags together, each up to the next block; longer spellings are never known. */
const LONGEST_SPELLING: u32 = 4096;
/** Of one half: as many as the longest spelling has, and the number. */
const SECRETS: u32 = LONGEST_SPELLING + 16;

/** Exact in f64: dividing by one of them rounds once, as reading the number digit by digit exactly would. */
const POWERS: StaticArray<f64> = [1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15];

const TENS: StaticArray<u64> = [1, 10, 100, 1000, 10000, 100000, 1000000, 10000000];

let table: usize = 0;
/** The last slot, and where in a hash the number of the first one to look at begins. */
let mask: u32 = 0;
let shift: u32 = 0;
/** Random bytes for each half of a fingerprint, and a random odd number. */
let secrets: usize = 0;
let lowMultiplier: u64 = 0;
let highMultiplier: u64 = 0;
let origin: u32 = 0;
let steps = false;
let entrySeries: usize = 0;
let entryValue: usize = 0;
let entryWeight: usize = 0;
let entryLimit: u32 = 0;
let entries: u32 = 0;
/** Of series from this number on samples are counted, and nothing else. */
let countedFrom: u32 = 0;
/** u32 for JavaScript, see the `store`s. */
let result: usize = 0;
/** MAX_VALUES f64: the values of one line; behind them, for TIMED, its weight and its time. */
let values: usize = 0;
/** The key of a series whose spelling is new; before it the tags, while it is made. */
let keyAt: usize = 0;
let keyTags: usize = 0;

export function configure(resultAt: usize, valuesAt: usize, seriesAt: usize, valueAt: usize, weightAt: usize, limit: u32, series: u32, secretsAt: usize, tags: usize, key: usize): void {
  keyTags = tags;
  keyAt = key;
  countedFrom = series;
  result = resultAt;
  values = valuesAt;
  entrySeries = seriesAt;
  entryValue = valueAt;
  entryWeight = weightAt;
  entryLimit = limit;
  secrets = secretsAt;
  lowMultiplier = load<u64>(secretsAt + SECRETS - 8) | 1;
  highMultiplier = load<u64>(secretsAt + 2 * SECRETS - 8) | 1;
}

export function setTable(tableAt: usize, slots: u32): void {
  table = tableAt;
  mask = slots - 1;
  shift = clz(slots) + 1;
}

/** Where the lines come from; `signed`: a gauge with a sign is a step, which is not for here. */
export function comesFrom(number: u32, signed: bool): void {
  origin = number;
  steps = signed;
}

export function clearEntries(): void {
  entries = 0;
}

/** Sixteen of a byte each: loaded once, while a constant would be made anew wherever it is used. */
const BYTES: StaticArray<u64> = [
  0x3a3a3a3a3a3a3a3a, 0x3a3a3a3a3a3a3a3a, 0x7c7c7c7c7c7c7c7c, 0x7c7c7c7c7c7c7c7c,
  0x0a0a0a0a0a0a0a0a, 0x0a0a0a0a0a0a0a0a, 0x0d0d0d0d0d0d0d0d, 0x0d0d0d0d0d0d0d0d,
];
const COLON: usize = 0;
const BAR: usize = 16;
const LF: usize = 32;
const CR: usize = 48;
/** Ones, and zeros. */
const MASK: StaticArray<u64> = [u64.MAX_VALUE, u64.MAX_VALUE, 0, 0];

@inline
function sixteen(byte: usize): v128 {
  return v128.load(changetype<usize>(BYTES) + byte);
}

/** Where in a block the first of these is, as a bit. */
@inline
function find(block: v128, a: v128, b: v128, c: v128): u32 {
  return <u32>i8x16.bitmask(v128.or(v128.or(i8x16.eq(block, a), i8x16.eq(block, b)), i8x16.eq(block, c)));
}

/** The first `length` bytes of a block, at most 16, and zeros. */
@inline
function beginning(block: v128, length: u32): v128 {
  return v128.and(block, v128.load(changetype<usize>(MASK) + 16 - length));
}

/**
 * NH, of UMAC (RFC 4418, 5.2), of 16 bytes, with a secret of their own: whatever names somebody chooses, a pair of them
 * collides in the sum of these once in 2^32 while he does not know the secrets. No step waits for the one before.
 */
@inline
function products(block: v128, secret: usize): v128 {
  const sums = i32x4.add(block, v128.load(secret));
  return i64x2.extmul_low_i32x4_u(sums, i32x4.shuffle(sums, sums, 2, 3, 2, 3));
}

/** The value of the first `count` digits of a word, 1 to 8, each a byte of 0 to 9. */
@inline
function valueOf(digits: u64, count: u32): u64 {
  const ones = digits << (64 - (count << 3));
  const tens = (ones * 10 + (ones >> 8)) & 0x00ff00ff00ff00ff;
  const hundreds = (tens * 100 + (tens >> 16)) & 0x0000ffff0000ffff;
  return (hundreds * 10000 + (hundreds >> 32)) & 0xffffffff;
}

/** The digits at `at`, behind `mantissa`; of more than 15 only the number of those that were looked at is right. */
let digits: u32 = 0;
@inline
function readDigits(at: usize, before: u64): u64 {
  let mantissa = before;
  digits = 0;
  while (digits < 16) {
    const word = load<u64>(at + digits) ^ 0x3030303030303030;
    const others = (((word & 0x7f7f7f7f7f7f7f7f) + 0x7676767676767676) | word) & 0x8080808080808080;
    if (others == 0) {
      mantissa = mantissa * 100000000 + valueOf(word, 8);
      digits += 8;
      continue;
    }
    const count = <u32>ctz(others) >> 3;
    if (count > 0) mantissa = mantissa * load<u64>(changetype<usize>(TENS) + ((<usize>count) << 3)) + valueOf(word, count);
    digits += count;
    break;
  }
  return mantissa;
}

/** The address after the number at `at`; `at` itself when it is none that can be read exactly here. In `parsed`: the number. */
let parsed: f64 = 0;
@inline
function readNumber(at: usize): usize {
  let i = at;
  const sign = <u32>load<u8>(i);
  if (sign == 0x2d || sign == 0x2b) i++;
  let mantissa = readDigits(i, 0);
  let many = digits;
  i += many;
  let value = <f64>mantissa;
  if (load<u8>(i) == 0x2e) {
    mantissa = readDigits(i + 1, mantissa);
    i += 1 + digits;
    many += digits;
    if (many <= 15) value = <f64>mantissa / load<f64>(changetype<usize>(POWERS) + ((<usize>digits) << 3));
  }
  if (many == 0 || many > 15) return at;
  parsed = sign == 0x2d ? -value : value;
  return i;
}

/** The same, where it is not worth its room. */
function parseNumber(at: usize): usize {
  return readNumber(at);
}

/** The line at `line` is given back; it has not been read to its end. */
function give(why: u32, line: usize, lines: u32, samples: u32): void {
  let at = line;
  while (load<u8>(at) != 10) at++;
  stop(why, at + 1, lines, samples);
}

function stop(why: u32, end: usize, lines: u32, samples: u32): void {
  store<u32>(result, why);
  store<u32>(result, <u32>end, 4);
  store<u32>(result, lines, 8);
  store<u32>(result, samples, 12);
  store<u32>(result, entries, 16);
}

/**
 * Takes the lines in [from, to) into the columns until one needs JavaScript. Returns that line's address, or `to`.
 * Writes one byte at `to` and reads up to 16 bytes after it.
 */
export function accumulate(from: usize, to: usize, sums: usize, samplesAt: usize): usize {
  const colon = sixteen(COLON);
  const bar = sixteen(BAR);
  const newline = sixteen(LF);
  // A line may end with CR and LF; with a CR elsewhere it is odd.
  const carriage = sixteen(CR);
  let lines: u32 = 0;
  let samples: u32 = 0;
  let line = from;
  // The last line may have no terminator: now it has one.
  store<u8>(to, 10);
  while (line < to) {
    // The name, to its colon. What is read is hashed at once, so that each byte is loaded once.
    let low = i64x2.splat(0);
    let high = i64x2.splat(0);
    let secret = secrets;
    const longest = secrets + LONGEST_SPELLING;
    let at = line;
    let marks: u32 = 0;
    while (secret < longest) {
      let block = v128.load(at);
      // A bar is none of a name, but is found where it is behind the line.
      marks = find(block, colon, bar, newline);
      if (marks) block = beginning(block, ctz(marks));
      low = i64x2.add(low, products(block, secret));
      high = i64x2.add(high, products(block, secret + SECRETS));
      secret += 16;
      if (marks) break;
      at += 16;
    }
    if (marks == 0) {
      give(ODD, line, lines, samples);
      return line;
    }
    const nameEnd = at + ctz(marks);
    const mark = <u32>load<u8>(nameEnd);
    if (mark == 10 && (nameEnd == line || (nameEnd == line + 1 && load<u8>(line) == 13))) {
      line = nameEnd + 1;
      continue;
    }
    if (mark != 0x3a || nameEnd == line) {
      give(ODD, line, lines, samples);
      return line;
    }

    // The values.
    let count: u32 = 0;
    let numbers = true;
    let value = nameEnd + 1;
    while (true) {
      const byte = <u32>load<u8>(value);
      if (byte == 0x7c) break;
      if (byte == 0x3a) {
        value++;
        continue;
      }
      const after = readNumber(value);
      const behind = <u32>load<u8>(after);
      if (after == value || (behind != 0x7c && behind != 0x3a) || count == MAX_VALUES) {
        numbers = false;
        break;
      }
      store<f64>(values + ((<usize>count) << 3), parsed);
      count++;
      value = after;
    }
    // A member of a set is whatever stands before the bar.
    if (!numbers) while (load<u8>(value) != 0x7c && load<u8>(value) != 10) value++;
    const firstBar = value;

    // The type.
    let kind: u32 = SET + 1;
    let field = firstBar + 2;
    const letter = load<u8>(firstBar) == 0x7c ? <u32>load<u8>(firstBar + 1) : 0;
    if (letter == 0x63) kind = COUNTER;
    else if (letter == 0x67) kind = GAUGE;
    else if (letter == 0x68 || letter == 0x64) kind = HISTOGRAM;
    else if (letter == 0x73) kind = SET;
    else if (letter == 0x6d && load<u8>(field) == 0x73) {
      kind = TIMER;
      field++;
    }
    let odd = kind > SET;
    if (kind == SET) {
      if (firstBar == nameEnd + 1) odd = true;
      count = 1;
    } else if (!numbers || count == 0) odd = true;
    if (kind == GAUGE && steps) {
      for (let i = nameEnd + 1; i < firstBar; i++) if (load<u8>(i) == 0x2b || load<u8>(i) == 0x2d) odd = true;
    }

    // The fields.
    let tagsAt: usize = 0;
    let tagsLength: u32 = 0;
    let weight: f64 = 1;
    let second: f64 = 0;
    while (!odd) {
      const mark = <u32>load<u8>(field);
      if (mark == 10) break;
      if (mark == 13 && load<u8>(field + 1) == 10) {
        field++;
        break;
      }
      if (mark != 0x7c) {
        odd = true;
        break;
      }
      field++;
      const letter = <u32>load<u8>(field);
      if (letter == 0x23) {
        // Of more than one the last counts.
        if (tagsAt) odd = true;
        tagsAt = ++field;
        marks = 0;
        while (secret < longest) {
          let block = v128.load(field);
          marks = find(block, bar, newline, carriage);
          if (marks) block = beginning(block, ctz(marks));
          low = i64x2.add(low, products(block, secret));
          high = i64x2.add(high, products(block, secret + SECRETS));
          secret += 16;
          if (marks) break;
          field += 16;
        }
        if (marks == 0) {
          give(ODD, line, lines, samples);
          return line;
        }
        field += ctz(marks);
        tagsLength = <u32>(field - tagsAt);
      } else if (letter == 0x40) {
        const after = parseNumber(field + 1);
        if (after > field + 1 && parsed > 0 && parsed <= 1) weight = 1 / parsed;
        else odd = true;
        field = after;
      } else if (letter == 0x54) {
        const after = parseNumber(field + 1);
        if (<u32>load<u8>(field + 1) - 48 > 9 || after == field + 1 || parsed < 1 || parsed != Math.floor(parsed)) odd = true;
        for (let i = field + 1; i < after; i++) if (load<u8>(i) == 0x2e) odd = true;
        second = parsed;
        field = after;
      } else if (
        ((letter == 0x63 || letter == 0x65) && load<u8>(field + 1) == 0x3a) ||
        (load<u32>(field) == 0x64726163 && load<u8>(field + 4) == 0x3a)
      ) {
        // c:, e: and card: say where it came from.
        let ends: u32 = 0;
        while (!(ends = find(v128.load(field), bar, newline, carriage))) field += 16;
        field += ctz(ends);
      } else if (letter != 0x7c && letter != 10 && letter != 13) odd = true;
    }
    // Other kinds have no time of their own.
    if (second != 0 && kind > GAUGE) odd = true;
    if (odd) {
      give(ODD, line, lines, samples);
      return line;
    }
    const next = field + 1;

    // The spelling. Multiply-shift: the first bits of a product are as good.
    const from = <u64>kind + (<u64>origin << 8);
    const lowest = (i64x2.extract_lane(low, 0) + i64x2.extract_lane(low, 1) + from) * lowMultiplier;
    const highest = (i64x2.extract_lane(high, 0) + i64x2.extract_lane(high, 1) + from) * highMultiplier;
    const print = (lowest >> 32) | 1 | (highest & 0xffffffff00000000);
    const lengths = <u32>(nameEnd - line) | (tagsLength << 16);
    let series: u32 = u32.MAX_VALUE;
    for (let k = <u32>print >> shift; ; k = (k + 1) & mask) {
      const slot = table + ((<usize>k) << 4);
      const found = load<u64>(slot);
      if (<u32>found == 0) break;
      const target = load<u32>(slot, 12);
      if (found != print || load<u32>(slot, 8) != lengths || target >> 28 != kind) continue;
      series = target & 0x0fffffff;
      break;
    }
    if (series == u32.MAX_VALUE) {
      stop(UNKNOWN, next, lines, samples);
      store<u64>(result, print, 24);
      store<u32>(result, lengths, 32);
      store<u32>(result, kind, 36);
      // What has a time of its own may not be taken at all.
      const keyEnd = second == 0 ? seriesKey(kind, line, nameEnd, tagsAt, tagsAt + tagsLength, keyTags, keyAt) : 0;
      store<u32>(result, keyEnd ? <u32>(keyEnd - keyAt) : 0, 40);
      store<u32>(result, <u32>(nameEnd - line) + 2, 44);
      store<u32>(result, tagCount, 48);
      store<u32>(result, longestText, 52);
      return line;
    }

    if (series >= countedFrom) {
      const left = samplesAt + ((<usize>series) << 3);
      store<f64>(left, load<f64>(left) + <f64>count);
      samples += count;
      lines++;
      line = next;
      continue;
    }

    if (second != 0) {
      stop(TIMED, next, lines, samples);
      store<u32>(result, series, 20);
      store<u32>(result, count, 24);
      store<f64>(values + ((<usize>MAX_VALUES) << 3), weight);
      store<f64>(values + ((<usize>MAX_VALUES + 1) << 3), second);
      return line;
    }

    // The columns.
    const sum = sums + ((<usize>series) << 3);
    if (kind == COUNTER) {
      let total = load<f64>(sum);
      for (let i: u32 = 0; i < count; i++) total += load<f64>(values + ((<usize>i) << 3)) * weight;
      store<f64>(sum, total);
    } else if (kind == GAUGE) {
      store<f64>(sum, load<f64>(values + ((<usize>(count - 1)) << 3)));
    } else if (kind == SET) {
      stop(MEMBER, next, lines, samples);
      store<u32>(result, series, 20);
      store<u32>(result, <u32>(nameEnd + 1), 24);
      store<u32>(result, <u32>firstBar, 28);
      return line;
    } else {
      if (entries + count > entryLimit) {
        stop(FULL, next, lines, samples);
        return line;
      }
      for (let i: u32 = 0; i < count; i++, entries++) {
        store<u32>(entrySeries + ((<usize>entries) << 2), series);
        store<f64>(entryValue + ((<usize>entries) << 3), load<f64>(values + ((<usize>i) << 3)));
        store<f64>(entryWeight + ((<usize>entries) << 3), weight);
      }
    }
    const counted = samplesAt + ((<usize>series) << 3);
    store<f64>(counted, load<f64>(counted) + <f64>count);
    samples += count;
    lines++;
    line = next;
  }
  stop(DONE, to, lines, samples);
  return to;
}
