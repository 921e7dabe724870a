/**
 * At the start: files that were made under a name that is read, and renamed or copied again, all while the agent was down.
 * They are read as what they were, between the one that was known and the one that has the name now.
 *
 *   a.log  (known)    -->  a.log.3 | a.log.3.gz    found: what was not read of it comes first (recover.ts)
 *   a.log  (unknown)  -->  a.log.2 | a.log.2.gz    these lie beside it, or beside the old name; in the order in which
 *   a.log  (unknown)  -->  a.log.1                 they were written last
 *   a.log  (new)
 *
 * Which they are, names and times tell: they were made after the known one was last seen under its name, written to after
 * it, and made before the new one. Of what is compressed, the time when that was done is known: whoever compresses begins
 * with the oldest, so that is after the known one was, and never where that is not compressed. What lay there before, or
 * cannot be told from that, is not read.
 */
import type { BigIntStats } from 'node:fs';
import { log } from '../../../log.ts';
import { closeSync } from '../../../mounts/fs.ts';
import { openRegular } from '../../../mounts/open.ts';
import { admitPacked, knownPacked } from '../compressed/admit.ts';
import { compression, isNamedArchive } from '../compressed/archive.ts';
import { holdsPacked } from '../compressed/rotated-copies.ts';
import type { TailContext } from '../context.ts';
import type { TrackedFile } from '../file/file.ts';
import { birthOf, bornApart, type Inode, inodeOf, lookUp } from '../file/inode.ts';
import type { NearbyFile } from '../find/nearby.ts';
import { type Pace, sortInSteps } from '../pace.ts';
import type { Generation } from '../positions/journal.ts';
import { begins, hasBefore, headOf, markerAt, recognise, SHARED_HEADER_BYTES } from '../positions/recognise.ts';
import { admitNew } from './admit.ts';
import { holds, NOTICED_MS } from './likely.ts';
import { LATE_MS } from './predecessors.ts';
import { RotatedNames } from './rotated-names.ts';

/** Of one name no more are read: an hour each, for a month and more. */
const MOST = 1000;

/** What was known of a file that had its name when it was last seen, and where it was found. */
export interface Rotated {
  g: Readonly<Generation>;
  at: NearbyFile;
}

export interface BetweenOptions {
  /** True if the input's glob names this path. */
  names: (path: string) => boolean;
  /** True if `exclude` names it. */
  excludes: (path: string) => boolean;
  tracked: (inode: Inode) => boolean;
}

/** Those files of `all` that come after the ones which were rotated, with their places in the journal. */
export async function filesBetween(
  context: TailContext,
  rotated: readonly Rotated[],
  all: readonly NearbyFile[],
  options: BetweenOptions,
  pace: Pace,
): Promise<{ file: TrackedFile; fd: number; path: string }[]> {
  const byName = new RotatedNames<Candidates>();
  for (const { g, at } of rotated) {
    if (pace.due) await pace.rest();
    byName.add(g.path, { g, at, now: lookUp(g.path), files: [] });
  }
  const found = new Set<Candidates>();
  for (const one of rotated.length === 0 ? [] : all) {
    if (pace.due) await pace.rest();
    const known = byName.of(one.path);
    if (!known || one.stat.size === 0n || one.path === known.at.path || !isBetween(known, one)) continue;
    if (options.names(one.path) || options.excludes(one.path) || options.tracked(inodeOf(one.stat))) continue;
    known.files.push(one);
    found.add(known);
  }
  const between = [];
  for (const known of found) {
    const files = await sortInSteps(known.files, (a, b) => Number(a.stat.mtimeNs - b.stat.mtimeNs), pace);
    for (const [i, { path, stat }] of files.entries()) {
      if (pace.due) await pace.rest();
      const isRead = i < MOST && (compression(path) !== null || !isNamedArchive(path));
      try {
        if (!isRead) throw new Error('it is compressed in a way that cannot be read, or one of too many');
        const file = await open(context, known, path, stat);
        if (file) between.push(file);
      } catch (error) {
        notRead(context, known.g.path, path, error as Error);
      }
    }
  }
  return between;
}

interface Candidates extends Rotated {
  /** What has the name now. */
  now: BigIntStats | undefined;
  files: NearbyFile[];
}

