/** Files of a segment, as they are written to. */
import { constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';

/** A file that is there; what is written to it is on the medium when that resolves. */
export function openSynced(path: string): Promise<FileHandle> {
  return open(path, constants.O_WRONLY | constants.O_DSYNC);
}

/** Resolves when all parts are written, one after the other, from `at` on. */
export async function writeAll(file: FileHandle, parts: Buffer[], at: number): Promise<void> {
  let rest = parts;
  for (;;) {
    const { bytesWritten } = await file.writev(rest, at);
    at += bytesWritten;
    let skip = bytesWritten;
    rest = rest.flatMap((part) => {
      const done = Math.min(skip, part.length);
      skip -= done;
      return done < part.length ? [part.subarray(done)] : [];
    });
    if (rest.length === 0) return;
  }
}

/** Rejects with the first failure, when each was tried. */
export async function closeAll(...files: (FileHandle | null | undefined)[]): Promise<void> {
  const closed = await Promise.allSettled(files.map((file) => file?.close()));
  for (const result of closed) if (result.status === 'rejected') throw result.reason;
}
