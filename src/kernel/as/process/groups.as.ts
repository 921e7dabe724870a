// How many records have the same short texts in some cells: they are counted without a look at each from JavaScript.
//
//   the program (process/groups.ts): u32 cells | u32 address of the groups | address of the slots
//                                    | 4 bytes each: a cell
//   a slot   u8: the number of a group from 1, 0: free; SLOTS of them, open addressing by the key
//   a group  key, 16 bytes | u32 records | u32 the first of them | 8 bytes
//
// The key has of each cell its bytes and how many there are: so equal keys are equal texts.
import { flags } from '../tables.as';
import { ESCAPED, FAILED, JSTR, RAW, TEXT, bytesOf, cellAt, cellMeta, flagsOf, kindOf, rowAt } from './cells.as';

const CELLS: usize = 12;
const GROUP: usize = 32;
const RECORDS: usize = 16;
const FIRST: usize = 20;
/** As process/groups.ts has them. */
const MOST_GROUPS: u32 = 64;
const SLOTS: u32 = 256;
const KEY_BYTES: usize = 16;

/** Of the key, its first half and its second. */
let low: u64 = 0;
let high: u64 = 0;

/**
 * Counts those of records [0, count) that are marked at `only` (0: all) and parsed; returns how many groups there are.
 * What is too long for a key, is no text as it stands, or is of more groups, has a 1 at `left`.
 */
export function countGroups(program: usize, count: u32, only: usize, left: usize): u32 {
  const groups: usize = load<u32>(program, 4);
  const slots: usize = load<u32>(program, 8);
  memory.fill(slots, 0, SLOTS);
  let made: u32 = 0;
  for (let i: u32 = 0; i < count; i++) {
    store<u8>(left + i, 0);
    if (flags(i) & FAILED || (only != 0 && load<u8>(only + i) == 0)) continue;
    if (!keyOf(program, rowAt(i))) {
      store<u8>(left + i, 1);
      continue;
    }
    let slot = <u32>(((low ^ (high * 0xff51afd7ed558ccd)) * 0x9e3779b97f4a7c15) >> 56);
    for (;;) {
      const number = <u32>load<u8>(slots + slot);
      const group = groups + <usize>(number ? number - 1 : made) * GROUP;
      if (number == 0) {
        if (made == MOST_GROUPS) {
          store<u8>(left + i, 1);
          break;
        }
        made++;
        store<u8>(slots + slot, <u8>made);
        store<u64>(group, low);
        store<u64>(group, high, 8);
        store<u32>(group, 1, RECORDS);
        store<u32>(group, i, FIRST);
        break;
      }
      if (load<u64>(group) == low && load<u64>(group, 8) == high) {
        store<u32>(group, load<u32>(group, RECORDS) + 1, RECORDS);
        break;
      }
      slot = (slot + 1) & (SLOTS - 1);
    }
  }
  return made;
}

/** False: there is no key for what the row holds. */
function keyOf(program: usize, row: usize): bool {
  const cells = load<u32>(program);
  low = 0;
  high = 0;
  let used: usize = 0;
  for (let k: u32 = 0; k < cells; k++) {
    const cell = load<u32>(program + CELLS + (<usize>k << 2));
    const meta = cellMeta(row, cell);
    const bytes = <usize>bytesOf(meta);
    const kind = kindOf(meta);
    if (meta != 0 && kind != TEXT && kind != RAW && (kind != JSTR || flagsOf(meta) & ESCAPED)) return false;
    // What is absent has no bytes, and another length than an empty text.
    if (bytes >= 8 || used + bytes + 1 > KEY_BYTES) return false;
    append(used, meta == 0 ? 0 : <u64>(bytes + 1));
    used++;
    if (bytes == 0) continue;
    append(used, load<u64>(cellAt(row, cell)) & (((<u64>1) << (<u64>bytes << 3)) - 1));
    used += bytes;
  }
  return true;
}

/** Puts a word behind so many bytes of the key. */
@inline
function append(used: usize, word: u64): void {
  const by = <u64>used << 3;
  if (by < 64) {
    low |= word << by;
    if (by) high |= word >> (64 - by);
  } else high |= word << (by - 64);
}
