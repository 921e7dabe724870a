// Text to milliseconds by a `%`-pattern, compiled to steps (process/time-pattern.ts): a u32 each, the operation, and for a
// letter its byte from the eighth bit on. What stands in the first 16 bytes is kept with what was read of it, as lines that
// follow one another share it.
import { BLANK, four, isDigit, isLetter, monthAt, two } from './scan.as';
import { DAY, daysFrom, isDate } from './calendar.as';
import { NO_TIME, joined, nearest, zoneAt, zoneFound, zoneOffset } from './time.as';
import { UTC, toUtc } from './zones.as';

const END: u32 = 0, LETTER: u32 = 1, BLANKS: u32 = 2, YEAR: u32 = 3, YEAR_2: u32 = 4, MONTH: u32 = 5, MONTH_NAME: u32 = 6;
const DAY_OF_MONTH: u32 = 7, DAY_OF_YEAR: u32 = 8, DAY_NAME: u32 = 9, HOUR: u32 = 10, HOUR_12: u32 = 11, MINUTE: u32 = 12;
const SECOND: u32 = 13, FRACTION: u32 = 14, MILLISECOND: u32 = 15, HALF_OF_DAY: u32 = 16, ZONE: u32 = 17, ZONE_NAME: u32 = 18;
const EPOCH: u32 = 19, FRACTION_IF_ANY: u32 = 20, ZONE_IF_ANY: u32 = 21;

/** Bytes that may be looked at behind a name: it may be the beginning of a longer one. */
const LONGEST_NAME: usize = 9;
const NONE: u32 = 0xffffffff;
/** In place of a month: the day is that of the year. */
const OF_YEAR: u32 = 100;

export let stepsEnded: usize = 0;

// What was read: `year` NONE, `half` NONE and `zoned` 0 say that it was not.
let year: u32 = 0, month: u32 = 0, day: u32 = 0, hour: u32 = 0, minute: u32 = 0, second: u32 = 0;
let milli: u32 = 0, half: u32 = 0, zoned: bool = false, east: i64 = 0, epoch: i64 = 0;

// The same as it was behind `keptBytes` bytes of `keptHead`, before the step at `keptStep`.
let keptHead: v128 = i64x2.splat(0), keptSteps: usize = 0, keptStep: usize = 0, keptBytes: usize = 0;
let keptYear: u32 = 0, keptMonth: u32 = 0, keptDay: u32 = 0, keptHour: u32 = 0, keptMinute: u32 = 0, keptSecond: u32 = 0, keptHalf: u32 = 0;

let value: u32 = 0;

/** One to `most` digits; sets `value`; returns 0 where there is none. */
@inline
function number(at: usize, to: usize, most: usize): usize {
  const last = min(at + most, to);
  value = 0;
  const first = at;
  for (; at < last && isDigit(at); at++) value = value * 10 + <u32>load<u8>(at) - 0x30;
  return at == first ? 0 : at;
}

/** The time that begins at `at`. Its end is `stepsEnded`, for which the steps tell nothing that follows. */
export function stepsTime(steps: usize, at: usize, to: usize, zone: usize): i64 {
  const from = at;
  const head = v128.load(at);
  let step = steps;
  year = NONE; half = NONE; month = 1; day = 1; hour = 0; minute = 0; second = 0; milli = 0; zoned = false; east = 0; epoch = NO_TIME;
  if (keptSteps == steps && to - at > 16 && !v128.any_true(v128.xor(head, keptHead))) {
    step = keptStep;
    at += keptBytes;
    year = keptYear; month = keptMonth; day = keptDay; hour = keptHour; minute = keptMinute; second = keptSecond; half = keptHalf;
  } else keptSteps = 0;
  const keeps = keptSteps == 0 && to - at > 16;
  for (; ; step += 4) {
    const op = load<u32>(step) & 0xff;
    if (op == END) break;
    if (op == LETTER) {
      if (at >= to || load<u8>(at) != load<u8>(step, 1)) return NO_TIME;
      at++;
    } else if (op == BLANKS) {
      if (at >= to || load<u8>(at) != BLANK) return NO_TIME;
      while (at < to && load<u8>(at) == BLANK) at++;
    } else {
      at = read(op, at, to);
      if (at == 0) return NO_TIME;
    }
    // Not what these do not keep, and not where what is kept may depend on bytes behind the sixteenth.
    if (!keeps || op >= FRACTION) continue;
    if (at - from < (op == MONTH_NAME || op == DAY_NAME ? 16 - LONGEST_NAME : 16) && milli == 0 && !zoned && epoch == NO_TIME) {
      keptHead = head; keptSteps = steps; keptStep = step + 4; keptBytes = at - from;
      keptYear = year; keptMonth = month; keptDay = day; keptHour = hour; keptMinute = minute; keptSecond = second; keptHalf = half;
    }
  }
  stepsEnded = at;
  return total(zone);
}

