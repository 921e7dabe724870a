/**
 * Files of /proc, opened once and read again from their start at every run: the whole batch takes a fraction of a
 * millisecond, opening each file anew would double that. Reads are synchronous: procfs answers from the kernel's
 * memory, and a hop through libuv's threads would cost more than the read.
 *
 * HOST_PROC names the host's /proc where the agent runs in a container that has it mounted elsewhere.
 */
import { closeSync, existsSync, openSync, readSync } from 'node:fs';

const open = new Map<string, number>();
let buffer = Buffer.allocUnsafe(64 * 1024);

/** Where a file of the host's /proc is. */
export function procPath(name: string): string {
  return `${process.env.HOST_PROC || '/proc'}/${name}`;
}

/** Whether this machine has a /proc such as Linux has it. */
export function hasProc(): boolean {
  return existsSync(procPath('stat'));
}

/** The process whose view of networks and mounts is the host's: our own, or PID 1 of a host's /proc mounted elsewhere. */
export function hostView(name: string): string {
  return process.env.HOST_PROC ? `1/${name}` : `self/${name}`;
}

/** The contents of a file of /proc. Throws what open(2) and read(2) say; a later call tries again. */
export function readProc(name: string): string {
  const path = procPath(name);
  const fd = open.get(path) ?? openSync(path, 'r');
  open.set(path, fd);
  try {
    let used = 0;
    for (;;) {
      // procfs gives a page or a record at a time: only a read of 0 bytes is the end.
      const n = readSync(fd, buffer, used, buffer.length - used, used);
      if (n === 0) return buffer.toString('utf8', 0, used);
      used += n;
      if (used === buffer.length) buffer = Buffer.concat([buffer], buffer.length * 2);
    }
  } catch (error) {
    open.delete(path);
    closeSync(fd);
    throw error;
  }
}

/** As `readProc`; undefined where this kernel has no such file. */
export function tryReadProc(name: string): string | undefined {
  try {
    return readProc(name);
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    // EOPNOTSUPP: /proc/pressure exists but is switched off.
    if (code === 'ENOENT' || code === 'EOPNOTSUPP') return undefined;
    throw error;
  }
}

/** Lines of `name value` pairs, as in /proc/vmstat and /proc/meminfo (`name:  value kB`). */
export function parsePairs(text: string): Map<string, number> {
  const pairs = new Map<string, number>();
  for (const line of text.split('\n')) {
    const [name, value] = line.split(/:?\s+/, 2);
    if (name && value !== undefined) pairs.set(name, Number(value));
  }
  return pairs;
}
