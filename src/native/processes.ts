/** What the kernel says of processes that this one has started, and is told of them. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';

const FIRST_TO_GO = '1000';

/** It goes before its parent when memory is short. */
export function goesFirst(pid: number | undefined): void {
  try {
    writeFileSync(`/proc/${pid}/oom_score_adj`, FIRST_TO_GO);
  } catch {
    // It has ended, or there is no /proc.
  }
}

/** Bytes that it has in memory; 0: it has ended, or there is no /proc. */
export function memoryOf(pid: number | undefined): number {
  try {
    return Number(readFileSync(`/proc/${pid}/statm`, 'latin1').split(' ')[1]) * pageBytes();
  } catch {
    return 0;
  }
}

const AUXV = '/proc/self/auxv';
const AUXV_PAGE_SIZE = 6n;
let page: number | undefined;

/** Of this kernel's pages, whichever files are looked at: from the auxiliary vector, pairs of 64 bits, kind and value. */
export function pageBytes(): number {
  page ??= pageOf(existsSync(AUXV) ? readFileSync(AUXV) : Buffer.alloc(0));
  return page;
}

function pageOf(auxv: Buffer): number {
  for (let at = 0; at + 16 <= auxv.length; at += 16) {
    if (auxv.readBigUInt64LE(at) === AUXV_PAGE_SIZE) return Number(auxv.readBigUInt64LE(at + 8));
  }
  return 4096;
}

/** Why a program that is to be run cannot be, in words, with what to do. */
export function startFault(program: string, { code, message }: NodeJS.ErrnoException): string {
  if (code === 'ENOENT') {
    const what = existsSync(program) ? 'what its first line names (#!) is not there' : 'there is no such program';
    return `${program}: ${what}`;
  }
  if (code !== 'EACCES') return `${program}: ${message}`;
  return `${program}: user ${process.getuid?.()} may not run it: chmod +x, unless its file system is mounted noexec`;
}
