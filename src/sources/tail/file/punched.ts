/**
 * Files of which the beginning was given back to the system while they are written (`fallocate --punch-hole`, to relieve
 * a full disk), or set to NUL. What was read is not there any more, and nothing is lost by that:
 *
 *   | NUL .............................. | lines that are known ... |     punched
 *   | lines that are known | NUL ........... | lines, or the end ...|     punched
 *   | NUL .................................................. | lines |     truncated, and its writer goes on where it was
 *   0                  position ^                                   ^ size, as it was known
 *
 * Of a file that was truncated nothing is left that was known. So it is told by where the NULs end; where its beginning
 * or the bytes before the position are still there, by these. NULs that go on behind the position are no telling: they
 * may be room that a writer who begins anew has reserved.
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

/**
 * True: NULs are in the place of the first bytes, or these are there (`begins`, and are no NULs); and NULs, from the
 * marker's first byte on, take its place, or a part of it. They may go on, but not to `size`; with `begins` up to it.
 */
export function isPunchedTo(
  fd: number,
  begins: boolean,
  { head, marker, position, size }: { head: Prefix; marker: Prefix; position: number; size: number },
): boolean {
  const nuls = isHeadPunched(fd, head);
  // A beginning that was a hole from the first tells nothing.
  const told = begins && !nuls;
  if (told ? head.length === 0 || marker.length === 0 : !nuls) return false;
  const from = position - marker.length;
  const isEnd = (at: number) => at > from && (told ? at <= size : at < size);
  let at = from;
  for (let i = 0; i < BLOCKS; i++) {
    at = Math.max(at, seekData(fd, at) ?? at);
    if (told ? at > size : at >= size) return false;
    const { nuls, got } = nulsAt(fd, at, BLOCK_BYTES);
    at += nuls;
    if (nuls < got || (told && got < BLOCK_BYTES)) return isEnd(at);
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
