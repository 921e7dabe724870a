/**
 * Which files there are, and under which names: the tracked files of one input.
 *
 *   discovery --found, moved--> look (who has this name now?) --> a new file, a rename, a name lost
 *             --written------------------------------------------> ready
 *
 * A look is one short step without a wait, so it sees one state of things. A file is known by device and inode; it
 * has one name, and aliases: hard links, symbolic links and their targets, the name it was renamed to.
 */
import { type BigIntStats, fstatSync, lstatSync, realpathSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { log } from '../../log.ts';
import { type Admitted, admit, copyOf, recover } from './admit.ts';
import { descriptors } from './descriptors.ts';
import { Discovery, type Finder } from './discover.ts';
import type { TailContext, TrackedFile } from './file.ts';
import { Excludes, Glob } from './glob.ts';
import { inodeKey, keyAt, lookUp, siblings } from './identity.ts';

/** Looks between which other things get their turn. */
const STEP = 64;

export class Tracker implements Finder {
  readonly files = new Set<TrackedFile>();
  /** Paths that could not be opened; true: the path was there at the first start. */
  readonly unreadable = new Map<string, boolean>();
  /** By path: the file that had it, while that is still read and no other has it. */
  readonly #lost = new Map<string, TrackedFile>();
  readonly #context: TailContext;
  readonly #ready: (file: TrackedFile) => void;
  readonly #discovery: Discovery;
  readonly #byPath = new Map<string, TrackedFile>();
  readonly #byKey = new Map<string, TrackedFile>();
  readonly #byAlias = new Map<string, TrackedFile>();
  /** Paths that are no regular files. */
  readonly #skipped = new Set<string>();
  /** Paths to look at, in order. */
  readonly #looks = new Set<string>();
  #looking: Promise<void> | null = null;
  /** True until everything was looked at for the first time on this data_dir. */
  #first: boolean;

  /** `ready` is told of files that may have something to read. */
  constructor(context: TailContext, ready: (file: TrackedFile) => void) {
    const { input, positions } = context;
    this.#context = context;
    this.#ready = ready;
    this.#first = !positions.started(input.name);
    this.#discovery = new Discovery(new Glob(input.include), new Excludes(input.exclude), this);
  }

  /** Finds what is there, and reads on in what lost its name while the agent was down. */
  async start(): Promise<void> {
    const { input, positions } = this.#context;
    await this.#discovery.scan();
    while (this.#looking) await this.#looking;
    this.#first = false;
    positions.setStarted(input.name);
    for (const { file, fd, path } of recover(this.#context, (key) => this.#byKey.has(key))) {
      file.gone = performance.now();
      this.#alias(path, file);
      this.#track({ file, fd });
    }
    if (input.forget_after !== null) positions.forgetOlder(input.name, input.forget_after);
  }

  /** Looks at a tracked file if anything about it has changed; costs one stat. */
  check(file: TrackedFile, path: string): void {
    if (!file.unchanged(path)) this.lookAt(path);
  }

  /** Goes over all directories again, and over what could not be read. */
  again(): void {
    void this.#discovery.scan();
    for (const path of this.unreadable.keys()) this.lookAt(path);
    for (const path of this.#skipped) this.lookAt(path);
  }

  /** True: there are directories that cannot be watched, so looking often has to do. */
  get blind(): boolean {
    return this.#discovery.blind;
  }

  async close(): Promise<void> {
    await this.#discovery.close();
    this.#looks.clear();
    await this.#looking;
    for (const file of this.files) {
      descriptors.close(file);
      this.#context.positions.unuse(file.stream.generation);
    }
  }

  /** The file does not hold what it held. What was not read is looked for in a copy; else it is lost, and counted. */
  restarted(file: TrackedFile): void {
    const unread = Math.max(0, file.size - file.position);
    const { path } = file.stream.generation;
    const copy = copyOf(this.#context, file, (key) => this.#byKey.has(key));
    file.restart(copy !== null);
    let fate = '';
    if (copy) {
      copy.file.gone = performance.now();
      this.#alias(copy.path, copy.file);
      this.#track(copy);
      file.follow(copy.file);
      fate = `, and what was left of it from ${copy.path}`;
    } else if (unread > 0) {
      this.#context.account.drop('truncated', 0, unread);
      fate = `; ${unread} bytes were not read before`;
    }
    log.info(`${path} was truncated or written anew: reading it from 0${fate}`);
  }

  found(path: string): void {
    this.lookAt(path);
  }

  written(path: string): void {
    const file = this.#byPath.get(path) ?? this.#byAlias.get(path);
    if (file) this.#ready(file);
    else if (!this.#looks.has(path) && this.#discovery.names(path)) this.lookAt(path);
  }

  moved(path: string): void {
    if (this.#byPath.has(path) || this.#byAlias.has(path) || this.#discovery.names(path)) {
      this.lookAt(path);
      return;
    }
    const stat = lookUp(path);
    if (stat?.isDirectory()) void this.#discovery.scan();
    else if (stat?.isFile()) {
      // The new name of a tracked file: what is written to it from now on is told under this name.
      const file = this.#byKey.get(inodeKey(stat));
      if (file) this.#alias(path, file);
    }
  }

  lookAt(path: string): void {
    this.#looks.add(path);
    this.#looking ??= this.#lookAll();
  }

  async #lookAll(): Promise<void> {
    let step = 0;
    await Promise.resolve();
    for (const path of this.#looks) {
      this.#looks.delete(path);
      this.#look(path);
      if (++step % STEP === 0) await setImmediate();
    }
    this.#looking = null;
  }

  #look(path: string): void {
    const file = this.#byPath.get(path);
    let stat: BigIntStats | undefined;
    try {
      stat = statSync(path, { bigint: true, throwIfNoEntry: false });
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      // Not gone, only out of sight.
      if (code !== 'ENOTDIR' && code !== 'ELOOP') {
        this.cannotRead(path, error as Error);
        return;
      }
    }
    if (!stat?.isFile()) {
      this.unreadable.delete(path);
      this.#unalias(path);
      if (file) this.#lostName(file);
      if (!stat) this.#skipped.delete(path);
      else if (this.#discovery.names(path)) this.#skip(path, stat);
      return;
    }
    if (file?.key === inodeKey(stat)) {
      if (this.unreadable.delete(path)) file.error = null;
      this.#update(file, stat);
      return;
    }
    if (file) this.#lostName(file);
    const alias = this.#byAlias.get(path);
    if (alias?.key === inodeKey(stat)) {
      this.#ready(alias);
      return;
    }
    this.#unalias(path);
    if (!this.#discovery.names(path)) return;
    const known = this.#byKey.get(inodeKey(stat));
    if (known) this.#rename(known, path);
    else this.#adopt(path);
  }

  #update(file: TrackedFile, stat: BigIntStats): void {
    const size = Number(stat.size);
    const modified = Number(stat.mtimeMs);
    if (size === file.size && modified === file.modified) return;
    file.modified = modified;
    this.#ready(file);
  }

  /** A tracked file has this name, too. */
  #rename(file: TrackedFile, path: string): void {
    const before = file.path;
    if (before !== null && keyAt(before) === file.key) {
      this.#alias(path, file);
      return;
    }
    if (before !== null) {
      this.#byPath.delete(before);
      this.#lost.set(before, file);
      this.lookAt(before);
    }
    file.path = path;
    file.gone = null;
    file.flush = false;
    this.#byPath.set(path, file);
    this.#ready(file);
  }

  /** Its name is gone or another file's. It is read to its end, and let go when nothing is written to it any more. */
  #lostName(file: TrackedFile): void {
    const path = file.path!;
    this.#byPath.delete(path);
    this.#lost.set(path, file);
    file.path = null;
    file.gone = performance.now();
    for (const alias of [...file.aliases]) {
      if (keyAt(alias) !== file.key) this.#unalias(alias);
      else if (this.#discovery.names(alias)) {
        this.#unalias(alias);
        this.#rename(file, alias);
        return;
      }
    }
    if (file.fd === null && !this.#findByInode(file, dirname(path))) {
      this.finish(file, Math.max(0, file.size - file.position));
      return;
    }
    this.#ready(file);
  }

  /** Opens a file that was renamed within its directory while it was closed. */
  #findByInode(file: TrackedFile, dir: string): boolean {
    for (const path of siblings(dir)) {
      if (keyAt(path) !== file.key) continue;
      file.path = path;
      try {
        if (descriptors.open(file)) this.#alias(path, file);
      } catch (error) {
        file.error = (error as Error).message;
      }
      file.path = null;
      return file.fd !== null;
    }
    return false;
  }

  #alias(path: string, file: TrackedFile): void {
    this.#unalias(path);
    this.#byAlias.set(path, file);
    file.aliases.add(path);
  }

  #unalias(path: string): void {
    this.#byAlias.get(path)?.aliases.delete(path);
    this.#byAlias.delete(path);
  }

  #skip(path: string, stat: BigIntStats): void {
    if (this.#skipped.has(path)) return;
    this.#skipped.add(path);
    const what = stat.isDirectory()
      ? 'a directory'
      : stat.isFIFO()
        ? 'a FIFO'
        : stat.isSocket()
          ? 'a socket'
          : 'a device';
    log.warn(`${path} matches input ${this.#context.input.name} and is ${what}: it is not read`);
  }

  cannotRead(path: string, error: Error): void {
    const file = this.#byPath.get(path);
    if (file) file.error = error.message;
    if (!this.unreadable.has(path)) {
      log.warn(`cannot read ${path}: ${error.message}; it is tried again every ten seconds`);
      this.unreadable.set(path, this.#first);
    }
  }

  /** A file that is not tracked yet. */
  #adopt(path: string): void {
    let admitted: Admitted | null;
    try {
      admitted = admit(this.#context, path, this.unreadable.get(path) ?? this.#first);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') this.cannotRead(path, error as Error);
      return;
    }
    this.unreadable.delete(path);
    if (!admitted) return;
    this.#byPath.set(path, admitted.file);
    const old = this.#lost.get(path);
    if (old) admitted.file.follow(old);
    this.#lost.delete(path);
    this.#track(admitted);
    this.#watchTarget(path, admitted.file);
  }

  #track({ file, fd }: Admitted): void {
    this.files.add(file);
    this.#byKey.set(file.key, file);
    descriptors.keep(file, fd);
    if (file.size !== file.position) this.#ready(file);
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
    this.#discovery.watchTarget(dirname(real));
    if (!this.#byPath.has(real)) this.#alias(real, file);
  }

  /** Lets a file go that has no name any more. `unread` bytes of it are lost. */
  finish(file: TrackedFile, unread: number): void {
    if (unread > 0) {
      this.#context.account.drop('deleted', 0, unread);
      const path = file.stream.generation.path;
      log.warn(`${path} is gone with ${unread} bytes that were not read: it was deleted while it was closed`);
    }
    const { path } = file.stream.generation;
    if (this.#lost.get(path) === file) this.#lost.delete(path);
    if (file.after) file.after.before = null;
    const deleted = file.fd === null || fstatSync(file.fd).nlink === 0;
    descriptors.close(file);
    this.files.delete(file);
    if (this.#byKey.get(file.key) === file) this.#byKey.delete(file.key);
    for (const alias of [...file.aliases]) this.#unalias(alias);
    if (deleted) file.stream.end();
    else this.#context.positions.release(file.stream.generation);
  }
}
