// Which choices were taken at which places of the line: none is taken twice, so a line takes as many steps as it has
// bytes, times the choices. A bit for each; where that were too many, a table of those that were taken, by hash.

const ROOM: usize = 131072;
const BITS: u64 = <u64>ROOM << 3;
const SLOTS: u32 = <u32>(ROOM >> 2);
/** Beyond, the table is too full: the line counts as one that cannot be matched in time. */
const MOST: u32 = (SLOTS >> 2) * 3;
/** Words that were written to: so many are cleared one by one, more as a whole. */
const WRITTEN: u32 = 256;

let room: usize = 0;
let writtenAt: usize = 0;
let written: u32 = 0;
let choices: u32 = 0;
let asBits: bool = true;
let used: usize = 0;
export let memoFull: bool = false;

/** Takes [at, + ROOM + 1024), which must be 0. */
export function useMemo(at: usize): void {
  room = at;
  writtenAt = at + ROOM;
}

/** For a line of so many places. */
@inline
export function beginMemo(count: u32, places: u32): void {
  choices = count;
  const all = <u64>count * places;
  asBits = all <= BITS;
  used = asBits ? <usize>(((all + 31) >> 5) << 2) : ROOM;
  memoFull = all > 0xffffffff;
}

@inline
function note(word: usize): void {
  if (written < WRITTEN) store<u32>(writtenAt + (<usize>written << 2), <u32>word);
  written++;
}

/** Whether a choice is taken at a place for the first time. */
@inline
export function fresh(choice: u32, place: u32): bool {
  const key = place * choices + choice;
  if (!asBits) return freshKey(key + 1);
  const word = room + (<usize>(key >> 5) << 2);
  const one: u32 = 1 << (key & 31);
  const old = load<u32>(word);
  if (old & one) return false;
  if (!old) note(word);
  store<u32>(word, old | one);
  return true;
}

function freshKey(key: u32): bool {
  let slot = (key * 0x9e3779b1) >>> 17;
  for (;;) {
    const at = room + (<usize>slot << 2);
    const old = load<u32>(at);
    if (old == key) return false;
    if (old == 0) {
      if (written >= MOST) {
        memoFull = true;
        return false;
      }
      note(at);
      store<u32>(at, key);
      return true;
    }
    slot = (slot + 1) & (SLOTS - 1);
  }
  return false;
}

/** Forgets all. */
@inline
export function endMemo(): void {
  if (!written) return;
  if (written > WRITTEN) memory.fill(room, 0, used);
  else for (let i: u32 = 0; i < written; i++) store<u32>(<usize>load<u32>(writtenAt + (<usize>i << 2)), 0);
  written = 0;
}
