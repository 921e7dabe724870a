/**
 * Holes in sparse files: bytes that read as NUL and that nobody wrote. A log gets one when it is truncated (logrotate's
 * copytruncate) and its writer, which does not append, goes on at its old position.
 *
 *   | line | NUL ... | hole ............. | NUL ... line | line |
 *          ^ position                              ^ reading goes on here
 *
 * A hole at the beginning of a line is skipped with all NULs around it, and counted. NULs that were written, and those
 * within a line, are left alone; so are all where the system does not tell. At the end of a file a hole is room that
 * may be written to yet: it waits.
 */
import type { Batch } from '../../core/batch.ts';
import { fstatSync, seekData, seekHole } from '../../mounts/fs.ts';
import type { TrackedFile } from './file.ts';

/** No hole is smaller. */
const PAGE = 4096;
const BLOCK_BYTES = 512 * 1024;
/** NULs behind a hole are gone through in steps of so many blocks; then other files have their turn. */
const BLOCKS = 16;
/** `source` is kept in 32 bits: a larger hole is a gap in the offsets. */
const LARGEST = 0xf000_0000;

/**
 * `bytes[at, at + available)` are what follows the file's position. `more`: a hole was skipped. `end`: there is nothing
 * but NULs up to the end. `none`: read on. What is skipped are whole units of so many bytes.
 */
export async function skipHole(
  file: TrackedFile,
  bytes: Buffer,
  at: number,
  available: number,
  unitBytes = 1,
): Promise<'more' | 'end' | 'none'> {
  if (file.packed) return 'none';
  const zeros = zerosIn(bytes, at, at + available);
  // Behind a hole that is being skipped.
  if (file.hole > 0 && zeros < available) {
    if (zeros < unitBytes) return 'none';
    file.skip(zeros - (zeros % unitBytes));
    return 'more';
  }
  let end = file.position + zeros;
  if (file.hole === 0) {
    if (zeros < PAGE) return 'none';
    const hole = seekHole(file.fd!, file.position);
    if (hole === null || hole >= end) return 'none';
    const data = seekData(file.fd!, hole);
    if (data === null || data <= hole) return 'none';
    end = Math.max(end, data);
  }
  for (let i = 0; i < BLOCKS && end !== Number.POSITIVE_INFINITY; i++) {
    const got = await file.read(bytes, BLOCK_BYTES, end);
    const more = zerosIn(bytes, 0, got);
    end += more;
    if (more < got) {
      skipTo(file, end, unitBytes);
      return 'more';
    }
    if (got < BLOCK_BYTES) end = Number.POSITIVE_INFINITY;
    else end = Math.max(end, seekData(file.fd!, end) ?? end);
  }
  if (end !== Number.POSITIVE_INFINITY) {
    skipTo(file, end, unitBytes);
    return 'more';
  }
  file.size = fstatSync(file.fd!).size;
  // Nothing will be written there any more.
  if (file.flush) file.skip(file.size - file.position);
  return 'end';
}

function skipTo(file: TrackedFile, end: number, unitBytes: number): void {
  const bytes = end - file.position;
  file.skip(bytes - (bytes % unitBytes));
}

/** The skipped bytes are those before the batch's first record. */
export function tellHole(file: TrackedFile, batch: Batch): void {
  const { hole } = file;
  file.hole = 0;
  if (hole === 0 || hole + batch.end - batch.from > LARGEST) return;
  batch.from -= hole;
  const { source } = batch.slot;
  for (let i = 0; i < batch.count; i++) source[i] = source[i]! + hole;
}

function zerosIn(bytes: Buffer, from: number, to: number): number {
  let at = from;
  while (at < to && bytes[at] === 0) at++;
  return at - from;
}
