/**
 * What is to be deleted is put aside first: renamed, looked at once more, and then deleted or given its name back.
 *
 *   a.log -> .a.log.0123456789abcdef.runnel-delete -> deleted
 *                                                  -> a.log
 *                                                  -> a.log.0123456789abcdef, if something else has the name by now
 *
 * All of it happens below an open descriptor of the directory: one that is swapped for a link meanwhile leads nowhere
 * else. Nothing is written over. What a process left put aside when it ended gets its name back where it is found.
 */
import type { BigIntStats } from 'node:fs';
import { basename, dirname } from 'node:path';
import { log } from '../../../log.ts';
import {
  closeSync,
  constants,
  lstatSync,
  openSync,
  readlinkSync,
  realpathSync,
  renameNew,
  renameSync,
  unlinkSync,
} from '../../../mounts/fs.ts';

const SUFFIX = '.runnel-delete';
const ASIDE = /^\.(?<name>.+)\.(?<id>[0-9a-f]{16})\.runnel-delete$/s;
/** Bytes of a name, on all file systems that matter. */
const LONGEST = 255;

export class OpenDirectory {
  readonly path: string;
  readonly #fd: number;
  readonly #below: string;

  private constructor(path: string, fd: number) {
    this.path = path;
    this.#fd = fd;
    // Elsewhere there is no path that begins with a descriptor.
    this.#below = process.platform === 'linux' ? `/proc/self/fd/${fd}` : path;
  }

  /** Null: a symbolic link leads to it. Throws what the system says. */
  static open(path: string): OpenDirectory | null {
    const fd = openSync(path, constants.O_RDONLY | constants.O_DIRECTORY);
    const directory = new OpenDirectory(path, fd);
    if (directory.#isAt === path) return directory;
    directory.close();
    return null;
  }

  get #isAt(): string {
    return process.platform === 'linux' ? readlinkSync(this.#below) : realpathSync(this.path);
  }

  /** A symbolic link is not followed. Undefined: there is no such name. */
  look(name: string): BigIntStats | undefined {
    return lstatSync(this.#at(name), { bigint: true, throwIfNoEntry: false });
  }

  /**
   * Deletes the name if `may` says so of what has it while it is put aside; else it has its name back, or the one that
   * is said. Throws what the system says.
   */
  delete(name: string, id: string, may: (stat: BigIntStats | undefined) => boolean): boolean {
    const aside = `.${fitted(name, `..${id}${SUFFIX}`)}.${id}${SUFFIX}`;
    renameSync(this.#at(name), this.#at(aside));
    let deleted = false;
    try {
      if (may(this.look(aside))) {
        unlinkSync(this.#at(aside));
        deleted = true;
      }
    } finally {
      if (!deleted) this.giveBack(aside, name, id);
    }
    return deleted;
  }

  /** What is put aside gets its name back; returns the one that it has now. */
  giveBack(aside: string, name: string, id: string): string {
    for (const other of [name, `${fitted(name, `.${id}`)}.${id}`]) {
      if (!this.#rename(aside, other)) continue;
      if (other !== name) {
        const where = `${this.path}/${name}`;
        log.warn(`${where} was to be deleted, and was not: something else has its name now, it is ${other} beside it`);
      }
      return other;
    }
    throw new Error(`${aside} beside it cannot have its name back: other files have it`);
  }

  /** What an error says, with the path in place of the descriptor. */
  told({ message }: Error): string {
    return message.replaceAll(this.#below, this.path);
  }

  close(): void {
    closeSync(this.#fd);
  }

  #at(name: string): string {
    return `${this.#below}/${name}`;
  }

  /** False: something has the new name. */
  #rename(from: string, to: string): boolean {
    const done = renameNew(this.#at(from), this.#at(to));
    if (done !== null) return done;
    if (this.look(to)) return false;
    renameSync(this.#at(from), this.#at(to));
    return true;
  }
}

export function isAside(name: string): boolean {
  return name.startsWith('.') && name.endsWith(SUFFIX);
}

/** Gives its name back to a file that a process left put aside; returns its path then. Null: that cannot be done, or it is none. */
export function takeBack(path: string): string | null {
  const aside = ASIDE.exec(basename(path));
  if (!aside?.groups) return null;
  let directory: OpenDirectory | null = null;
  try {
    directory = OpenDirectory.open(dirname(path));
    if (!directory?.look(aside[0])?.isFile()) return null;
    const name = directory.giveBack(aside[0], aside.groups.name!, aside.groups.id!);
    log.info(`${directory.path}/${name} has its name back: it was put aside when the agent ended`);
    return `${directory.path}/${name}`;
  } catch (error) {
    log.warnOnce(
      `aside ${path}`,
      `cannot give ${path} its name back: ${directory?.told(error as Error) ?? (error as Error).message}`,
    );
    return null;
  } finally {
    directory?.close();
  }
}

/** As much of the name as fits beside so much. */
function fitted(name: string, beside: string): string {
  while (Buffer.byteLength(name) + beside.length > LONGEST) name = name.slice(0, -1);
  return name;
}
