/**
 * Where a file is: its inode, the names by which it is found, and its descriptor. A file that lost its names can be read
 * as long as it is open.
 */
import type { BigIntStats } from 'node:fs';
import { closeSync } from '../../../mounts/fs.ts';
import { openRegular } from '../../../mounts/open.ts';
import { birthOf, type Inode, inodeText, isInode, sharedDevice } from './inode.ts';

export class Place implements Inode {
  readonly device: bigint;
  readonly inode: bigint;
  readonly born: number;
  /** The name it has now; null: it was renamed away, or deleted. */
  path: string | null;
  /** Other names of the same file: hard links, symbolic links and their target, the name it was renamed to. */
  aliases: Set<string> | null = null;
  fd: number | null = null;
  /** By `performance.now()`: when it lost its name. */
  gone: number | null = null;

  /** `inode`: the stat's, or the same number, which as an object of its own would be kept twice. */
  constructor(path: string | null, stat: BigIntStats, inode: bigint) {
    this.path = path;
    this.device = sharedDevice(stat.dev);
    this.inode = inode;
    this.born = birthOf(stat);
  }

  /** Its inode, as text. */
  get key(): string {
    return inodeText(this);
  }

  /** It has this name now, under which it is read; null: none. */
  name(path: string | null): void {
    this.path = path;
  }

  alias(path: string): void {
    this.aliases ??= new Set();
    this.aliases.add(path);
  }

  unalias(path: string): void {
    this.aliases?.delete(path);
  }

  /** It has lost its name, or is found under one that is not looked for. */
  lose(): void {
    this.gone = performance.now();
  }

  /** It has a name again. */
  regain(): void {
    this.gone = null;
  }

  /** A descriptor that was opened for looking at it becomes its own. */
  keep(fd: number): void {
    this.fd = fd;
  }

  /** Opens it under its name; false: another file has the name now. Throws what the system says. */
  open(): boolean {
    if (this.fd !== null) return true;
    if (this.path === null) return false;
    const opened = openRegular(this.path);
    if (!opened) return false;
    if (!isInode(this, opened.stat)) {
      closeSync(opened.fd);
      return false;
    }
    this.fd = opened.fd;
    return true;
  }

  close(): void {
    if (this.fd !== null) closeSync(this.fd);
    this.fd = null;
  }

  /** With its descriptor, or one for the moment; undefined: it cannot be opened or read now, or is another file. */
  withOpen<T>(use: (fd: number) => T): T | undefined {
    let opened: ReturnType<typeof openRegular> = null;
    try {
      if (this.fd !== null) return use(this.fd);
      if (this.path !== null) opened = openRegular(this.path);
      return opened && isInode(this, opened.stat) ? use(opened.fd) : undefined;
    } catch {
      // What cannot be read now cannot be compared; the look at it says why.
      return undefined;
    } finally {
      if (opened) closeSync(opened.fd);
    }
  }
}
