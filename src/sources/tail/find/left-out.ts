/** What an input's patterns name, or nearly name, and is not read: why, said once, and counted. */
import type { BigIntStats } from 'node:fs';
import { log } from '../../../log.ts';
import { lstatSync, realpathSync } from '../../../mounts/fs.ts';
import { isForeign } from '../../../mounts/open.ts';
import type { TrackedFile } from '../file/file.ts';
import { kindOf, lookUp } from '../file/inode.ts';
import type { LogConfig } from '../options.ts';
import type { LeftOutByWalk } from './finding.ts';
import type { OwnFiles } from './own.ts';
import { type Selection, withHint } from './selection.ts';
import type { Untracked } from './untracked.ts';

export type LeftOutStatus = {
  /** There is no room for them. */
  max_files: number;
  directories: number;
  /** Links of those who may not have what they lead to. */
  foreign_link: number;
  /** FIFOs, sockets, devices, directories. */
  special: number;
  /** They are compressed, or archives, and no pattern says that such are read. */
  compressed: number;
};

export interface LeftOutOptions {
  input: LogConfig;
  selection: Selection;
  own: OwnFiles;
  untracked: Untracked;
  /** By the last pass over the directories. */
  left: () => Readonly<LeftOutByWalk>;
  /** The tracked file of this name. */
  named: (path: string) => TrackedFile | undefined;
  /** True until everything was looked at for the first time on this data_dir. */
  first: () => boolean;
}

export class LeftOut {
  readonly #o: LeftOutOptions;

  constructor(options: LeftOutOptions) {
    this.#o = options;
  }

  /** What matches and is not read, by reason, in files; directories that are not looked into are one each. */
  get status(): LeftOutStatus {
    const { files, directories, foreign } = this.#o.left();
    return {
      max_files: files,
      directories,
      foreign_link: this.#o.untracked.count('foreign_link') + foreign,
      special: this.#o.untracked.count('special'),
      compressed: this.#o.untracked.count('compressed'),
    };
  }

  /** There is no regular file. */
  skip(path: string, stat: BigIntStats | undefined): void {
    const isLooked = this.#o.selection.has(path);
    if (isLooked && stat) {
      const help = stat.isDirectory() ? `; its files are ${path}/*, with those below it ${path}/**` : '';
      const what = `${path} matches input ${this.#o.input.name} and is ${kindOf(stat)}: it is not read${help}`;
      this.#o.untracked.note(path, 'special', { existing: this.#o.first(), what });
    } else if (isLooked && isLink(path)) this.#o.untracked.note(path, 'dangling', { existing: this.#o.first() });
    else this.#o.untracked.delete(path);
  }

  cannotRead(path: string, error: Error): void {
    const file = this.#o.named(path);
    file?.say(error.message);
    this.#o.untracked.note(path, isForeign(error) ? 'foreign_link' : 'unreadable', {
      existing: this.#o.first(),
      what: `cannot read ${path}: ${error.message}; it is tried again every ten seconds`,
      tracked: file !== undefined,
    });
  }

  /** True: it would be read if there were room. */
  isBeyond(path: string): boolean {
    if (!lookUp(path)?.isFile()) return false;
    const { name, max_files } = this.#o.input;
    const help = 'others have to go first; raise max_files, or include less';
    log.warnOnce(`max_files ${name}`, `input ${name} has ${max_files} files, and no room for ${path}: ${help}`);
    return true;
  }

  /** True: it is the agent's own work. */
  isOwn(path: string, link: boolean): boolean {
    try {
      return this.#o.own.has(link && isLink(path) ? realpathSync(path) : path);
    } catch {
      // It has just gone: the next look sees that.
      return false;
    }
  }

  /** True: links lead there, and it is left out by where it lies. */
  isHidden(path: string): boolean {
    try {
      return this.#o.selection.hides(() => realpathSync(path));
    } catch {
      // It has just gone: the next look sees that.
      return false;
    }
  }

  /** What matches nothing may be meant otherwise: what was to be kept back is sent, or what was to be sent is not. */
  sayIdle(): void {
    const { name, include: all } = this.#o.input;
    const { include, exclude } = this.#o.selection.idle;
    const said = (patterns: string[]) => patterns.map(withHint).join(', ');
    const text = `input ${name}: no file yet is named by ${said(include)}`;
    if (include.length === all.length) log.warn(text);
    else if (include.length > 0) log.info(text);
    if (exclude.length > 0) log.info(`input ${name}: nothing that is there is left out by exclude: ${said(exclude)}`);
  }
}

export function isLink(path: string): boolean {
  try {
    return lstatSync(path, { throwIfNoEntry: false })?.isSymbolicLink() === true;
  } catch {
    // No right to look: the look at its directory says so.
    return false;
  }
}
