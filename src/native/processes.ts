/** What the kernel says of processes that this one has started, and is told of them. */
import { readFileSync, writeFileSync } from 'node:fs';

const PAGE = 4096;
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
    return Number(readFileSync(`/proc/${pid}/statm`, 'latin1').split(' ')[1]) * PAGE;
  } catch {
    return 0;
  }
}
