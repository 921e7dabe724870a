/**
 * What happened while the agent was down: files that are not where they were are looked for beside their old name, also
 * where no glob names them, and read on under their old id. What is gone for good is counted.
 *
 *   stored position --> still under its name: the scan finds it
 *                   --> the same inode, or the same first bytes and marker, under another name: read on there
 *                   --> the same inode in a directory nearby (nearby.ts): read on there
 *                   --> nowhere: lost, in bytes, by what it held when it was last looked at (missing.ts)
 */
import type { BigIntStats } from 'node:fs';
import { basename, dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { log } from '../../../log.ts';
import { closeSync } from '../../../mounts/fs.ts';
import { openRegular } from '../../../mounts/open.ts';
import { compression } from '../compressed/inflate.ts';
import { packedWith } from '../compressed/rotated-copies.ts';
import type { TailContext, TrackedFile } from '../file/file.ts';
import { birthOf, bornApart, digest, type Inode, inodeKey, inodeOf, lookUp, siblings } from '../file/inode.ts';
import { type Beside, nearby } from '../find/nearby.ts';
import { homesOf, placesOf } from '../find/symlinks.ts';
import type { Generation } from '../positions/journal.ts';
import { firstBytes, HEADER_BYTES, recognise } from '../positions/recognise.ts';
import { isAside, takeBack } from '../room/aside.ts';
import { isKnown, resumed, TELLING } from './admit.ts';
import { mayBeCopy } from './copies.ts';
import { Missing } from './missing.ts';

/** So soon a truncation is noticed, at the latest: a copy may be older than the last news of its original by this. */
const NOTICED_MS = 15_000;

/** So often a directory is gone over in which things are renamed meanwhile. */
const ATTEMPTS = 5;
/** The time of a file's change is behind the clock by less than this. */
const COARSE_MS = 20;
/** With more files beside it, it is not looked for a second one that holds the same. */
const MOST_COMPARED = 1000;

export interface Recovered {
  file: TrackedFile;
  fd: number;
  /** Where it was found. */
  path: string;
}

export interface RecoverOptions {
  /** True if the input's glob names this path: what it does not name any more is not asked for. */
  names: (path: string) => boolean;
  tracked: (inode: Inode) => boolean;
  /** Told of a file that is read as a new one, and may hold so many bytes that were read before. */
  again: (path: string, bytes: number) => void;
}

/** Once everything that is known was found under its name. Oldest first within a directory. */
export async function* recover(context: TailContext, options: RecoverOptions): AsyncIterable<Recovered> {
  const missed = new Missing(context);
  const byHome = new Map<string, { dirs: string[]; generations: Generation[] }>();
  const home = new Set<string>();
  for (const g of context.positions.free(context.input.name)) {
    if (!options.names(g.path)) continue;
    const key = atHome(g, options);
    if (key !== null) {
      home.add(key);
      continue;
    }
    const dirs = [...new Set([...homesOf(g.path), ...(g.real ? [dirname(g.real)] : [])])];
    const others = byHome.get(dirs.join('\n'));
    if (others) others.generations.push(g);
    else byHome.set(dirs.join('\n'), { dirs, generations: [g] });
  }
  for (const { dirs, generations } of byHome.values()) {
    let missing = generations;
    for (let attempt = 1; missing.length > 0; attempt++) {
      const before = dirs.map((dir) => lookUp(dir)?.mtimeNs);
      // Where there is no directory, nothing can be told: it may not be mounted yet.
      if (before.includes(undefined)) break;
      const all: Beside[] = [];
      for (const name of dirs.flatMap(siblings)) {
        const path = isAside(basename(name)) ? (takeBack(name) ?? name) : name;
        const stat = lookUp(path);
        if (stat?.isFile()) all.push({ path, stat });
      }
      const { found, left } = await search(context, missing, all, home, options);
      found.sort((a, b) => a.file.modified - b.file.modified);
      yield* found;
      missing = left;
      if (attempt < ATTEMPTS && (await haveChanged(dirs, before))) continue;
      const asked = left.filter((g) => missed.matters(g));
      const near = await nearby(dirs, new Set(asked.map(({ inode }) => inode)));
      const elsewhere = await search(context, asked, near, home, options);
      yield* elsewhere.found;
      for (const g of elsewhere.left) missed.add(g);
      break;
    }
  }
  missed.say();
}

/** What is renamed while a directory is listed and its files are opened is in neither place. */
async function haveChanged(dirs: readonly string[], before: readonly (bigint | undefined)[]): Promise<boolean> {
  const age = () => Math.min(...before.map((time) => Date.now() - Number(time!) / 1e6));
  // These times are coarse.
  if (age() < COARSE_MS) await sleep(COARSE_MS);
  return age() < 2 * COARSE_MS || dirs.some((dir, i) => lookUp(dir)?.mtimeNs !== before[i]);
}

/** Which of the files beside it each generation goes on in: by inode where that is so, else by what they hold. */
async function search(
  context: TailContext,
  generations: Generation[],
  all: Beside[],
  home: ReadonlySet<string>,
  options: RecoverOptions,
): Promise<{ found: Recovered[]; left: Generation[] }> {
  const free = ({ stat }: Beside) => !home.has(inodeKey(stat)) && !options.tracked(inodeOf(stat));
  const beside = all.filter(free);
  const found: Recovered[] = [];
  const taken = new Set<Beside>();
  const left: Generation[] = [];
  const byInode = new Map(beside.map((one) => [one.stat.ino, one]));
  for (const g of generations) {
    const moved = byInode.get(g.inode);
    const file = moved && (await firstThat(context, g, [moved], options, taken));
    if (file === 'over') settle(context, g);
    else if (file) found.push(file);
    else left.push(g);
  }
  const missing: Generation[] = [];
  const byHead = left.some((g) => g.position >= TELLING) ? headsOf(beside) : new Map<bigint, Beside[]>();
  for (const g of left) {
    const withHead = g.position >= TELLING ? (byHead.get(g.head.digest) ?? []) : [];
    const alike = withHead.filter((one) => g.position >= HEADER_BYTES || isLikelyCopy(one, g, all));
    const unlike = withHead.filter((one) => !alike.includes(one));
    // Where there is little more than a header, the last copy is the most likely one.
    alike.sort((a, b) => Number(b.stat.ctimeNs - a.stat.ctimeNs));
    const file = (await firstThat(context, g, alike, options, taken)) ?? (await packed(context, g, beside, taken));
    if (file === 'over') settle(context, g);
    else if (file) found.push(file);
    else {
      for (const { path } of unlike) if (holds(path, g)) options.again(path, g.position);
      missing.push(g);
    }
  }
  return { found, left: missing };
}

/**
 * Where what was read may be but a header, as others begin with: it has a name of its own after that of the file, and
 * was made since that was last read. And the file is still there and was truncated, or no other holds the same.
 */
function isLikelyCopy({ path, stat }: Beside, g: Generation, all: Beside[]): boolean {
  if (!mayBeCopy(path, placesOf(g.path), g.position)) return false;
  if (birthOf(stat) !== 0 && Number(stat.birthtimeMs) < g.seen * 1000 - NOTICED_MS) return false;
  const original = lookUp(g.path);
  if (original?.ino === g.inode && !bornApart(g.born, birthOf(original))) return true;
  const others = all.filter((other) => other.stat.ino !== stat.ino && Number(other.stat.size) >= g.position);
  return others.length < MOST_COMPARED && !others.some((other) => holds(other.path, g));
}

/** Whether it holds what was read, as far as bytes tell; null: it cannot be opened. */
function holds(path: string, g: Generation): boolean | null {
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

/** What a file that was compressed meanwhile goes on in. */
async function packed(
  context: TailContext,
  g: Generation,
  beside: Beside[],
  taken: Set<Beside>,
): Promise<Recovered | 'over' | null> {
  const free = beside.filter((one) => !taken.has(one));
  const found = await packedWith(
    context,
    g,
    free.map(({ path }) => path),
  );
  if (found === 'over') return found;
  for (const one of free) if (one.path === found?.path) taken.add(one);
  return found;
}

/** It is found, read to its end, and nobody writes to it any more. */
function settle({ positions }: TailContext, g: Generation): void {
  if (!g.named) return;
  g.named = false;
  positions.described(g);
}

/** The first of these files that goes on with the generation; `over`: there is one, and nothing more in it. */
async function firstThat(
  context: TailContext,
  g: Generation,
  candidates: Beside[],
  { names }: RecoverOptions,
  taken: Set<Beside>,
): Promise<Recovered | 'over' | undefined> {
  for (const one of candidates) {
    const { path, stat } = one;
    const size = Number(stat.size);
    if (compression(path)) continue;
    if (taken.has(one) || size < g.position) continue;
    // What holds nothing more matters where it would be taken for a new file, or is written to by who has it open.
    const over = size === g.position && !names(path) && !(g.inode === stat.ino && isRecent(context, stat));
    if (over && !g.named) continue;
    try {
      const opened = openRegular(path);
      if (!opened) continue;
      const other = g.inode !== stat.ino && isKnown(context, opened.fd, opened.stat, g.position);
      if (other || !recognise(opened.fd, opened.stat, [g])) {
        closeSync(opened.fd);
        continue;
      }
      taken.add(one);
      if (over) {
        closeSync(opened.fd);
        return 'over';
      }
      if (g.inode !== stat.ino) context.positions.moveTo(g, inodeOf(stat));
      return { file: resumed(context, opened.fd, opened.stat, g), fd: opened.fd, path };
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') continue;
      log.warn(`cannot read on in ${path}: ${(error as Error).message}`);
    }
  }
  return undefined;
}

/** Renamed or written to so shortly ago that more may come. */
function isRecent({ input }: TailContext, { ctimeMs }: BigIntStats): boolean {
  return Date.now() - Number(ctimeMs) < input.rotate_wait;
}

/** The files by the hash of their first bytes. */
function headsOf(beside: Beside[]): Map<bigint, Beside[]> {
  const byHead = new Map<bigint, Beside[]>();
  for (const one of beside) {
    if (Number(one.stat.size) < TELLING) continue;
    try {
      const opened = openRegular(one.path);
      if (!opened) continue;
      const { digest: key } = digest(firstBytes(opened.fd));
      closeSync(opened.fd);
      byHead.set(key, [...(byHead.get(key) ?? []), one]);
    } catch {
      // Not readable: then it cannot be told what it is.
    }
  }
  return byHead;
}

/** The key of the file if it is under its name and could only not be opened. */
function atHome(g: Generation, { tracked }: RecoverOptions): string | null {
  const stat = lookUp(g.path);
  if (!stat?.isFile() || stat.ino !== g.inode || bornApart(g.born, birthOf(stat))) return null;
  return tracked(inodeOf(stat)) || holds(g.path, g) === false ? null : inodeKey(stat);
}
