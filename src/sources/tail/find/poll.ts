/**
 * Looks at the files of directories whose changes are not told (see directories.ts).
 *
 *   busy     every 20 ms: the files that were written lately; every 100 ms the others, and whether there are new names
 *   silent   every 250 ms: the files that were written lately; every second the others and the names
 *
 * So many files that this would cost more than 10,000 looks a second are looked at less often; what is written now is
 * not affected, and no file waits longer than for the regular look at all files.
 */
import { statSync } from '../../../mounts/fs.ts';
import type { TrackedFile } from '../file/file.ts';
import { Rounds } from '../rounds.ts';
import type { Directory } from './directories.ts';

const BUSY = { step: 20, round: 100 };
const SILENT = { step: 250, round: 1000 };
/** A file that was written in this time is looked at in every step. */
const LATELY_MS = 2000;
/** Looks in a millisecond, at most. */
const MOST = 10;
/** Of the time that going over names takes, so many times as long passes before it is done again. */
const REST = 10;

/** What has the files. */
export interface Polling {
  readonly files: ReadonlySet<TrackedFile>;
  /** Looks whether anything about the file has changed. */
  check(file: TrackedFile, path: string): void;
  /** Goes over all directories. */
  scan(): Promise<void>;
  /** Ends the polling of a busy directory if it has been long enough. */
  listen(directory: Directory, calm: boolean, now: number): void;
}

interface Polled {
  readonly directory: Directory;
  readonly files: Set<TrackedFile>;
  readonly lately: Set<TrackedFile>;
  /** Goes over those. */
  readonly latest: Rounds<TrackedFile>;
  /** Goes over the files; in the round that it is in, it has come so far. */
  turn: Iterator<TrackedFile>;
  /** The part of a look that a step was too short for. */
  rest: number;
  /** It is told of again: all its files are looked at once more. */
  last: boolean;
  modified: number;
}

export class Poller {
  readonly #polling: Polling;
  readonly #polled = new Map<string, Polled>();
  /** Some were added whose files are not known yet. */
  #unknown = false;
  #timer: NodeJS.Timeout | undefined;
  #stepped = 0;
  #scanned = 0;
  /** When names may be gone over again. */
  #scanFrom = 0;

  constructor(polling: Polling) {
    this.#polling = polling;
  }

  /** This directory is polled from now on. */
  start(directory: Directory): void {
    const files = new Set<TrackedFile>();
    const { modified } = directory;
    const fresh = { turn: files.values(), rest: 0, last: false };
    const lately = new Set<TrackedFile>();
    const latest = new Rounds(() => lately.values());
    this.#polled.set(directory.path, { directory, files, lately, latest, modified, ...fresh });
    this.#unknown = true;
    if (!this.#timer) this.#stepped = performance.now();
    if (!this.#timer || directory.state === 'busy') this.#schedule(0);
  }

  /** A file that is new, or has a new name. */
  add(file: TrackedFile): void {
    if (this.#polled.size === 0) return;
    this.#put(file, file.path);
    for (const alias of file.aliases ?? []) this.#put(file, alias);
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#polled.clear();
  }

  #put(file: TrackedFile, path: string | null): void {
    const polled = path === null ? undefined : this.#polled.get(directoryOf(path));
    polled?.files.add(file);
    polled?.lately.add(file);
  }

  #schedule(delay: number): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#step(), delay);
  }

  #step(): void {
    this.#timer = undefined;
    if (this.#unknown) for (const file of this.#polling.files) this.add(file);
    this.#unknown = false;
    const now = performance.now();
    const elapsed = Math.min(now - this.#stepped, SILENT.step * 2);
    this.#stepped = now;
    let step = SILENT.step;
    for (const [path, polled] of this.#polled) {
      const { directory, lately } = polled;
      for (const file of lately) if (now - file.written > LATELY_MS) lately.delete(file);
      if (directory.state === 'busy') this.#polling.listen(directory, lately.size === 0, now);
      if (directory.state === 'told' && !polled.last) {
        polled.last = true;
        polled.turn = polled.files.values();
        this.#scan(now);
      }
      const pace = directory.state === 'silent' ? SILENT : BUSY;
      step = Math.min(step, pace.step);
      const share = Math.min(polled.files.size / pace.round, MOST / this.#polled.size);
      const done = this.#look(polled, elapsed * share, now);
      if (polled.last && done) this.#polled.delete(path);
      else if (now >= this.#scanFrom && this.#namesChanged(polled, now)) this.#scan(now);
    }
    if (this.#polled.size > 0) this.#schedule(step);
  }

  /** Looks at what was written lately, and at so many others in turn; true: the round is done. */
  #look(polled: Polled, count: number, now: number): boolean {
    const { files, lately } = polled;
    // What is written by many at once is looked at as far as there is time.
    polled.latest.step((file) => {
      if (file.path !== null) this.#polling.check(file, file.path);
    });
    for (polled.rest += count; polled.rest >= 1; polled.rest--) {
      const { value: file, done } = polled.turn.next();
      if (done) {
        polled.turn = files.values();
        polled.rest = 0;
        return true;
      }
      if (file.path === null || !isIn(file, polled.directory.path)) {
        files.delete(file);
        lately.delete(file);
      } else if (!lately.has(file)) {
        this.#polling.check(file, file.path);
        if (now - file.written < LATELY_MS) lately.add(file);
      }
    }
    return files.size === 0;
  }

  /** True: names were made, moved or deleted, as far as the directory's time tells. */
  #namesChanged(polled: Polled, now: number): boolean {
    if (polled.directory.state === 'silent') return now - this.#scanned > SILENT.round;
    try {
      const modified = statSync(polled.directory.path, { throwIfNoEntry: false })?.mtimeMs ?? 0;
      const changed = modified !== polled.modified;
      polled.modified = modified;
      return changed;
    } catch {
      // Out of sight: going over the directories tells more.
      return true;
    }
  }

  #scan(now: number): void {
    this.#scanned = now;
    this.#scanFrom = Number.POSITIVE_INFINITY;
    void this.#polling.scan().finally(() => {
      const end = performance.now();
      this.#scanFrom = end + (end - now) * REST;
    });
  }
}

function isIn(file: TrackedFile, directory: string): boolean {
  if (file.path !== null && directoryOf(file.path) === directory) return true;
  for (const alias of file.aliases ?? []) if (directoryOf(alias) === directory) return true;
  return false;
}

function directoryOf(path: string): string {
  return path.slice(0, Math.max(1, path.lastIndexOf('/')));
}
