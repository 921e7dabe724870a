/**
 * Paths that are looked at in the order in which they were told of: who has this name now?
 *
 *   path --> the file that had it | a file of another name | a new file | none any more
 *
 * A look is one short step without a wait, so it sees one state of things.
 */
import type { BigIntStats } from 'node:fs';
import { setImmediate } from 'node:timers/promises';
import { closeSync, Elsewhere, statSync } from '../../../mounts/fs.ts';
import type { Mount } from '../../../mounts/mountinfo.ts';
import { openRegular } from '../../../mounts/open.ts';
import { inodeOf, isInode } from '../file/inode.ts';
import type { LeftOut } from '../find/left-out.ts';
import type { Selection } from '../find/selection.ts';
import type { Untracked } from '../find/untracked.ts';
import type { Places } from '../positions/place.ts';
import type { Turns } from '../turns.ts';
import type { Changes } from './changes.ts';
import type { Names } from './names.ts';
import type { NewFiles } from './new-files.ts';
import type { Renames } from './renames.ts';

/** After so much looking other things get their turn, milliseconds. */
const STEP_MS = 5;
/** So many are found before they are looked at. */
const MOST = 10_000;

export interface LooksOptions {
  names: Names;
  places: Places;
  selection: Selection;
  untracked: Untracked;
  leftOut: LeftOut;
  turns: Turns;
  changes: Changes;
  renames: Renames;
  newFiles: NewFiles;
  /** It leads to a mount that is not looked at here. */
  elsewhere: (path: string, mount: Mount) => void;
}

export class Looks {
  readonly #o: LooksOptions;
  readonly #paths = new Map<string, boolean>();
  #looking: Promise<void> | null = null;

  constructor(options: LooksOptions) {
    this.#o = options;
  }

  /** `link`: it is, or may be, a symbolic link, or no name that is looked for. */
  add(path: string, link: boolean): void {
    this.#paths.set(path, link || this.#paths.get(path) === true);
    this.#looking ??= this.#lookAll();
  }

  has(path: string): boolean {
    return this.#paths.has(path);
  }

  clear(): void {
    this.#paths.clear();
  }

  /** Set: there are so many that no more should be found before they are looked at. */
  get behind(): Promise<void> | null {
    return this.#paths.size > MOST ? this.#looking : null;
  }

  /** Until there are none. */
  async all(): Promise<void> {
    while (this.#looking) await this.#looking;
  }

  async #lookAll(): Promise<void> {
    await Promise.resolve();
    let start = performance.now();
    for (const [path, link] of this.#paths) {
      this.#paths.delete(path);
      try {
        this.#look(path, link);
      } catch (error) {
        // One path that the system fails at ends no look at the others.
        this.#o.leftOut.cannotRead(path, error as Error);
      }
      if (performance.now() - start < STEP_MS) continue;
      await setImmediate();
      start = performance.now();
    }
    this.#o.places.clear();
    this.#looking = null;
  }

  #look(path: string, link: boolean): void {
    const file = this.#o.names.named(path);
    let stat: BigIntStats | undefined;
    try {
      stat = statSync(path, { bigint: true, throwIfNoEntry: false });
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (error instanceof Elsewhere) {
        // Something was mounted above it, or it is a link: the name is no file's that is read here.
        if (this.#o.selection.has(path)) this.#o.elsewhere(path, error.mount);
      } else if (code !== 'ENOTDIR' && code !== 'ELOOP') {
        // Not gone, only out of sight.
        this.#o.leftOut.cannotRead(path, error as Error);
        return;
      }
    }
    if (!stat?.isFile()) {
      this.#o.names.unalias(path);
      if (file) this.#o.renames.lose(file);
      this.#o.leftOut.skip(path, stat);
      return;
    }
    if (file && isInode(file, stat)) {
      // Nothing may have been written to it since.
      if (this.#o.untracked.get(path)) this.#o.turns.ready(file);
      this.#o.changes.seen(file, stat);
      return;
    }
    if (file) this.#o.renames.lose(file);
    const alias = this.#o.names.aliased(path);
    if (alias && isInode(alias, stat)) {
      if (alias.path === null && this.#o.selection.has(path)) this.#o.renames.rename(alias, path);
      else this.#o.turns.ready(alias);
      return;
    }
    this.#o.names.unalias(path);
    if (link && !this.#o.selection.has(path)) return;
    const known = this.#o.names.of(inodeOf(stat));
    if (!known) this.#o.newFiles.adopt(path, stat, link);
    else if (!link || this.#isReadable(path)) this.#o.renames.rename(known, path);
  }

  /** False: it leads to a file that is read under another name, and may not be followed. */
  #isReadable(path: string): boolean {
    try {
      const opened = openRegular(path);
      if (opened) closeSync(opened.fd);
      return opened !== null;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') this.#o.leftOut.cannotRead(path, error as Error);
      return false;
    }
  }
}
