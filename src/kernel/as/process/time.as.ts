// Text to milliseconds since the epoch: the formats of known form. `ended` is behind what was read, -1 says that it is
// none. Lines that follow one another share most of their time: so the beginning of the last one is kept with its value.
import { BLANK, COLON, four, isDigit, monthAt, two } from './scan.as';
import { DAY, daysFrom, isDate, yearOf } from './calendar.as';
import { toUtc, useNow } from './zones.as';

export const NO_TIME: i64 = -1;
const NO_KEY = i64x2(-1, -1);
const PLUS: u8 = 0x2b;
const MINUS: u8 = 0x2d;

/** Behind the time that was read last. */
export let ended: usize = 0;

let now: i64 = 0;

/** Milliseconds since the epoch when the lines were read. */
export function useClock(ms: f64): void {
  now = <i64>ms / 1000;
  useNow(now);
}

/** Seconds of UTC and what is left of the second, in milliseconds. */
@inline
export function joined(second: i64, milli: u32): i64 {
  return second < 0 ? NO_TIME : second * 1000 + <i64>milli;
}

let milli: u32 = 0;

/** A `.` or `,` and 0 to 9 digits, where they stand; sets `milli`, cut. Returns 0 where there are more. */
@inline
function fraction(at: usize, to: usize): usize {
  milli = 0;
  if (at >= to || (load<u8>(at) != 0x2e && load<u8>(at) != 0x2c)) return at;
  at++;
  let scale: u32 = 100;
  const first = at;
  for (; at < to && isDigit(at); at++) {
    milli += (<u32>load<u8>(at) - 0x30) * scale;
    scale /= 10;
  }
  return at - first > 9 ? 0 : at;
}

/** Whether the last `zoneAt` found one; then `offset` is its seconds. */
let hasZone: bool = false;
let offset: i64 = 0;

/** Z, UTC, GMT, +hh, +hhmm or +hh:mm, also behind one blank; returns behind it, or `at`; 0: it is wrong. */
export function zoneAt(at: usize, to: usize): usize {
  hasZone = false;
  offset = 0;
  if (at >= to) return at;
  let from = at;
  if (load<u8>(from) == BLANK && from + 1 < to) from++;
  const c = load<u8>(from);
  if (c == 0x5a || c == 0x7a) {
    hasZone = true;
    return from + 1;
  }
  if (from + 3 <= to && ((load<u32>(from) & 0xffffff) == 0x435455 || (load<u32>(from) & 0xffffff) == 0x544d47)) {
    hasZone = true;
    return from + 3;
  }
  if (c != PLUS && c != MINUS) return at;
  // Behind a blank only what can be nothing else.
  if (from + 3 > to || two(from + 1) > 23) return from == at ? 0 : at;
  let end = from + 3;
  let minutes: u32 = 0;
  const colon = usize(end < to && load<u8>(end) == COLON);
  if (end + colon + 2 <= to && isDigit(end + colon)) {
    minutes = two(end + colon);
    if (minutes > 59) return 0;
    end += colon + 2;
  } else if (colon) return 0;
  hasZone = true;
  offset = <i64>(two(from + 1) * 3600 + minutes * 60);
  if (c == MINUS) offset = -offset;
  return end;
}

export function zoneFound(): bool {
  return hasZone;
}

export function zoneOffset(): i64 {
  return offset;
}

let isoKey: v128 = NO_KEY;
let isoMinute: i64 = 0;

/** YYYY-MM-DD, `T` or a blank, HH:MM[:SS[.,digits]], and perhaps a zone: ISO 8601, RFC 3339, Log4j. */
export function isoTime(at: usize, to: usize, zone: usize): i64 {
  if (to < at + 16) return NO_TIME;
  const head = v128.load(at);
  if (v128.any_true(v128.xor(head, isoKey))) {
    const digits = <u32>i8x16.bitmask(i8x16.lt_u(i8x16.sub(head, i8x16.splat(0x30)), i8x16.splat(10)));
    if (digits != 0b1101101101101111 || load<u8>(at, 4) != 0x2d || load<u8>(at, 7) != 0x2d || load<u8>(at, 13) != COLON) {
      return NO_TIME;
    }
    const separator = load<u8>(at, 10);
    if (separator != 0x54 && separator != 0x74 && separator != BLANK) return NO_TIME;
    const year = four(at);
    const hour = two(at + 11);
    const minute = two(at + 14);
    if (!isDate(year, two(at + 5), two(at + 8)) || hour > 23 || minute > 59) return NO_TIME;
    isoKey = head;
    isoMinute = daysFrom(year, two(at + 5), two(at + 8)) * DAY + <i64>(hour * 3600 + minute * 60);
  }
  let second: u32 = 0;
  at += 16;
  milli = 0;
  if (at < to && load<u8>(at) == COLON) {
    if (at + 3 > to) return NO_TIME;
    second = two(at + 1);
    if (second > 60) return NO_TIME;
    at = fraction(at + 3, to);
    if (at == 0) return NO_TIME;
  }
  at = zoneAt(at, to);
  if (at == 0) return NO_TIME;
  ended = at;
  const local = isoMinute + <i64>second;
  return joined(hasZone ? local - offset : toUtc(zone, local), milli);
}

