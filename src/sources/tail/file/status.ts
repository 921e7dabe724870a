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

interface Behind {
  file: TrackedFile;
  waiting: number;
  /** Milliseconds. */
  lag: number;
}

/**
 * The most behind first, at most `count` of them, made one by one as they are asked for. What is less behind than so
 * many others, or not at all, costs next to nothing.
 */
export function* mostBehind(files: Iterable<TrackedFile>, count: number): Generator<FileStatus> {
  if (count === 0) return;
  const now = performance.now();
  const behind: Behind[] = [];
  const others: TrackedFile[] = [];
  /** What the last of them waits for, once there are enough. */
  let floor = 1;
  for (const file of files) {
    const { waiting } = file;
    if (waiting >= floor) {
      behind.push({ file, waiting, lag: file.lag(now) });
      if (behind.length < 2 * count) continue;
      behind.sort(mostBehindFirst).length = count;
      floor = behind.at(-1)!.waiting;
    } else if (waiting === 0 && others.length < count) others.push(file);
  }
  for (const { file } of behind.sort(mostBehindFirst).slice(0, count)) yield statusOf(file, now);
  for (const file of others.slice(0, Math.max(0, count - behind.length))) yield statusOf(file, now);
}

function mostBehindFirst(a: Behind, b: Behind): number {
  return b.waiting - a.waiting || b.lag - a.lag;
}

function statusOf(file: TrackedFile, now: number): FileStatus {
  const { path, id } = file.stream.generation;
  const { expected: size, position, committed, waiting: lag_bytes, lines, truncated, error } = file;
  return { path, id, size, position, committed, lag_bytes, lag_seconds: file.lag(now) / 1000, lines, truncated, error };
}
