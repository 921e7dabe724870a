/**
 * Slots whose cells are gone through together, each block in its turn: what lies together of a row is long enough to be read
 * at the memory's speed.
 */
export const BLOCK = 128;

let made = 0;

/** With which of `size` cells something begins, so that not all have their first block's turn in the same evaluation. */
export function firstCell(size: number): number {
  return made++ % size;
}
