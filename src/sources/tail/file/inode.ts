/**
 * What makes a file the same file: its inode and when that was born, the hash of its first bytes, and the hash of the
 * bytes before the position that was read (the marker). An inode's number is given to the next file as soon as one is
 * deleted; first bytes are the same in many files.
 */

import type { BigIntStats, Dir, Stats } from 'node:fs';
import { join } from 'node:path';
import { hash, randomBytes } from '../../../builtin.ts';
import { BEFORE_LINES } from '../../../core/pool.ts';
import { opendirSync, statSync } from '../../../mounts/fs.ts';

/** The hash of so many bytes. Known bytes grow with the file: the hash of fewer bytes is still good for comparing. */
export interface Prefix {
  readonly length: number;
  readonly digest: bigint;
}

/** Entries of a directory that are read at once. */
const ENTRIES = 256;
export const HEAD_BYTES = 256;
export const MARKER_BYTES = BEFORE_LINES;
export const NO_PREFIX: Prefix = { length: 0, digest: 0n };

export function digest(bytes: Uint8Array): Prefix {
  if (bytes.length === 0) return NO_PREFIX;
  return { length: bytes.length, digest: hash('sha1', bytes, 'buffer').readBigUInt64LE(0) };
}

export function same(prefix: Prefix, bytes: Uint8Array): boolean {
  return bytes.length === prefix.length && digest(bytes).digest === prefix.digest;
}

const ID_BYTES = 8;
let random = Buffer.alloc(0);

/** A random identity; what is asked of the system at once does for many. */
export function newId(): string {
  if (random.length === 0) random = randomBytes(ID_BYTES * 256);
  const id = random.toString('hex', 0, ID_BYTES);
  random = random.subarray(ID_BYTES);
  return id;
}

type Stat = Pick<BigIntStats, 'dev' | 'ino' | 'birthtimeMs'>;

/** One file of the system, whatever names it has. */
export interface Inode {
  device: bigint;
  inode: bigint;
  /** The last 30 bits of the milliseconds since the epoch; 0: the file system does not tell. Two that differ tell files apart. */
  born: number;
}

export const NO_INODE: Inode = { device: 0n, inode: 0n, born: 0 };

export function inodeOf(stat: Stat): Inode {
  return { device: sharedDevice(stat.dev), inode: stat.ino, born: birthOf(stat) };
}

/** True if this is what was looked at. */
export function isInode({ device, inode, born }: Inode, stat: Stat): boolean {
  return inode === stat.ino && device === stat.dev && born === birthOf(stat);
}

const devices = new Map<bigint, bigint>();

/** The same number as one object for all: there are few devices, and many files on them. */
export function sharedDevice(device: bigint): bigint {
  const shared = devices.get(device);
  if (shared === undefined) devices.set(device, device);
  return shared ?? device;
}

export function birthOf({ birthtimeMs }: Pick<BigIntStats | Stats, 'birthtimeMs'>): number {
  return TELLS_BIRTH ? Number(birthtimeMs) & (2 ** 30 - 1) : 0;
}

/** Two files that have had the same inode. */
export function bornApart(a: number, b: number): boolean {
  return a !== b && a !== 0 && b !== 0;
}

/** As a key. */
export function inodeText({ device, inode, born }: Inode): string {
  return `${device}:${inode}:${born}`;
}

export function inodeKey(stat: Stat): string {
  return inodeText(inodeOf(stat));
}

/** What a path leads to; undefined: nothing that can be looked at now. */
export function lookUp(path: string): BigIntStats | undefined {
  try {
    return statSync(path, { bigint: true, throwIfNoEntry: false });
  } catch {
    // No right to look, or a loop of links: as good as not there.
    return undefined;
  }
}

/** Without statx (old kernels, some sandboxes) the time of the last change stands in for that of the birth. */
const TELLS_BIRTH = ['/', '/tmp', process.execPath].some((path) => {
  const stat = lookUp(path);
  return stat !== undefined && stat.birthtimeNs !== stat.ctimeNs;
});

/** True if the path leads to this file. */
export function isAt(path: string, inode: Inode): boolean {
  const stat = lookUp(path);
  return stat !== undefined && isInode(inode, stat);
}

/** What a path that is no regular file leads to, in words. */
export function kindOf(stat: BigIntStats): string {
  if (stat.isDirectory()) return 'a directory';
  if (stat.isFIFO()) return 'a FIFO';
  return stat.isSocket() ? 'a socket' : 'a device';
}

/** Paths of the regular files in a directory, in no order. It is read on while they are asked for: there may be many. */
export function* siblings(dir: string): Iterable<string> {
  let entries: Dir | null = null;
  try {
    entries = opendirSync(dir, { bufferSize: ENTRIES });
    for (let one = entries.readSync(); one; one = entries.readSync()) if (one.isFile()) yield join(dir, one.name);
  } catch {
    // The directory is gone, and with it what could be found there.
  } finally {
    entries?.closeSync();
  }
}
