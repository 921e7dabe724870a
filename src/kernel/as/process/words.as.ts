// A table of words that are known (process/words.ts): 256 entries of 24 bytes, open addressing, most of them free.
//
//   u64 first eight bytes, 0 behind the word's end | u32 bytes, 0: free | u32 address | two u32 that it stands for

const ENTRY: usize = 24;
const BYTES: usize = 8;
const ADDRESS: usize = 12;
const FIRST: usize = 16;
const SECOND: usize = 20;
const HASH: u64 = 0x9e3779b97f4a7c15;

/** The hash of the word that was looked up last: that of its first eight bytes, and how many there are. */
export let wordHash: u64 = 0;

/** The word's entry; 0: it is not known. */
export function wordAt(table: usize, at: usize, bytes: usize): usize {
  const word = first(at, bytes);
  wordHash = (word ^ <u64>bytes) * HASH;
  let slot = <usize>(wordHash >> 56);
  let entry = table + slot * ENTRY;
  for (let length = load<u32>(entry, BYTES); length != 0; length = load<u32>(entry, BYTES)) {
    if (length == <u32>bytes && load<u64>(entry) == word) {
      if (bytes <= 8 || memory.compare(at, load<u32>(entry, ADDRESS), bytes) == 0) return entry;
    }
    slot = (slot + 1) & 255;
    entry = table + slot * ENTRY;
  }
  return 0;
}

@inline
function first(at: usize, bytes: usize): u64 {
  const word = load<u64>(at);
  return bytes >= 8 ? word : word & ((<u64>1 << (<u64>bytes << 3)) - 1);
}

@inline
export function firstOf(entry: usize): u32 {
  return load<u32>(entry, FIRST);
}

@inline
export function secondOf(entry: usize): u32 {
  return load<u32>(entry, SECOND);
}
