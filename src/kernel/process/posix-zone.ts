/**
 * Zones as POSIX writes them, in TZ and at the end of files of zones (POSIX.1-2024, XBD 8.3; RFC 9636, 3.3.1):
 *
 *   std offset [dst [offset] [,start[/time],end[/time]]]      CET-1CEST,M3.5.0,M10.5.0/3     JST-9     <+03>-3
 *   offset    [+-]h[:mm[:ss]], to the west           time    the same, of local time, -167 to 167 h; 2:00 without one
 *   start     Mm.w.d: weekday d of week w of month m, 5 the last   Jn: day 1 to 365, none is 29 February   n: day 0 to 365
 */
const NAME = '(?:[A-Za-z]{3,}|<[A-Za-z0-9+-]{3,}>)';
const OFFSET = '([+-]?\\d{1,3}(?::\\d\\d){0,2})';
const RULE = `([MJ]?[\\d.]+)(?:/${OFFSET})?`;
const ZONE = new RegExp(`^${NAME}${OFFSET}(?:${NAME}${OFFSET}?(?:,${RULE},${RULE})?)?$`);
const WITH_DST = new RegExp(`^${NAME}${OFFSET}${NAME}`);
/** Where there is none it is open in POSIX; libc has those of the United States. */
const USUAL = ['M3.2.0', 'M11.1.0'] as const;
const HOUR = 3600;
const DAY = 86_400;

/** Seconds east of UTC at a second since the epoch; null: it is no such zone. */
export function posixZone(text: string): ((second: number) => number) | null {
  const found = ZONE.exec(text);
  if (!found) return null;
  const standard = 0 - seconds(found[1]!);
  if (!WITH_DST.test(text)) return () => standard;
  const summer = found[2] === undefined ? standard + HOUR : 0 - seconds(found[2]);
  const start = ruleOf(found[3] ?? USUAL[0], found[4]);
  const end = ruleOf(found[5] ?? USUAL[1], found[6]);
  if (!start || !end) return null;
  return (second) => {
    const year = new Date((second + standard) * 1000).getUTCFullYear();
    const [from, to] = [start(year) - standard, end(year) - summer];
    const isSummer = from < to ? second >= from && second < to : second >= from || second < to;
    return isSummer ? summer : standard;
  };
}

function seconds(text: string): number {
  const [hours, minutes = 0, rest = 0] = text.replace(/^[+-]/, '').split(':').map(Number);
  const size = hours! * HOUR + minutes * 60 + rest;
  return text.startsWith('-') ? 0 - size : size;
}

/** When it is, in a year, in seconds of local time. */
function ruleOf(text: string, time = '2'): ((year: number) => number) | null {
  const ofDay = seconds(time);
  const begin = (year: number, month = 0) => Date.UTC(year, month) / 1000;
  const [, month, week, weekday] = (/^M(\d{1,2})\.([1-5])\.([0-6])$/.exec(text) ?? []).map(Number);
  if (month !== undefined) {
    return (year) => {
      const first = begin(year, month - 1);
      let at = first + ((weekday! - new Date(first * 1000).getUTCDay() + 7) % 7) * DAY + (week! - 1) * 7 * DAY;
      if (at >= begin(year, month)) at -= 7 * DAY;
      return at + ofDay;
    };
  }
  const [, julian, day] = /^(J?)(\d{1,3})$/.exec(text) ?? [];
  if (day === undefined) return null;
  return (year) => {
    const isLeap = begin(year, 2) - begin(year, 1) === 29 * DAY;
    const before = julian === 'J' ? Number(day) - (isLeap && Number(day) >= 60 ? 0 : 1) : Number(day);
    return begin(year) + before * DAY + ofDay;
  };
}
