/**
 * What happened while the agent was down: files that are not where they were are looked for beside their old name, also
 * where no glob names them, and read on under their old id. What is gone for good is counted.
 *
 *   stored position --> still under its name: the scan finds it
 *                   --> the same inode, or the same first bytes and marker, under another name: read on there
 *                   --> the same inode in a directory nearby (nearby.ts), or compressed there: read on there
 *                   --> nowhere: lost, in bytes, by what it held when it was last looked at (missing.ts)
 *
 * What had its name after it, and lost it as well, is looked for in the same places (between.ts).
 */
import type { BigIntStats } from 'node:fs';
import { basename, dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { log } from '../../../log.ts';
import { closeSync } from '../../../mounts/fs.ts';
import { openRegular } from '../../../mounts/open.ts';
import { compression } from '../compressed/archive.ts';
import { packedWith } from '../compressed/rotated-copies.ts';
import type { TailContext } from '../context.ts';
import type { TrackedFile } from '../file/file.ts';
import { birthOf, bornApart, type Inode, inodeKey, inodeOf, inodeText, lookUp, siblings } from '../file/inode.ts';
import type { NearbyFile } from '../find/nearby.ts';
import { homesOf } from '../find/symlinks.ts';
import { Pace, sortInSteps } from '../pace.ts';
import type { Generation } from '../positions/journal.ts';
import { recognise, SHARED_HEADER_BYTES } from '../positions/recognise.ts';
import { isAside, takeBack } from '../room/aside.ts';
import { isKnown, resumed, TELLING } from './admit.ts';
import { filesBetween, type Rotated } from './between.ts';
import { headsOf, holds, likelyCopies, lookNearby, sinceSeen } from './likely.ts';
import { Missing } from './missing.ts';

/** So often a directory is gone over in which things are renamed meanwhile. */
const ATTEMPTS = 5;
/** The time of a file's change is behind the clock by less than this. */
const COARSE_MS = 20;
export interface Recovered {
  file: TrackedFile;
  fd: number;
  /** Where it was found. */
  path: string;
}

export interface RecoverOptions {
  /** True if the input's glob names this path: what it does not name any more is not asked for. */
  names: (path: string) => boolean;
  /** True if `exclude` names it. */
  excludes: (path: string) => boolean;
  tracked: (inode: Inode) => boolean;
  /** Told of a file that is read as a new one, and may hold so many bytes that were read before. */
  again: (path: string, bytes: number) => void;
}

/**
 * Once everything that is known was found under its name. Oldest first within a directory. Others have their turn in
 * between, who may come across a known file first: it is theirs then.
 */
export async function* recover(context: TailContext, options: RecoverOptions): AsyncIterable<Recovered> {
  const missed = new Missing(context);
  // There may be any number of files, known ones and others.
  const pace = new Pace();
  const byHome = new Map<string, { dirs: string[]; generations: Generation[] }>();
  const home = new Set<string>();
  for (const g of context.positions.unclaimed.of(context.input.name)) {
    if (pace.due) await pace.rest();
    if (!options.names(g.path)) continue;
    const there = atHome(g);
    const same = there && holds(g.path, g);
    if (there && same !== false && !options.tracked(inodeOf(there))) {
      home.add(inodeKey(there));
      continue;
    }
    if (same) {
      // It is read from another position, as a person has said so: nothing is missing.
      settle(context, g);
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
      const all = await besideThem(dirs, pace);
      const beside = await search(context, missing, all, home, options, pace);
      const between = await filesBetween(context, beside.rotated, all, beyond(options, beside.found), pace);
      for (const g of beside.over) settle(context, g);
      yield* beside.found.sort((a, b) => a.file.modified - b.file.modified);
      yield* between;
      missing = beside.left;
      if (attempt < ATTEMPTS && (await haveChanged(dirs, before))) continue;
      const asked = missing.filter((g) => missed.matters(g));
      const { rotated, near } = await lookNearby(dirs, asked);
      const elsewhere = await search(context, asked, rotated, home, options, pace);
      const others = await filesBetween(context, elsewhere.rotated, near, beyond(options, elsewhere.found), pace);
      for (const g of elsewhere.over) settle(context, g);
      yield* elsewhere.found;
      yield* others;
      for (const g of elsewhere.left) {
        if (isFree(context, g)) missed.add(g);
        if (pace.due) await pace.rest();
      }
      break;
    }
  }
  missed.say();
}

/** The files of these directories, by name. */
async function besideThem(dirs: readonly string[], pace: Pace): Promise<NearbyFile[]> {
  const all: NearbyFile[] = [];
  for (const dir of dirs) {
    const here: NearbyFile[] = [];
    for (const name of siblings(dir)) {
      if (pace.due) await pace.rest();
      const path = isAside(basename(name)) ? (takeBack(name) ?? name) : name;
      const stat = lookUp(path);
      if (stat?.isFile()) here.push({ path, stat });
    }
    for (const one of await sortInSteps(here, (a, b) => (a.path < b.path ? -1 : 1), pace)) all.push(one);
  }
  return all;
}

/** What is renamed while a directory is listed and its files are opened is in neither place. */
async function haveChanged(dirs: readonly string[], before: readonly (bigint | undefined)[]): Promise<boolean> {
  const age = () => Math.min(...before.map((time) => Date.now() - Number(time!) / 1e6));
  // These times are coarse.
  if (age() < COARSE_MS) await sleep(COARSE_MS);
  return age() < 2 * COARSE_MS || dirs.some((dir, i) => lookUp(dir)?.mtimeNs !== before[i]);
}

interface Searched {
  found: Recovered[];
  /** Of these nothing more is to be read. */
  over: Generation[];
  left: Generation[];
  /** Those that had their names when they were last seen, with the places of both kinds. */
  rotated: Rotated[];
}

/** Which of the files beside it each generation goes on in: by inode where that is so, else by what they hold. */
async function search(
  context: TailContext,
  generations: Generation[],
  all: NearbyFile[],
  home: ReadonlySet<string>,
  options: RecoverOptions,
  pace: Pace,
): Promise<Searched> {
  const beside: NearbyFile[] = [];
  const compressed: NearbyFile[] = [];
  const byInode = new Map<bigint, NearbyFile>();
  for (const one of all) {
    if (pace.due) await pace.rest();
    if (home.has(inodeKey(one.stat)) || options.tracked(inodeOf(one.stat))) continue;
    beside.push(one);
    if (compression(one.path)) compressed.push(one);
    byInode.set(one.stat.ino, one);
  }
  const found: Recovered[] = [];
  const over: Generation[] = [];
  const rotated: Rotated[] = [];
  const taken = new Set<NearbyFile>();
  const left: Generation[] = [];
  const take = (g: Generation, was: Generation, { at, file }: GoesOn) => {
    if (was.named) rotated.push({ g: was, at });
    if (file) found.push(file);
    else over.push(g);
  };
  for (const g of generations) {
    if (pace.due) await pace.rest();
    if (!isFree(context, g)) continue;
    const moved = byInode.get(g.inode);
    const was = moved && g.named ? { ...g } : g;
    const there = moved && (await firstThat(context, g, [moved], options, taken, pace));
    if (there) take(g, was, there);
    else left.push(g);
  }
  const missing: Generation[] = [];
  const telling = left.some((g) => g.position >= TELLING);
  const byHead = telling ? await headsOf(beside, pace) : new Map<bigint, NearbyFile[]>();
  // Of what was read further more is known: what is but a header fits many.
  for (const g of await sortInSteps(left, (a, b) => b.position - a.position, pace)) {
    if (pace.due) await pace.rest();
    if (!isFree(context, g)) continue;
    const withHead = g.position >= TELLING ? (byHead.get(g.head.digest) ?? []) : [];
    const { likely, unlike } = await likelyCopies(withHead, g, all, pace);
    // Where there is little more than a header, it fits many.
    const alike = await sinceSeen(likely, g, pace);
    const was = g.named ? { ...g } : g;
    const there =
      (await firstThat(context, g, alike, options, taken, pace)) ?? (await packed(context, g, compressed, taken, pace));
    if (there) take(g, was, there);
    else {
      for (const { path } of unlike) {
        if (pace.due) await pace.rest();
        if (holds(path, g)) options.again(path, g.position);
      }
      missing.push(g);
    }
  }
  return { found, over, left: missing, rotated };
}

/** Those that were found are as good as tracked: an earlier start may have read one of them as between others, too. */
function beyond(options: RecoverOptions, found: readonly Recovered[]): RecoverOptions {
  const theirs = new Set(found.map(({ file }) => file.key));
  return { ...options, tracked: (inode) => theirs.has(inodeText(inode)) || options.tracked(inode) };
}

/** Where a generation goes on; null: it is there, and nothing more in it. */
interface GoesOn {
  at: NearbyFile;
  file: Recovered | null;
}

/** What a file that was compressed meanwhile goes on in. */
async function packed(
  context: TailContext,
  g: Generation,
  compressed: NearbyFile[],
  taken: Set<NearbyFile>,
  pace: Pace,
): Promise<GoesOn | null> {
  const all = compressed.filter((one) => !taken.has(one));
  const free = g.position < SHARED_HEADER_BYTES ? await sinceSeen(all, g, pace) : all;
  const found = await packedWith(
    context,
    g,
    free.map(({ path }) => path),
  );
  const at = free.find(({ path }) => path === found?.path);
  if (!found || !at) return null;
  if (found.fd === null) return { at, file: null };
  taken.add(at);
  return { at, file: found };
}

/** No tracked file goes on with it. */
function isFree({ positions, input }: TailContext, g: Generation): boolean {
  return positions.unclaimed.has(g, input.name);
}

/** It is found, read to its end, and nobody writes to it any more. */
function settle({ positions }: TailContext, g: Generation): void {
  if (!g.named) return;
  g.named = false;
  positions.described(g);
}

/** The first of these files that goes on with the generation. */
async function firstThat(
  context: TailContext,
  g: Generation,
  candidates: NearbyFile[],
  { names, tracked }: RecoverOptions,
  taken: Set<NearbyFile>,
  pace: Pace,
): Promise<GoesOn | undefined> {
  for (const one of candidates) {
    if (pace.due) await pace.rest();
    if (!isFree(context, g)) return undefined;
    const { path, stat } = one;
    const size = Number(stat.size);
    if (compression(path) || tracked(inodeOf(stat))) continue;
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
        return { at: one, file: null };
      }
      if (g.inode !== stat.ino) {
        // Of a copy, not all was compared.
        g.sum = undefined;
        context.positions.moveTo(g, inodeOf(stat));
      }
      return { at: one, file: { file: resumed(context, opened.fd, opened.stat, g), fd: opened.fd, path } };
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

/** The file if it is under its name. */
function atHome(g: Generation): BigIntStats | null {
  const stat = lookUp(g.path);
  return stat?.isFile() && stat.ino === g.inode && !bornApart(g.born, birthOf(stat)) ? stat : null;
}
