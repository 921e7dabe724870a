/**
 * Finds the files that a glob names and tells when something happens to them.
 *
 * Directories are watched, one inotify watch each, and listed by the places of the glob. What inotify tells is a hint,
 * and a hint may be lost (queues overflow, network file systems have none), so everything is gone over again every ten
 * seconds; a directory that did not change costs one stat. A directory is watched before it is listed, so there is no
 * moment between the two. Where a pattern's directory does not exist yet, the nearest one above it is watched.
 */
import type { Dir, Dirent, Stats } from 'node:fs';
import { basename } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { log } from '../../log.ts';
import { lstatSync, opendirSync, statSync } from '../../mounts/fs.ts';
import { isAside } from './aside.ts';
import { Directories, type Directory } from './directories.ts';
import type { Excludes, Glob, Places } from './glob.ts';

export interface Finder {
  /** A path that the glob names; may be told many times. `link`: it is, or may be, a symbolic link. */
  found(path: string, link: boolean): void;
  /** Something was written to this path of a watched directory. */
  written(path: string): void;
  /** This path of a watched directory was created, renamed or deleted. */
  moved(path: string): void;
  /** A file that was put aside to be deleted, by this name. */
  aside(path: string): void;
  /** What happens in this directory is not told from now on, until its state is `told` again. */
  polled(directory: Directory): void;
}

/** Symbolic links may nest; a loop ends here at the latest. */
const MAX_DEPTH = 64;
/** Time stamps of directories are as coarse as a timer tick: what was listed so shortly after a change is listed again. */
const COARSE_MS = 50;
/** After so much work other things get their turn, milliseconds. */
const STEP_MS = 5;

/** Entries of a directory that are read at once. */
const ENTRIES = 256;

export class Discovery {
  readonly #glob: Glob;
  readonly #excludes: Excludes;
  readonly #finder: Finder;
  readonly #directories: Directories;
  /** Directories watched for a link's target: no names are looked for in them. */
  readonly #targets = new Set<string>();
  #pass = 0;
  #scanning: Promise<void> | null = null;
  #again = false;
  #closed = false;
  #yielded = 0;

