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
/** Name and tags together; longer spellings are never known. */
const LONGEST_SPELLING: u32 = 4096;
/** Of one half: as many as the longest spelling has with its name padded, and the number. */
const SECRETS: u32 = LONGEST_SPELLING + 16;

/** Exact in f64: dividing by one of them rounds once, as reading the number digit by digit exactly would. */
const POWERS: StaticArray<f64> = [1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15];

let table: usize = 0;
/** The last slot, and where in a hash the number of the first one to look at begins. */
let mask: u32 = 0;
let shift: u32 = 0;
/** Random bytes for each half of a fingerprint, and a random odd number. */
let secrets: usize = 0;
let lowMultiplier: u64 = 0;
let highMultiplier: u64 = 0;
let origin: u32 = 0;
let signedGauges = true;
let entrySeries: usize = 0;
let entryValue: usize = 0;
let entryWeight: usize = 0;
let entryLimit: u32 = 0;
let entries: u32 = 0;
/** Of series from this number on samples are counted, and nothing else. */
let countedFrom: u32 = 0;
/** Ten u32 for JavaScript, see the `store`s in `stop`. */
let result: usize = 0;
/** MAX_VALUES f64: the values of one line; behind them, for TIMED, its weight and its time. */
let values: usize = 0;

export function configure(resultAt: usize, valuesAt: usize, seriesAt: usize, valueAt: usize, weightAt: usize, limit: u32, series: u32, secretsAt: usize): void {
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

/** Where the lines come from; `steps`: a gauge with a sign is a step, which is not for here. */
export function comesFrom(number: u32, steps: bool): void {
  origin = number;
  signedGauges = !steps;
}

export function clearEntries(): void {
  entries = 0;
}

@inline
function term(word: u64, secret: usize): u64 {
  const key = load<u64>(secret);
  return <u64>(<u32>word + <u32>key) * <u64>(<u32>(word >> 32) + <u32>(key >> 32));
}

/**
 * NH, of UMAC (RFC 4418, 5.2), twice, with secrets of their own: whatever names somebody chooses, a pair collides in one of
 * them once in 2^32 while he does not know the secrets (8 bytes each from `secret` on). No step waits for the one before.
 */
let low: u64 = 0;
let high: u64 = 0;
@inline
function sum(at: usize, length: u32, secret: usize): void {
  let first: u64 = 0;
  let second: u64 = 0;
  let i: u32 = 0;
  for (; i + 8 <= length; i += 8) {
    const word = load<u64>(at + i);
    first += term(word, secret + i);
    second += term(word, secret + SECRETS + i);
  }
  if (i < length) {
    const word = load<u64>(at + i) & (((<u64>1) << ((length - i) << 3)) - 1);
    first += term(word, secret + i);
    second += term(word, secret + SECRETS + i);
  }
  low += first;
  high += second;
}

/** The address after the number at `at`; `at` itself when it is none that can be read exactly here. In `parsed`: the number. */
let parsed: f64 = 0;
@inline
function parseNumber(at: usize): usize {
  let i = at;
  const sign = <u32>load<u8>(i);
  if (sign == 0x2d || sign == 0x2b) i++;
  let mantissa: u64 = 0;
  const first = i;
  let digit = <u32>load<u8>(i) - 48;
  while (digit <= 9) {
    mantissa = mantissa * 10 + digit;
    digit = <u32>load<u8>(++i) - 48;
  }
  let digits = <u32>(i - first);
  let value = <f64>mantissa;
  // 46 - 48: the point.
  if (digit == <u32>-2) {
    const point = ++i;
    digit = <u32>load<u8>(i) - 48;
    while (digit <= 9) {
      mantissa = mantissa * 10 + digit;
      digit = <u32>load<u8>(++i) - 48;
    }
    const places = <u32>(i - point);
    digits += places;
    if (digits <= 15) value = <f64>mantissa / load<f64>(changetype<usize>(POWERS) + ((<usize>places) << 3));
  }
  if (digits == 0 || digits > 15) return at;
  parsed = sign == 0x2d ? -value : value;
  return i;
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
  const newline = i8x16.splat(10);
  const colon = i8x16.splat(0x3a);
  const bar = i8x16.splat(0x7c);
  let lines: u32 = 0;
  let samples: u32 = 0;
  let line = from;
  // The last line may have no terminator: now it has one.
  store<u8>(to, 10);
  while (line < to) {
    let firstColon: usize = 0;
    let firstBar: usize = 0;
    let lastBar: usize = 0;
    let at = line;
    let next: usize = 0;
    while (true) {
      const bytes = v128.load(at);
      const newlines = <u32>i8x16.bitmask(i8x16.eq(bytes, newline));
      let colons = <u32>i8x16.bitmask(i8x16.eq(bytes, colon));
      let bars = <u32>i8x16.bitmask(i8x16.eq(bytes, bar));
      if (newlines) {
        const before = (newlines & (0 - newlines)) - 1;
        colons &= before;
        bars &= before;
      }
      if (!firstColon && colons) firstColon = at + ctz(colons);
      if (bars) {
        if (!firstBar) firstBar = at + ctz(bars);
        lastBar = at + 31 - clz(bars);
      }
      if (newlines) {
        next = at + ctz(newlines) + 1;
        break;
      }
      at += 16;
    }
    let end = next - 1;
    if (end > line && load<u8>(end - 1) == 13) end--;
    if (end == line) {
      line = next;
      continue;
    }
    if (firstColon == 0 || firstBar < firstColon || firstColon == line || firstBar + 1 >= end) {
      stop(ODD, next, lines, samples);
      return line;
    }

    // The type.
    let kind: u32 = SET + 1;
    let field = firstBar + 2;
    const letter = <u32>load<u8>(firstBar + 1);
    if (letter == 0x63) kind = COUNTER;
    else if (letter == 0x67) kind = GAUGE;
    else if (letter == 0x68 || letter == 0x64) kind = HISTOGRAM;
    else if (letter == 0x73) kind = SET;
    else if (letter == 0x6d && load<u8>(field) == 0x73) {
      kind = TIMER;
      field++;
    }
    let odd = kind > SET || (field < end && load<u8>(field) != 0x7c) || field > end;
    if (kind == GAUGE && !signedGauges) {
      for (let i = firstColon + 1; i < firstBar; i++) if (load<u8>(i) == 0x2b || load<u8>(i) == 0x2d) odd = true;
    }

    // The fields.
    let tagsAt: usize = field;
    let tagsLength: u32 = 0;
    let weight: f64 = 1;
    let second: f64 = 0;
    while (field < end && !odd) {
      let stopAt = end;
      if (field != lastBar) {
        stopAt = field + 1;
        while (load<u8>(stopAt) != 0x7c) stopAt++;
      }
      field++;
      const mark = <u32>load<u8>(field);
      if (mark == 0x23 && field < stopAt) {
        tagsAt = field + 1;
        tagsLength = <u32>(stopAt - tagsAt);
      } else if (mark == 0x40 && field < stopAt) {
        if (parseNumber(field + 1) == stopAt && stopAt > field + 1 && parsed > 0 && parsed <= 1) weight = 1 / parsed;
        else odd = true;
      } else if (mark == 0x54 && field < stopAt) {
        const first = <u32>load<u8>(field + 1) - 48;
        if (first > 9 || parseNumber(field + 1) != stopAt || parsed < 1 || parsed != Math.floor(parsed)) odd = true;
        for (let i = field + 1; i < stopAt; i++) if (load<u8>(i) == 0x2e) odd = true;
        second = parsed;
      } else if (field + 1 < stopAt && (mark == 0x63 || mark == 0x65) && load<u8>(field + 1) == 0x3a) {
        // c: and e: say where it came from.
      } else if (field + 4 < stopAt && load<u32>(field) == 0x64726163 && load<u8>(field + 4) == 0x3a) {
        // card:
      } else if (field < stopAt) odd = true;
      field = stopAt;
    }

    // The values.
    let count: u32 = 0;
    if (kind == SET) {
      if (firstBar == firstColon + 1) odd = true;
      count = 1;
    } else if (!odd) {
      let member = firstColon + 1;
      while (member < firstBar) {
        if (load<u8>(member) == 0x3a) {
          member++;
          continue;
        }
        const after = parseNumber(member);
        if (after == member || (after != firstBar && load<u8>(after) != 0x3a) || count == MAX_VALUES) {
          odd = true;
          break;
        }
        store<f64>(values + ((<usize>count) << 3), parsed);
        count++;
        member = after;
      }
    }
    // Other kinds have no time of their own.
    if (second != 0 && kind > GAUGE) odd = true;
    if (odd || count == 0) {
      stop(ODD, next, lines, samples);
      return line;
    }

    // The spelling.
    const nameLength = <u32>(firstColon - line);
    const lengths = nameLength | (tagsLength << 16);
    let print: u64 = 0;
    let series: u32 = u32.MAX_VALUE;
    const short = nameLength + tagsLength <= LONGEST_SPELLING;
    if (short) {
      low = <u64>kind + (<u64>origin << 8);
      high = low;
      sum(line, nameLength, secrets);
      sum(tagsAt, tagsLength, secrets + ((nameLength + 7) & ~7));
      // Multiply-shift: the first bits of a product are as good.
      print = ((low * lowMultiplier) >> 32) | 1 | ((high * highMultiplier) & 0xffffffff00000000);
    }
    for (let k = <u32>print >> shift; short; k = (k + 1) & mask) {
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
      store<u32>(result, <u32>(firstColon + 1), 24);
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
