/**
 * Files of which the beginning was given back to the system while they are written (`fallocate --punch-hole`, to relieve
 * a full disk), or set to NUL. What was read is not there any more, and nothing is lost by that:
 *
 *   | NUL .............................. | lines that are known ... |     punched
 *   | NUL .................................................. | lines |     truncated, and its writer goes on where it was
 *   0                  position ^                                   ^ size, as it was known
 *
 * Of a file that was truncated nothing is left that was known. So it is told by where the NULs end; where the bytes
 * before the position are still there, by these.
 */
import { readSync, seekData } from '../../../mounts/fs.ts';
import type { Prefix } from './inode.ts';
import { nulsFrom } from './nuls.ts';

const BLOCK_BYTES = 64 * 1024;
/** NULs that are no hole are gone through up to this many blocks. */
const BLOCKS = 64;

/** True: NULs are in the place of these first bytes. */
export function isHeadPunched(fd: number, { length }: Prefix): boolean {
  return length > 0 && nulsAt(fd, 0, length).nuls === length;
}

/** The same, and they go on to what lies before `position`, or farther, but not to `size`. */
export function isPunchedTo(fd: number, head: Prefix, marker: Prefix, position: number, size: number): boolean {
  if (!isHeadPunched(fd, head)) return false;
  const from = position - marker.length;
  let at = from;
  for (let i = 0; i < BLOCKS; i++) {
    at = Math.max(at, seekData(fd, at) ?? at);
    if (at >= size) return false;
    const { nuls, got } = nulsAt(fd, at, BLOCK_BYTES);
    at += nuls;
    if (nuls < got) return at > from && at < size;
    if (got < BLOCK_BYTES) return false;
  }
  return false;
}

/** Of so many bytes of the file, how many there are, and how many are NUL before another one comes. */
function nulsAt(fd: number, from: number, length: number): { nuls: number; got: number } {
  const bytes = Buffer.allocUnsafe(length);
  const got = readSync(fd, bytes, 0, length, from);
  return { nuls: nulsFrom(bytes, 0, got), got };
}
