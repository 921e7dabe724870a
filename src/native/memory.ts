/**
 * Memory that is needed for a start only, given back to the system. A start runs through much of Node's program once: what
 * is used again comes back by itself, from the kernel's cache. And malloc keeps what was freed between what is in use.
 */
import { readFileSync, readlinkSync } from 'node:fs';
import { loadLibc } from './libc.ts';

const MADV_DONTNEED = 4;

/** malloc.h */
const M_ARENA_MAX = -8;

/**
 * Threads that come from now on share what malloc has: else each has a part of its own, which keeps what was freed in it.
 * Most of what they take is as large as a block, and goes past it.
 */
export function shareMalloc(): void {
  if (process.platform === 'linux') loadLibc()?.call('int mallopt(int, int)')(M_ARENA_MAX, 1);
}

/** After a start: of the agent, or of a thread. It takes some milliseconds; where libc cannot be called, nothing. */
export function giveBack(): void {
  const c = process.platform === 'linux' ? loadLibc() : null;
  if (c === null) return;
  try {
    const madvise = c.call('int madvise(uintptr_t, size_t, int)');
    const program = readlinkSync('/proc/self/exe');
    for (const { from, to } of clean(readFileSync('/proc/self/smaps', 'latin1'), program)) {
      madvise(from, to - from, MADV_DONTNEED);
    }
    c.call('int malloc_trim(size_t)')(0);
  } catch {
    // Without /proc, or with another libc, it stays where it is: nothing depends on it.
  }
}

export interface Stretch {
  from: number;
  to: number;
}

/**
 * Where a file lies in memory as it is on the disk, from /proc/PID/smaps: nobody can have written there, and nobody has
 * (the loader has, in what it makes read-only afterwards).
 */
export function clean(smaps: string, file: string): Stretch[] {
  const found: Stretch[] = [];
  let of: Stretch | null = null;
  for (const line of smaps.split('\n')) {
    const head = /^([0-9a-f]+)-([0-9a-f]+) r-[x-]p \S+ \S+ \d+ +(.*)$/.exec(line);
    if (head) of = head[3] === file ? { from: Number.parseInt(head[1]!, 16), to: Number.parseInt(head[2]!, 16) } : null;
    else if (/^[0-9a-f]+-[0-9a-f]+ /.test(line)) of = null;
    else if (of !== null && /^Anonymous: +0 kB$/.test(line)) found.push(of);
  }
  return found;
}
