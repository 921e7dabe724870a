// The names of a text of JSON: what is known of each, and whether two are equal.
//
// The table of names, made by transforms/fields/names.ts; entries by open addressing, at most a quarter in use:
//
//   first eight bytes u64 | bytes u32 | node u8, flags u8, cell u8, child u8 | address of the name u32 | 0 u32
//
// Names of a text that were seen are in another one, a u64 each: the text's number and the hash. Where two hashes are equal the
// last place of each name is found, in a third: the text's number, hash, address and bytes u32.

/** Flags of a name. */
export const IS_CELL: u32 = 0x100;
export const IS_NODE: u32 = 0x200;
export const IS_SLOW: u32 = 0x400;
/** In place of what is known: another member of this name counts. */
export const LEFT_OUT: u32 = 0x800;
/** How a text is walked: once; or twice, for the last place of each name, and then for what stands there. */
export const ONCE: u32 = 0;
export const PLACES: u32 = 1;
export const LAST: u32 = 2;

const ENTRY: usize = 24;
/** Slots of the table of hashes, of which half may be in use; and of that of places. */
const SEEN_SLOTS: u32 = 32768;
const PLACE_SLOTS: u32 = 4096;
const GATHERED: usize = 32;

let names: usize = 0;
let mask: u32 = 0;
let hashes: usize = 0;
let places: usize = 0;
/** Objects whose members may be written dotted at the top (`log.level`): where they are listed, and how many. */
let gathered: usize = 0;
let gatheredCount: u32 = 0;
/** A bit for the low bits of the first byte of each. */
let letters: u64 = 0;

/** The text's number, and how many of its names were seen. */
let text: u32 = 0;
let seen: u32 = 0;
export let mode: u32 = ONCE;
/** Two names may be equal. */
export let equal: bool = false;
/** JavaScript is to parse it, if it is JSON at all. */
export let slow: bool = false;

export function useNames(table: usize, tableMask: u32, hashesAt: usize, placesAt: usize, list: usize, count: u32): void {
  names = table;
  mask = tableMask;
  hashes = hashesAt;
  places = placesAt;
  gathered = list;
  gatheredCount = count;
  letters = 0;
  for (let i: u32 = 0; i < count; i++) letters |= (<u64>1) << (load<u64>(list + <usize>i * GATHERED) & 63);
}

/** Another text begins; or the same, to be walked for the last of its names. */
@inline
export function beginNames(how: u32): void {
  mode = how;
  if (how != LAST) text++;
  seen = 0;
  slow = false;
  equal = false;
}

@inline
export function setSlow(): void {
  slow = true;
}

@inline
export function setEqual(): void {
  equal = true;
}

/** Whether a name may be a dotted one of an object that is gathered. */
@inline
export function mayBeGathered(word: u64): bool {
  return ((letters >> (word & 63)) & 1) != 0;
}

/**
 * The entry of the object that a dotted name belongs to; 0: none. Entries: first eight bytes of its name and the dot u64, a
 * mask of those u64, bytes u32, address u32, node u32, whether lines that have one are left to JavaScript u32.
 */
export function gatheredOf(key: usize, bytes: u32, word: u64): usize {
  for (let i: u32 = 0, entry = gathered; i < gatheredCount; i++, entry += GATHERED) {
    if ((word & load<u64>(entry, 8)) != load<u64>(entry) || bytes <= load<u32>(entry, 16)) continue;
    if (rest(key, load<u32>(entry, 16), load<u32>(entry, 20))) return entry;
  }
  return 0;
}

/** The first eight bytes, zeros behind the end. */
@inline
export function firstWord(at: usize, bytes: u32): u64 {
  const word = load<u64>(at);
  return bytes >= 8 ? word : word & (((<u64>1) << (<u64>bytes << 3)) - 1);
}

/** What the table of names is looked up by, and equal names are found by. */
@inline
export function hashOf(word: u64, bytes: u32, end: usize, node: u32): u32 {
  let mixed = word ^ <u64>(bytes + (node << 8));
  if (bytes > 8) mixed ^= load<u64>(end - 8) * 0xff51afd7ed558ccd;
  return <u32>((mixed * 0x9e3779b97f4a7c15) >> 32);
}

/** A member is seen: whether it counts, which is not known before all are. */
@inline
export function counts(hash: u32, name: usize, bytes: u32): bool {
  if (mode != ONCE) return countsLast(hash, name, bytes);
  note(hash);
  return true;
}

/** A member is seen; where another of this hash was seen before, their names may be equal. */
export function note(hash: u32): void {
  if (seen == SEEN_SLOTS / 2) {
    slow = true;
    return;
  }
  seen++;
  for (let slot = hash & (SEEN_SLOTS - 1); ; slot = (slot + 1) & (SEEN_SLOTS - 1)) {
    const entry = hashes + (<usize>slot << 3);
    if (load<u32>(entry) != text) {
      store<u64>(entry, <u64>text | ((<u64>hash) << 32));
      return;
    }
    if (load<u32>(entry, 4) == hash) {
      equal = true;
      return;
    }
  }
}

/** Finds the last place of a name; at the second walk whether this is it. */
function countsLast(hash: u32, name: usize, bytes: u32): bool {
  if (seen == PLACE_SLOTS / 2) {
    slow = true;
    return true;
  }
  for (let slot = hash & (PLACE_SLOTS - 1); ; slot = (slot + 1) & (PLACE_SLOTS - 1)) {
    const entry = places + (<usize>slot << 4);
    if (load<u32>(entry) != text) {
      store<u32>(entry, text);
      store<u32>(entry, hash, 4);
      store<u32>(entry, <u32>name, 8);
      store<u32>(entry, bytes, 12);
      seen++;
      return true;
    }
    const other = <usize>load<u32>(entry, 8);
    if (load<u32>(entry, 4) != hash || load<u32>(entry, 12) != bytes || memory.compare(other, name, bytes) != 0) continue;
    if (mode == LAST) return other == name;
    store<u32>(entry, <u32>name, 8);
    return true;
  }
  return true;
}

/** What is known of a name: node it is of, flags, cell, node that it is; 0: it has no meaning. */
@inline
export function find(at: usize, bytes: u32, word: u64, hash: u32, node: u32): u32 {
  for (let slot = hash & mask; ; slot = (slot + 1) & mask) {
    const entry = names + <usize>slot * ENTRY;
    const length = load<u32>(entry, 8);
    if (length == 0) return 0;
    const known = load<u32>(entry, 12);
    if (length != bytes || load<u64>(entry) != word || (known & 0xff) != node) continue;
    if (bytes <= 8 || rest(at, bytes, load<u32>(entry, 16))) return known;
  }
  return 0;
}

function rest(at: usize, bytes: u32, name: usize): bool {
  for (let i: usize = 8; i < bytes; i++) if (load<u8>(at + i) != load<u8>(name + i)) return false;
  return true;
}
