/**
 * Names that tracked files get and lose. One that lost its name is read to its end, and let go when nothing is written to
 * it any more; one that was closed is looked for (seek.ts).
 */
import type { LossReason } from '../../../core/losses.ts';
import { log } from '../../../log.ts';
import type { TailContext } from '../context.ts';
import { descriptors } from '../file/descriptors.ts';
import type { TrackedFile } from '../file/file.ts';
import { isAt } from '../file/inode.ts';
import type { Listing } from '../find/listing.ts';
import type { Poller } from '../find/poll.ts';
import { homesOf } from '../find/symlinks.ts';
import type { Untracked } from '../find/untracked.ts';
import type { Places } from '../positions/place.ts';
import type { Turns } from '../turns.ts';
import type { Names } from './names.ts';
import { Seeker, type Sought } from './seek.ts';
import type { Succession } from './succession.ts';

/** Names that a file is known by, beside the one that it is read under. */
const MOST_ALIASES = 64;

export interface RenamesOptions {
  context: TailContext;
  names: Names;
  places: Places;
  beside: Listing;
  untracked: Untracked;
  poller: Poller;
  succession: Succession;
  turns: Turns;
  /** True if the input's glob names this path. */
  matches: (path: string) => boolean;
  lookAt: (path: string) => void;
  closed: () => boolean;
}

export class Renames {
  readonly #o: RenamesOptions;
  readonly #seeker: Seeker;
  /** By path: the file that had it, while that is still read and no other has it. */
  readonly #lost = new Map<string, TrackedFile>();

  constructor(options: RenamesOptions) {
    this.#o = options;
    this.#seeker = new Seeker(options.beside, (file, place) => this.#sought(file, place));
  }

  /** The file that had the name of this new one, which comes after it. */
  old(path: string): TrackedFile | undefined {
    const old = this.#lost.get(path);
    this.#lost.delete(path);
    return old;
  }

  /** Forgets which names those had that were let go. */
  round(): void {
    for (const [path, file] of this.#lost) if (!this.#o.names.files.has(file)) this.#lost.delete(path);
  }

  /** A tracked file has this name, too. */
  rename(file: TrackedFile, path: string): void {
    const before = file.path;
    if (before !== null && isAt(before, file)) {
      // Whoever may link it may do so any number of times.
      if ((file.aliases?.size ?? 0) < MOST_ALIASES) {
        this.#o.names.alias(path, file);
        this.#o.places.note(file);
        this.#o.poller.add(file);
      } else this.#o.turns.ready(file);
      return;
    }
    if (before !== null) {
      this.#lost.set(before, file);
      this.#o.lookAt(before);
    }
    this.#o.names.name(file, path);
    this.#o.untracked.delete(path);
    this.#o.places.note(file);
    this.remember(file);
    this.#o.poller.add(file);
    file.regain();
    this.#o.turns.ready(file);
  }

  /** Its name is gone or another file's. It is read to its end, and let go when nothing is written to it any more. */
  lose(file: TrackedFile): void {
    const path = file.path!;
    this.#lost.set(path, file);
    this.#o.names.unname(file);
    file.lose();
    file.measure();
    this.#o.places.note(file);
    this.remember(file);
    for (const alias of [...(file.aliases ?? [])]) {
      if (!isAt(alias, file)) this.#o.names.unalias(alias);
      else if (this.#o.matches(alias)) {
        this.#o.names.unalias(alias);
        this.rename(file, alias);
        return;
      }
    }
    if (file.fd !== null) this.#o.turns.ready(file);
    else this.#seeker.seek(file, homesOf(path));
  }

  /** Where a file is that lost its name while it was closed; it may have been found otherwise meanwhile. */
  #sought(file: TrackedFile, { path, seen, packed }: Sought): void {
    if (this.#o.closed() || !this.#o.names.files.has(file) || file.path !== null || file.fd !== null) return;
    if (path !== null && this.#o.matches(path)) this.rename(file, path);
    else if (path !== null && this.#openAt(file, path)) this.#o.turns.ready(file);
    else if (path === null && seen) this.#letGo(file, packed);
    else {
      this.#o.places.outOfSight(file);
      this.#letRest(file);
    }
  }

  /** What was not read of it has to be known to the next process too, which may not find it under a name of the glob. */
  remember(file: TrackedFile): void {
    // One that may be a copy is judged anew.
    if (file.size > file.position && !file.held && !this.#o.names.fresh.has(file)) file.announce();
    this.#o.context.positions.sized(file.stream.generation, file.size);
  }

  /** It is gone, and was closed; what of it was not read may be in a compressed file beside it. */
  #letGo(file: TrackedFile, packed: readonly string[]): void {
    const unread = Math.max(0, file.size - file.position);
    if (file.packed || packed.length === 0) {
      this.finish(file, unread);
      return;
    }
    this.#letRest(file);
    this.#o.succession.seek(file, packed, (lost) => this.finish(file, lost));
  }

  /** It cannot be seen, nor that it is gone: it is taken up again where it was, or counted when it is forgotten. */
  #letRest(file: TrackedFile): void {
    this.#o.names.remove(file);
    this.#release(file);
  }

  #release({ stream }: TrackedFile): void {
    stream.leave();
    this.#o.context.positions.release(stream.generation);
  }

  /** Opens a file under a name that is not looked for. */
  #openAt(file: TrackedFile, path: string): boolean {
    file.name(path);
    try {
      if (descriptors.open(file)) {
        this.#o.names.alias(path, file);
        this.#o.places.note(file, path, false);
      }
    } catch (error) {
      file.say((error as Error).message);
    }
    file.name(null);
    return file.fd !== null;
  }

  /** Lets a file go that has no name any more. `unread` bytes of it are lost. */
  finish(file: TrackedFile, unread: number, reason: LossReason = 'deleted'): void {
    if (unread > 0) {
      this.#o.context.account.drop(reason, 0, unread);
      const path = file.stream.generation.path;
      if (reason === 'deleted') {
        log.warn(`${path} is gone with ${unread} bytes that were not read: it was deleted while it was closed`);
      }
    }
    const { path } = file.stream.generation;
    if (this.#lost.get(path) === file) this.#lost.delete(path);
    if (file.after?.before?.file === file) file.after.before = null;
    const deleted = file.fd === null || file.now().nlink === 0;
    if (deleted && file.room) this.#o.context.account.drop('hole', 0, file.room.bytes);
    descriptors.close(file);
    this.#o.names.remove(file);
    if (deleted) file.stream.end();
    else this.#release(file);
  }
}