let apacheKey: v128 = NO_KEY;
let apacheMinutes: i64 = 0;
/** The rest of the one that was read last, and its value. */
let apacheTail: v128 = NO_KEY;
let apacheLast: i64 = NO_TIME;
/** Which of the bytes from the tenth on are digits: `6:14:13:20 +0200`. */
const APACHE_TAIL: u32 = 0b1111001101101101;

/** 21/Sep/2026:14:13:20 +0200, 26 bytes. */
export function apacheTime(at: usize, to: usize): i64 {
  if (to < at + 26) return NO_TIME;
  const head = v128.load(at);
  const tail = v128.load(at, 10);
  if (!v128.any_true(v128.or(v128.xor(head, apacheKey), v128.xor(tail, apacheTail)))) {
    ended = at + 26;
    return apacheLast;
  }
  const digits = <u32>i8x16.bitmask(i8x16.lt_u(i8x16.sub(tail, i8x16.splat(0x30)), i8x16.splat(10)));
  if (digits != APACHE_TAIL || load<u8>(at, 17) != COLON || load<u8>(at, 20) != BLANK) return NO_TIME;
  if (v128.any_true(v128.xor(head, apacheKey))) {
    // The key goes through the tens of the minute.
    if (load<u8>(at, 2) != 0x2f || load<u8>(at, 6) != 0x2f || load<u8>(at, 11) != COLON || load<u8>(at, 14) != COLON) {
      return NO_TIME;
    }
    const year = four(at + 7);
    const month = monthAt(at + 3);
    if (!isDate(year, month, two(at)) || two(at + 12) > 23 || two(at + 15) > 59) return NO_TIME;
    apacheKey = head;
    apacheTail = NO_KEY;
    const tens = <u32>load<u8>(at, 15) - 0x30;
    apacheMinutes = daysFrom(year, month, two(at)) * DAY + <i64>(two(at + 12) * 3600 + tens * 600);
  }
  const second = two(at + 18);
  const sign = load<u8>(at, 21);
  const east = <i64>(two(at + 22) * 3600 + two(at + 24) * 60);
  if (second > 60 || two(at + 22) > 23 || two(at + 24) > 59 || (sign != PLUS && sign != MINUS)) return NO_TIME;
  ended = at + 26;
  const local = apacheMinutes + <i64>((<u32>load<u8>(at, 16) - 0x30) * 60 + second);
  apacheTail = tail;
  apacheLast = joined(local - (sign == PLUS ? east : -east), 0);
  return apacheLast;
}

/** Half a year, and how far ahead a time without a year may be, before it is one of the year before. */
const HALF: i64 = 15778476;
const MOST_AHEAD: i64 = 2 * DAY;

/** No month, not even one that two digits say. */
const NO_MONTH: u32 = 100;
/** The last month and day, and where the day begins in the year that all of it is of. */
let nearMonth: u32 = NO_MONTH;
let nearDay: u32 = 0;
let nearNow: i64 = 0;
let nearBegin: i64 = 0;

/** The second since the epoch of a month, a day and a second of it in the year that brings it nearest to the clock. */
export function nearest(month: u32, day: u32, ofDay: i64, zone: usize): i64 {
  if (month == nearMonth && day == nearDay && now == nearNow) return toUtc(zone, nearBegin + ofDay);
  const second = nearestYear(month, day, ofDay, zone);
  const away = second - now;
  // Then so is every second of the day, whatever the zone.
  nearMonth = NO_MONTH;
  if (second != NO_TIME && away < DAY / 2 && away > 3 * DAY - HALF) {
    nearMonth = month;
    nearDay = day;
    nearNow = now;
  }
  return second;
}

