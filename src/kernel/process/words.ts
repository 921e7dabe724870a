/** Tables of words, as the kernel looks them up (as/process/words.as.ts has the form). */
import assert from 'node:assert';
import type { ProgramArena } from '../arena.ts';

const ENTRIES = 256;
const ENTRY = 24;
const HASH = 0x9e3779b97f4a7c15n;
const MASK = 2n ** 64n - 1n;
/** Half of the table stays free. */
export const MOST_WORDS = ENTRIES / 2;

/** The address of a table of words, none of them empty, with the two numbers that each stands for. */
export function placeWordTable(arena: ProgramArena, words: ReadonlyMap<string, readonly [number, number]>): number {
  assert(words.size <= MOST_WORDS);
  const table = Buffer.alloc(ENTRIES * ENTRY);
  for (const [word, numbers] of words) {
    const bytes = Buffer.from(word);
    const first = Buffer.concat([bytes, Buffer.alloc(8)]).readBigUInt64LE();
    let slot = Number((((first ^ BigInt(bytes.length)) * HASH) & MASK) >> 56n);
    while (table.readUInt32LE(slot * ENTRY + 8) !== 0) slot = (slot + 1) % ENTRIES;
    let at = table.writeBigUInt64LE(first, slot * ENTRY);
    for (const number of [bytes.length, arena.place(bytes), ...numbers]) at = table.writeUInt32LE(number, at);
  }
  return arena.place(table);
}
