/**
 * Which tracked file has which names. A file is known by device and inode; it has at most one name that the glob
 * matches, and aliases: hard links, symbolic links and their targets, the name it was renamed to.
 */
import { dirname } from 'node:path';
import type { TrackedFile } from '../file/file.ts';
import type { Inode } from '../file/inode.ts';
import { ByInode } from '../positions/by-inode.ts';

export class Names {
  readonly files = new Set<TrackedFile>();
  /** Those of them that have no name any more. */
  readonly nameless = new Set<TrackedFile>();
  /** Those of them that are decompressed. */
  readonly packed = new Set<TrackedFile>();
  /** New ones of which no byte was seen yet: their first ones may tell that they are copies. */
  readonly fresh = new Set<TrackedFile>();
  readonly #byName = new Map<string, TrackedFile>();
  readonly #byInode = new ByInode<TrackedFile>();
  readonly #byAlias = new Map<string, TrackedFile>();
  readonly #byDirectory = new Map<string, Set<TrackedFile>>();

  add(file: TrackedFile): void {
    this.files.add(file);
    if (file.path === null) this.nameless.add(file);
    if (file.packed) this.packed.add(file);
    this.#byInode.add(file);
  }

  remove(file: TrackedFile): void {
    this.files.delete(file);
    this.#byInode.remove(file);
    this.unname(file);
    this.nameless.delete(file);
    this.packed.delete(file);
    this.fresh.delete(file);
    for (const alias of [...(file.aliases ?? [])]) this.unalias(alias);
  }

  /** The file that has this name. */
  named(path: string): TrackedFile | undefined {
    return this.#byName.get(path);
  }

  aliased(path: string): TrackedFile | undefined {
    return this.#byAlias.get(path);
  }

  /** The file that has this name or alias. */
  at(path: string): TrackedFile | undefined {
    return this.#byName.get(path) ?? this.#byAlias.get(path);
  }

  /** The file that has this inode. */
  of({ device, inode, born }: Inode): TrackedFile | undefined {
    return this.#byInode.of(inode).findLast((file) => file.device === device && file.born === born);
  }

  /** The files that have a name in this directory, and those that have none any more, of any directory. */
  *beside(path: string): Iterable<TrackedFile> {
    yield* this.#byDirectory.get(dirname(path)) ?? [];
    yield* this.nameless;
  }

  /** Gives the file this name, in place of the one that it had. */
  name(file: TrackedFile, path: string): void {
    // One that is new has its name nowhere yet.
    if (this.files.has(file)) this.unname(file);
    file.name(path);
    this.nameless.delete(file);
    this.#byName.set(path, file);
    const dir = dirname(path);
    const others = this.#byDirectory.get(dir);
    if (others) others.add(file);
    else this.#byDirectory.set(dir, new Set([file]));
  }

  unname(file: TrackedFile): void {
    const { path } = file;
    if (path === null) return;
    file.name(null);
    if (this.files.has(file)) this.nameless.add(file);
    if (this.#byName.get(path) === file) this.#byName.delete(path);
    const dir = dirname(path);
    const others = this.#byDirectory.get(dir);
    others?.delete(file);
    if (others?.size === 0) this.#byDirectory.delete(dir);
  }

  alias(path: string, file: TrackedFile): void {
    this.unalias(path);
    this.#byAlias.set(path, file);
    file.alias(path);
  }

  unalias(path: string): void {
    this.#byAlias.get(path)?.unalias(path);
    this.#byAlias.delete(path);
  }
}
