/** Files of a segment, as they are written to. */
import { constants, writev } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';

/** A file that is there; what is written to it is on the medium when that resolves. */
export function openSynced(path: string): Promise<FileHandle> {
  return open(path, constants.O_WRONLY | constants.O_DSYNC);
}

/**
 * Resolves when all parts are written, one after the other, from `at` on. Until then the file must not be closed: it is
 * written by its number, as a handle's own writes take several turns of promises each.
 */
export function writeAll(file: FileHandle, parts: Buffer[], at: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const write = (rest: Buffer[], from: number) => {
      writev(file.fd, rest, from, (error, bytesWritten) => {
        if (error) return reject(error);
        const left = behind(rest, bytesWritten);
        if (left.length === 0) resolve();
        else write(left, from + bytesWritten);
      });
    };
    write(parts, at);
  });
}

/** What is left of the parts when so many of their bytes are written. */
function behind(parts: readonly Buffer[], written: number): Buffer[] {
  let skip = written;
  return parts.flatMap((part) => {
    const done = Math.min(skip, part.length);
    skip -= done;
    return done < part.length ? [part.subarray(done)] : [];
  });
}

/** Rejects with the first failure, when each was tried. */
export async function closeAll(...files: (FileHandle | null | undefined)[]): Promise<void> {
  const closed = await Promise.allSettled(files.map((file) => file?.close()));
  for (const result of closed) if (result.status === 'rejected') throw result.reason;
}
