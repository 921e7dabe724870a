/**
 * In which file a stream goes on, when it is not the one it was: after a rotation while the agent was down, and when a
 * file was copied and truncated.
 */
import { dirname } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { log } from '../../../log.ts';
import { closeSync } from '../../../mounts/fs.ts';
import { compression } from '../compressed/archive.ts';
import { packedAfter, RotatedCopies } from '../compressed/rotated-copies.ts';
import type { TailContext } from '../context.ts';
import { descriptors } from '../file/descriptors.ts';
import type { TrackedFile } from '../file/file.ts';
import type { Inode } from '../file/inode.ts';
import type { Listing } from '../find/listing.ts';
import { Pace } from '../pace.ts';
import type { Generation } from '../positions/journal.ts';
import type { Places } from '../positions/place.ts';
import { firstBytes, headIn, headOf, markerAt } from '../positions/recognise.ts';
import type { Turns } from '../turns.ts';
import { type Admitted, type Copy, copyOf } from './admit.ts';
import { originalsOf } from './copies.ts';
import type { Names } from './names.ts';
import { type HeldCopy, PossibleCopies } from './possible-copies.ts';
import { Predecessors } from './predecessors.ts';
import { recover } from './recover.ts';
import { compareWhole, mayReplace } from './replaced.ts';

export interface SuccessionOptions {
  context: TailContext;
  names: Names;
  places: Places;
  beside: Listing;
  /** True if the input's glob names this path. */
  matches: (path: string) => boolean;
  /** True if `exclude` names this path. */
  excludes: (path: string) => boolean;
  /** True if inotify tells what happens in this directory. */
  told: (dir: string) => boolean;
  turns: Turns;
  /** Has it seen to that a fresh file, whose first bytes may be there, waits if it may be a copy. */
  judge: (file: TrackedFile) => void;
}

export class Succession {
  readonly #o: SuccessionOptions;
  readonly #possibleCopies: PossibleCopies;
  readonly #rotatedCopies: RotatedCopies;
  readonly #seeking = new Set<Promise<void>>();
  /** By path: so many bytes of it may have been read before, of a file that cannot be told to be the same. */
  readonly #alike = new Map<string, number>();
  #reread = 0;
  #closed = false;
  readonly #before: Predecessors;

  constructor(options: SuccessionOptions) {
    const { context, names, turns } = options;
    this.#o = options;
    this.#rotatedCopies = new RotatedCopies({ context, names, turns });
    this.#possibleCopies = new PossibleCopies({ known: (file) => names.files.has(file), turns });
    this.#before = new Predecessors((inode) => names.of(inode) !== undefined, turns);
  }

  /** Bytes that were read once more because it could not be told whether they had been read. */
  get reread_bytes(): number {
    return this.#possibleCopies.reread_bytes + this.#reread;
  }

  /** Before any file is found. */
  expect(known: Iterable<Generation>): void {
    this.#before.expect(known);
  }

  /** Reads on in what was renamed or copied while the agent was down; what is known and has its name was found. */
  async recover(): Promise<void> {
    const { context, names, matches, excludes } = this.#o;
    const tracked = (inode: Inode) => names.of(inode) !== undefined;
    const again = (path: string, bytes: number) => {
      this.#alike.set(path, Math.max(bytes, this.#alike.get(path) ?? 0));
    };
    const pace = new Pace();
    for await (const found of recover(context, { names: matches, excludes, tracked, again })) {
      if (pace.due) await pace.rest();
      this.#before.add(found.file);
      this.#takeIn(found, found.path);
    }
    await this.#before.complete(pace);
  }

  /** Everything that has a name was found. */
  started(): void {
    this.#before.clear();
    this.#alike.clear();
    this.#rotatedCopies.started = true;
  }

  /** At the start, under a name that is looked for: what is known has to be read before what has its name now. */
  found(file: TrackedFile, path: string): void {
    this.#before.found(file, path);
    if (!file.stream.persisted) this.#reread += this.#alike.get(path) ?? 0;
    this.#alike.delete(path);
  }

