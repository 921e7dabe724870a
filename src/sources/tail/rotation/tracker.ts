/**
 * Which files there are, and under which names: the tracked files of one input.
 *
 *   discovery --found, moved--> look (who has this name now?) --> a new file, a rename, a name lost
 *             --written------------------------------------------> ready
 *
 * A look is one short step without a wait, so it sees one state of things.
 */

import type { BigIntStats } from 'node:fs';
import { dirname } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import type { LossReason } from '../../../core/losses.ts';
import { log } from '../../../log.ts';
import { closeSync, Elsewhere, fstatSync, lstatSync, realpathSync, statSync } from '../../../mounts/fs.ts';
import type { Mount } from '../../../mounts/mountinfo.ts';
import { isForeign, openRegular } from '../../../mounts/open.ts';
import { foreignMountOf } from '../../../mounts/places.ts';
import { Archives } from '../compressed/archives.ts';
import { descriptors } from '../file/descriptors.ts';
import type { TailContext, TrackedFile } from '../file/file.ts';
import { inodeOf, isAt, isInode, kindOf, lookUp } from '../file/inode.ts';
import type { Directory } from '../find/directories.ts';
import { Discovery, type Finder } from '../find/discover.ts';
import { Beside } from '../find/listing.ts';
import { OwnFiles } from '../find/own.ts';
import { Poller } from '../find/poll.ts';
import { Selection, withHint } from '../find/selection.ts';
import { homesOf } from '../find/symlinks.ts';
import { Untracked } from '../find/untracked.ts';
import { Places } from '../positions/place.ts';
import { takeBack } from '../room/aside.ts';
import { Upkeep } from '../room/upkeep.ts';
import type { Turns } from '../turns.ts';
import { admit, takeUp } from './admit.ts';
import { Names } from './names.ts';
import { type Place, Seeker } from './seek.ts';
import { Succession } from './succession.ts';
import { Unsure } from './verify-later.ts';

/** After so much looking other things get their turn, milliseconds. */
const STEP_MS = 5;
/** What was not written to for so long is not about to be truncated. */
const REST_MS = 60_000;
const YOUNG_MS = 10_000;
/** So many are found before they are looked at. */
const MOST_LOOKS = 10_000;
const FEWEST_DIRECTORIES = 1000;
/** Names that a file is known by, beside the one that it is read under. */
const MOST_ALIASES = 64;
/** So many files are opened at the start: what is written to one that is deleted in the next moment is read then. */
const OPEN_AT_START = 1000;

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

export interface TrackerOptions {
  /** So many files are opened at the start although they were read to their end; default: a thousand. */
  open_at_start?: number;
  /** Paths below which files are looked for, and nowhere else; default: wherever the patterns lead. */
  roots?: ReadonlySet<string>;
  /** Told of paths that lead to a mount which is not looked at here; may be told many times. */
  elsewhere?: (path: string, mount: Mount) => void;
  /** True: the output is away, nothing is read. */
  away?: () => boolean;
}

export class Tracker implements Finder {
  readonly untracked: Untracked;
  readonly upkeep: Upkeep;
  readonly #unsure: Unsure;
  /** By path: the file that had it, while that is still read and no other has it. */
  readonly #lost = new Map<string, TrackedFile>();
  readonly #context: TailContext;
  readonly #turns: Turns;
  readonly #o: TrackerOptions;
  readonly #selection: Selection;
  readonly #own: OwnFiles;
  readonly #archives: Archives;
  readonly #discovery: Discovery;
  readonly #poller = new Poller(this);
  readonly #names = new Names();
  readonly #places: Places;
  readonly #beside = new Beside();
  readonly #seeker = new Seeker(this.#beside, (file, place) => this.#sought(file, place));
  readonly #succession: Succession;
  /** Paths to look at, in order; true: it may be a symbolic link, or a name that is not looked for. */
  readonly #looks = new Map<string, boolean>();
  #looking: Promise<void> | null = null;
  #closed = false;
  /** True until everything was looked at for the first time on this data_dir. */
  #first: boolean;
  /** True until everything was looked at for the first time. */
  starting = true;
  #stopped = false;
  /** Paths of files that are not known, while what they hold may be. */
  #unknown: Set<string> | null = null;

