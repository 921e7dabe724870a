/** Which stored generation a file is: the one whose first bytes and whose bytes before the position it still has. */
import type { BigIntStats } from 'node:fs';
import { endAnyLine, type LineEnds } from '../../../lines/line-ends.ts';
import { readSync } from '../../../mounts/fs.ts';
import { birthOf, bornApart, digest, HEAD_BYTES, MARKER_BYTES, type Prefix, same } from '../file/inode.ts';
import { endOfData, lastNuls } from '../file/nuls.ts';
import { isHeadPunched, isPunchedTo } from '../file/punched.ts';
import type { Generation } from './journal.ts';

/** What is read at once to find the last line's beginning, and up to where: what is longer is cut anyway. */
const LOOK_BACK = 64 * 1024;
const FARTHEST = 4 << 20;
/** Other files of a program may begin with the same header: up to here bytes alone do not tell what a file is. */
export const SHARED_HEADER_BYTES = 4096;

/** The candidate that the open file continues. The device only breaks ties: it may change when the machine boots. */
export function recognise(fd: number, stat: BigIntStats, candidates: Generation[]): Generation | undefined {
  const found = candidates.filter((g) => continues(fd, stat, g));
  return found.find((g) => g.device === stat.dev) ?? found[0];
}

function continues(fd: number, stat: BigIntStats, g: Generation): boolean {
  if (Number(stat.size) < g.position) return false;
  if (g.inode === stat.ino && g.position < SHARED_HEADER_BYTES && bornApart(g.born, birthOf(stat))) return false;
  const there = begins(fd, g.head);
  const isOne = isSame(stat, g);
  if (!there && !(isOne && isHeadPunched(fd, g.head))) return false;
  const known = { head: g.head, marker: g.marker, position: g.markedAt, size: Math.max(g.position, g.size) };
  if (isOne && !(there && hasBefore(fd, g.markedAt, g.marker)) && isPunchedTo(fd, there, known)) return g.born !== 0;
  // Within a batch, where no marker is: at least a line ends there, in the encoding of now or of then.
  if (g.position > g.markedAt && !endAnyLine(readAt(fd, Math.max(0, g.position - 2), 2))) return false;
  return hasBefore(fd, g.markedAt, g.marker);
}

/** True: it has the inode of the generation, and as far as it is known when that was born, it is that file. */
function isSame(stat: BigIntStats, g: Generation): boolean {
  return g.inode === stat.ino && !bornApart(g.born, birthOf(stat));
}

/** The marker of a position: the hash of the bytes before it. */
export function markerAt(fd: number, position: number): Prefix {
  const size = Math.min(MARKER_BYTES, position);
  return digest(readAt(fd, position - size, size));
}

/** True if the bytes before `position` are those of the marker. */
export function hasBefore(fd: number, position: number, marker: Prefix): boolean {
  return same(marker, readAt(fd, position - marker.length, marker.length));
}

export function firstBytes(fd: number, length = HEAD_BYTES): Buffer {
  return readAt(fd, 0, length);
}

export function headOf(fd: number): Prefix {
  return headIn(firstBytes(fd));
}

/** Of the first bytes those by which a file is known. NULs at their end may be written over yet. */
export function headIn(first: Buffer): Prefix {
  return digest(first.subarray(0, lastNuls(first, 0, Math.min(first.length, HEAD_BYTES))));
}

/** True if the file still begins with these bytes. */
export function begins(fd: number, head: Prefix): boolean {
  return same(head, readAt(fd, 0, head.length));
}

/** Where the last unfinished line begins; without one, the end of what was written, with the whole of its last unit. */
export function lastLineStart(fd: number, size: number, ends: LineEnds): number {
  const whole = Math.min(ends.aligned(endOfData(fd, size)), size - (size % ends.unitBytes));
  let to = whole;
  while (to > 0 && whole - to < FARTHEST) {
    const from = Math.max(0, to - LOOK_BACK);
    const bytes = readAt(fd, from, to - from);
    const end = ends.last(bytes, 0, bytes.length);
    if (end >= 0) return from + end;
    to = from;
  }
  return to === 0 ? 0 : whole;
}

/** True if a line ends before `position`, which is not 0. */
export function endsLine(fd: number, position: number, ends: LineEnds): boolean {
  const { unitBytes } = ends;
  return (
    position % unitBytes === 0 && ends.last(readAt(fd, position - unitBytes, unitBytes), 0, unitBytes) === unitBytes
  );
}

function readAt(fd: number, position: number, length: number): Buffer {
  const bytes = Buffer.allocUnsafe(length);
  return bytes.subarray(0, length === 0 ? 0 : readSync(fd, bytes, 0, length, position));
}
