/** Opens a path that is not tracked yet and decides what it is: a file that is known from before, or a new one. */
import type { BigIntStats } from 'node:fs';
import { lineEndsOf } from '../../../lines/line-ends.ts';
import { closeSync, fstatSync } from '../../../mounts/fs.ts';
import { openRegular } from '../../../mounts/open.ts';
import { admitPacked, knownPacked } from '../compressed/admit.ts';
import { archiveOf, compression, TELLING_BYTES } from '../compressed/archive.ts';
import type { TailContext } from '../context.ts';
import { TrackedFile } from '../file/file.ts';
import { birthOf, bornApart, type Inode, inodeOf } from '../file/inode.ts';
import type { ListedName, Listing } from '../find/listing.ts';
import { homesOf, placesOf } from '../find/symlinks.ts';
import { newGeneration } from '../positions/generation.ts';
import type { Generation } from '../positions/journal.ts';
import {
  firstBytes,
  headIn,
  headOf,
  lastLineStart,
  markerAt,
  recognise,
  SHARED_HEADER_BYTES,
} from '../positions/recognise.ts';
import { mayBeCopy, shared } from './copies.ts';

/** From here on first bytes and marker tell files apart; before it, only a copy that was just made is taken for one. */
export const TELLING = 256;
const JUST_MS = 60_000;

export interface Admitted {
  file: TrackedFile;
  /** Null: it was not opened. */
  fd: number | null;
}

/**
 * A file that by inode and size is one which was read to its end: it is not opened, so a hundred thousand of them hold
 * up no start. What it holds is compared soon afterwards (`unsure`), and before anything more is read from it. Null: it
 * is to be opened.
 */
export function takeUp(context: TailContext, path: string, stat: BigIntStats): Admitted | null {
  if (compression(path)) return null;
  const [generation, other] = context.positions.unclaimed.of(context.input.name, stat.ino);
  if (!generation || other) return null;
  const { device, born, position, markedAt, marker, size } = generation;
  if (
    device !== stat.dev ||
    bornApart(born, birthOf(stat)) ||
    BigInt(position) !== stat.size ||
    markedAt !== position ||
    size > position
  )
    return null;
  // One string for both.
  const name = generation.path === path ? generation.path : path;
  const file = new TrackedFile(context, name, stat, generation, true);
  file.mark(marker);
  file.unsure = true;
  file.doubtIfWritten();
  return { file, fd: null };
}

/** False: it does not hold what was read, or is another file. Throws what the system says when it cannot be opened. */
export function holdsWhatWasRead(file: TrackedFile, path: string): boolean {
  const opened = openRegular(path);
  if (!opened) return false;
  const { fd, stat } = opened;
  try {
    return recognise(fd, stat, [file.stream.generation]) !== undefined;
  } finally {
    closeSync(fd);
  }
}

/**
 * `as`: what it is if it is not known: a new file, one that was there before the first look on this data_dir was done,
 * or nothing that is to be read now. Null: that, or it is no regular file. Throws what the system says when it cannot be
 * opened.
 */
export function admit(context: TailContext, path: string, as: 'new' | 'existing' | null): Admitted | null {
  const opened = openRegular(path);
  if (!opened) return null;
  const { fd, stat } = opened;
  const format = compression(path);
  try {
    const free = context.positions.unclaimed.of(context.input.name, stat.ino);
    const stored = format ? knownPacked(fd, stat, free) : recognise(fd, stat, free);
    if (!stored && !as) {
      closeSync(fd);
      return null;
    }
    const existing = as === 'existing';
    if (format) return { file: admitPacked({ context, path, fd, stat, format, existing }, stored), fd };
    const file = stored ? resumed(context, fd, stat, stored) : admitNew(context, path, fd, stat, existing);
    file.name(path);
    file.doubtIfWritten();
    return { file, fd };
  } catch (error) {
    closeSync(fd);
    throw error;
  }
}

export function resumed(context: TailContext, fd: number, stat: BigIntStats, generation: Generation): TrackedFile {
  const file = new TrackedFile(context, null, stat, generation, true);
  Object.assign(generation, inodeOf(stat));
  file.mark(markerAt(fd, file.position));
  return file;
}

/** A file that is not known, as one of this path. */
export function admitNew(
  context: TailContext,
  path: string,
  fd: number,
  stat: BigIntStats,
  existing: boolean,
): TrackedFile {
  const { input, positions, account } = context;
  const atEnd = existing && input.start_at === 'end';
  const older = !atEnd && input.ignore_older !== null && Date.now() - Number(stat.mtimeMs) > input.ignore_older;
  const first = atEnd || older ? firstBytes(fd, TELLING_BYTES) : null;
  // What holds no lines is found out when it is read.
  const lines = first && !archiveOf(first, path) ? first : null;
  const base = lines ? lastLineStart(fd, Number(stat.size), lineEndsOf(input.encoding_in)) : 0;
  if (older && lines) account.drop('ignored_older', 0, base);
  const generation = newGeneration(input.name, path, inodeOf(stat), base);
  if (!lines || base === 0) return new TrackedFile(context, null, stat, generation, false);
  // Where reading begins has to be known after a restart, too.
  generation.head = headIn(lines);
  generation.marker = markerAt(fd, base);
  positions.create(generation);
  return resumed(context, fd, stat, generation);
}

