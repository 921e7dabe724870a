/**
 * One pass over all directories in which an input's files may be.
 *
 *   /, by name and name to where a wildcard is --> list, its directories one after the other, and theirs
 *                                              --> links to directories: when all else was seen
 *
 * A directory is seen once for what is looked for in it, however many links lead to it, and under its own name if it has
 * one: so links in circles end, and what there may be of them is bounded.
 */
import type { Dirent, Stats } from 'node:fs';
import { setImmediate } from 'node:timers/promises';
import { log } from '../../../log.ts';
import { Elsewhere, lstatSync, opendirSync, realpathSync, statSync } from '../../../mounts/fs.ts';
import { isOfKernel } from '../../../mounts/of-kernel.ts';
import { isForeign, judgeDirectory } from '../../../mounts/open.ts';
import { isAside } from '../room/aside.ts';
import type { Directories, Directory } from './directories.ts';
import type { Finding, LeftOutByWalk } from './finding.ts';
import type { OwnFiles } from './own.ts';
import { covers, type Selection, type Spot } from './selection.ts';

/** Time stamps of directories are as coarse as a timer tick: what was listed so shortly after a change is listed again. */
const COARSE_MS = 50;
/** After so much work other things get their turn, milliseconds. */
const STEP_MS = 5;
/** Entries of a directory that are read at once. */
const ENTRIES = 256;
/** Links to directories that are looked at in one pass. */
const MOST_LINKS = 10_000;
/** Ways in which one directory is looked at. */
const MOST_WAYS = 16;

export interface WalkOptions {
  input: string;
  selection: Selection;
  /** Paths below which it looks, and nowhere else; null: wherever the selection leads. */
  roots: ReadonlySet<string> | null;
  own: OwnFiles;
  directories: Directories;
  finding: Finding;
  pass: number;
  stop: AbortSignal;
}

/** A directory whose directories are being looked into. */
interface Level {
  dir: string;
  device: number;
  spot: Spot;
  below: readonly string[];
  next: number;
  /** What is below is known not to be links. */
  listed: boolean;
}

interface Link {
  path: string;
  spot: Spot;
  device: number;
}

export class Walk {
  readonly left: LeftOutByWalk = { files: 0, directories: 0, foreign: 0 };
  readonly #o: WalkOptions;
  /** By device and inode: what was looked for in it. */
  readonly #seen = new Map<string, Spot[]>();
  readonly #links: Link[] = [];
  #yielded = performance.now();

  constructor(options: WalkOptions) {
    this.#o = options;
  }

  async run(): Promise<void> {
    const { roots, selection } = this.#o;
    if (!roots) await this.#down(await this.#enter('', selection.root(), 0, false));
    for (const root of roots ?? []) await this.#from(root);
    // More come while these are followed.
    for (const { path, spot, device } of this.#links) await this.#down(await this.#enter(path, spot, device, false));
  }

  async #from(root: string): Promise<void> {
    const { selection, finding } = this.#o;
    const name = root.slice(root.lastIndexOf('/') + 1);
    const spot = selection.at(root);
    if (!spot) return;
    const opens = selection.opens(spot, name);
    const stat = this.#look(root, opens);
    if (stat?.isDirectory() && opens) await this.#down(await this.#enter(root, spot, stat.dev, false));
    else if (stat !== null && selection.takes(spot, name) && !finding.found(root, true)) this.left.files++;
  }

  async #down(first: Level | null): Promise<void> {
    const levels = first ? [first] : [];
    for (let level = levels.at(-1); level && !this.#o.stop.aborted; level = levels.at(-1)) {
      const name = level.below[level.next++];
      if (name === undefined) {
        levels.pop();
        continue;
      }
      const spot = this.#o.selection.into(level.spot, name);
      const next = spot && (await this.#enter(`${level.dir}/${name}`, spot, level.device, level.listed));
      if (next) levels.push(next);
    }
  }

