// Days and seconds since the epoch from dates of the Gregorian calendar, and back.

export const DAY: i64 = 86400;

/** Days since 1970-01-01. The date must be one: `isDate`. */
export function daysFrom(year: u32, month: u32, day: u32): i64 {
  // Years that begin in March have their leap day at the end.
  const y = year - u32(month <= 2);
  const era = y / 400;
  const ofEra = y - era * 400;
  const ofYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;
  return <i64>(era * 146097 + ofEra * 365 + ofEra / 4 - ofEra / 100 + ofYear) - 719468;
}

export function isDate(year: u32, month: u32, day: u32): bool {
  if (year > 9999 || month - 1 > 11 || day - 1 > 30) return false;
  if (day <= 28) return true;
  if (month == 2) return day == 29 && isLeap(year);
  return day <= 30 || ((0xad5 >> (month - 1)) & 1) == 1;
}

@inline
function isLeap(year: u32): bool {
  return (year & 3) == 0 && (year % 100 != 0 || year % 400 == 0);
}

/** The year of a second since the epoch. */
export function yearOf(second: i64): u32 {
  const days = <u32>(second / DAY) + 719468;
  const era = days / 146097;
  const ofEra = days - era * 146097;
  const year = (ofEra - ofEra / 1460 + ofEra / 36524 - ofEra / 146096) / 365;
  const ofYear = ofEra - (365 * year + year / 4 - year / 100);
  // The last two months of a year that begins in March are the next year's.
  return year + era * 400 + u32(ofYear >= 306);
}
