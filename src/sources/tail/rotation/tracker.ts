/**
 * Which files there are, and under which names: the tracked files of one input.
 *
 *   discovery --found, moved--> look (who has this name now?) --> a new file, a rename, a name lost
 *             --written------------------------------------------> ready
 */
import type { LossReason } from '../../../core/losses.ts';
import type { Mount } from '../../../mounts/mountinfo.ts';
import { Archives } from '../compressed/archives.ts';
import type { TailContext } from '../context.ts';
import { descriptors } from '../file/descriptors.ts';
import type { TrackedFile } from '../file/file.ts';
import { isInode, lookUp } from '../file/inode.ts';
import type { Directory } from '../find/directories.ts';
import { Discovery } from '../find/discover.ts';
import { LeftOut, type LeftOutStatus } from '../find/left-out.ts';
import { Listing } from '../find/listing.ts';
import { OwnFiles } from '../find/own.ts';
import { Poller, type Polling } from '../find/poll.ts';
import { Selection } from '../find/selection.ts';
import { Untracked } from '../find/untracked.ts';
import { Places } from '../positions/place.ts';
import { Upkeep } from '../room/upkeep.ts';
import type { Turns } from '../turns.ts';
import { Changes } from './changes.ts';
import { Looks } from './looks.ts';
import { Names } from './names.ts';
import { NewFiles, type Stage } from './new-files.ts';
import { Renames } from './renames.ts';
import { Succession } from './succession.ts';
import { Told } from './told.ts';
import { Unsure } from './verify-later.ts';

const FEWEST_DIRECTORIES = 1000;

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

export class Tracker implements Polling {
  readonly untracked: Untracked;
  readonly upkeep: Upkeep;
  readonly #context: TailContext;
  readonly #o: TrackerOptions;
  readonly #stage: Stage;
  readonly #selection: Selection;
  readonly #archives: Archives;
  readonly #discovery: Discovery;
  readonly #leftOut: LeftOut;
  readonly #poller = new Poller(this);
  readonly #names = new Names();
  readonly #beside = new Listing();
  readonly #succession: Succession;
  readonly #changes: Changes;
  readonly #renames: Renames;
  readonly #newFiles: NewFiles;
  readonly #unsure: Unsure;
  readonly #looks: Looks;
  #closed = false;
  #stopped = false;

