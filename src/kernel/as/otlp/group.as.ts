// Items that go into records together: the spans of a trace, or all metrics or log records. Those that were sampled away
// are left out here.
//
//   group  8 bytes   0 its first item | 4 its last
//   slots            number of a group + 1, 0: free; open addressing by trace id (and resource), at most half full
import { hashed, spread } from './hash.as';
import { requestBytes } from './items.as';
import { NONE, item, items, resource, scope } from './tables.as';

/** Of an item, what became of it (bits of the last word). */
export const DROPPED: u32 = 0x80000000;
/** Its tracestate is written anew, behind it. */
export const NOTED: u32 = 0x40000000;

const GROUP: usize = 8;
/** Tag and length of a message in another one, at most. */
const AROUND: u32 = 6;

let groupsAt: usize = 0;
let slotsAt: usize = 0;
let mask: u32 = 0;
let next: u32 = 0;

export let groups: u32 = 0;
/** What the records take, at most. */
export let groupedBytes: f64 = 0;
/** Items in groups. */
export let grouped: u32 = 0;

/** How they are told apart. */
const ALL: u32 = 0;
const BY_TRACE: u32 = 1;
const BY_TRACE_AND_RESOURCE: u32 = 2;

export function useGroups(at: usize, slots: usize): void {
  groupsAt = at;
  slotsAt = slots;
}

/** With so many slots, a power of two. */
export function beginGroups(slots: u32): void {
  memory.fill(slotsAt, 0, <usize>slots << 2);
  mask = slots - 1;
  groups = 0;
  grouped = 0;
  groupedBytes = 0;
  next = 0;
}

@inline
export function groupOf(i: u32): usize {
  return groupsAt + <usize>i * GROUP;
}

/** Goes on for so many items. False: there are more. `around`: what stands in a record beside its items' message, at most. */
export function group(how: u32, steps: u32, around: u32): bool {
  const last = min(items, next + steps);
  for (let i = next; i < last; i++) {
    const entry = item(i);
    store<u32>(entry, NONE, 12);
    if (load<u32>(entry, 60) & DROPPED) continue;
    grouped++;
    const to = how == ALL ? (groups > 0 ? groupOf(0) : newGroup()) : find(entry, how == BY_TRACE_AND_RESOURCE);
    const within = load<u32>(entry, 8);
    let bytes: u32 = load<u32>(entry, 4) + AROUND;
    if (load<u32>(entry, 60) & NOTED) bytes += <u32>load<u16>(entry, 50) + AROUND;
    const before = load<u32>(to, 4);
    if (before == NONE) {
      store<u32>(to, i);
      bytes += around;
    } else store<u32>(item(before), i, 12);
    if (before == NONE || load<u32>(item(before), 8) != within) {
      bytes += load<u32>(scope(within), 8) + AROUND;
      const from = load<u32>(scope(within));
      if (before == NONE || load<u32>(scope(load<u32>(item(before), 8))) != from) bytes += load<u32>(resource(from), 4) + AROUND;
    }
    store<u32>(to, i, 4);
    groupedBytes += <f64>bytes;
  }
  next = last;
  return last == items;
}

/** From item `first` on, the first that does not fit into a value of so many bytes with what stands around it; or `items`. */
export function findLong(first: u32, longest: u32): u32 {
  for (let i = first; i < items; i++) {
    if (!(load<u32>(item(i), 60) & DROPPED) && aroundItem(i) + load<u32>(item(i), 4) > longest) return i;
  }
  return items;
}

/** Bytes of a value with this item alone, without the item's. */
export function aroundItem(i: u32): u32 {
  const within = scope(load<u32>(item(i), 8));
  const from = resource(load<u32>(within));
  const noted: u32 = load<u32>(item(i), 60) & NOTED ? <u32>load<u16>(item(i), 50) + AROUND : 0;
  return requestBytes() + load<u32>(from, 4) + load<u32>(within, 8) + 3 * AROUND + noted;
}

function newGroup(): usize {
  const at = groupOf(groups++);
  store<u32>(at, NONE);
  store<u32>(at, NONE, 4);
  return at;
}

@inline
function find(entry: usize, byResource: bool): usize {
  const low = load<u64>(entry, 16);
  const high = load<u64>(entry, 24);
  const from = byResource ? load<u32>(scope(load<u32>(entry, 8))) : 0;
  let i = <u32>(spread(hashed(from, entry + 16, 16, 0)) >> 32) & mask;
  while (true) {
    const slot = slotsAt + (<usize>i << 2);
    const there = load<u32>(slot);
    if (there == 0) {
      store<u32>(slot, groups + 1);
      return newGroup();
    }
    const at = groupOf(there - 1);
    const first = item(load<u32>(at));
    const is = load<u64>(first, 16) == low && load<u64>(first, 24) == high;
    if (is && (!byResource || load<u32>(scope(load<u32>(first, 8))) == from)) return at;
    i = (i + 1) & mask;
  }
}
