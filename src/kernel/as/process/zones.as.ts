// Local time to UTC, by a zone's table of transitions (process/zones.ts makes it):
//
//   0    u32 entries | u32 the one used last | 8 bytes
//   16   entries of 16 bytes: i64 second of local time from which on it holds | i32 seconds east of UTC
//                             | i32 seconds before that which are in the entry before, too: they come twice
//
// A time that comes twice is the later one, unless that is ahead of the clock; one that never was is moved on by what was
// left out.

const HEAD: usize = 16;
const ENTRY: usize = 16;

/** In place of a table's address. */
export const UTC: usize = 0;

let now: i64 = 0;

/** The second since the epoch that it is. */
export function useNow(second: i64): void {
  now = second;
}

/** The second since the epoch of a second of local time. */
@inline
export function toUtc(zone: usize, local: i64): i64 {
  if (zone == UTC) return local;
  const entries = load<u32>(zone);
  let k = load<u32>(zone, 4);
  if (!holds(zone, k, entries, local)) {
    let last = entries;
    k = 0;
    while (k + 1 < last) {
      const middle = (k + last) >> 1;
      if (local < load<i64>(entry(zone, middle))) last = middle;
      else k = middle;
    }
    store<u32>(zone, k, 4);
  }
  if (k + 1 < entries) {
    const next = entry(zone, k + 1);
    if (local >= load<i64>(next) - <i64>load<i32>(next, 12)) {
      const later = local - <i64>load<i32>(next, 8);
      if (later <= now) return later;
    }
  }
  return local - <i64>load<i32>(entry(zone, k), 8);
}

@inline
function entry(zone: usize, k: u32): usize {
  return zone + HEAD + <usize>k * ENTRY;
}

@inline
function holds(zone: usize, k: u32, entries: u32, local: i64): bool {
  return (k == 0 || local >= load<i64>(entry(zone, k))) && (k + 1 == entries || local < load<i64>(entry(zone, k + 1)));
}
