/**
 * `delete_after`: deletes files that were read and acknowledged to their last byte and did not change for that long.
 *
 * Only a regular file that has this one name and that no symbolic link leads to, of which every byte was read (nothing
 * skipped at its first sight), and that is not empty. The time is counted from when this process saw the last byte
 * acknowledged, by a clock that cannot be set; so a restart begins it anew.
 *
 * The file is put aside first (aside.ts), then looked at once more: what another process put under the name meanwhile is
 * never deleted, and what was written meanwhile is seen; then the file gets its name back. A writer that has it open can
 * still write behind that last look. The file stays open here, so this is read like what is written to any deleted
 * file, until it was quiet for `rotate_wait`; only what is written later than that is lost.
 */

import type { BigIntStats } from 'node:fs';
import { basename, dirname } from 'node:path';
import { log } from '../../../log.ts';
import { fstatSync } from '../../../mounts/fs.ts';
import type { TailContext } from '../context.ts';
import { descriptors } from '../file/descriptors.ts';
import type { TrackedFile } from '../file/file.ts';
import { isInode } from '../file/inode.ts';
import { OpenDirectory } from './aside.ts';

interface Done {
  size: number;
  position: number;
  modified: number;
  /** By `performance.now()`. */
  since: number;
}

export class Remover {
  readonly #context: TailContext;
  readonly #done = new WeakMap<TrackedFile, Done>();
  /** Files that were deleted. */
  deleted = 0;

  constructor(context: TailContext) {
    this.#context = context;
  }

  /** Deletes the file if it is time; true: it did. */
  check(file: TrackedFile, now: number): boolean {
    const { delete_after } = this.#context.input;
    const { path } = file;
    if (delete_after === null || path === null || file.busy || !complete(file)) return false;
    const done = this.#done.get(file);
    const { stored: size, position, modified } = file;
    // What is written through memory may change nothing but the lines.
    if (done?.size !== size || done.position !== position || done.modified !== modified) {
      this.#done.set(file, { size, position, modified, since: now });
      return false;
    }
    if (now - done.since < delete_after) return false;
    // Whatever comes of it, it is not tried again before as long.
    done.since = now;
    let directory: OpenDirectory | null = null;
    try {
      directory = OpenDirectory.open(dirname(path));
      if (!remove(file, path, directory)) return false;
    } catch (error) {
      const help = 'it is tried again; the agent needs the right to write to its directory';
      const why = directory?.told(error as Error) ?? (error as Error).message;
      log.warnOnce(`delete ${path}`, `cannot delete ${path}: ${why}: ${help}`, Infinity);
      return false;
    } finally {
      directory?.close();
    }
    this.deleted++;
    log.info(`${path} was read and acknowledged to its end, and is deleted`);
    return true;
  }
}

/** Every byte of it, from the first on, is acknowledged. */
function complete({ committed, position, size, stored, stream, packed }: TrackedFile): boolean {
  if (packed && stream.generation.whole !== stored) return false;
  return size > 0 && committed === size && position === size && stream.generation.base === 0;
}

function remove(file: TrackedFile, path: string, directory: OpenDirectory | null): boolean {
  const name = basename(path);
  const stat = directory?.look(name);
  if (!directory || stat?.isSymbolicLink()) {
    const link = 'a symbolic link leads to it, and what such a link leads to is not deleted';
    log.warnOnce(`delete ${dirname(path)}`, `${path} is not deleted: ${link}`, Infinity);
    return false;
  }
  if (!isUnchanged(file, stat) || !descriptors.open(file)) return false;
  const { id } = file.stream.generation;
  return directory.delete(name, id, (aside) => {
    return isUnchanged(file, aside) && isUnchanged(file, fstatSync(file.fd!, { bigint: true }));
  });
}

function isUnchanged(file: TrackedFile, stat: BigIntStats | undefined): boolean {
  if (stat?.nlink !== 1n || !isInode(file, stat)) return false;
  return Number(stat.size) === file.stored && Number(stat.mtimeMs) === file.modified;
}
