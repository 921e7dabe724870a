/**
 * Finds the files that a glob names and tells when something happens to them; the one door to chokidar.
 *
 * chokidar watches directories, one inotify watch each, and lists nothing: its `raw` events are hints, and what is in
 * a directory is listed here, by the places of the glob. A hint may be lost (queues overflow, network file systems
 * have none), so everything is gone over again every ten seconds; a directory that did not change costs one stat.
 * Where a pattern's directory does not exist yet, the nearest one above it is watched.
 */
import { readdirSync, statSync } from 'node:fs';
import { basename } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { FSWatcher } from 'chokidar';
import { log } from '../../log.ts';
import type { Excludes, Glob, Places } from './glob.ts';

export interface Finder {
  /** A path that the glob names; may be told many times. */
  found(path: string): void;
  /** Something was written to this path of a watched directory. */
  written(path: string): void;
  /** This path of a watched directory was created, renamed or deleted. */
  moved(path: string): void;
}

/** Symbolic links may nest; a loop ends here at the latest. */
const MAX_DEPTH = 64;
/** Time stamps of directories are as coarse as a timer tick: what was listed so shortly after a change is listed again. */
const COARSE_MS = 50;
/** A step of work between which other things get their turn, milliseconds. */
const STEP_MS = 5;

interface Directory {
  watcher: Watcher | null;
  inode: number;
  modified: number;
  listed: number;
  /** Directories below, as of the last listing. */
  below: string[];
  /** The pass that saw it last. */
  pass: number;
}

/** chokidar lists a watched directory each time something in it changes; the listing is done here, so this one does not. */
class Watcher extends FSWatcher {
  override _readdirp(): undefined {
    return undefined;
  }
}

export class Discovery {
  readonly #glob: Glob;
  readonly #excludes: Excludes;
  readonly #finder: Finder;
  readonly #directories = new Map<string, Directory>();
  /** Directories watched for a link's target: no names are looked for in them. */
  readonly #targets = new Set<string>();
  #pass = 0;
  #scanning: Promise<void> | null = null;
  #again = false;
  #closed = false;
  #yielded = 0;
  /** True: there are directories that cannot be watched, so looking often has to do. */
  blind = false;