function nearestYear(month: u32, day: u32, ofDay: i64, zone: usize): i64 {
  const year = yearOf(now);
  let best = NO_TIME;
  for (let y = year + 1; y + 1 >= year; y--) {
    if (!isDate(y, month, day)) continue;
    const begin = daysFrom(y, month, day) * DAY;
    const second = toUtc(zone, begin + ofDay);
    if (second - now > MOST_AHEAD) continue;
    if (best != NO_TIME && abs(second - now) >= abs(best - now)) continue;
    best = second;
    nearBegin = begin;
  }
  if (best != NO_TIME || month != 2 || day != 29) return best;
  // The last leap year.
  for (let y = year - 2; y + 8 >= year; y--) {
    if (isDate(y, month, day)) return toUtc(zone, daysFrom(y, month, day) * DAY + ofDay);
  }
  return NO_TIME;
}

let bsdKey: v128 = NO_KEY;
let bsdSecond: i64 = 0;
let bsdNow: i64 = 0;
let bsdZone: usize = 0;

/** Sep 21 14:13:20, `Sep  1`, `Sep 1`; also with a year behind the day, and with a fraction. */
export function bsdTime(at: usize, to: usize, zone: usize): i64 {
  if (to < at + 14) return NO_TIME;
  const head = v128.load(at);
  if (to >= at + 15 && !v128.any_true(v128.xor(head, bsdKey)) && now == bsdNow && zone == bsdZone) {
    ended = at + 15;
    return joined(bsdSecond, 0);
  }
  const month = monthAt(at);
  if (month == 0 || load<u8>(at, 3) != BLANK) return NO_TIME;
  const from = at;
  at += 4;
  if (load<u8>(at) == BLANK) at++;
  if (!isDigit(at)) return NO_TIME;
  let day = <u32>load<u8>(at++) - 0x30;
  if (isDigit(at)) day = day * 10 + <u32>load<u8>(at++) - 0x30;
  if (load<u8>(at++) != BLANK) return NO_TIME;
  let year: u32 = 0;
  if (load<u8>(at, 2) != COLON) {
    year = four(at);
    if (year > 9999 || load<u8>(at, 4) != BLANK) return NO_TIME;
    at += 5;
  }
  const hour = two(at);
  const minute = two(at + 3);
  const second = two(at + 6);
  if (to < at + 8 || hour > 23 || minute > 59 || second > 60) return NO_TIME;
  if (load<u8>(at, 2) != COLON || load<u8>(at, 5) != COLON) return NO_TIME;
  const ofDay = <i64>(hour * 3600 + minute * 60 + second);
  if (year != 0 && !isDate(year, month, day)) return NO_TIME;
  const found = year == 0 ? nearest(month, day, ofDay, zone) : toUtc(zone, daysFrom(year, month, day) * DAY + ofDay);
  if (found == NO_TIME) return NO_TIME;
  ended = fraction(at + 8, to);
  if (ended == 0) return NO_TIME;
  if (ended == from + 15 && to > ended) {
    bsdKey = head;
    bsdSecond = found;
    bsdNow = now;
    bsdZone = zone;
  }
  return joined(found, milli);
}

/** Seconds (10 digits, with a fraction perhaps), milliseconds (13), microseconds (16) or nanoseconds (19). */
export function epochTime(at: usize, to: usize): i64 {
  let value: u64 = 0;
  const from = at;
  for (; at < to && isDigit(at) && at - from < 20; at++) value = value * 10 + <u64>load<u8>(at) - 0x30;
  const digits = at - from;
  let ms: u64 = 0;
  if (digits == 10) ms = value * 1000;
  else if (digits == 13) ms = value;
  else if (digits == 16) ms = value / 1000;
  else if (digits == 19) ms = value / 1000000;
  else return NO_TIME;
  if (at < to && load<u8>(at) == 0x2e) {
    let scale: u32 = digits == 10 ? 100 : 0;
    const first = ++at;
    for (; at < to && isDigit(at); at++) {
      ms += <u64>((<u32>load<u8>(at) - 0x30) * scale);
      scale /= 10;
    }
    if (at == first) return NO_TIME;
  }
  ended = at;
  return <i64>ms;
}