export interface Copy extends Admitted {
  path: string;
  /** So many of its bytes were read from the original. */
  read: number;
}

/**
 * True: it is the copy of what the file held before, or of another one before that was made. Times are coarse: the same one
 * tells only where nothing waits.
 */
function isOlder(stat: BigIntStats, file: TrackedFile): boolean {
  const { stream, size, position } = file;
  const own = file.withOpen((fd) => fstatSync(fd, { bigint: true }));
  const tells = birthOf(stat) !== 0;
  if (tells && own && birthOf(own) !== 0 && stat.birthtimeNs < own.birthtimeNs) return true;
  const made = tells ? stat.birthtimeNs : stat.ctimeNs;
  return made < stream.since || (made === stream.since && size <= position);
}

/** True: it was read as far under an id of its own. */
export function isKnown({ positions, input }: TailContext, fd: number, stat: BigIntStats, position: number): boolean {
  const stored = recognise(fd, stat, positions.unclaimed.of(input.name, stat.ino));
  return stored !== undefined && stored.position >= position;
}

/** True: it is a copy of what was read further than this, up to where others may hold the same, and is not found yet. */
function isReadFurther({ positions, input }: TailContext, fd: number, stat: BigIntStats, position: number): boolean {
  if (position >= SHARED_HEADER_BYTES) return false;
  const head = headOf(fd);
  const further: Generation[] = [];
  for (const g of positions.unclaimed.each(input.name)) {
    if (g.position > position && g.head.length === head.length && g.head.digest === head.digest) further.push(g);
  }
  return recognise(fd, stat, further) !== undefined;
}

export interface CopySearch {
  tracked: (inode: Inode) => boolean;
  /** True if the input's glob names this path. */
  matches: (path: string) => boolean;
  /** True if inotify tells what happens in this directory. */
  told: (dir: string) => boolean;
  beside: Listing;
}

/**
 * The copy that was made of a file before it was truncated (logrotate's copytruncate), if it lies beside it and is not
 * tracked: one that has bytes that were not read, or that would be taken for a new file.
 */
export async function copyOf(context: TailContext, file: TrackedFile, search: CopySearch): Promise<Copy | null> {
  if (!file.stream.persisted) return null;
  // By the time its truncation is noticed it may have been renamed or deleted, too.
  const name = file.path ?? file.stream.name;
  const names = [file.stream.name, ...placesOf(name)];
  const dirs = homesOf(name);
  const { beside } = search;
  for (const entry of beside.lately(dirs)) {
    const copy = copyAt(context, file, entry, names, search);
    if (copy) return copy;
  }
  // Where inotify tells, that is nearly always enough.
  if (beside.rests(dirs) > 0 && dirs.every(search.told)) return null;
  let found: Copy | null = null;
  await beside.goOver(dirs, (entry) => {
    found = copyAt(context, file, entry, names, search);
    return found !== null;
  });
  return found;
}

/** The file under this path, if it is the copy. */
function copyAt(
  context: TailContext,
  file: TrackedFile,
  entry: ListedName,
  names: readonly string[],
  { tracked, matches }: CopySearch,
): Copy | null {
  const { path } = entry;
  // Names cost nothing: where they alone tell, nothing else is looked at.
  if (!mayBeCopy(path, names, file.position)) return null;
  const { stat } = entry;
  if (!stat?.isFile()) return null;
  const age = Date.now() - Number(stat.ctimeMs);
  if (tracked(inodeOf(stat))) return null;
  if (Number(stat.size) <= file.position && !matches(path)) return null;
  if (file.position < TELLING && age > JUST_MS) return null;
  if (file.position < SHARED_HEADER_BYTES && isOlder(stat, file)) return null;
  if (!mayBeCopy(path, names, Math.min(file.position, Number(stat.size)))) return null;
  try {
    const opened = openRegular(path);
    if (!opened) return null;
    const { fd } = opened;
    const isOther = [isKnown, isReadFurther].some((one) => one(context, fd, opened.stat, file.position));
    const read = isOther ? null : shared(fd, Number(opened.stat.size), path, file, names);
    if (read !== null) {
      const generation = newGeneration(context.input.name, path, inodeOf(stat), 0);
      return { file: new TrackedFile(context, null, opened.stat, generation, false), fd, path, read };
    }
    closeSync(fd);
  } catch {
    // Not readable: then it cannot be told whether this is the copy.
  }
  return null;
}
