// Milliseconds since the epoch as ISO 8601 text: 2026-11-22T14:00:00.123Z, 24 bytes.

/** The last second of the year 9999. */
const LAST: u64 = 253402300799999;
export const ISO_BYTES: usize = 24;

/** What was written last, and the minute of it: lines that follow one another share most of their time. */
let last: u64 = 0xffffffffffffffff;
let minute: u64 = 0xffffffffffffffff;
let date: v128 = i64x2.splat(0);
let second: u64 = 0;

/** Whether `writeIso` can write it. */
@inline
export function isWritable(ms: u64): bool {
  return ms <= LAST;
}

/** Writes 24 bytes at `out`; returns the address behind. */
@inline
export function writeIso(out: usize, ms: u64): usize {
  if (ms != last) read(ms, out);
  v128.store(out, date);
  store<u64>(out, second, 16);
  return out + ISO_BYTES;
}

/** `room`: 16 bytes to write at. */
function read(ms: u64, room: usize): void {
  const whole = ms / 60000;
  if (whole != minute) {
    minute = whole;
    writeMinute(room, whole);
    date = v128.load(room);
  }
  const rest = <u32>(ms - whole * 60000);
  const seconds = rest / 1000;
  const thousandths = rest - seconds * 1000;
  const hundreds = thousandths / 100;
  // :SS.mmmZ
  store<u32>(room, 0x3a | (0x2e << 24));
  two(room + 1, seconds);
  store<u32>(room, 0x5a000000 | (0x30 + hundreds), 4);
  two(room + 5, thousandths - hundreds * 100);
  second = load<u64>(room);
  last = ms;
}

/** Up to the minutes: 16 bytes. Days are counted in years that begin with March, after Hinnant. */
function writeMinute(out: usize, minutes: u64): void {
  const days = <u32>(minutes / 1440) + 719468;
  const left = <u32>(minutes % 1440);
  const era = days / 146097;
  const dayOfEra = days - era * 146097;
  const yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36524 - dayOfEra / 146096) / 365;
  const dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100);
  const march = (5 * dayOfYear + 2) / 153;
  const day = dayOfYear - (153 * march + 2) / 5 + 1;
  const month = march < 10 ? march + 3 : march - 9;
  const year = yearOfEra + era * 400 + u32(month <= 2);
  two(out, year / 100);
  two(out + 2, year % 100);
  store<u8>(out + 4, 0x2d);
  two(out + 5, month);
  store<u8>(out + 7, 0x2d);
  two(out + 8, day);
  store<u8>(out + 10, 0x54);
  two(out + 11, left / 60);
  store<u8>(out + 13, 0x3a);
  two(out + 14, left % 60);
}

@inline
function two(out: usize, value: u32): void {
  const tens = value / 10;
  store<u16>(out, <u16>(((0x30 + value - tens * 10) << 8) | (0x30 + tens)));
}
