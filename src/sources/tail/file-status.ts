/** What the status says of a file. */
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

export function fileStatus(file: TrackedFile): FileStatus {
  const { path, id } = file.stream.generation;
  const { expected: size, position, committed, lines, truncated, error } = file;
  const lag_bytes = Math.max(0, size - committed);
  return { path, id, size, position, committed, lag_bytes, lag_seconds: file.lag / 1000, lines, truncated, error };
}