  constructor(context: TailContext, turns: Turns, options: TrackerOptions) {
    const { input, positions, data_dir } = context;
    const stage = { first: !positions.started(input.name), starting: true };
    const [names, beside, poller] = [this.#names, this.#beside, this.#poller];
    const selection = new Selection(input);
    const own = new OwnFiles(data_dir);
    const places = new Places(positions);
    const untracked = new Untracked(input.name, (directory) => discovery.listAgain(directory));
    const archives = new Archives({ input: input.name, untracked, unpacks: (path) => selection.unpacks(path) });
    const discovery = new Discovery({
      input: input.name,
      selection,
      own,
      roots: options.roots ?? null,
      most: Math.max(FEWEST_DIRECTORIES, Math.floor(input.max_files / 2)),
      finder: () => told,
    });
    const leftOut = new LeftOut({
      input,
      selection,
      own,
      untracked,
      left: () => discovery.left,
      named: (path) => names.named(path),
      first: () => stage.first,
    });
    const lookAt = (path: string) => this.lookAt(path);
    const matches = (path: string) => selection.has(path);
    const judge = (file: TrackedFile) => changes.judge(file, file.path!);
    const common = { context, names, places, beside, matches, turns };
    const excludes = (path: string) => selection.excludes(path) || leftOut.isHidden(path);
    const succession = new Succession({ ...common, excludes, told: (dir) => discovery.tells(dir), judge });
    const changes = new Changes({ positions, names, turns, succession, lookAt, starting: () => stage.starting });
    const closed = () => this.#closed;
    const renames = new Renames({ ...common, untracked, poller, succession, lookAt, closed });
    const unsure = new Unsure({
      restarted: (file) => succession.restarted(file),
      cannotRead: (path, error) => leftOut.cannotRead(path, error),
    });
    const newFiles = new NewFiles({
      context,
      stage,
      open_at_start: options.open_at_start,
      names,
      places,
      archives,
      untracked,
      leftOut,
      discovery,
      poller,
      succession,
      changes,
      renames,
      unsure,
    });
    const elsewhere = (path: string, mount: Mount) => told.elsewhere(path, mount);
    const looked = { names, places, selection, leftOut, changes, newFiles };
    const looks = new Looks({ ...looked, untracked, turns, renames, elsewhere });
    const scan = () => discovery.scan();
    const told = new Told({ ...looked, beside, poller, looks, scan, elsewhere: options.elsewhere, away: options.away });
    this.upkeep = new Upkeep(context, names, (file, unread, reason) => renames.finish(file, unread, reason));
    this.untracked = untracked;
    this.#context = context;
    this.#o = options;
    this.#stage = stage;
    this.#selection = selection;
    this.#archives = archives;
    this.#discovery = discovery;
    this.#leftOut = leftOut;
    this.#succession = succession;
    this.#changes = changes;
    this.#renames = renames;
    this.#unsure = unsure;
    this.#newFiles = newFiles;
    this.#looks = looks;
  }

  /** True until everything was looked at for the first time. */
  get starting(): boolean {
    return this.#stage.starting;
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
    return this.#leftOut.status;
  }

  /** Finds what is there, and reads on in what was renamed or copied while the agent was down. */
  async start(): Promise<void> {
    const { input, positions } = this.#context;
    if (positions.unclaimed.any(input.name)) {
      this.#newFiles.unknown = new Set();
      this.#succession.expect(positions.unclaimed.each(input.name));
    }
    await this.#discovery.scan();
    await this.#looks.all();
    // Not all was seen: nothing can be said of what is missing.
    if (this.#stopped) return;
    await this.#succession.recover();
    const unknown = this.#newFiles.unknown ?? [];
    this.#newFiles.unknown = null;
    for (const path of unknown) this.lookAt(path);
    await this.#looks.all();
    this.#stage.first = false;
    this.#stage.starting = false;
    // Of what lies elsewhere, what this process sees of it says nothing.
    if (!this.#o.roots) this.#leftOut.sayIdle();
    positions.setStarted(input.name);
    this.#succession.started();
  }

  /** Ends the start: there may be any number of directories and files. */
  stopStarting(): void {
    if (!this.#stage.starting) return;
    this.#stopped = true;
    this.#discovery.stop();
    this.#looks.clear();
  }

  /** Patterns that have named nothing yet. */
  get idle(): { include: string[]; exclude: string[] } {
    return this.#selection.idle;
  }

  /** Looks whether anything about a tracked file has changed; costs one stat. */
  check(file: TrackedFile, path: string): void {
    this.#changes.check(file, path);
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
    this.#renames.round();
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
    await this.#looks.all();
    this.#beside.close();
    await this.#succession.close();
    for (const file of this.files) {
      file.measure();
      this.#renames.remember(file);
      file.closeSum();
      // What was read of one that is deleted is nowhere else: it is kept, or counted. If it was truncated before, which
      // was not seen yet, that may be in a copy.
      const over = file.fd !== null && !file.packed && file.size <= file.position && file.now().nlink === 0;
      const gone = over && file.holdsWhatWasRead() !== false;
      descriptors.close(file);
      if (gone) file.stream.end();
      else this.#context.positions.unuse(file.stream.generation);
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

  /** `link`: it is, or may be, a symbolic link, or no name that is looked for. */
  lookAt(path: string, link = true): void {
    this.#looks.add(path, link);
  }

  cannotRead(path: string, error: Error): void {
    this.#leftOut.cannotRead(path, error);
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

  /** Lets a file go that has no name any more. `unread` bytes of it are lost. */
  finish(file: TrackedFile, unread: number, reason?: LossReason): void {
    this.#renames.finish(file, unread, reason);
  }
}
