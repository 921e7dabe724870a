/** Files that are not tracked yet: whether they are read, from where on, and what has to be read before them. */
import type { BigIntStats } from 'node:fs';
import { dirname } from 'node:path';
import { lstatSync, realpathSync } from '../../../mounts/fs.ts';
import type { Archives } from '../compressed/archives.ts';
import type { TailContext } from '../context.ts';
import { descriptors } from '../file/descriptors.ts';
import type { TrackedFile } from '../file/file.ts';
import type { Discovery } from '../find/discover.ts';
import type { LeftOut } from '../find/left-out.ts';
import type { Poller } from '../find/poll.ts';
import type { Untracked } from '../find/untracked.ts';
import type { Places } from '../positions/place.ts';
import { admit, takeUp } from './admit.ts';
import type { Changes } from './changes.ts';
import type { Names } from './names.ts';
import type { Renames } from './renames.ts';
import type { Succession } from './succession.ts';
import type { Unsure } from './verify-later.ts';

/** So many files are opened at the start: what is written to one that is deleted in the next moment is read then. */
const OPEN_AT_START = 1000;

/** How far the tracker has come. */
export interface Stage {
  /** True until everything was looked at for the first time on this data_dir. */
  first: boolean;
  /** True until everything was looked at for the first time. */
  starting: boolean;
}

export interface NewFilesOptions {
  context: TailContext;
  stage: Readonly<Stage>;
  open_at_start: number | undefined;
  names: Names;
  places: Places;
  archives: Archives;
  untracked: Untracked;
  leftOut: LeftOut;
  discovery: Discovery;
  poller: Poller;
  succession: Succession;
  changes: Changes;
  renames: Renames;
  unsure: Unsure;
}

export class NewFiles {
  readonly #o: NewFilesOptions;
  /** Paths of files that are not known, while what they hold may be. */
  unknown: Set<string> | null = null;

  constructor(options: NewFilesOptions) {
    this.#o = options;
  }

  /** False: there are as many files as may be. */
  get room(): boolean {
    const { names, context } = this.#o;
    return names.files.size + (this.unknown?.size ?? 0) < context.input.max_files;
  }

  /** A file that is not tracked yet. */
  adopt(path: string, stat: BigIntStats, link: boolean): void {
    if (this.#o.archives.has(path, stat)) return;
    if (this.#o.leftOut.isOwn(path, link)) return;
    if (link && this.#o.leftOut.isHidden(path)) {
      this.#o.untracked.note(path, 'excluded', { existing: this.#o.stage.first });
      return;
    }
    if (!this.room) {
      if (!this.#o.leftOut.isBeyond(path)) return;
      // Once there is, it is found again. What finds it counts it: that is not to wait for its turn.
      this.#o.discovery.listAgain(dirname(path));
      if (this.#o.discovery.left.files === 0) void this.#o.discovery.scan();
      return;
    }
    const many = this.#o.names.files.size >= (this.#o.open_at_start ?? OPEN_AT_START);
    let admitted = this.#o.stage.starting && many ? takeUp(this.#o.context, path, stat) : null;
    try {
      const existing = this.#o.untracked.get(path)?.existing ?? this.#o.stage.first;
      admitted ??= admit(this.#o.context, path, this.unknown ? null : existing ? 'existing' : 'new');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') this.#o.leftOut.cannotRead(path, error as Error);
      return;
    }
    this.#o.untracked.delete(path);
    if (!admitted) {
      this.unknown?.add(path);
      return;
    }
    const { file, fd } = admitted;
    const old = this.#o.renames.old(path);
    if (old) file.follow(old);
    this.#o.names.name(file, file.path ?? path);
    this.#o.names.add(file);
    this.#o.places.note(file, file.path, link);
    if (fd !== null) descriptors.keep(file, fd);
    this.#o.unsure.add(file);
    if (!file.packed && !file.stream.persisted && !this.#o.stage.first) this.#o.names.fresh.add(file);
    if (this.#o.stage.starting) this.#o.succession.found(file, path);
    if (file.packed && !file.stream.persisted) this.#o.succession.holdPacked(file, path);
    if (file.packed || file.doubt || file.size !== file.position) this.#o.changes.wake(file);
    if (link) this.#watchTarget(path, file);
    this.#o.poller.add(file);
  }

  /** What is written to the target of a symbolic link is told in the target's directory. */
  #watchTarget(path: string, file: TrackedFile): void {
    let real: string;
    try {
      if (!lstatSync(path).isSymbolicLink()) return;
      real = realpathSync(path);
    } catch {
      // It has just gone: the next look sees that.
      return;
    }
    this.#o.discovery.watchTarget(dirname(real));
    if (!this.#o.names.named(real)) this.#o.names.alias(real, file);
  }
}
