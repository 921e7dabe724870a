/** At the start: in which of the files beside it a known one may go on that was renamed or copied, by their first bytes. */
import { basename } from 'node:path';
import { closeSync } from '../../../mounts/fs.ts';
import { openRegular } from '../../../mounts/open.ts';
import { compression } from '../compressed/archive.ts';
import { birthOf, bornApart, digest, lookUp } from '../file/inode.ts';
import { type NearbyFile, nearby } from '../find/nearby.ts';
import { placesOf } from '../find/symlinks.ts';
import { type Pace, sortInSteps } from '../pace.ts';
import type { Generation } from '../positions/journal.ts';
import { firstBytes, recognise, SHARED_HEADER_BYTES } from '../positions/recognise.ts';
import { TELLING } from './admit.ts';
import { mayBeCopy } from './copies.ts';
import { RotatedNames } from './rotated-names.ts';

/** So soon a truncation is noticed, at the latest: a copy may be older than the last news of its original by this. */
export const NOTICED_MS = 15_000;
/** Compressed files in other directories that are opened for those of one. */
const MOST_PACKED = 32;

/** With more files beside it, it is not looked for a second one that holds the same. */
const MOST_COMPARED = 1000;

/** The files by the hash of their first bytes. */
export async function headsOf(beside: NearbyFile[], pace: Pace): Promise<Map<bigint, NearbyFile[]>> {
  const byHead = new Map<bigint, NearbyFile[]>();
  for (const one of beside) {
    if (pace.due) await pace.rest();
    if (Number(one.stat.size) < TELLING) continue;
    try {
      const opened = openRegular(one.path);
      if (!opened) continue;
      const { digest: key } = digest(firstBytes(opened.fd));
      closeSync(opened.fd);
      const alike = byHead.get(key);
      if (alike) alike.push(one);
      else byHead.set(key, [one]);
    } catch {
      // Not readable: then it cannot be told what it is.
    }
  }
  return byHead;
}

/**
 * Of the files with its first bytes those in which it may go on. What was read may be but a header, as others begin with:
 * then such a file has a name of its own after that of the one that was read, and was made since that was last read. And
 * that is still there and was truncated, or no other holds the same.
 */
export async function likelyCopies(
  withHead: NearbyFile[],
  g: Generation,
  all: NearbyFile[],
  pace: Pace,
): Promise<{ likely: NearbyFile[]; unlike: NearbyFile[] }> {
  if (g.position >= SHARED_HEADER_BYTES || withHead.length === 0) return { likely: withHead, unlike: [] };
  const names = placesOf(g.path);
  const original = lookUp(g.path);
  const truncated = original?.ino === g.inode && !bornApart(g.born, birthOf(original));
  // A copy of what it held is younger than it is, and than the last truncation that was seen.
  const begun = Math.max(truncated ? Number(original.birthtimeMs) : 0, g.began ?? 0);
  const since = Math.max(g.seen * 1000 - NOTICED_MS, begun);
  let only: Only | undefined;
  const likely: NearbyFile[] = [];
  const unlike: NearbyFile[] = [];
  for (const one of withHead) {
    if (pace.due) await pace.rest();
    const { path, stat } = one;
    const older = birthOf(stat) !== 0 && Number(stat.birthtimeMs) < since;
    let may = !older && mayBeCopy(path, names, g.position);
    if (may && !truncated) {
      only ??= await onlyHolder(g, all, pace);
      may = only === 'none' || only === stat.ino;
    }
    (may ? likely : unlike).push(one);
  }
  return { likely, unlike };
}

/** Those that were made since it was last seen, the oldest first, as it went before the others; then the rest, the latest first. */
export async function sinceSeen(files: NearbyFile[], g: Generation, pace: Pace): Promise<NearbyFile[]> {
  const made = ({ stat }: NearbyFile) => (birthOf(stat) === 0 ? stat.mtimeMs : stat.birthtimeMs);
  const seen = BigInt(g.seen) * 1000n;
  const later = files.filter((one) => made(one) >= seen);
  const before = files.filter((one) => made(one) < seen);
  return [
    ...(await sortInSteps(later, (a, b) => Number(made(a) - made(b)), pace)),
    ...(await sortInSteps(before, (a, b) => Number(made(b) - made(a)), pace)),
  ];
}

/** An inode; or none, or more than one, as far as it is looked. */
type Only = bigint | 'none' | 'several';

/** The one file that holds what was read. */
async function onlyHolder(g: Generation, all: NearbyFile[], pace: Pace): Promise<Only> {
  const large = all.filter(({ stat }) => Number(stat.size) >= g.position);
  if (large.length > MOST_COMPARED) return 'several';
  let only: Only = 'none';
  for (const { path, stat } of large) {
    if (pace.due) await pace.rest();
    if (stat.ino === only || !holds(path, g)) continue;
    if (only !== 'none') return 'several';
    only = stat.ino;
  }
  return only;
}

/** Whether it holds what was read, as far as bytes tell; null: it cannot be opened. */
export function holds(path: string, g: Generation): boolean | null {
  try {
    const opened = openRegular(path);
    if (!opened) return false;
    const same = recognise(opened.fd, opened.stat, [{ ...g, born: 0 }]) !== undefined;
    closeSync(opened.fd);
    return same;
  } catch {
    return null;
  }
}

/** In other directories: what these may have become, and all that has a name of which they may have been given one. */
export async function lookNearby(
  dirs: readonly string[],
  asked: Generation[],
): Promise<{ rotated: NearbyFile[]; near: NearbyFile[] }> {
  const rotated: NearbyFile[] = [];
  if (asked.length === 0) return { rotated, near: [] };
  const names = new RotatedNames<Generation>();
  for (const g of asked) if (g.named) names.add(g.path, g);
  const isRotated = rotatedOf(asked);
  const near = await nearby(dirs, (one) => {
    const may = isRotated(one);
    if (may) rotated.push(one);
    return may || names.of(one.path) !== undefined;
  });
  return { rotated, near };
}

/**
 * What one of these may have become in another directory: it has its inode; or it is compressed, of a name alike, and has
 * been so since that was last heard of. These have to be opened to tell: not many are.
 */
function rotatedOf(generations: Generation[]): (file: NearbyFile) => boolean {
  const inodes = new Set(generations.map(({ inode }) => inode));
  const names = new Set(generations.map(({ path }) => stemOf(path)));
  const since = generations.reduce((least, { seen }) => Math.min(least, seen), Number.POSITIVE_INFINITY) * 1000;
  let left = MOST_PACKED;
  return ({ path, stat }) => {
    if (inodes.has(stat.ino)) return true;
    const isAlike = compression(path) && names.has(stemOf(path)) && Number(stat.ctimeMs) > since - NOTICED_MS;
    return isAlike ? left-- > 0 : false;
  };
}

/** `app` of `app.log.1.gz`, and of `app-20261130.log.gz`. */
function stemOf(path: string): string {
  return /^.[^.]*?(?=\.|-\d|$)/s.exec(basename(path))?.[0] ?? '';
}