  /**
   * `dir` without a slash at its end; `above`: the device that it is on; `plain`: it is no link. Null: there is nothing to
   * look for.
   */
  async #enter(dir: string, there: Spot, above: number, plain: boolean): Promise<Level | null> {
    const { selection, own, directories, stop } = this.#o;
    await this.#breathe();
    if (stop.aborted) return null;
    const stat = this.#look(dir || '/', true);
    if (!stat?.isDirectory() || own.isOwn(stat)) return null;
    // Nobody's logs are there, but thousands of directories that come and go. What is spelled out is meant.
    if (!there.spelled && stat.dev !== above && isOfKernel(dir)) return null;
    const spot = plain ? there : this.#spotOf(dir || '/', there);
    if (!spot || this.#wasSeen(stat, spot)) return null;
    const level = { dir, device: stat.dev, spot, next: 0 };
    const names = selection.names(spot);
    if (names) return { ...level, below: this.#lookFor(dir, spot, names, stat), listed: false };

    const path = dir || '/';
    if (directories.get(path)?.inode !== stat.ino && !plain && !this.#isFollowed(path)) return null;
    const directory = this.#watch(path, stat);
    if (!directory) return null;
    const { modified, listed } = directory;
    if (
      modified !== stat.mtimeMs ||
      listed - stat.mtimeMs < COARSE_MS ||
      (directory.left > 0 && this.#o.finding.room)
    ) {
      directory.modified = stat.mtimeMs;
      directory.listed = Date.now();
      await this.#list(directory, dir, spot, own.isHome(stat));
    }
    this.left.files += directory.left;
    this.left.directories += directory.unlooked;
    for (const name of directory.links) this.#addLink(`${dir}/${name}`, spot, name, stat.dev);
    // Listings do not give the directory above.
    const below = selection.spells(spot, '..') ? [...directory.below, '..'] : directory.below;
    return { ...level, below, listed: true };
  }

  /** Of a directory that may be a link; null: what is there is left out. */
  #spotOf(path: string, spot: Spot): Spot | null {
    try {
      return this.#o.selection.through(spot, () => (lstatSync(path).isSymbolicLink() ? realpathSync(path) : null));
    } catch {
      // It has just gone: the next pass sees that.
      return null;
    }
  }

  #wasSeen({ dev, ino }: Stats, spot: Spot): boolean {
    const key = `${dev}:${ino}`;
    const ways = this.#seen.get(key);
    if (!ways) this.#seen.set(key, [spot]);
    else if (ways.length >= MOST_WAYS || ways.some((way) => covers(way, spot))) return true;
    else ways.push(spot);
    return false;
  }

  #addLink(path: string, above: Spot, name: string, device: number): void {
    const spot = this.#o.selection.into(above, name);
    if (!spot) return;
    if (this.#links.length < MOST_LINKS) this.#links.push({ path, spot, device });
    else this.#leaveOut('links', `more than ${MOST_LINKS} links to directories: the others are not followed`);
  }

  /**
   * A directory in which only certain names are looked for is not listed, and only watched if one is missing or a file.
   * Returns those that are directories.
   */
  #lookFor(dir: string, spot: Spot, names: readonly string[], self: Stats): string[] {
    const { selection, finding, own } = this.#o;
    const home = own.isHome(self);
    return names.filter((name) => {
      const path = `${dir}/${name}`;
      const next = selection.into(spot, name);
      if (!next || (home && own.names(name))) return false;
      const opens = selection.opens(next, name);
      const stat = this.#look(path, opens);
      if (stat?.isDirectory() && opens) return true;
      this.#watch(dir || '/', self);
      // Where it cannot be looked at, that is said of it, and counted.
      if (stat === null || (!stat && opens) || !selection.takes(next, name)) return false;
      if (!stat?.isDirectory()) selection.use(next);
      if (!finding.found(path, true)) this.left.files++;
      return false;
    });
  }

