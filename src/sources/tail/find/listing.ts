/**
 * What lies beside a file: the copy that was made before it was truncated, the name that it has now.
 *
 *   told        names of which inotify told lately; where it tells, it is nearly always one of them
 *   going over  every name of a directory, in steps, for all who ask together
 *
 * Strangers may put a hundred thousand names into a directory, and make something happen in it many times a second. So
 * one that has many is gone over for a small part of the time only: it rests for many times as long as that took.
 */

import type { BigIntStats, Dir } from 'node:fs';
import { dirname, join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { pause } from '../../../core/abort.ts';
import { opendirSync } from '../../../mounts/fs.ts';
import { lookUp } from '../file/inode.ts';
import { Pace } from '../pace.ts';

/** Names that were told of so long ago are not looked at first any more. */
const LATELY_MS = 60_000;
const MOST_TOLD = 512;
/** A directory with more names than so many rests for so many times as long as going over it took. */
const MANY = 1000;
const REST = 20;
const MOST_RESTING = 256;
/** So many directories are gone over at the same time: a large one holds up no other. */
const MOST_GOING = 2;
const WAIT_MS = 50;
/** Entries of a directory that are read at once. */
const ENTRIES = 256;

/** A name, and what it leads to; that is looked at once for all. */
export class ListedName {
  readonly path: string;
  #stat: BigIntStats | undefined;
  #looked = false;

  constructor(path: string) {
    this.path = path;
  }

  /** Undefined: nothing that can be looked at now. */
  get stat(): BigIntStats | undefined {
    if (!this.#looked) this.#stat = lookUp(this.path);
    this.#looked = true;
    return this.#stat;
  }
}

/** True: it is enough. */
export type Visit = (entry: ListedName) => boolean;

interface Asking {
  visit: Visit;
  done: () => void;
}

export class Listing {
  /** By path: when it was told of, the latest at the end. */
  readonly #told = new Map<string, number>();
  /** By directory: from when on it may be gone over, by `performance.now()`. */
  readonly #rests = new Map<string, number>();
  /** By directories: who asks for them to be gone over, next time. */
  readonly #asked = new Map<string, { dirs: readonly string[]; all: Asking[] }>();
  #going = 0;
  readonly #abort = new AbortController();

  /** This path was made, renamed or written to, and it is not, or need not be, that of a tracked file. */
  tell(path: string): void {
    this.#told.delete(path);
    this.#told.set(path, performance.now());
    if (this.#told.size <= MOST_TOLD) return;
    for (const oldest of this.#told.keys()) {
      this.#told.delete(oldest);
      return;
    }
  }

  /** What was told of lately in these directories, the latest first. */
  lately(dirs: readonly string[]): ListedName[] {
    const since = performance.now() - LATELY_MS;
    for (const [path, time] of this.#told) if (time < since) this.#told.delete(path);
    const paths = [...this.#told.keys()].filter((path) => dirs.includes(dirname(path)));
    return paths.reverse().map((path) => new ListedName(path));
  }

  /** Milliseconds for which these directories rest yet. */
  rests(dirs: readonly string[]): number {
    return Math.max(0, ...dirs.map((dir) => (this.#rests.get(dir) ?? 0) - performance.now()));
  }

  /** Has the regular files of these directories gone over, when they do not rest, until `visit` says that it is enough. */
  goOver(dirs: readonly string[], visit: Visit): Promise<void> {
    return new Promise((done) => {
      const key = dirs.join('\n');
      const asked = this.#asked.get(key) ?? { dirs, all: [] };
      asked.all.push({ visit, done });
      this.#asked.set(key, asked);
      if (this.#going < MOST_GOING) void this.#work();
    });
  }

  /** What is being gone over comes to an end. */
  close(): void {
    this.#abort.abort();
  }

  async #work(): Promise<void> {
    const { signal } = this.#abort;
    this.#going++;
    for (;;) {
      // Who asks in the same turn asks together.
      await setImmediate();
      const next = this.#asked.entries().find(([, { dirs }]) => signal.aborted || this.rests(dirs) === 0);
      if (next) {
        const [key, { dirs, all }] = next;
        this.#asked.delete(key);
        if (!signal.aborted) await this.#goOverAll(dirs, [...all]);
        for (const { done } of all) done();
      } else if (this.#asked.size === 0 || this.#going > 1) break;
      else await pause(WAIT_MS, signal);
    }
    this.#going--;
  }

  async #goOverAll(dirs: readonly string[], asking: Asking[]): Promise<void> {
    for (const dir of dirs) this.#rests.set(dir, Number.POSITIVE_INFINITY);
    const pace = new Pace();
    let names = 0;
    for (const dir of dirs) {
      let entries: Dir | null = null;
      try {
        entries = opendirSync(dir, { bufferSize: ENTRIES });
        for (let one = entries.readSync(); one && asking.length > 0; one = entries.readSync()) {
          names++;
          if (pace.due) await pace.rest();
          if (this.#abort.signal.aborted) break;
          if (!one.isFile()) continue;
          const entry = new ListedName(join(dir, one.name));
          for (let i = asking.length - 1; i >= 0; i--) if (asking[i]!.visit(entry)) asking.splice(i, 1)[0]!.done();
        }
      } catch {
        // The directory is gone, or may not be looked into: nothing can be found there.
      } finally {
        entries?.closeSync();
      }
    }
    const until = names > MANY ? performance.now() + pace.worked * REST : 0;
    for (const dir of dirs) this.#rests.set(dir, until);
    if (this.#rests.size <= MOST_RESTING) return;
    for (const [dir, time] of this.#rests) if (time < performance.now()) this.#rests.delete(dir);
  }
}
