/**
 * At the start: which file had a name before the one that has it now, where that was renamed or copied while the agent
 * was down. The new one comes after it (order.ts), as while the agent runs.
 *
 *   a.log  (known, renamed twice)  -->  a.log.2
 *   a.log  (known, renamed)        -->  a.log.1   follows it
 *   a.log  (new)                                  follows that; may go on with its last record (join.ts), if no third one
 *                                                 of the name came between
 */
import { dirname, join } from 'node:path';
import type { TrackedFile } from '../file/file.ts';
import { birthOf, type Inode, inodeOf, lookUp, siblings } from '../file/inode.ts';
import { placesOf } from '../find/symlinks.ts';
import type { Pace } from '../pace.ts';
import type { Generation } from '../positions/journal.ts';
import type { Turns } from '../turns.ts';
import { bareName, stemOf } from './copies.ts';

/** After a rotation so much is still written to the old file. */
export const LATE_MS = 10_000;

export class Predecessors {
  /** By path: the old files of this name, in the order in which they became known. */
  readonly #old = new Map<string, TrackedFile[]>();
  /** Paths by which several files are known. */
  #several: ReadonlySet<string> = new Set();
  /** Files that are known by such a path, while others may be found. */
  readonly #held = new Set<TrackedFile>();
  /** By the beginning of an old file's name and the directory that it was in: what may be of that name, too. */
  readonly #others = new Map<string, Other[]>();
  readonly #tracked: (inode: Inode) => boolean;
  readonly #turns: Turns;

  constructor(tracked: (inode: Inode) => boolean, turns: Turns) {
    this.#tracked = tracked;
    this.#turns = turns;
  }

  /** Before any file is found: what is known. */
  expect(known: Iterable<Generation>): void {
    const paths = new Set<string>();
    const several = new Set<string>();
    for (const { path } of known) {
      if (paths.has(path)) several.add(path);
      paths.add(path);
    }
    this.#several = several;
  }

  /** This file was known by its path, and is not under it any more. */
  add(old: TrackedFile): void {
    const { path } = old.stream.generation;
    const others = [...(this.#old.get(path) ?? []), old];
    this.#old.set(
      path,
      others.sort((a, b) => turnOf(a) - turnOf(b)),
    );
    this.#hold(old, others.length > 1);
  }

  /** This file has the path now. */
  found(file: TrackedFile, path: string): void {
    const { generation, persisted } = file.stream;
    if (!persisted) this.#link(file, path);
    else if (generation.path === path) this.#hold(file);
    else this.add(file);
  }

  /** All old files were found: there may be many, and many files beside them. */
  async complete(pace: Pace): Promise<void> {
    await this.#lookAround(pace);
    for (const olds of this.#old.values()) {
      for (const [i, old] of olds.entries()) if (i > 0) old.follow(olds[i - 1]!, false);
      if (pace.due) await pace.rest();
    }
    for (const file of this.#held) {
      if (pace.due) await pace.rest();
      const { path } = file.stream.generation;
      if (file.path === path) this.#link(file, path);
      this.#turns.release(file, 'older files');
      // How much there is of a compressed one is not known before.
      const more = file.packed || file.size > file.position || file.doubt !== null;
      if (more && this.#tracked(file)) this.#turns.ready(file);
    }
    this.#held.clear();
  }

  clear(): void {
    this.#old.clear();
    this.#others.clear();
    this.#several = new Set();
  }

  /** `several`: of its path another file is known. */
  #hold(file: TrackedFile, several = false): void {
    if (!several && !this.#several.has(file.stream.generation.path)) return;
    this.#held.add(file);
    this.#turns.hold(file, 'older files');
  }

  #link(file: TrackedFile, path: string): void {
    const old = this.#old.get(path)?.at(-1);
    if (old && file.before === null) file.follow(old, !this.#cameBetween(old, file, path));
  }

  /** Finds the files that may have had a name of those that old ones had: each directory is gone over once. */
  async #lookAround(pace: Pace): Promise<void> {
    /** By directory: the lengths of the beginnings that are looked for in it. */
    const wanted = new Map<string, Set<number>>();
    for (const path of this.#old.keys()) {
      if (pace.due) await pace.rest();
      for (const { dir, stem } of homesOfCopies(placesOf(path))) {
        this.#others.set(join(dir, stem), []);
        wanted.set(dir, (wanted.get(dir) ?? new Set()).add(stem.length));
      }
    }
    for (const [dir, lengths] of wanted) {
      for (const path of siblings(dir)) {
        if (pace.due) await pace.rest();
        const name = bareName(path);
        let other: Other | null = null;
        for (const length of lengths) {
          const others = length <= name.length && this.#others.get(join(dir, name.slice(0, length)));
          if (!others) continue;
          other ??= otherAt(path);
          if (other) others.push(other);
        }
      }
    }
  }

  /** Whether another file may have had the name between the two, by names and times. */
  #cameBetween(old: TrackedFile, file: TrackedFile, path: string): boolean {
    const stat = lookUp(path);
    const born = stat && birthOf(stat) !== 0 ? Number(stat.birthtimeMs) : 0;
    // One that was truncated is older than what it holds.
    const until = born > old.modified ? born + LATE_MS : Number.POSITIVE_INFINITY;
    const places = placesOf(path);
    return homesOfCopies(places).some(({ dir, stem }) => {
      const others = this.#others.get(join(dir, stem));
      // It was not looked for: it is not known.
      if (!others) return true;
      return others.some((other) => {
        if (other.modified <= old.modified || other.modified > until || places.includes(other.path)) return false;
        return !isSame(old, other) && !isSame(file, other) && !this.#tracked(other);
      });
    });
  }
}

/** In the order of the journal; what is not in it yet is behind. */
function turnOf({ stream }: TrackedFile): number {
  return stream.generation.number || Number.MAX_SAFE_INTEGER;
}

interface Other extends Inode {
  path: string;
  modified: number;
}

/** Where copies of a file are that has or had these names, and how theirs begin. */
function homesOfCopies(places: readonly string[]): { dir: string; stem: string }[] {
  return places.flatMap((home) => places.map((name) => ({ dir: dirname(home), stem: stemOf(name) })));
}

function isSame(a: Inode, b: Inode): boolean {
  return a.inode === b.inode && a.device === b.device && a.born === b.born;
}

function otherAt(path: string): Other | null {
  const stat = lookUp(path);
  return stat ? { path, modified: Number(stat.mtimeMs), ...inodeOf(stat) } : null;
}
