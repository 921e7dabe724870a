/**
 * Over a rotation: what is not finished at the end of a file that lost its name goes on at the beginning of the file
 * that has the name now. The record is the old file's, the new one is read from behind what was taken of it.
 *
 *   old   ... | Exception in thread |            new   |   at a.b.c |   at d.e.f | next record ...
 *                    from here                                      position
 *
 * The new file's first lines are read before the old file's end: so whoever writes has gone over to the new one, and the
 * old file is read to its end. Until that is decided the new file waits; the old one's silence ends the wait.
 */

import type { Format } from '../../../lines/format.ts';
import { archiveOf } from '../compressed/archive.ts';
import { descriptors } from '../file/descriptors.ts';
import type { TrackedFile } from '../file/file.ts';
import { digest, HEAD_BYTES, MARKER_BYTES } from '../file/inode.ts';
import { lastNuls } from '../file/nuls.ts';

/** What is read of the new file. */
const READ_BYTES = 256 * 1024;

export class Join {
  readonly file: TrackedFile;
  /** Its first bytes. */
  readonly lines: Buffer;
  /** Bytes of the lines that went into the old file's last record. */
  taken = 0;

  constructor(file: TrackedFile, lines: Buffer) {
    this.file = file;
    this.lines = lines;
  }

  /** The file goes on behind what was taken; its first record shows these bytes as skipped. */
  settle(): number {
    const { file, lines, taken } = this;
    file.stream.generation.head = digest(lines.subarray(0, HEAD_BYTES));
    file.begin(taken, digest(lines.subarray(Math.max(0, taken - MARKER_BYTES), taken)));
    return taken;
  }
}

/** The file that goes on with what is open at the end of this one, if it has a whole line by now. */
export async function joinOf(old: TrackedFile, format: Format): Promise<Join | null> {
  const file = old.after;
  if (!file || file.before?.file !== old || !file.before.joins) return null;
  if (file.busy || !file.untouched || !open(file)) return null;
  const bytes = Buffer.allocUnsafe(READ_BYTES);
  let got: number;
  file.use(true);
  try {
    got = await file.read(bytes, READ_BYTES, 0);
  } finally {
    file.use(false);
  }
  // NULs at its end may be written over yet.
  const lines = bytes.subarray(0, Math.min(got, format.lineEnds.aligned(lastNuls(bytes, 0, got))));
  if (format.lineEnds.first(lines, 0, lines.length) < 0 || archiveOf(lines, file.stream.name)) return null;
  return new Join(file, lines);
}

/** While it waits it may have been closed in favour of others. */
function open(file: TrackedFile): boolean {
  try {
    return descriptors.open(file);
  } catch {
    return false; // in its own turn it is said why
  }
}
