/**
 * The CRC-32 of all that was read of a file, from its first byte to its position, while that is not much: by it a file is
 * told that was written anew in place, where its first and its last bytes are as before. Of more, or where the beginning
 * was not read, it is not known (null). Nor is it of compressed files: nobody writes within these.
 */
import { crc32 } from 'node:zlib';
import type { Generation } from '../positions/journal.ts';

/** The sum of so many bytes takes a third of a millisecond. */
export const MOST_SUMMED = 1 << 20;

/** Position and sum of a file. */
export interface Summed {
  readonly position: number;
  readonly packed: object | null;
  sum: number | null;
}

/** The position of the file has come behind bytes [from, to) of the buffer, which followed it. */
export function addToSum(file: Summed, bytes: Buffer, from: number, to: number): void {
  if (file.sum === null) return;
  file.sum = file.packed || file.position > MOST_SUMMED ? null : crc32(bytes.subarray(from, to), file.sum);
}

/** The sum of what lies before the position of a stored generation. */
export function sumOf({ position, sum }: Generation): number | null {
  if (position === 0) return 0;
  return sum?.length === position ? sum.crc : null;
}

/** When a file was written last, as it is kept with a sum: the last 30 bits of the milliseconds since the epoch. */
export function timeOf(modified: number): number {
  return modified & (2 ** 30 - 1);
}
