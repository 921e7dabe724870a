/**
 * The watched directories of one input, and how their changes become known.
 *
 *   told     inotify tells them
 *   busy     inotify told more than a thousand a second: an event costs more than a line, so it is not listened to for
 *            a while, and the files are polled instead
 *   silent   inotify cannot be used (limits) or does not tell all (network file systems): polled once a second
 *
 * A directory is listened to again when nothing in it changes any more, at the latest after a while, a longer one each
 * time it is found busy again. Whoever polls it looks once more at all of it then, so nothing falls between.
 */
import type { Stats } from 'node:fs';
import { log } from '../../../log.ts';
import { fileSystemOf } from './filesystems.ts';
import { type Close, type OnEvent, Watcher } from './watch.ts';

/** More events in a second than this: busy. */
const BUSY_EVENTS = 1000;
const HOLD_MS = 2000;
const MAX_HOLD_MS = 30_000;
/** A watch that could not be set is tried again after this long. */
const RETRY_MS = 10_000;

export interface Directory {
  readonly path: string;
  readonly inode: number;
  close: Close | null;
  state: 'told' | 'busy' | 'silent';
  /** The kind of file system, where inotify does not tell all. */
  kind: string | null;
  /** Its time of modification when it was listed last, and when that was. */
  modified: number;
  listed: number;
  /** As of the last listing: directories below, and links to some. */
  below: string[];
  links: string[];
  /** Files and directories in it for which there was no room. */
  left: number;
  unlooked: number;
  /** The pass that saw it last. */
  pass: number;
  /** Events since `since`. */
  events: number;
  since: number;
  /** Busy: how long at most, and since when. Silent because a watch could not be set: since when. */
  hold: number;
  changed: number;
}

export class Directories {
  readonly #watcher: Watcher | null;
  readonly #byPath = new Map<string, Directory>();
  /** By device number: the kind of file system, where inotify does not tell all. */
  readonly #kinds = new Map<number, string | null>();
  readonly #polled: (directory: Directory) => void;
  /** So many at most; and as many names of such as are still to be looked into. */
  readonly most: number;
  /** Names in `below` and `links` of all. */
  #noted = 0;
  /** Directories that inotify cannot be used for. */
  silent = 0;

  /**
   * `told`: by inotify; null: nothing is to be told. `polled`: from now on the directory has to be looked at, until its
   * state is `told` again.
   */
  constructor(most: number, told: OnEvent | null, polled: (directory: Directory) => void) {
    this.most = most;
    this.#polled = polled;
    this.#watcher =
      told &&
      new Watcher((path, event, name) => {
        const directory = this.#byPath.get(path);
        if (!directory) return;
        if (++directory.events > BUSY_EVENTS) this.#count(directory);
        told(path, event, name);
      });
  }

  has(path: string): boolean {
    return this.#byPath.has(path);
  }

  get(path: string): Directory | undefined {
    return this.#byPath.get(path);
  }

  /** Before it is listed again. */
  clear(directory: Directory): void {
    this.#noted -= directory.below.length + directory.links.length;
    directory.below = [];
    directory.links = [];
    directory.left = 0;
    directory.unlooked = 0;
  }

  /** A directory in it, or a link to one. False: there is no room. */
  note(directory: Directory, name: string, link: boolean): boolean {
    if (this.#noted >= this.most) {
      directory.unlooked++;
      return false;
    }
    this.#noted++;
    (link ? directory.links : directory.below).push(name);
    return true;
  }

  /** Watches it if it is not watched yet. Null: there is no room. */
  watch(path: string, stat: Stats, pass: number): Directory | null {
    let directory = this.#byPath.get(path);
    if (directory && directory.inode !== stat.ino) {
      // Another directory has taken the name: the watch is on the old one.
      this.#drop(directory);
      directory = undefined;
    }
    if (!directory) {
      if (this.#byPath.size >= this.most) return null;
      const unlisted = { modified: Number.NaN, listed: 0, below: [], links: [], left: 0, unlooked: 0 };
      const quiet = { events: 0, since: 0, hold: HOLD_MS, changed: 0 };
      const kind = this.#kind(path, stat.dev);
      directory = { path, inode: stat.ino, close: null, state: 'told', kind, pass, ...unlisted, ...quiet };
      this.#byPath.set(path, directory);
      this.#listen(directory);
    } else if (!directory.close && directory.state !== 'busy') {
      const age = performance.now() - directory.changed;
      if (directory.state === 'told' || age > RETRY_MS) this.#listen(directory);
    }
    directory.pass = pass;
    return directory;
  }

  /** Drops those that the pass did not see. */
  sweep(pass: number): void {
    for (const directory of this.#byPath.values()) if (directory.pass !== pass) this.#drop(directory);
  }

  /** True: a busy directory has been polled for long enough. `calm`: nothing in it has changed lately. */
  due(directory: Directory, calm: boolean, now: number): boolean {
    const age = now - directory.changed;
    return directory.state === 'busy' && age > (calm ? HOLD_MS : directory.hold);
  }

  /** Listens to a busy directory again. */
  again(directory: Directory): void {
    directory.events = 0;
    directory.since = performance.now();
    if (this.#byPath.get(directory.path) === directory) this.#listen(directory);
    else directory.state = 'told';
  }

  async close(): Promise<void> {
    for (const directory of this.#byPath.values()) this.#drop(directory);
    await this.#watcher?.close();
  }

  #listen(directory: Directory): void {
    if (!this.#watcher) return;
    const closed = this.#watcher.watch(directory.path);
    if (closed instanceof Error) {
      const refused = (closed as NodeJS.ErrnoException).code === 'EACCES';
      const help = refused
        ? 'let the agent read the directory'
        : 'raise fs.inotify.max_user_watches and max_user_instances';
      log.warnOnce(
        refused ? `watch ${directory.path}` : 'watch',
        `cannot watch ${directory.path}: ${closed.message}: its files are looked at every second instead; ${help}`,
      );
    } else directory.close = closed;
    this.#setState(directory, closed instanceof Error || directory.kind ? 'silent' : 'told');
  }

  #kind(path: string, device: number): string | null {
    let kind = this.#kinds.get(device);
    if (kind === undefined) {
      kind = fileSystemOf(path);
      this.#kinds.set(device, kind);
      if (kind)
        log.warn(`${path} is on ${kind}, which does not tell all changes: its files are looked at every second`);
    }
    return kind;
  }

  #count(directory: Directory): void {
    const now = performance.now();
    const busy = now - directory.since < 1000;
    directory.events = 0;
    // Soon after it was listened to again: it will be so for some time.
    directory.hold =
      busy && now - directory.changed < 2 * HOLD_MS ? Math.min(directory.hold * 2, MAX_HOLD_MS) : HOLD_MS;
    directory.since = now;
    if (!busy || directory.state !== 'told') return;
    directory.close?.();
    directory.close = null;
    this.#setState(directory, 'busy');
  }

  #setState(directory: Directory, state: Directory['state']): void {
    this.silent += Number(state === 'silent') - Number(directory.state === 'silent');
    const before = directory.state;
    directory.state = state;
    directory.changed = performance.now();
    if (state !== 'told' && before !== state) this.#polled(directory);
  }

  #drop(directory: Directory): void {
    this.clear(directory);
    directory.close?.();
    directory.close = null;
    this.#setState(directory, 'told');
    this.#byPath.delete(directory.path);
  }
}
