/**
 * Bytes that read as NUL and that nobody wrote.
 *
 * Holes: a log gets one when it is truncated (logrotate's copytruncate) and its writer, which does not append, goes on at
 * its old position.
 *
 *   | line | NUL ... | hole ............. | NUL ... line | line |
 *          ^ position                              ^ reading goes on here
 *
 * A hole at the beginning of a line is skipped with all NULs around it, and counted. So is a page of NULs and more that was
 * written there (a disk after a power cut, dd), once the line behind it has its end: until then somebody may write over
 * them. Fewer, and those within a line, are left alone.
 *
 * Room: NULs up to the end of the file, which may be written over yet by a writer that reserves its file (fallocate),
 * fills it with NULs, or maps it.
 *
 *   | line | beginning of a line | NUL .......... |
 *                                ^ size           ^ size on disk
 *
 * Nothing is read past the place where it begins, and each look at the file begins there again. The rest is gone through
 * once, for what may follow; again only when something was written, and seldom.
 */
import type { Batch } from '../../../core/batch.ts';
import type { LineEnds } from '../../../lines/line-ends.ts';
import { advise, fstatSync, readSync, seekData, seekHole } from '../../../mounts/fs.ts';
import type { TrackedFile } from './file.ts';
import { lastNuls, nulsFrom, PAGE_BYTES } from './nuls.ts';
import { LITTLE_BYTES, setEnd } from './reserved.ts';
import { LONGEST } from './state.ts';

const BLOCK_BYTES = 512 * 1024;
/** NULs are gone through in steps of so many blocks; then other files have their turn. */
const BLOCKS = 16;
/** What was gone through before is gone through again at no more than this speed. */
const AGAIN_BYTES_A_MS = 1024;
/** Bytes [0, got) of the buffer follow the place `from` of the file; `full`: as much as was asked for. */
export interface Read {
  from: number;
  got: number;
  full: boolean;
}

/** How much to read behind the place `from`. */
export function toRead(file: TrackedFile, most: number, from = file.position): number {
  return file.room ? Math.min(most, Math.max(0, file.size - from) + file.room.ask) : most;
}

/**
 * Notes where the file ends, as far as a read tells. `end` is where in its bytes the NULs begin that go on to the last
 * one: behind the first `least`, and with whole units of the encoding before them. `ended`: nothing else follows.
 */
export function noteEnd(
  file: TrackedFile,
  bytes: Buffer,
  { from, got, full }: Read,
  least: number,
  unitBytes = 1,
): { end: number; ended: boolean } {
  let end = got;
  if (file.packed) {
    file.know(full ? Math.max(file.size, from + got) : from + got);
    return { end, ended: !full };
  }
  if (got > least && bytes[got - 1] === 0) {
    end = lastNuls(bytes, least, got);
    end = Math.min(got, least + Math.ceil((end - least) / unitBytes) * unitBytes);
  }
  const stored = full ? Math.max(file.stored, from + got) : from + got;
  const open = full && got - end < PAGE_BYTES;
  setEnd(file, open ? Math.max(file.size, from + end) : from + end, stored, from + got);
  const { room } = file;
  if (room) room.ask = full && end === got ? room.ask * 4 : LITTLE_BYTES;
  return { end, ended: !full || (end < got && room !== null && room.to >= stored) };
}

/**
 * Where the NULs end that begin at `from`, where the file's room does, or behind that; `end`: with the file. `more`: it
 * takes longer to tell. What is in `bytes` is overwritten.
 */
export async function pastNuls(file: TrackedFile, bytes: Buffer, from: number): Promise<number | 'more' | 'end'> {
  const room = file.room!;
  const fd = file.fd!;
  const { size: stored, mtimeMs: modified } = fstatSync(fd);
  const now = performance.now();
  const first = room.modified < 0;
  const slow = now - room.begun > (stored - from) / AGAIN_BYTES_A_MS;
  const again = !first && slow && room.to >= stored && modified !== room.modified;
  if (again) room.to = from;
  if (first || again) {
    room.begun = now;
    room.modified = modified;
  }
  let at = Math.max(from, room.to);
  advise(fd, 'random');
  for (let i = 0; i < BLOCKS; i++) {
    // Else what is read, and read ahead, would be data without end: so would a page of which a part was read.
    advise(fd, 'dontneed', at);
    at = Math.max(at, seekData(fd, at) ?? at);
    const want = BLOCK_BYTES - (at % PAGE_BYTES);
    const got = at < stored ? await file.read(bytes, want, at) : 0;
    const nuls = nulsFrom(bytes, 0, got);
    at += nuls;
    if (nuls === want) continue;
    advise(fd, 'normal');
    const ended = nuls === got;
    setEnd(file, ended ? file.size : stored, stored, stored);
    return ended ? 'end' : at;
  }
  setEnd(file, file.size, stored, at);
  return 'more';
}

