/**
 * At the start: which file had a name before the one that has it now, where that was renamed or copied while the agent
 * was down. The new one comes after it, and may go on with its last record (carry.ts), as while the agent runs.
 *
 *   a.log  (read, renamed)  -->  a.log.1
 *   a.log  (new)                 follows it, if no third one of the name came between
 */
import { dirname } from 'node:path';
import { mayBeCopy } from './copies.ts';
import type { LogInput } from './envelope.ts';
import type { TrackedFile } from './file.ts';
import { mayGroup } from './format.ts';
import { birthOf, type Inode, inodeOf, isInode, lookUp, siblings } from './identity.ts';
import { placesOf } from './links.ts';

/** After a rotation so much is still written to the old file. */
const LATE_MS = 10_000;

export class Predecessors {
  /** By path: the old files of this name, the one that was written last at the end. */
  readonly #old = new Map<string, TrackedFile[]>();
  /** Known files of which nothing was read, while their predecessor may be found. */
  readonly #early = new Map<TrackedFile, string>();
  /** By directory: what is there. */
  readonly #siblings = new Map<string, string[]>();
  readonly #grouping: boolean;
  readonly #tracked: (inode: Inode) => boolean;
  readonly #ready: (file: TrackedFile) => void;

  constructor(input: LogInput, tracked: (inode: Inode) => boolean, ready: (file: TrackedFile) => void) {
    this.#grouping = mayGroup(input);
    this.#tracked = tracked;
    this.#ready = ready;
  }

  /** This file was known by its path, and is not under it any more. */
  add(old: TrackedFile): void {
    const { path } = old.stream.generation;
    this.#old.set(
      path,
      [...(this.#old.get(path) ?? []), old].toSorted((a, b) => a.modified - b.modified),
    );
  }

  of(path: string): TrackedFile[] {
    return this.#old.get(path) ?? [];
  }

  /** This file has the path now. Where it is known, what was before it may not have been found yet: it waits. */
  found(file: TrackedFile, path: string): void {
    if (!this.#grouping) return;
    if (!file.stream.persisted) this.#link(file, path);
    else if (file.untouched && file.stream.generation.path === path) {
      this.#early.set(file, path);
      file.held = true;
    }
  }

  /** All old files were found. */
  complete(): void {
    for (const [file, path] of this.#early) {
      this.#link(file, path);
      file.held = false;
      if (this.#tracked(file) && file.size > 0) this.#ready(file);
    }
    this.#early.clear();
  }

  clear(): void {
    this.#old.clear();
    this.#siblings.clear();
  }

  #link(file: TrackedFile, path: string): void {
    const old = this.of(path).at(-1);
    if (old && file.before === null && !this.#cameBetween(old, file, path)) file.follow(old);
  }

  #beside(dir: string): string[] {
    const others = this.#siblings.get(dir) ?? siblings(dir);
    this.#siblings.set(dir, others);
    return others;
  }

  /** Whether another file may have had the name between the two, by names and times. */
  #cameBetween(old: TrackedFile, file: TrackedFile, path: string): boolean {
    const stat = lookUp(path);
    const born = stat && birthOf(stat) !== 0 ? Number(stat.birthtimeMs) : 0;
    // One that was truncated is older than what it holds.
    const until = born > old.modified ? born + LATE_MS : Number.POSITIVE_INFINITY;
    const places = placesOf(path);
    return places
      .flatMap((place) => this.#beside(dirname(place)))
      .some((other) => {
        if (!mayBeCopy(other, places, 0)) return false;
        const stat = lookUp(other);
        if (!stat) return false;
        const modified = Number(stat.mtimeMs);
        if (modified <= old.modified || modified > until) return false;
        return !isInode(old, stat) && !isInode(file, stat) && !this.#tracked(inodeOf(stat));
      });
  }
}
