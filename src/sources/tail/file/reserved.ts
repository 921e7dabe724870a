/** NULs at the end of a file, behind its `size`, which its writer may write over yet (see hole.ts). */
import { MARKER_BYTES } from './inode.ts';

/** What is read at once where it is not known how much there is before the NULs; more after as much was. */
export const LITTLE_BYTES = 16 * 1024 - MARKER_BYTES;

export interface ReservedRoom {
  bytes: number;
  /** Up to here there is nothing else, as far as that was gone through. */
  to: number;
  /** How much is read beyond `size`. */
  ask: number;
  /** By `performance.now()`: when going through it began; and when the file had been written last, then. */
  begun: number;
  modified: number;
}

/** The file has `size` bytes and then NULs: up to `to` nothing else, on disk up to `stored`. */
export function setEnd(
  file: { size: number; room: ReservedRoom | null },
  size: number,
  stored: number,
  to: number,
): void {
  file.size = size;
  if (size >= stored) file.room = null;
  else if (!file.room) file.room = { bytes: stored - size, to, ask: LITTLE_BYTES, begun: 0, modified: -1 };
  else {
    file.room.bytes = stored - size;
    file.room.to = Math.min(Math.max(file.room.to, to), stored);
  }
}