  constructor(context: TailContext, turns: Turns, options: TrackerOptions) {
    const { input, positions } = context;
    this.#o = options;
    this.#context = context;
    this.#turns = turns;
    this.#first = !positions.started(input.name);
    this.untracked = new Untracked(input.name, (directory) => this.#discovery.listAgain(directory));
    this.#selection = new Selection(input);
    this.#own = new OwnFiles(context.data_dir);
    this.#places = new Places(positions);
    const unpacks = (path: string) => this.#selection.unpacks(path);
    this.#archives = new Archives({ input: input.name, untracked: this.untracked, unpacks });
    this.#discovery = new Discovery({
      input: input.name,
      selection: this.#selection,
      own: this.#own,
      roots: options.roots ?? null,
      most: Math.max(FEWEST_DIRECTORIES, Math.floor(input.max_files / 2)),
      finder: this,
    });
    const matches = (path: string) => this.#selection.has(path);
    const judge = (file: TrackedFile) => this.#judge(file, file.path!);
    const told = (dir: string) => this.#discovery.tells(dir);
    const [names, beside] = [this.#names, this.#beside];
    const places = this.#places;
    this.#succession = new Succession({ context, names, places, beside, matches, told, turns, judge });
    this.#unsure = new Unsure({
      restarted: (file) => this.restarted(file),
      cannotRead: (path, error) => this.cannotRead(path, error),
    });
    this.upkeep = new Upkeep(context, this.#names, (file, unread, reason) => this.finish(file, unread, reason));
  }

  get files(): ReadonlySet<TrackedFile> {
    return this.#names.files;
  }

  /** Those that have no name any more. */
  get nameless(): ReadonlySet<TrackedFile> {
    return this.#names.nameless;
  }

  /** Those that are decompressed. */
  get packed(): ReadonlySet<TrackedFile> {
    return this.#names.packed;
  }

  /** Bytes that were read once more because it could not be told whether they had been read. */
  get reread_bytes(): number {
    return this.#succession.reread_bytes;
  }

  /** What matches and is not read, by reason, in files; directories that are not looked into are one each. */
  get left_out(): LeftOutStatus {
    const { files, directories, foreign } = this.#discovery.left;
    return {
      max_files: files,
      directories,
      foreign_link: this.untracked.count('foreign_link') + foreign,
      special: this.untracked.count('special'),
      compressed: this.untracked.count('compressed'),
    };
  }

  /** Finds what is there, and reads on in what was renamed or copied while the agent was down. */
  async start(): Promise<void> {
    const { input, positions } = this.#context;
    if (positions.hasFree(input.name)) {
      this.#unknown = new Set();
      this.#succession.expect(positions.known(input.name));
    }
    await this.#discovery.scan();
    while (this.#looking) await this.#looking;
    // Not all was seen: nothing can be said of what is missing.
    if (this.#stopped) return;
    await this.#succession.recover();
    const unknown = this.#unknown ?? [];
    this.#unknown = null;
    for (const path of unknown) this.lookAt(path);
    while (this.#looking) await this.#looking;
    this.#first = false;
    this.starting = false;
    // Of what lies elsewhere, what this process sees of it says nothing.
    if (!this.#o.roots) this.#sayIdle();
    positions.setStarted(input.name);
    this.#succession.started();
  }

  /** Ends the start: there may be any number of directories and files. */
  stopStarting(): void {
    if (!this.starting) return;
    this.#stopped = true;
    this.#discovery.stop();
    this.#looks.clear();
  }

  /** Patterns that have named nothing yet. */
  get idle(): { include: string[]; exclude: string[] } {
    return this.#selection.idle;
  }

  /** What matches nothing may be meant otherwise: what was to be kept back is sent, or what was to be sent is not. */
  #sayIdle(): void {
    const { name, include: all } = this.#context.input;
    const { include, exclude } = this.idle;
    const said = (patterns: string[]) => patterns.map(withHint).join(', ');
    const text = `input ${name}: no file yet is named by ${said(include)}`;
    if (include.length === all.length) log.warn(text);
    else if (include.length > 0) log.info(text);
    if (exclude.length > 0) log.info(`input ${name}: nothing that is there is left out by exclude: ${said(exclude)}`);
  }

  /** Looks whether anything about a tracked file has changed; costs one stat. */
  check(file: TrackedFile, path: string): void {
    this.#context.positions.sized(file.stream.generation, file.size);
    const state = file.compare(path);
    if (state === 'other') this.lookAt(path);
    else if (state === 'shorter') this.#shorter(file);
    else if (state === 'written' || file.room) this.#wake(file);
    else {
      file.noteSum();
      if (performance.now() - file.grown > REST_MS) file.stream.rest();
    }
  }

  /** Goes on with what is hurried; true: there is more of it. */
  step(): boolean {
    return this.#succession.stepHolds();
  }

  /** What is looked after at each tick. */
  tick(now: number): void {
    this.#unsure.step();
    this.#succession.tick();
    this.upkeep.tick(now);
  }

  scan(): Promise<void> {
    return this.#discovery.scan();
  }

  listen(directory: Directory, calm: boolean, now: number): void {
    this.#discovery.listen(directory, calm, now);
  }

  /** Goes over all directories again, and over what could not be read. */
  again(): void {
    void this.#discovery.scan();
    this.#unsure.again();
    for (const path of this.untracked.round()) this.lookAt(path);
    for (const [path, file] of this.#lost) if (!this.files.has(file)) this.#lost.delete(path);
  }

  /** Directories in which changes are not told: their files are polled. */
  get silent(): number {
    return this.#discovery.silent;
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#poller.stop();
    await this.#discovery.close();
    this.#looks.clear();
    await this.#looking;
    this.#beside.close();
    await this.#succession.close();
    for (const file of this.files) {
      file.measure();
      this.#remember(file);
      file.closeSum();
      descriptors.close(file);
      this.#context.positions.unuse(file.stream.generation);
    }
  }

  /** The file does not hold what it held. */
  restarted(file: TrackedFile): void {
    this.#succession.restarted(file);
  }

  /** It holds what was read, and `size` bytes in all, which is less than was known of. */
  shortened(file: TrackedFile, size: number): void {
    this.#succession.shortened(file, size);
  }

  /** True: it is compared with the file that had its name, and held meanwhile. */
  replaces(file: TrackedFile, old: TrackedFile): boolean {
    return this.#succession.replaces(file, old);
  }

  get room(): boolean {
    return this.files.size + (this.#unknown?.size ?? 0) < this.#context.input.max_files;
  }

  get behind(): Promise<void> | null {
    return this.#looks.size > MOST_LOOKS ? this.#looking : null;
  }

  found(path: string, link: boolean): boolean {
    // Whether it still is that file is looked at in its turn.
    if (this.#names.named(path)) return true;
    if (!this.room && !this.#names.aliased(path)) return !this.#isBeyond(path);
    this.lookAt(path, link);
    return true;
  }

  /** True: it would be read if there were room. */
  #isBeyond(path: string): boolean {
    if (!lookUp(path)?.isFile()) return false;
    const { name, max_files } = this.#context.input;
    const help = 'others have to go first; raise max_files, or include less';
    log.warnOnce(`max_files ${name}`, `input ${name} has ${max_files} files, and no room for ${path}: ${help}`);
    return true;
  }

  aside(path: string): void {
    const back = takeBack(path);
    if (back !== null) this.moved(back);
  }

  elsewhere(path: string, mount: Mount): void {
    this.#selection.leave(path);
    this.#o.elsewhere?.(path, mount);
  }

  polled(directory: Directory): void {
    this.#poller.start(directory);
  }

  written(path: string): void {
    const file = this.#names.at(path);
    if (!file) {
      this.#beside.tell(path);
      if (!this.#looks.has(path) && this.#selection.has(path)) this.lookAt(path);
    } else {
      file.written = performance.now();
      // Nothing is read for now, which would tell.
      if (this.#o.away?.() && file.size > file.position) this.check(file, path);
      else this.#wake(file);
    }
  }

  moved(path: string): void {
    this.#beside.tell(path);
    if (this.#names.at(path) || this.#selection.has(path)) {
      this.lookAt(path);
      return;
    }
    const stat = lookUp(path);
    if (stat?.isDirectory() || foreignMountOf(path)) void this.#discovery.scan();
    else if (stat?.isFile()) {
      // The new name of a tracked file: what is written to it from now on is told under this name.
      const file = this.#names.of(inodeOf(stat));
      if (!file) return;
      this.#names.alias(path, file);
      if (file.path === null) this.#places.note(file, path, false);
    }
  }

  /** `link`: it is, or may be, a symbolic link, or no name that is looked for. */
  lookAt(path: string, link = true): void {
    this.#looks.set(path, link || this.#looks.get(path) === true);
    this.#looking ??= this.#lookAll();
  }

  async #lookAll(): Promise<void> {
    await Promise.resolve();
    let start = performance.now();
    for (const [path, link] of this.#looks) {
      this.#looks.delete(path);
      try {
        this.#look(path, link);
      } catch (error) {
        // One path that the system fails at ends no look at the others.
        this.cannotRead(path, error as Error);
      }
      if (performance.now() - start < STEP_MS) continue;
      await setImmediate();
      start = performance.now();
    }
    this.#places.clear();
    this.#looking = null;
  }

  #look(path: string, link: boolean): void {
    const file = this.#names.named(path);
    let stat: BigIntStats | undefined;
    try {
      stat = statSync(path, { bigint: true, throwIfNoEntry: false });
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (error instanceof Elsewhere) {
        // Something was mounted above it, or it is a link: the name is no file's that is read here.
        if (this.#selection.has(path)) this.elsewhere(path, error.mount);
      } else if (code !== 'ENOTDIR' && code !== 'ELOOP') {
        // Not gone, only out of sight.
        this.cannotRead(path, error as Error);
        return;
      }
    }
    if (!stat?.isFile()) {
      this.#names.unalias(path);
      if (file) this.#lostName(file);
      this.#skip(path, stat);
      return;
    }
    if (file && isInode(file, stat)) {
      // Nothing may have been written to it since.
      if (this.untracked.get(path)) this.#turns.ready(file);
      this.#update(file, stat);
      return;
    }
    if (file) this.#lostName(file);
    const alias = this.#names.aliased(path);
    if (alias && isInode(alias, stat)) {
      if (alias.path === null && this.#selection.has(path)) this.#rename(alias, path);
      else this.#turns.ready(alias);
      return;
    }
    this.#names.unalias(path);
    if (link && !this.#selection.has(path)) return;
    const known = this.#names.of(inodeOf(stat));
    if (!known) this.#adopt(path, stat, link);
    else if (!link || this.#isReadable(path)) this.#rename(known, path);
  }

  /** False: it leads to a file that is read under another name, and may not be followed. */
  #isReadable(path: string): boolean {
    try {
      const opened = openRegular(path);
      if (opened) closeSync(opened.fd);
      return opened !== null;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') this.cannotRead(path, error as Error);
      return false;
    }
  }

  #update(file: TrackedFile, stat: BigIntStats): void {
    const size = Number(stat.size);
    const modified = Number(stat.mtimeMs);
    if (size === file.stored && modified === file.modified) return;
    if (file.seen(size, modified) === 'shorter') this.#shorter(file);
    else this.#wake(file);
  }

  /** Less is there than was known of. That is judged at once: while the output is away nothing is read. */
  #shorter(file: TrackedFile): void {
    if (!file.held && !file.reading && !file.restarting) {
      const size = file.withOpen((fd) => fstatSync(fd).size) ?? file.size;
      const holds = file.holdsWhatWasRead();
      if (size === 0 || holds === false) this.restarted(file);
      else if (holds && size < file.size) this.shortened(file, size);
    }
    this.#wake(file);
  }

  /** There may be something to read. */
  #wake(file: TrackedFile): void {
    if (this.#names.fresh.has(file) && file.path !== null) this.#judge(file, file.path);
    if (file.held) this.#succession.step(file);
    else this.#turns.ready(file);
  }

  /** A new file may have to wait as soon as it has bytes. A copy gets its first ones when it is made. */
  #judge(file: TrackedFile, path: string): void {
    const young = performance.now() - file.grown < YOUNG_MS;
    file.measure();
    if (file.size === 0 && young) return;
    this.#names.fresh.delete(file);
    const others = young ? this.#names.beside(path) : [];
    // What was there before the agent started is no copy of what it found just now.
    try {
      this.#succession.holdNew(file, others, !this.starting);
    } catch {
      // What cannot be read cannot be compared; when it is its turn, that is said.
    }
  }

  /** A tracked file has this name, too. */
  #rename(file: TrackedFile, path: string): void {
    const before = file.path;
    if (before !== null && isAt(before, file)) {
      // Whoever may link it may do so any number of times.
      if ((file.aliases?.size ?? 0) < MOST_ALIASES) {
        this.#names.alias(path, file);
        this.#places.note(file);
        this.#poller.add(file);
      } else this.#turns.ready(file);
      return;
    }
    if (before !== null) {
      this.#lost.set(before, file);
      this.lookAt(before);
    }
    this.#names.name(file, path);
    this.untracked.delete(path);
    this.#places.note(file);
    this.#remember(file);
    this.#poller.add(file);
    file.gone = null;
    this.#turns.ready(file);
  }

  /** Its name is gone or another file's. It is read to its end, and let go when nothing is written to it any more. */
  #lostName(file: TrackedFile): void {
    const path = file.path!;
    this.#lost.set(path, file);
    this.#names.unname(file);
    file.gone = performance.now();
    file.measure();
    this.#places.note(file);
    this.#remember(file);
    for (const alias of [...(file.aliases ?? [])]) {
      if (!isAt(alias, file)) this.#names.unalias(alias);
      else if (this.#selection.has(alias)) {
        this.#names.unalias(alias);
        this.#rename(file, alias);
        return;
      }
    }
    if (file.fd !== null) this.#turns.ready(file);
    else this.#seeker.seek(file, homesOf(path));
  }

  /** Where a file is that lost its name while it was closed; it may have been found otherwise meanwhile. */
  #sought(file: TrackedFile, { path, seen, packed }: Place): void {
    if (this.#closed || !this.files.has(file) || file.path !== null || file.fd !== null) return;
    if (path !== null && this.#selection.has(path)) this.#rename(file, path);
    else if (path !== null && this.#openAt(file, path)) this.#turns.ready(file);
    else if (path === null && seen) this.#letGo(file, packed);
    else {
      this.#places.outOfSight(file);
      this.#letRest(file);
    }
  }

  /** What was not read of it has to be known to the next process too, which may not find it under a name of the glob. */
  #remember(file: TrackedFile): void {
    // One that may be a copy is judged anew.
    if (file.size > file.position && !file.held && !this.#names.fresh.has(file)) file.announce();
    this.#context.positions.sized(file.stream.generation, file.size);
  }

  /** It is gone, and was closed; what of it was not read may be in a compressed file beside it. */
  #letGo(file: TrackedFile, packed: readonly string[]): void {
    const unread = Math.max(0, file.size - file.position);
    if (file.packed || packed.length === 0) {
      this.finish(file, unread);
      return;
    }
    this.#letRest(file);
    this.#succession.seek(file, packed, (lost) => this.finish(file, lost));
  }

  /** It cannot be seen, nor that it is gone: it is taken up again where it was, or counted when it is forgotten. */
  #letRest(file: TrackedFile): void {
    this.#names.remove(file);
    this.#context.positions.release(file.stream.generation);
  }

  /** Opens a file under a name that is not looked for. */
  #openAt(file: TrackedFile, path: string): boolean {
    file.path = path;
    try {
      if (descriptors.open(file)) {
        this.#names.alias(path, file);
        this.#places.note(file, path, false);
      }
    } catch (error) {
      file.error = (error as Error).message;
    }
    file.path = null;
    return file.fd !== null;
  }

  /** There is no regular file. */
  #skip(path: string, stat: BigIntStats | undefined): void {
    const isLooked = this.#selection.has(path);
    if (isLooked && stat) {
      const help = stat.isDirectory() ? `; its files are ${path}/*, with those below it ${path}/**` : '';
      const what = `${path} matches input ${this.#context.input.name} and is ${kindOf(stat)}: it is not read${help}`;
      this.untracked.note(path, 'special', { existing: this.#first, what });
    } else if (isLooked && isLink(path)) this.untracked.note(path, 'dangling', { existing: this.#first });
    else this.untracked.delete(path);
  }

  cannotRead(path: string, error: Error): void {
    const file = this.#names.named(path);
    if (file) file.error = error.message;
    this.untracked.note(path, isForeign(error) ? 'foreign_link' : 'unreadable', {
      existing: this.#first,
      what: `cannot read ${path}: ${error.message}; it is tried again every ten seconds`,
      tracked: file !== undefined,
    });
  }

  /** True: it is the agent's own work. */
  #isOwn(path: string, link: boolean): boolean {
    try {
      return this.#own.has(link && isLink(path) ? realpathSync(path) : path);
    } catch {
      // It has just gone: the next look sees that.
      return false;
    }
  }

  /** True: links lead there, and it is left out by where it lies. */
  #isHidden(path: string): boolean {
    try {
      return this.#selection.hides(() => realpathSync(path));
    } catch {
      // It has just gone: the next look sees that.
      return false;
    }
  }

  /** The file was read, and holds no lines. */
  leaveOut(file: TrackedFile, kind: string): void {
    const { path } = file;
    if (file.after) file.after.before = null;
    const stat = path === null ? undefined : lookUp(path);
    descriptors.close(file);
    this.#names.remove(file);
    file.stream.end();
    if (path !== null && stat && isInode(file, stat)) this.#archives.note(path, stat, kind);
    else if (path !== null) this.lookAt(path);
  }

  /** A file that is not tracked yet. */
  #adopt(path: string, stat: BigIntStats, link: boolean): void {
    if (this.#archives.has(path, stat)) return;
    if (this.#isOwn(path, link)) return;
    if (link && this.#isHidden(path)) {
      this.untracked.note(path, 'excluded', { existing: this.#first });
      return;
    }
    if (!this.room) {
      if (!this.#isBeyond(path)) return;
      // Once there is, it is found again. What finds it counts it: that is not to wait for its turn.
      this.#discovery.listAgain(dirname(path));
      if (this.#discovery.left.files === 0) void this.scan();
      return;
    }
    const many = this.files.size >= (this.#o.open_at_start ?? OPEN_AT_START);
    let admitted = this.starting && many ? takeUp(this.#context, path, stat) : null;
    try {
      const existing = this.untracked.get(path)?.existing ?? this.#first;
      admitted ??= admit(this.#context, path, this.#unknown ? null : existing ? 'existing' : 'new');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') this.cannotRead(path, error as Error);
      return;
    }
    this.untracked.delete(path);
    if (!admitted) {
      this.#unknown?.add(path);
      return;
    }
    const { file, fd } = admitted;
    const old = this.#lost.get(path);
    if (old) file.follow(old);
    this.#lost.delete(path);
    this.#names.name(file, file.path ?? path);
    this.#names.add(file);
    this.#places.note(file, file.path, link);
    if (fd !== null) descriptors.keep(file, fd);
    this.#unsure.add(file);
    if (!file.packed && !file.stream.persisted && !this.#first) this.#names.fresh.add(file);
    if (this.starting) this.#succession.found(file, path);
    if (file.packed && !file.stream.persisted) this.#succession.holdPacked(file, path);
    if (file.packed || file.doubt || file.size !== file.position) this.#wake(file);
    if (link) this.#watchTarget(path, file);
    this.#poller.add(file);
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
    if (!this.#names.named(real)) this.#names.alias(real, file);
  }

  /** Lets a file go that has no name any more. `unread` bytes of it are lost. */
  finish(file: TrackedFile, unread: number, reason: LossReason = 'deleted'): void {
    if (unread > 0) {
      this.#context.account.drop(reason, 0, unread);
      const path = file.stream.generation.path;
      if (reason === 'deleted') {
        log.warn(`${path} is gone with ${unread} bytes that were not read: it was deleted while it was closed`);
      }
    }
    const { path } = file.stream.generation;
    if (this.#lost.get(path) === file) this.#lost.delete(path);
    if (file.after?.before?.file === file) file.after.before = null;
    const deleted = file.fd === null || file.now().nlink === 0;
    if (deleted && file.room) this.#context.account.drop('hole', 0, file.room.bytes);
    descriptors.close(file);
    this.#names.remove(file);
    if (deleted) file.stream.end();
    else this.#context.positions.release(file.stream.generation);
  }
}

function isLink(path: string): boolean {
  try {
    return lstatSync(path, { throwIfNoEntry: false })?.isSymbolicLink() === true;
  } catch {
    // No right to look: the look at its directory says so.
    return false;
  }
}