  /** A new file may have to wait. `others`: of which it may be a copy; all of them, or those that were read before. */
  holdNew(file: TrackedFile, others: Iterable<TrackedFile>, all: boolean): void {
    if (file.fd === null || file.size === 0 || compression(file.path ?? '')) return;
    const first = firstBytes(file.fd);
    // It may be copied and truncated before it is read.
    if (!file.stream.persisted) file.stream.generation.head = headIn(first);
    this.#possibleCopies.hold(file, originalsOf(file, first, others, all));
  }

  /** A new compressed file: its content may have been read before it was compressed. */
  holdPacked(file: TrackedFile, path: string): void {
    this.#rotatedCopies.hold(file, path);
  }

  /**
   * A file that was closed went away, and is tracked no more: it may be one of these compressed ones. Otherwise `lost` is
   * told what of it was not read.
   */
  seek(file: TrackedFile, packed: readonly string[], lost: (unread: number) => void): void {
    const { context, names } = this.#o;
    const paths = packed.filter((path) => !names.at(path));
    const seeking = packedAfter(context, file, paths)
      .then((found) => {
        if (found) this.#takeIn(found, found.path);
        // Else it is decided there.
        else if (!this.#rotatedCopies.undecided) lost(Math.max(0, file.size - file.position));
      })
      .catch((error: Error) => log.warn(`cannot look for ${file.stream.name} among compressed files: ${error.message}`))
      .finally(() => this.#seeking.delete(seeking));
    this.#seeking.add(seeking);
  }

  /** Something was written to a file that waits. */
  step(file: TrackedFile): void {
    this.#possibleCopies.step(file);
  }

  /** Looks at what may be a copy; true: there is more of it. */
  stepHolds(): boolean {
    return this.#possibleCopies.stepAll();
  }

  /** To be called at each tick. */
  tick(): void {
    this.#rotatedCopies.look();
  }

  /** A new file has the name of one that was read to its end; true: it is compared with that, and held meanwhile. */
  replaces(file: TrackedFile, old: TrackedFile): boolean {
    if (file.stream.persisted || !mayReplace(file, old)) return false;
    const { names, turns } = this.#o;
    turns.hold(file, 'replacement');
    for (const one of [file, old]) one.use(true);
    const comparing = this.#replace(file, old)
      .catch((error: Error) => log.warn(`cannot compare ${file.stream.name} with what it replaced: ${error.message}`))
      .finally(() => {
        for (const one of [file, old]) one.use(false);
        turns.release(file, 'replacement');
        this.#seeking.delete(comparing);
        if (names.files.has(file)) turns.ready(file);
      });
    this.#seeking.add(comparing);
    return true;
  }

  async #replace(file: TrackedFile, old: TrackedFile): Promise<void> {
    const { names, places } = this.#o;
    if (!descriptors.open(file)) return;
    const { goesOn, alike } = await compareWhole(file, old);
    if (this.#closed || !names.files.has(file) || !file.untouched || file.stream.persisted) return;
    if (!goesOn || old.fd === null) {
      this.#reread += alike;
      return;
    }
    const { head } = old.stream.generation;
    file.takeOver(old);
    // What is written to the old one from now on is its own.
    old.forgetUnfinished();
    old.startAt(old.position, head, old.marker);
    places.note(file);
    log.info(`${file.stream.name} was replaced by a copy of it: reading on there at ${file.position}`);
  }

  /** The file does not hold what it held. What was not read is looked for in a copy; else it is lost, and counted. */
  restarted(file: TrackedFile): void {
    if (file.restarting) return;
    const { names, turns } = this.#o;
    turns.hold(file, 'truncated');
    const restarting = this.#restart(file)
      .catch((error: Error) => log.warn(`cannot look for a copy of ${file.stream.name}: ${error.message}`))
      .finally(() => {
        turns.release(file, 'truncated');
        this.#seeking.delete(restarting);
        if (names.files.has(file)) turns.ready(file);
      });
    this.#seeking.add(restarting);
  }

  /** What was known of it and not read is not all there: `size` bytes are. */
  shortened(file: TrackedFile, size: number): void {
    const lost = file.size - size;
    file.cut(size);
    this.#o.context.account.drop('truncated', 0, lost);
    log.warn(
      `${file.stream.name} was cut to ${size} bytes; ${lost} bytes were not read before and are lost (truncated)`,
    );
  }

  async #restart(file: TrackedFile): Promise<void> {
    const { names, context, beside, matches, told, judge } = this.#o;
    // What inotify has to tell of its copy is heard first: in between it is asked.
    await setImmediate();
    await setImmediate();
    const dir = dirname(file.path ?? file.stream.name);
    // Where it does not tell, the copy may have got its bytes just now.
    const pace = new Pace();
    for (const other of told(dir) ? [] : names.fresh) {
      if (other !== file && dirname(other.path ?? '') === dir) judge(other);
      if (pace.due) await pace.rest();
    }
    // What was not read of it yet goes on in its copy all the same, as what it was.
    if (file.size > file.position && file.stream.generation.head.length > 0 && !file.packed) file.announce();
    const held = this.#possibleCopies.copyOf(file);
    const tracked = (inode: Inode) => names.of(inode) !== undefined;
    const found = held || file.packed ? null : await copyOf(context, file, { tracked, matches, told, beside });
    if (!names.files.has(file)) {
      if (found?.fd != null) closeSync(found.fd);
      return;
    }
    const copy = found ?? held ?? this.#possibleCopies.copyOf(file);
    // It was not looked for to the end: the next start does.
    if (!copy && this.#closed) return;
    const unread = Math.max(0, file.size - file.position);
    const { path } = file.stream.generation;
    const where = this.#goOnInCopy(file, copy);
    const what = `${path} was truncated or written anew: reading it from 0`;
    if (where !== null) {
      log.info(`${what}, and what was left of it from ${where}`);
      return;
    }
    file.restart(false);
    if (unread === 0) {
      log.info(what);
      return;
    }
    context.account.drop('truncated', 0, unread);
    const help = 'rotate by renaming, or leave the copy beside it';
    log.warn(`${what}; ${unread} bytes were not read before and are lost (truncated): ${help}`);
  }

  /** The path of the copy; null: there is none. */
  #goOnInCopy(file: TrackedFile, copy: Copy | HeldCopy | null): string | null {
    if (!copy || !file.stream.persisted) {
      const double = copy?.file ?? this.#possibleCopies.doubleOf(file);
      if (double) file.restart(false);
      return double?.stream.generation.path ?? null;
    }
    const found = 'path' in copy ? copy : null;
    if (copy.read === file.position) {
      copy.file.takeOver(file);
      file.restart(true);
      file.follow(copy.file);
    } else {
      // What it was read further than it was copied, the writer lost, not we.
      const fd = found ? found.fd : copy.file.fd;
      if (fd === null) return null;
      copy.file.startAt(copy.read, headOf(fd), markerAt(fd, copy.read));
      file.restart(false);
      file.follow(copy.file, false);
    }
    if (found) this.#takeIn(found, found.path);
    else {
      this.#o.places.note(copy.file);
      this.#possibleCopies.release(copy.file);
    }
    return found?.path ?? copy.file.path ?? copy.file.stream.name;
  }

  /** A file that was found elsewhere than under the name by which it is known. */
  #takeIn({ file, fd }: Admitted, path: string): void {
    const { names, matches, turns } = this.#o;
    if (matches(path) && !names.named(path)) names.name(file, path);
    else {
      file.lose();
      names.alias(path, file);
    }
    names.add(file);
    this.#o.places.note(file, path);
    if (fd !== null) descriptors.keep(file, fd);
    if (file.packed || file.size !== file.position) turns.ready(file);
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#rotatedCopies.close();
    await Promise.all(this.#seeking);
  }
}
