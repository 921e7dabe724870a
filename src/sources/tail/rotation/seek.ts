/**
 * Where files are that lost their names while they were closed. Thousands may lose theirs at once: those of the same
 * directories are looked for together (listing.ts).
 *
 *   told of lately --> going over --> under another name | not there; what is compressed there may hold it
 */
import { setImmediate } from 'node:timers/promises';
import { compression } from '../compressed/archive.ts';
import type { TrackedFile } from '../file/file.ts';
import { inodeKey, lookUp } from '../file/inode.ts';
import type { ListedName, Listing } from '../find/listing.ts';
import { Pace } from '../pace.ts';
import { MostAlike } from './copies.ts';

/** What is renamed while a directory is gone over may be in neither place. */
const ATTEMPTS = 3;
/** The time of a directory's change is as coarse as a timer tick. */
const COARSE_MS = 50;
/** Compressed files of a directory that are known, and those of them that may be opened for one that is gone. */
const MOST_KNOWN = 1000;
const MOST_PACKED = 32;

export interface Sought {
  /** The name that the file has now; null: it is not there. */
  path: string | null;
  /** False: its directory is out of sight, and what is in it may be there yet. */
  seen: boolean;
  /** Paths of compressed files beside it, those of a similar name first. */
  packed: readonly string[];
}

/** Files of the same directories. */
interface Group {
  dirs: readonly string[];
  /** By key: the file, and how often these are gone over for it at most. */
  files: Map<string, { file: TrackedFile; attempts: number }>;
}

export class Seeker {
  readonly #beside: Listing;
  readonly #found: (file: TrackedFile, place: Sought) => void;
  readonly #groups = new Map<string, Group>();

  constructor(beside: Listing, found: (file: TrackedFile, place: Sought) => void) {
    this.#beside = beside;
    this.#found = found;
  }

  /** Looks for the file in these directories. */
  seek(file: TrackedFile, dirs: readonly string[]): void {
    const key = dirs.join('\n');
    const group = this.#groups.get(key);
    if (group) group.files.set(file.key, { file, attempts: ATTEMPTS });
    else {
      const files = new Map([[file.key, { file, attempts: ATTEMPTS }]]);
      this.#groups.set(key, { dirs, files });
      void this.#seekAll(key, { dirs, files });
    }
  }

  async #seekAll(key: string, group: Group): Promise<void> {
    while (group.files.size > 0) {
      // What inotify has to tell of them is heard first: in between it is asked.
      await setImmediate();
      await setImmediate();
      for (const entry of this.#beside.lately(group.dirs)) this.#take(group, entry);
      if (group.files.size > 0) await this.#goOver(group);
    }
    this.#groups.delete(key);
  }

  async #goOver(group: Group): Promise<void> {
    const { dirs, files } = group;
    const asked = [...files.values()];
    const before = dirs.map((dir) => lookUp(dir)?.mtimeNs);
    const packed: string[] = [];
    await this.#beside.goOver(dirs, (entry) => {
      if (packed.length < MOST_KNOWN && compression(entry.path)) packed.push(entry.path);
      this.#take(group, entry);
      return files.size === 0;
    });
    const changed = dirs.some((dir, i) => {
      const now = lookUp(dir);
      return now && (now.mtimeNs !== before[i] || Date.now() - Number(now.mtimeMs) < COARSE_MS);
    });
    const seen = lookUp(dirs[0]!) !== undefined;
    const pace = new Pace();
    for (const wanted of asked) {
      const { file } = wanted;
      if (files.get(file.key) !== wanted || (changed && --wanted.attempts > 0)) continue;
      files.delete(file.key);
      const alike = new MostAlike<string>(file.stream.name, MOST_PACKED);
      for (const path of packed) alike.add(path, path);
      this.#found(file, { path: null, seen, packed: alike.all });
      if (pace.due) await pace.rest();
    }
  }

  /** If it is one of them, that one is found. */
  #take({ files }: Group, { path, stat }: ListedName): void {
    const wanted = stat && files.get(inodeKey(stat));
    if (!wanted) return;
    files.delete(wanted.file.key);
    this.#found(wanted.file, { path, seen: true, packed: [] });
  }
}