  constructor(glob: Glob, excludes: Excludes, finder: Finder) {
    this.#glob = glob;
    this.#excludes = excludes;
    this.#finder = finder;
    this.#directories = new Directories(
      (dir, event, name) => this.#told(dir, event, name),
      (directory) => finder.polled(directory),
    );
  }

  /** Directories in which changes are not told, so looking often has to do. */
  get silent(): number {
    return this.#directories.silent;
  }

  /** Listens to a busy directory again if it was polled for long enough. */
  listen(directory: Directory, calm: boolean, now: number): void {
    if (this.#directories.due(directory, calm, now)) this.#directories.again(directory);
  }

  /** True if the glob names this path. */
  names(path: string): boolean {
    return this.#glob.matches(path) && !this.#excludes.has(path);
  }

  /** True if the path ends in .gz or .zst, and so does a pattern that names it. */
  unpacks(path: string): boolean {
    return this.#glob.unpacks(path);
  }

  /** Goes over all directories; tells what was found. A scan that is asked for during a scan follows it. */
  scan(): Promise<void> {
    if (this.#scanning) this.#again = true;
    this.#scanning ??= this.#scan().finally(() => {
      this.#scanning = null;
    });
    return this.#scanning;
  }

  /** Watches the directory of a link's target. */
  watchTarget(dir: string): void {
    if (this.#directories.has(dir)) return;
    this.#targets.add(dir);
    const stat = statSync(dir, { throwIfNoEntry: false });
    if (stat) this.#watch(dir, stat);
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#scanning;
    await this.#directories.close();
  }

  #told(dir: string, event: string, name: string | null): void {
    if (this.#closed) return;
    if (!name || (event === 'rename' && name === basename(dir))) void this.scan();
    if (!name) return;
    const path = dir === '/' ? `/${name}` : `${dir}/${name}`;
    if (event === 'rename') this.#finder.moved(path);
    else this.#finder.written(path);
  }

  async #scan(): Promise<void> {
    do {
      this.#again = false;
      this.#pass++;
      this.#yielded = performance.now();
      await this.#walk('', this.#glob.root(), []);
      for (const dir of this.#targets) {
        const stat = attempt(() => statSync(dir, { throwIfNoEntry: false }));
        if (stat) this.#watch(dir, stat);
        else this.#targets.delete(dir);
      }
      if (!this.#closed) this.#directories.sweep(this.#pass);
    } while (this.#again && !this.#closed);
  }

  /** `dir` without a slash at its end; `above` are the inodes of the directories that lead here. */
  async #walk(dir: string, places: Places, above: readonly string[]): Promise<void> {
    if (this.#closed || above.length > MAX_DEPTH) return;
    await this.#breathe();
    const stat = attempt(
      () => statSync(dir || '/', { throwIfNoEntry: false }),
      (why) => this.#outOfSight(dir, why),
    );
    if (!stat?.isDirectory()) return;
    const self = `${stat.dev}:${stat.ino}`;
    if (above.includes(self)) return;
    const names = this.#glob.names(places);
    if (names) return this.#walkNames(dir, places, names, [...above, self], stat);

    const directory = this.#watch(dir || '/', stat);
    if (directory.modified !== stat.mtimeMs || directory.listed - stat.mtimeMs < COARSE_MS) {
      directory.modified = stat.mtimeMs;
      directory.listed = Date.now();
      directory.below = await this.#list(directory, dir, places);
    }
    for (const name of directory.below) {
      await this.#walk(`${dir}/${name}`, this.#glob.into(places, name), [...above, self]);
    }
  }

  /** A directory in which only certain names are looked for is not listed, and only watched if one is missing or a file. */
  async #walkNames(dir: string, places: Places, names: string[], above: string[], self: Stats): Promise<void> {
    for (const name of names) {
      const path = `${dir}/${name}`;
      const next = this.#glob.into(places, name);
      const stat = attempt(
        () => statSync(path, { throwIfNoEntry: false }),
        (why) => {
          // Whether it is a file is not known; that it cannot be read is said of it, and counted.
          if (this.#glob.opens(next)) this.#outOfSight(path, why);
          else if (!this.#excludes.has(path)) this.#finder.found(path, true);
        },
      );
      if (stat?.isDirectory() && this.#glob.opens(next)) {
        await this.#walk(path, next, above);
        continue;
      }
      this.#watch(dir || '/', self);
      if (stat && this.#glob.matched(next) && !this.#excludes.has(path)) this.#finder.found(path, true);
    }
  }

  /** Tells the files of a directory; returns the directories in it that have to be looked into. */
  async #list(directory: Directory, dir: string, places: Places): Promise<string[]> {
    const below: string[] = [];
    let entries: Dir | null = null;
    try {
      entries = opendirSync(dir || '/', { bufferSize: ENTRIES });
      let read = 0;
      for (let entry = entries.readSync(); entry; entry = entries.readSync()) {
        this.#take(dir, places, entry, below);
        if (++read % ENTRIES === 0) await this.#breathe();
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
    return below;
  }

  #take(dir: string, places: Places, entry: Dirent, below: string[]): void {
    if (isAside(entry.name)) this.#finder.aside(`${dir}/${entry.name}`);
    const next = this.#glob.into(places, entry.name);
    if (next.length === 0) return;
    const path = `${dir}/${entry.name}`;
    if (entry.name.includes('\ufffd') && !attempt(() => lstatSync(path, { throwIfNoEntry: false }))) {
      // Node gives names as text, and what is no text leads nowhere.
      log.warnOnce(`name ${path}`, `cannot read ${path}: its name is not UTF-8; rename it`);
      return;
    }
    const link = entry.isSymbolicLink();
    const directory = link
      ? attempt(() => statSync(path, { throwIfNoEntry: false }))?.isDirectory()
      : entry.isDirectory();
    if (directory && this.#glob.opens(next)) below.push(entry.name);
    else if (this.#glob.matched(next) && !this.#excludes.has(path)) this.#finder.found(path, link);
  }

  #outOfSight(path: string, why: string): void {
    const help = 'the agent needs the right to look into the directories above it; it is tried again every ten seconds';
    log.warnOnce(`look ${path}`, `cannot look at ${path}: ${why}: ${help}`);
  }

  /** Lets other things have their turn, if this has worked for some time. */
  async #breathe(): Promise<void> {
    if (performance.now() - this.#yielded <= STEP_MS) return;
    await setImmediate();
    this.#yielded = performance.now();
  }

  #watch(dir: string, stat: Stats): Directory {
    return this.#directories.watch(dir, stat, this.#pass);
  }
}

/** What cannot be looked at now (no right, a loop of links) is not there for now; the next pass tries again. */
function attempt<T>(look: () => T, refused?: (why: string) => void): T | undefined {
  try {
    return look();
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === 'EACCES') refused?.(message);
    return undefined;
  }
}
