/** What the status says of files. */
import type { TrackedFile } from './file.ts';
import type { FileStream } from './stream.ts';
import { isHold, type WaitReason } from './wait.ts';

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
  /** The topic that does not take what the file has for it, or has not acknowledged it; null: none holds it up. */
  waits_for: string | null;
  /** Why what is there is not read now; null: it was read, or it is in its turn. */
  waiting: WaitStatus | null;
}

export interface WaitStatus {
  reason: WaitReason | 'output' | 'memory';
  seconds: number;
}

/** What is on its way for so long is waited for. */
const LATE_MS = 1000;

/** What a file waits for beside what it knows itself: that all of them do. By `performance.now()`, since when. */
export type Shortage = { reason: 'output' | 'memory'; since: number };

/** What is in flight of streams that no tracked file goes on with. */
type Leaving = ReadonlySet<FileStream>;

/** How far files are behind together; the age is that of the oldest byte. No object is made for any of them. */
export function lagOf(files: Iterable<TrackedFile>, leaving: Leaving): Pick<FileStatus, 'lag_bytes' | 'lag_seconds'> {
  const now = performance.now();
  let lag_bytes = 0;
  let most = 0;
  for (const file of files) {
    const { waiting } = file;
    if (waiting === 0) continue;
    lag_bytes += waiting;
    most = Math.max(most, file.lag(now));
  }
  for (const stream of leaving) {
    lag_bytes += stream.unsettled;
    most = Math.max(most, stream.lag(now));
  }
  return { lag_bytes, lag_seconds: most / 1000 };
}

interface Behind {
  file: TrackedFile;
  /** With what it held before. */
  waiting: number;
  /** Milliseconds. */
  lag: number;
}

type Left = Pick<Behind, 'waiting' | 'lag'>;

/** What is in flight of files that were truncated, replaced or deleted, by the path that they had. */
function leftOf(leaving: Leaving, now: number): ReadonlyMap<string, Left> | null {
  if (leaving.size === 0) return null;
  const all = new Map<string, Left>();
  for (const stream of leaving) {
    const { waiting, lag } = all.get(stream.name) ?? { waiting: 0, lag: 0 };
    all.set(stream.name, { waiting: waiting + stream.unsettled, lag: Math.max(lag, stream.lag(now)) });
  }
  return all;
}

/**
 * The most behind first, at most `count` of them, made one by one as they are asked for. What is less behind than so
 * many others, or not at all, costs next to nothing.
 */
export function* mostBehind(
  { files }: { files: Iterable<TrackedFile> },
  leaving: Leaving,
  count: number,
  shortage: (file: TrackedFile) => Shortage | null,
): Generator<FileStatus> {
  if (count === 0) return;
  const now = performance.now();
  const before = leftOf(leaving, now);
  const behind: Behind[] = [];
  const others: TrackedFile[] = [];
  /** What the last of them waits for, once there are enough. */
  let floor = 1;
  for (const file of files) {
    const left = before && file.path !== null ? before.get(file.path) : undefined;
    const waiting = file.waiting + (left?.waiting ?? 0);
    if (waiting >= floor) {
      behind.push({ file, waiting, lag: Math.max(file.lag(now), left?.lag ?? 0) });
      if (behind.length < 2 * count) continue;
      behind.sort(mostBehindFirst).length = count;
      floor = behind.at(-1)!.waiting;
    } else if (waiting === 0 && others.length < count) others.push(file);
  }
  const shown = behind.sort(mostBehindFirst).slice(0, count);
  for (const one of shown) yield statusOf(one, now, shortage(one.file));
  for (const file of others.slice(0, count - shown.length)) {
    yield statusOf({ file, waiting: 0, lag: 0 }, now, shortage(file));
  }
}

function mostBehindFirst(a: Behind, b: Behind): number {
  return b.waiting - a.waiting || b.lag - a.lag;
}

function statusOf({ file, waiting: lag_bytes, lag }: Behind, now: number, shortage: Shortage | null): FileStatus {
  const { path, id } = file.stream.generation;
  const { expected: size, position, committed, lines, truncated, error } = file;
  const lag_seconds = lag / 1000;
  const waiting = waitingOf(file, now, shortage);
  const waits_for = file.refusedBy ?? (lag > LATE_MS ? file.stream.waitsFor : null);
  const known = { path, id, size, position, committed, lag_bytes, lag_seconds, lines, truncated, error };
  return { ...known, waits_for, waiting };
}

function waitingOf(file: TrackedFile, now: number, shortage: Shortage | null): WaitStatus | null {
  const { wait, size, position, doubt, failed } = file;
  // What may come yet at the end of what was read holds up nothing.
  const waits = isHold(wait) || size > position || doubt !== null || failed !== null;
  const why = isHold(wait) ? wait : (shortage ?? wait);
  return waits && why ? { reason: why.reason, seconds: (now - why.since) / 1000 } : null;
}
