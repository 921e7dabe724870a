/**
 * One agent per data_dir: `<data_dir>/lock` is locked as long as the process lives, and names its pid.
 *
 * flock ends with the process, whatever kills it. Where it cannot be had, `lock: pid` relies on the pid in the file:
 * a process that has it and is alive holds the lock.
 */
import { closeSync, constants, ftruncateSync, openSync, readFileSync, rmSync, writeSync } from 'node:fs';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { makeDirectorySync } from '../core/files.ts';
import { log } from '../log.ts';
import { nativeAvailable } from '../native/libc.ts';
import { tryLock } from '../native.ts';

export type LockMode = 'flock' | 'pid';

export interface DataDirLock {
  release(): void;
}

/** Throws a sentence that names the other agent, or says why the directory cannot be locked. */
export function lockDataDir(dir: string, mode: LockMode): DataDirLock {
  const lock = lockIn(dir, 'lock', mode);
  if ('release' in lock) return lock;
  const who = lock.pid === null ? 'another agent' : `the agent with pid ${lock.pid}`;
  throw new Error(`${dir} is in use by ${who}: one agent per data_dir`);
}

/** Locks the file of this name; where another process has it: that process, null where it has not said yet who it is. */
export function lockIn(dir: string, name: string, mode: LockMode): DataDirLock | { pid: number | null } {
  const path = join(dir, name);
  const fd = openLock(dir, path);
  try {
    const lock = mode === 'pid' ? lockByPid(path, fd) : lockByFlock(dir, path, fd);
    if (!('release' in lock)) closeSync(fd);
    return lock;
  } catch (error) {
    closeSync(fd);
    throw error;
  }
}

/** What is wrong with the directory shows here first. */
function openLock(dir: string, path: string): number {
  try {
    makeDirectorySync(dir);
    return openSync(path, constants.O_RDWR | constants.O_CREAT, 0o640);
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    const why: Record<string, string> = {
      EEXIST: 'it is not a directory',
      EISDIR: `${path} is a directory, and should be a file: is it another program's?`,
      EACCES: `${userName()} may not write there: chown it, or write another directory`,
      EROFS: 'its file system can only be read: write another directory',
    };
    throw new Error(`cannot use data_dir ${dir}: ${why[code ?? ''] ?? message}`);
  }
}

function lockByFlock(dir: string, path: string, fd: number): DataDirLock | { pid: number | null } {
  if (!nativeAvailable()) {
    throw new Error(`cannot lock ${dir}: flock needs koffi, which cannot be loaded here; \`lock: pid\` does without`);
  }
  if (!tryLock(fd)) return { pid: readPid(path) };
  try {
    writePid(fd);
  } catch (error) {
    // A full disk: the lock is held all the same, and names nobody.
    ftruncateSync(fd, 0);
    log.warn(`cannot write the pid into ${path}: ${(error as Error).message}`);
  }
  return { release: () => closeSync(fd) };
}

function lockByPid(path: string, fd: number): DataDirLock | { pid: number } {
  const other = readPid(path);
  if (other !== null && other !== process.pid && alive(other)) return { pid: other };
  writePid(fd);
  closeSync(fd);
  return { release: () => rmSync(path, { force: true }) };
}

function readPid(path: string): number | null {
  try {
    const pid = Number.parseInt(readFileSync(path, 'utf8'), 10);
    return Number.isInteger(pid) && pid > 0 ? pid : null;
  } catch {
    // Not written yet, or gone meanwhile: then there is no name to give.
    return null;
  }
}

function writePid(fd: number): void {
  const text = `${process.pid}\n`;
  // Written over what is there: a full disk may have no room for what was given up.
  writeSync(fd, text, 0);
  ftruncateSync(fd, text.length);
}

function alive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // EPERM: it lives, and is someone else's.
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

function userName(): string {
  try {
    return userInfo().username;
  } catch {
    // One without a name, as in containers.
    return `user ${process.getuid?.()}`;
  }
}
