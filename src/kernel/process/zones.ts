/**
 * Zones of local time as the kernel looks them up (as/process/zones.as.ts has the table): their transitions, which are
 * asked of Intl once, as a question takes it microseconds.
 */
import { posixZone } from './posix-zone.ts';

const HEAD = 16;
const ENTRY = 16;
const DAY = 86400;
/** Offsets are compared so often: no zone changes there and back within it. */
const STEP = 7 * DAY;
const FIRST = Date.UTC(1970, 0, 1) / 1000;
/** Seconds after now for which transitions are known. Behind them the last offset goes on. */
const KNOWN_AHEAD = 10 * 366 * DAY;

/** An offset, seconds east of UTC, that holds from a second since the epoch on. */
export interface Transition {
  from: number;
  offset: number;
}

/** A name, or an offset. */
export function isZone(name: string): boolean {
  try {
    format(name);
    return true;
  } catch {
    // A RangeError, whose text says no more.
    return false;
  }
}

function format(zone: string): Intl.DateTimeFormat {
  return new Intl.DateTimeFormat('en-US', { timeZone: zone, timeZoneName: 'longOffset', year: 'numeric' });
}

/** In their order; the first holds from the beginning of time. The zone must be one, or rules as POSIX has them. */
export function transitions(zone: string, until = Date.now() / 1000 + KNOWN_AHEAD): Transition[] {
  const offsetAt = offsetsOf(zone);
  const found = [{ from: FIRST, offset: offsetAt(FIRST) }];
  let offset = found[0]!.offset;
  for (let from = FIRST; from < until; from += STEP) {
    const next = offsetAt(from + STEP);
    if (next === offset) continue;
    let [before, behind] = [from, from + STEP];
    while (behind - before > 1) {
      const middle = Math.floor((before + behind) / 2);
      if (offsetAt(middle) === offset) before = middle;
      else behind = middle;
    }
    found.push({ from: behind, offset: next });
    offset = next;
  }
  return found;
}

function offsetsOf(zone: string): (second: number) => number {
  // POSIX's CST6CDT is also a name, which knows more of the past.
  const rules = isZone(zone) ? null : posixZone(zone);
  if (rules) return rules;
  const dates = format(zone);
  return (second) => offsetOf(dates.format(second * 1000));
}

/** `1/1/2026, GMT+05:30` or `..., GMT` */
function offsetOf(text: string): number {
  const [, sign, hours = '0', minutes = '0', seconds = '0'] = /GMT(?:([+-])(\d+):(\d+)(?::(\d+))?)?$/.exec(text) ?? [];
  const offset = Number(hours) * 3600 + Number(minutes) * 60 + Number(seconds);
  return sign === '-' ? -offset : offset;
}

/** As it stands in memory. */
export function zoneTable(list: readonly Transition[]): Buffer {
  const table = Buffer.alloc(HEAD + list.length * ENTRY);
  table.writeUInt32LE(list.length, 0);
  for (const [i, { from, offset }] of list.entries()) {
    const before = list[i - 1]?.offset ?? offset;
    const at = HEAD + i * ENTRY;
    table.writeBigInt64LE(BigInt(from + Math.max(before, offset)), at);
    table.writeInt32LE(offset, at + 8);
    table.writeInt32LE(Math.max(0, before - offset), at + 12);
  }
  return table;
}
