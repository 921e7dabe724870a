/** What discovery tells of: names that were found, made, moved or written to, and what becomes of that. */
import type { Mount } from '../../../mounts/mountinfo.ts';
import { foreignMountOf } from '../../../mounts/places.ts';
import { inodeOf, lookUp } from '../file/inode.ts';
import type { Directory } from '../find/directories.ts';
import type { Finder } from '../find/discover.ts';
import type { LeftOut } from '../find/left-out.ts';
import type { Listing } from '../find/listing.ts';
import type { Poller } from '../find/poll.ts';
import type { Selection } from '../find/selection.ts';
import type { Places } from '../positions/place.ts';
import { takeBack } from '../room/aside.ts';
import type { Changes } from './changes.ts';
import type { Looks } from './looks.ts';
import type { Names } from './names.ts';
import type { NewFiles } from './new-files.ts';

export interface ToldOptions {
  names: Names;
  places: Places;
  selection: Selection;
  beside: Listing;
  leftOut: LeftOut;
  poller: Poller;
  changes: Changes;
  newFiles: NewFiles;
  looks: Looks;
  /** Goes over all directories. */
  scan: () => Promise<void>;
  elsewhere: ((path: string, mount: Mount) => void) | undefined;
  /** True: the output is away, nothing is read. */
  away: (() => boolean) | undefined;
}

export class Told implements Finder {
  readonly #o: ToldOptions;

  constructor(options: ToldOptions) {
    this.#o = options;
  }

  get room(): boolean {
    return this.#o.newFiles.room;
  }

  get behind(): Promise<void> | null {
    return this.#o.looks.behind;
  }

  found(path: string, link: boolean): boolean {
    // Whether it still is that file is looked at in its turn.
    if (this.#o.names.named(path)) return true;
    if (!this.#o.newFiles.room && !this.#o.names.aliased(path)) return !this.#o.leftOut.isBeyond(path);
    this.#o.looks.add(path, link);
    return true;
  }

  aside(path: string): void {
    const back = takeBack(path);
    if (back !== null) this.moved(back);
  }

  elsewhere(path: string, mount: Mount): void {
    this.#o.selection.leave(path);
    this.#o.elsewhere?.(path, mount);
  }

  polled(directory: Directory): void {
    this.#o.poller.start(directory);
  }

  written(path: string): void {
    const file = this.#o.names.at(path);
    if (!file) {
      this.#o.beside.tell(path);
      if (!this.#o.looks.has(path) && this.#o.selection.has(path)) this.#o.looks.add(path, true);
    } else {
      file.wrote();
      // Nothing is read for now, which would tell.
      if (this.#o.away?.() && file.size > file.position) this.#o.changes.check(file, path);
      else this.#o.changes.wake(file);
    }
  }

  moved(path: string): void {
    this.#o.beside.tell(path);
    if (this.#o.names.at(path) || this.#o.selection.has(path)) {
      this.#o.looks.add(path, true);
      return;
    }
    const stat = lookUp(path);
    if (stat?.isDirectory() || foreignMountOf(path)) void this.#o.scan();
    else if (stat?.isFile()) {
      // The new name of a tracked file: what is written to it from now on is told under this name.
      const file = this.#o.names.of(inodeOf(stat));
      if (!file) return;
      this.#o.names.alias(path, file);
      if (file.path === null) this.#o.places.note(file, path, false);
    }
  }
}