  constructor(glob: Glob, excludes: Excludes, finder: Finder) {
    this.#glob = glob;
    this.#excludes = excludes;
    this.#finder = finder;
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
    if (stat) this.#watch(dir, stat.ino);
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#scanning;
    await Promise.all([...this.#directories.values()].map((d) => d.watcher?.close()));
    this.#directories.clear();
  }

  async #scan(): Promise<void> {
    do {
      this.#again = false;
      this.#pass++;
      this.#yielded = performance.now();
      await this.#walk('', this.#glob.root(), []);
      for (const dir of this.#targets) {
        const stat = attempt(() => statSync(dir, { throwIfNoEntry: false }));
        if (stat) this.#watch(dir, stat.ino);
        else this.#targets.delete(dir);
      }
      for (const [path, directory] of this.#directories) {
        if (directory.pass === this.#pass) continue;
        await directory.watcher?.close();
        this.#directories.delete(path);
      }
    } while (this.#again && !this.#closed);
  }

  /** `dir` without a slash at its end; `above` are the inodes of the directories that lead here. */
  async #walk(dir: string, places: Places, above: readonly string[]): Promise<void> {
    if (this.#closed || above.length > MAX_DEPTH) return;
    if (performance.now() - this.#yielded > STEP_MS) {
      await setImmediate();
      this.#yielded = performance.now();
    }
    const stat = attempt(() => statSync(dir || '/', { throwIfNoEntry: false }));
    if (!stat?.isDirectory()) return;
    const self = `${stat.dev}:${stat.ino}`;
    if (above.includes(self)) return;
    const names = this.#glob.names(places);
    if (names) return this.#walkNames(dir, places, names, [...above, self], stat.ino);

    const directory = this.#watch(dir || '/', stat.ino);
    if (directory.modified !== stat.mtimeMs || directory.listed - stat.mtimeMs < COARSE_MS) {
      directory.modified = stat.mtimeMs;
      directory.listed = Date.now();
      directory.below = this.#list(dir, places);
    }
    for (const name of directory.below) {
      await this.#walk(`${dir}/${name}`, this.#glob.into(places, name), [...above, self]);
    }
  }

  /** A directory in which only certain names are looked for is not listed, and only watched if one is missing or a file. */
  async #walkNames(dir: string, places: Places, names: string[], above: string[], inode: number): Promise<void> {
    for (const name of names) {
      const path = `${dir}/${name}`;
      const next = this.#glob.into(places, name);
      const stat = attempt(() => statSync(path, { throwIfNoEntry: false }));
      if (stat?.isDirectory() && this.#glob.opens(next)) {
        await this.#walk(path, next, above);
        continue;
      }
      this.#watch(dir || '/', inode);
      if (stat && this.#glob.matched(next) && !this.#excludes.has(path)) this.#finder.found(path);
    }
  }

  /** Tells the files of a directory; returns the directories in it that have to be looked into. */
  #list(dir: string, places: Places): string[] {
    let entries: ReturnType<typeof readEntries>;
    try {
      entries = readEntries(dir || '/');
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException;
      if (code !== 'ENOENT' && code !== 'ENOTDIR') {
        log.warnOnce(`list ${dir}`, `cannot look into ${dir}: ${message}; it is tried again every ten seconds`);
      }
      const directory = this.#directories.get(dir || '/');
      if (directory) directory.modified = Number.NaN;
      return [];
    }
    const below: string[] = [];
    for (const entry of entries) {
      const next = this.#glob.into(places, entry.name);
      if (next.length === 0) continue;
      const path = `${dir}/${entry.name}`;
      const known = !entry.isSymbolicLink();
      const directory = known
        ? entry.isDirectory()
        : attempt(() => statSync(path, { throwIfNoEntry: false }))?.isDirectory();
      if (directory && this.#glob.opens(next)) below.push(entry.name);
      else if (this.#glob.matched(next) && !this.#excludes.has(path)) this.#finder.found(path);
    }
    return below;
  }

  #watch(dir: string, inode: number): Directory {
    let directory = this.#directories.get(dir);
    if (directory && directory.inode !== inode) {
      // Another directory has taken the name: the watch is on the old one.
      void directory.watcher?.close();
      directory = undefined;
    }
    if (!directory) {
      directory = { watcher: null, inode, modified: Number.NaN, listed: 0, below: [], pass: this.#pass };
      this.#directories.set(dir, directory);
      directory.watcher = this.#watcher(dir, directory);
    }
    directory.pass = this.#pass;
    return directory;
  }

  #watcher(dir: string, directory: Directory): Watcher {
    // Not persistent: chokidar would share the watch with others of the same path, also when that is on a directory
    // which has lost the path.
    const watcher = new Watcher({ depth: 0, ignoreInitial: true, persistent: false });
    watcher.on('raw', (event: string, name: string | null) => {
      if (this.#closed) return;
      if (!name || (event === 'rename' && name === basename(dir))) void this.scan();
      if (!name) return;
      const path = dir === '/' ? `/${name}` : `${dir}/${name}`;
      if (event === 'rename') this.#finder.moved(path);
      else this.#finder.written(path);
    });
    watcher.on('ready', () => {
      // What happened between the listing and the watch.
      directory.modified = Number.NaN;
      if (!this.#closed) void this.scan();
    });
    watcher.on('error', (error) => {
      this.blind = true;
      const { message } = error as Error;
      const help = 'raise fs.inotify.max_user_watches and max_user_instances';
      log.warnOnce('watch', `cannot watch ${dir}: ${message}: its files are looked at every second instead; ${help}`);
    });
    watcher.add(dir);
    return watcher;
  }
}

function readEntries(dir: string) {
  return readdirSync(dir, { withFileTypes: true });
}

/** What cannot be looked at now (no right, a loop of links) is not there for now; the next pass tries again. */
function attempt<T>(look: () => T): T | undefined {
  try {
    return look();
  } catch {
    return undefined;
  }
}