/** By times, as far as the file system has them. */
function isBetween({ g, at, now }: Candidates, { path, stat }: NearbyFile): boolean {
  const seen = g.seen * 1000 - NOTICED_MS;
  const [born, modified] = [Number(stat.birthtimeMs), Number(stat.mtimeMs)];
  const tells = birthOf(stat) !== 0;
  // A copy of what the known one held before it was truncated: that was read, or lost, then.
  if (g.began !== undefined && (tells ? Math.min(born, modified) : modified) <= g.began) return false;
  const isPacked = isNamedArchive(path);
  const wasPacked = isNamedArchive(at.path);
  // Of a compressed file it may be that of its content.
  const last = wasPacked && at.stat.mtimeMs >= at.stat.birthtimeMs ? seen : Number(at.stat.mtimeMs) - LATE_MS;
  if (modified < Math.max(seen, last) || (isPacked && !wasPacked)) return false;
  const truncated = isStill(g, now);
  if (!tells) return !now || truncated || isPacked || modified <= Number(now.mtimeMs) + LATE_MS;
  if (born < seen) return false;
  if ((isPacked || !wasPacked) && born < Number(at.stat.birthtimeMs)) return false;
  return isPacked || !now || truncated || born <= Number(now.birthtimeMs);
}

/** What it held was copied, and the file goes on. */
function isStill(g: Readonly<Generation>, now: BigIntStats | undefined): boolean {
  return now?.ino === g.inode && !bornApart(g.born, birthOf(now));
}

/** As a new file of the name; null: it is known, or a copy of another one. */
async function open(context: TailContext, { g, at, now }: Candidates, path: string, seen: BigIntStats) {
  const { input, positions } = context;
  const format = compression(path);
  let fd: number | null = null;
  try {
    const opened = openRegular(path);
    if (!opened) return null;
    const { stat } = opened;
    fd = opened.fd;
    const free = positions.unclaimed.of(input.name, stat.ino);
    const known =
      stat.ino !== seen.ino ||
      (format ? knownPacked(fd, stat, free) : (recognise(fd, stat, free) ?? readWhole(context, fd, stat)));
    // A header that all begin with tells nothing: then it is compared with where the known one was found.
    const tells = g.position >= SHARED_HEADER_BYTES;
    const isCopy = async () => {
      if (format) return tells && (await holdsPacked(fd!, format, g));
      const size = Number(stat.size);
      const ofKnown = tells ? holds(path, g) : isCopyOf(at.path, at.stat, fd!, size);
      return ofKnown || isCopyOf(g.path, now, fd!, size);
    };
    if (known || (await isCopy())) {
      closeSync(fd);
      return null;
    }
    const file = format
      ? admitPacked({ context, path: g.path, fd, stat, format, existing: false }, undefined)
      : admitNew(context, g.path, fd, stat, false);
    file.name(null);
    // A kill after the known one is settled must find it.
    if (!file.stream.persisted) {
      file.stream.generation.head = headOf(fd);
      file.announce();
    }
    log.info(`${path} was ${g.path} while the agent was down: reading it, too`);
    return { file, fd, path };
  } catch (error) {
    if (fd !== null) closeSync(fd);
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
}

function notRead({ account, input }: TailContext, was: string, path: string, error: Error): void {
  account.drop('not_found', 0, 0);
  account.notFound++;
  const what = `cannot read ${path}, which was ${was} while the agent was down: ${error.message}`;
  log.warnOnce(`between ${input.name}`, `${what}; what it holds is lost (not_found): compress with gzip or zstd`);
}

/** Under which all of it was read, whatever inode it had: it is a copy that was made before. */
function readWhole({ positions, input }: TailContext, fd: number, stat: BigIntStats): Generation | undefined {
  const head = headOf(fd);
  const whole: Generation[] = [];
  for (const g of positions.unclaimed.each(input.name)) {
    if (BigInt(g.position) === stat.size && g.head.digest === head.digest) whole.push(g);
  }
  return recognise(fd, stat, whole);
}

/** What is there holds the same, and is read itself. */
function isCopyOf(path: string, now: BigIntStats | undefined, fd: number, size: number): boolean {
  if (!now?.isFile() || Number(now.size) < size) return false;
  const opened = openRegular(path);
  if (!opened) return false;
  try {
    return begins(opened.fd, headOf(fd)) && hasBefore(opened.fd, size, markerAt(fd, size));
  } finally {
    closeSync(opened.fd);
  }
}