/** One step of digits or names; 0: it is not there. */
function read(op: u32, at: usize, to: usize): usize {
  switch (op) {
    case YEAR:
      year = four(at);
      return at + 4 > to || year > 9999 ? 0 : at + 4;
    case YEAR_2:
      year = two(at);
      if (at + 2 > to || year > 99) return 0;
      year += year < 69 ? 2000 : 1900;
      return at + 2;
    case MONTH: at = number(at, to, 2); month = value; return at;
    case DAY_OF_MONTH: at = number(padded(at, to), to, 2); day = value; return at;
    case DAY_OF_YEAR:
      at = number(at, to, 3);
      month = OF_YEAR;
      day = value;
      return at;
    case HOUR: at = number(padded(at, to), to, 2); hour = value; return at;
    case HOUR_12:
      at = number(padded(at, to), to, 2);
      hour = value;
      return value - 1 > 11 ? 0 : at;
    case MINUTE: at = number(at, to, 2); minute = value; return at;
    case SECOND: at = number(at, to, 2); second = value; return at;
    case MILLISECOND: at = number(at, to, 3); milli = value; return at;
    case FRACTION_IF_ANY:
      if (at + 1 >= to || (load<u8>(at) != 0x2e && load<u8>(at) != 0x2c) || !isDigit(at + 1)) return at;
      return digits(at + 1, to);
    case FRACTION: return digits(at, to);
    case MONTH_NAME:
      month = at + 3 > to ? 0 : monthAt(at);
      return month == 0 ? 0 : name(at, to);
    case DAY_NAME: return at + 3 > to || !isLetter(at) || !isLetter(at + 1) || !isLetter(at + 2) ? 0 : name(at, to);
    case HALF_OF_DAY: {
      if (at + 2 > to || (load<u8>(at, 1) | 0x20) != 0x6d) return 0;
      const c = load<u8>(at) | 0x20;
      half = c == 0x70 ? 12 : 0;
      return c == 0x70 || c == 0x61 ? at + 2 : 0;
    }
    case ZONE:
    case ZONE_IF_ANY: {
      const end = zoneAt(at, to);
      if (zoneFound()) {
        zoned = true;
        east = zoneOffset();
        return end;
      }
      return op == ZONE ? 0 : at;
    }
    case ZONE_NAME: return zoneName(at, to);
    case EPOCH: {
      let seconds: i64 = 0;
      const first = at;
      for (; at < to && isDigit(at) && at - first < 12; at++) seconds = seconds * 10 + <i64>load<u8>(at) - 0x30;
      epoch = seconds;
      return at == first ? 0 : at;
    }
  }
  return 0;
}

@inline
function padded(at: usize, to: usize): usize {
  return at < to && load<u8>(at) == BLANK ? at + 1 : at;
}

/** One to nine digits of a fraction. */
function digits(at: usize, to: usize): usize {
  const first = at;
  let scale: u32 = 100;
  milli = 0;
  for (; at < to && isDigit(at) && at - first < 9; at++) {
    milli += (<u32>load<u8>(at) - 0x30) * scale;
    scale /= 10;
  }
  return at == first ? 0 : at;
}

/** Behind all letters of a name. */
function name(at: usize, to: usize): usize {
  const last = min(at + LONGEST_NAME, to);
  while (at < last && isLetter(at)) at++;
  return at;
}

/** UTC, GMT and Z are that; other letters say no more than the zone of the step does. AM and PM are of an hour of twelve. */
function zoneName(at: usize, to: usize): usize {
  const end = name(at, to);
  if (end == at) return 0;
  const w = load<u32>(at) & 0xdfdfdf;
  if (end - at == 2 && ((w & 0xffff) == 0x4d41 || (w & 0xffff) == 0x4d50)) return 0;
  if ((end - at == 3 && (w == 0x435455 || w == 0x544d47)) || (end - at == 1 && (w & 0xff) == 0x5a)) zoned = true;
  return end;
}

function total(zone: usize): i64 {
  if (epoch != NO_TIME) return joined(epoch, milli);
  if (half != NONE) {
    if (hour - 1 > 11) return NO_TIME;
    hour = (hour % 12) + half;
  }
  if (hour > 23 || minute > 59 || second > 60) return NO_TIME;
  const ofDay = <i64>(hour * 3600 + minute * 60 + second);
  if (year == NONE) {
    const found = zoned ? nearest(month, day, ofDay - east, UTC) : nearest(month, day, ofDay, zone);
    return found == NO_TIME ? NO_TIME : joined(found, milli);
  }
  let days: i64 = 0;
  if (month == OF_YEAR) {
    days = daysFrom(year, 1, 1) + <i64>day - 1;
    if (day == 0 || days >= daysFrom(year + 1, 1, 1)) return NO_TIME;
  } else {
    if (!isDate(year, month, day)) return NO_TIME;
    days = daysFrom(year, month, day);
  }
  const local = days * DAY + ofDay;
  return joined(zoned ? local - east : toUtc(zone, local), milli);
}
