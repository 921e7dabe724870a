/**
 * Memory that is needed for a start only, given back to the system. A start runs through much of Node's program once: what
 * is used again comes back by itself, from the kernel's cache. And malloc keeps what was freed between what is in use.
 */
import { readFileSync, readlinkSync } from 'node:fs';
import { runInNewContext } from 'node:vm';
import { loadLibc } from './libc.ts';

const MADV_DONTNEED = 4;
/** It takes a millisecond, and what comes back as much. */
const AGAIN_MS = 100;
/** Bytes of heap in use: such a one is gone through in some ten milliseconds. */
const LARGE_HEAP = 64 << 20;

/** malloc.h */
const M_ARENA_MAX = -8;

/**
 * Threads that come from now on share what malloc has: else each has a part of its own, which keeps what was freed in it.
 * Most of what they take is as large as a block, and goes past it.
 */
export function shareMalloc(): void {
  if (process.platform === 'linux') loadLibc()?.call('int mallopt(int, int)')(M_ARENA_MAX, 1);
}

/** Of the program; they stay where they are. */
let program: readonly Stretch[] | undefined;

/** After a start, of the agent or of a thread. It takes some milliseconds at first, then one; where libc cannot be called, none. */
export function giveBack(): void {
  const c = process.platform === 'linux' ? loadLibc() : null;
  if (c === null) return;
  try {
    program ??= clean(readFileSync('/proc/self/smaps', 'latin1'), readlinkSync('/proc/self/exe'));
    const madvise = c.call('int madvise(uintptr_t, size_t, int)');
    for (const { from, to } of program) madvise(from, to - from, MADV_DONTNEED);
    c.call('int malloc_trim(size_t)')(0);
  } catch {
    // Without /proc, or with another libc, it stays where it is: nothing depends on it.
  }
}

/** By `performance.now()`. */
let until = 0;
let timer: NodeJS.Timeout | undefined;

/** Again and again, for so long: something runs for the first time. */
export function giveBackFor(ms: number): void {
  until = Math.max(until, performance.now() + ms);
  giveBack();
  timer ??= setInterval(() => {
    giveBack();
    if (performance.now() < until) return;
    clearInterval(timer);
    timer = undefined;
  }, AGAIN_MS).unref();
}

/**
 * What a start leaves in the heap, and the room for young objects, which it needed. The loop waits meanwhile, so not where
 * there is much of it; nothing, where heap.ts has not told V8 that it may be asked.
 */
export function shrinkHeap(): void {
  if (process.memoryUsage().heapUsed > LARGE_HEAP) return;
  const collect = runInNewContext('globalThis.gc') as ((options: object) => void) | undefined;
  collect?.({ type: 'major', flavor: 'last-resort' });
}

export interface Stretch {
  from: number;
  to: number;
}

/**
 * Where a file lies in memory as it is on the disk, from /proc/PID/smaps: nobody can have written there, and nobody has
 * (the loader has, in what it makes read-only afterwards). Only where it was loaded to, that is for good: V8 has copies of
 * parts of its own, which go with their thread.
 */
export function clean(smaps: string, file: string): Stretch[] {
  const found: Stretch[] = [];
  let base: number | null = null;
  let of: Stretch | null = null;
  for (const line of smaps.split('\n')) {
    const head = /^([0-9a-f]+)-([0-9a-f]+) (\S+) ([0-9a-f]+) \S+ \d+ *(.*)$/.exec(line);
    if (head === null) {
      if (of !== null && /^Anonymous: +0 kB$/.test(line)) found.push(of);
      continue;
    }
    of = null;
    if (head[5] !== file) continue;
    const from = Number.parseInt(head[1]!, 16);
    const loadedAt = from - Number.parseInt(head[4]!, 16);
    base ??= loadedAt;
    if (loadedAt === base && /^r-[x-]p$/.test(head[3]!)) of = { from, to: Number.parseInt(head[2]!, 16) };
  }
  return found;
}