  /** Undefined: it may not be looked at. Null: nothing is there. */
  #look(path: string, isDirectory: boolean): Stats | null | undefined {
    try {
      return statSync(path, { throwIfNoEntry: false }) ?? null;
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException;
      if (error instanceof Elsewhere) this.#o.finding.elsewhere(path, error.mount);
      if (code === 'EACCES') {
        if (isDirectory) this.#outOfSight(path, message);
        return undefined;
      }
      if (code === 'ENAMETOOLONG') this.#leaveOut('deep', 'directories so deep that no path leads there (4,096 bytes)');
      // A loop of links: it is not there for now.
      return null;
    }
  }

  async #list(directory: Directory, dir: string, spot: Spot, home: boolean): Promise<void> {
    this.#o.directories.clear(directory);
    let entries: ReturnType<typeof opendirSync> | null = null;
    try {
      entries = opendirSync(dir || '/', { bufferSize: ENTRIES });
      let read = 0;
      for (let entry = entries.readSync(); entry; entry = entries.readSync()) {
        if (!this.#isOwn(dir, spot, home, entry.name)) this.#take(directory, dir, spot, entry);
        if (++read % ENTRIES !== 0) continue;
        await this.#breathe();
        if (this.#o.stop.aborted) break;
      }
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException;
      if (code !== 'ENOENT' && code !== 'ENOTDIR') {
        log.warnOnce(`list ${dir}`, `cannot look into ${dir}: ${message}; it is tried again every ten seconds`);
      }
      directory.modified = Number.NaN;
    } finally {
      entries?.closeSync();
    }
  }

  #isOwn(dir: string, spot: Spot, home: boolean, name: string): boolean {
    const { own, selection } = this.#o;
    return (home && own.names(name)) || (!selection.spells(spot, name) && own.isAnothers(dir, name));
  }

  #take(directory: Directory, dir: string, spot: Spot, entry: Dirent): void {
    const { selection, finding, directories } = this.#o;
    const { name } = entry;
    const path = `${dir}/${name}`;
    if (isAside(name)) finding.aside(path);
    const next = selection.into(spot, name);
    if (!next) return;
    if (name.includes('\ufffd') && !isThere(path)) {
      // Node gives names as text, and what is no text leads nowhere.
      log.warnOnce(`name ${path}`, `cannot read ${path}: its name is not UTF-8; rename it`);
      return;
    }
    const link = entry.isSymbolicLink();
    const isDirectory = link ? this.#look(path, false)?.isDirectory() : entry.isDirectory();
    if (isDirectory && selection.opens(next, name)) {
      if (!directories.note(directory, name, link)) this.#sayNoRoom();
    } else if (selection.takes(next, name)) {
      if (!isDirectory) selection.use(next);
      if (!finding.found(path, link)) directory.left++;
    }
  }

  /** False: a link on the way is somebody's who may not have what it leads to; or it has just gone. */
  #isFollowed(path: string): boolean {
    try {
      judgeDirectory(path);
      return true;
    } catch (error) {
      if (isForeign(error as Error)) {
        this.left.foreign++;
        log.warnOnce(`foreign ${path}`, `cannot look into ${path}: ${(error as Error).message}`);
      }
      return false;
    }
  }

  #watch(path: string, stat: Stats): Directory | null {
    const directory = this.#o.directories.watch(path, stat, this.#o.pass);
    if (!directory) {
      this.left.directories++;
      this.#sayNoRoom();
    }
    return directory;
  }

  #sayNoRoom(): void {
    const help = 'raise max_files, or include less';
    const { most } = this.#o.directories;
    this.#say('directories', `more than ${most} directories: the others are not looked into; ${help}`);
  }

  #leaveOut(key: string, what: string): void {
    this.left.directories++;
    this.#say(key, what);
  }

  #say(key: string, what: string): void {
    const { input } = this.#o;
    log.warnOnce(`${key} ${input}`, `input ${input} names ${what}`);
  }

  #outOfSight(path: string, why: string): void {
    const help = 'the agent needs the right to look into the directories above it; it is tried again every ten seconds';
    log.warnOnce(`look ${path}`, `cannot look at ${path}: ${why}: ${help}`);
  }

  /** Lets other things have their turn, if this has worked for some time. */
  async #breathe(): Promise<void> {
    await this.#o.finding.behind;
    if (performance.now() - this.#yielded <= STEP_MS) return;
    await setImmediate();
    this.#yielded = performance.now();
  }
}

function isThere(path: string): boolean {
  try {
    return lstatSync(path, { throwIfNoEntry: false }) !== undefined;
  } catch {
    // No right to look at it: as good as not there.
    return false;
  }
}
