/** What the status says of files. */
import type { TrackedFile } from './file.ts';

/** A file as `status --json` shows it. */
export interface FileStatus {
  path: string;
  id: string;
  size: number;
  position: number;
  committed: number;
  lag_bytes: number;
  lag_seconds: number;
  lines: number;
  truncated: number;
  error: string | null;
}

/** How far files are behind together; the age is that of the oldest byte. No object is made for any of them. */
export function lagOf(files: Iterable<TrackedFile>): Pick<FileStatus, 'lag_bytes' | 'lag_seconds'> {
  const now = performance.now();
  let lag_bytes = 0;
  let most = 0;
  for (const file of files) {
    const { waiting } = file;
    if (waiting === 0) continue;
    lag_bytes += waiting;
    most = Math.max(most, file.lag(now));
  }
  return { lag_bytes, lag_seconds: most / 1000 };
}

/** The most behind first, at most `count` of them: what is less behind than so many others costs no object. */
export function mostBehind(files: Iterable<TrackedFile>, count: number): FileStatus[] {
  if (count === 0) return [];
  const now = performance.now();
  const found: FileStatus[] = [];
  /** What the last of them waits for, once there are enough. */
  let floor = -1;
  for (const file of files) {
    const { waiting } = file;
    if (waiting < floor || (waiting === 0 && floor === 0)) continue;
    found.push(statusOf(file, waiting, now));
    if (found.length < 2 * count) continue;
    found.sort(mostBehindFirst).length = count;
    floor = found.at(-1)!.lag_bytes;
  }
  return found.sort(mostBehindFirst).slice(0, count);
}

function statusOf(file: TrackedFile, lag_bytes: number, now: number): FileStatus {
  const { path, id } = file.stream.generation;
  const { expected: size, position, committed, lines, truncated, error } = file;
  return { path, id, size, position, committed, lag_bytes, lag_seconds: file.lag(now) / 1000, lines, truncated, error };
}

function mostBehindFirst(a: FileStatus, b: FileStatus): number {
  return b.lag_bytes - a.lag_bytes || b.lag_seconds - a.lag_seconds;
}