/**
 * What to do where a line begins with NUL: bytes [at, got) follow the file's position. `more`: look again. `end`: there
 * is nothing but room. `none`: they are bytes of a line. What is skipped are whole units of so many bytes.
 */
export async function skipHole(
  file: TrackedFile,
  bytes: Buffer,
  at: number,
  { got, full }: Read,
  unitBytes = 1,
): Promise<'more' | 'end' | 'none'> {
  const nuls = nulsFrom(bytes, at, got);
  if (file.packed) return skipPacked(file, nuls - (nuls % unitBytes));
  let end = file.position + nuls;
  if (at + nuls === got) {
    const found = full ? await pastNuls(file, bytes, end) : 'end';
    if (typeof found === 'string') return found;
    end = found;
  }
  end -= (end - file.position) % unitBytes;
  if (end === file.position) return 'none';
  // What is behind a hole that is being skipped belongs to it.
  if (file.hole > 0 || isHole(file, end)) file.skip(end - file.position);
  else if (end - file.position < PAGE_BYTES) return 'none';
  else file.lookedPast(file.position, end);
  return 'more';
}

/** Nobody writes over what is in a compressed file. */
function skipPacked(file: TrackedFile, nuls: number): 'more' | 'none' {
  if (nuls === 0 || (nuls < PAGE_BYTES && file.hole === 0)) return 'none';
  file.skip(nuls);
  return 'more';
}

/**
 * Where in bytes [from, to) of a file the first line begins that begins with a page of NULs; `to`: none does. One that
 * begins at `from` was looked at (skipHole). What comes behind it waits for the next read, which begins with it.
 */
export function lineOfNuls(bytes: Buffer, from: number, to: number, lines: LineEnds): number {
  const { unitBytes } = lines;
  // There is no page of them without one of these.
  for (let at = from + PAGE_BYTES - 1; at < to; at += PAGE_BYTES) {
    if (bytes[at] !== 0) continue;
    const start = from + lines.aligned(lastNuls(bytes, from, at + 1) - from);
    const end = at + nulsFrom(bytes, at, to);
    const nuls = end - start - ((end - start) % unitBytes);
    if (nuls >= PAGE_BYTES && start > from && lines.first(bytes, start - unitBytes, start) === start) return start;
    at += end - at - ((end - at) % PAGE_BYTES);
  }
  return to;
}

/** The line's end is known; true: it begins with NULs that were looked past, which are skipped, or looked at again. */
export function skipNuls(file: TrackedFile, bytes: Buffer): boolean {
  const { fd, nuls, position, stored } = file;
  if (nuls !== position) return false;
  // What is known of the file's end is that of what comes behind.
  setEnd(file, stored, stored, stored);
  // All that follow these belong to them.
  if (nulsFrom(bytes, 0, readSync(fd!, bytes, 0, PAGE_BYTES, position)) === PAGE_BYTES) file.skip(PAGE_BYTES);
  else file.lookAgain();
  return true;
}

/** Within a line, a page of NULs and more follows what was looked at: it is looked at what follows them. */
export async function passNuls(file: TrackedFile, bytes: Buffer, unitBytes = 1): Promise<'more' | 'end'> {
  const end = await pastNuls(file, bytes, file.scanned);
  if (typeof end === 'string') return end;
  file.lookedPast(file.scanned, end - ((end - file.position) % unitBytes));
  return 'more';
}

/** True: where NULs were passed over within a line something was written. It is looked at again from its beginning. */
export function nulsWereWritten(file: TrackedFile, bytes: Buffer): boolean {
  if (file.nuls < file.position || readSync(file.fd!, bytes, 0, 1, file.nuls) === 0 || bytes[0] === 0) return false;
  file.lookAgain();
  return true;
}

/** True: there is a hole in what lies between the file's position and `end`, which is nothing but NULs. */
function isHole({ fd, position }: TrackedFile, end: number): boolean {
  if (end - position < PAGE_BYTES) return false;
  // What was read of a place that was only reserved would be data.
  advise(fd!, 'dontneed', position);
  const hole = seekHole(fd!, position);
  return hole !== null && hole < end && (seekData(fd!, hole) ?? 0) > hole;
}

/** The skipped bytes are those before the batch's first record. */
export function tellHole(file: TrackedFile, batch: Batch): void {
  const hole = file.takeHole();
  if (hole === 0 || hole + batch.end - batch.from > LONGEST) return;
  batch.from -= hole;
  const { source } = batch.slot;
  for (let i = 0; i < batch.count; i++) source[i] = source[i]! + hole;
}
