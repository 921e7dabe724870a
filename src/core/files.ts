/**
 * Files of the agent's own that are written whole, and their directories.
 *
 *   replaceFile   <path>.new written and synced > renamed to <path> > the directory synced
 *
 * The one guarantee: whatever happens to the process or the machine, the file holds the old bytes or the new ones, all of
 * them; once it resolves, the new ones. Where it rejects nothing is left under the other name; whether the old or the new
 * ones are there is not known, as the directory may be what could not be synced.
 */
import {
  closeSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { type FileHandle, open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';

const MODE = 0o640;
/** What file systems answer that cannot sync a directory; EACCES: one that may be written to and not read. */
const CANNOT_SYNC: readonly (string | undefined)[] = ['EINVAL', 'EBADF', 'ENOTSUP', 'EACCES'];

export interface Replacing {
  /** The name that it is written under first, in the same directory; default `<path>.new`. */
  temporary?: string;
}

export async function replaceFile(path: string, parts: readonly Uint8Array[], options?: Replacing): Promise<void> {
  await (await replaceAndKeep(path, parts, options)).close();
}

/** The same; the file stays open, to be written to and read. */
export async function replaceAndKeep(
  path: string,
  parts: readonly Uint8Array[],
  { temporary = `${path}.new` }: Replacing = {},
): Promise<FileHandle> {
  const file = await writeSynced(temporary, parts);
  try {
    await giveName(temporary, path);
    return file;
  } catch (error) {
    await file.close();
    await rm(temporary, { force: true });
    throw error;
  }
}

/** A file that was synced under another name of the same directory gets this one. */
export async function giveName(temporary: string, path: string): Promise<void> {
  await rename(temporary, path);
  await syncDirectory(dirname(path));
}

/** For the few who cannot wait for a promise. */
export function replaceFileSync(path: string, text: string): void {
  const temporary = `${path}.new`;
  const fd = openSync(temporary, 'w', MODE);
  try {
    writeFileSync(fd, text);
    fsyncSync(fd);
    renameSync(temporary, path);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw error;
  } finally {
    closeSync(fd);
  }
  syncDirectorySync(dirname(path));
}

/**
 * Writes a file and syncs it. Not its directory: until that is synced nobody can count on the name. A file that cannot be
 * written whole is removed: a disk that is full is not to stay so because of it.
 */
export async function writeSynced(path: string, parts: readonly Uint8Array[]): Promise<FileHandle> {
  const file = await open(path, 'w+', MODE);
  try {
    for (const part of parts) await file.writeFile(part);
    await file.sync();
    return file;
  } catch (error) {
    await file.close();
    await rm(path, { force: true });
    throw error;
  }
}

/** For reading and writing anywhere in it. */
export async function openOrCreate(path: string): Promise<FileHandle> {
  try {
    return await open(path, 'r+');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    return open(path, 'w+', MODE);
  }
}

/** Gives a file another name; once it resolves, for good. Where it rejects it has either. */
export async function moveFile(from: string, to: string): Promise<void> {
  await rename(from, to);
  await syncDirectory(dirname(to));
  if (dirname(from) !== dirname(to)) await syncDirectory(dirname(from));
}

/** Makes a directory and those above it where they are missing; once it resolves, for good. */
export async function makeDirectory(dir: string, mode?: number): Promise<void> {
  for (const made of makeDirectorySync(dir, mode)) await syncDirectory(dirname(made));
}

/**
 * The same, not synced; gives those that it made, the lowest first. Node's own way (`recursive`) never ends where a
 * directory that is there says that it is not, as those of /proc do when something is to be made in them.
 */
export function makeDirectorySync(dir: string, mode = 0o750): string[] {
  const missing: string[] = [];
  for (let at = dir; ; at = dirname(at)) {
    const done = makeOne(at, mode);
    if (done === 'there') break;
    missing.push(at);
    if (done === 'made') break;
    if (existsSync(dirname(at))) throw new Error(`no directory can be made in ${dirname(at)}`);
  }
  for (const path of missing.toReversed()) makeOne(path, mode);
  return missing;
}

function makeOne(dir: string, mode: number): 'made' | 'there' | 'nowhere' {
  try {
    mkdirSync(dir, { mode });
    return 'made';
  } catch (error) {
    if (statSync(dir, { throwIfNoEntry: false })?.isDirectory()) return 'there';
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' && dirname(dir) !== dir) return 'nowhere';
    const file = { EEXIST: dir, ENOTDIR: `what lies above ${dir}` }[code ?? ''];
    throw file === undefined
      ? error
      : Object.assign(new Error(`${file} is a file, and should be a directory`), { code });
  }
}

/** A new name is there after a power cut only when its directory was synced too. */
export async function syncDirectory(dir: string): Promise<void> {
  let handle: FileHandle | undefined;
  try {
    handle = await open(dir, 'r');
    await handle.sync();
  } catch (error) {
    if (!CANNOT_SYNC.includes((error as NodeJS.ErrnoException).code)) throw error;
  } finally {
    await handle?.close();
  }
}

function syncDirectorySync(dir: string): void {
  let fd: number | undefined;
  try {
    fd = openSync(dir, 'r');
    fsyncSync(fd);
  } catch (error) {
    if (!CANNOT_SYNC.includes((error as NodeJS.ErrnoException).code)) throw error;
  } finally {
    if (fd !== undefined) closeSync(fd);
  }
}
