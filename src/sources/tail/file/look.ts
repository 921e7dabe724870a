/**
 * One look at the next bytes of a file: one pread, straight into the pool, and what it tells of the file.
 *
 *   slot   | marker (64 bytes before the position) | bytes that are there | NULs up to the end
 *                                            before                     end                  got
 *
 * The marker is read again each time: if it differs, the file was truncated or replaced since. So are its first bytes
 * where there is no marker. The lines in what was read are found in read.ts.
 */
import { type FoundLines, READ_BYTES } from '../../../lines/format.ts';
import type { LineEnds } from '../../../lines/line-ends.ts';
import { archiveOf } from '../compressed/archive.ts';
import type { TrackedFile } from './file.ts';
import { lineOfNuls, noteEnd, nulsWereWritten, passNuls, skipHole, skipNuls, toRead } from './hole.ts';
import { digest, HEAD_BYTES, MARKER_BYTES, type Prefix, same } from './inode.ts';
import { PAGE_BYTES } from './nuls.ts';
import { LONGEST } from './state.ts';
import { addToSum } from './sum.ts';

/** `more`: there may be more to read. `end`: nothing more for now. `restarted`: not the bytes that were there. */
export type Outcome = 'more' | 'end' | 'restarted';

/** What the file is; it holds no lines. */
export interface NoLines {
  archive: string;
}

/** Bytes [before, end) of the buffer follow the file's position; up to `got` there are NULs, unless it `stopped`. */
export interface Look {
  before: number;
  end: number;
  got: number;
  /** At `end` a line begins with a page of NULs: the next look begins there. */
  stopped: boolean;
  /** Nothing else follows for now. */
  ended: boolean;
  /** So many bytes behind the position were asked for. */
  asked: number;
}

/** Reads up to `most` bytes behind the file's position. */
export async function look(
  file: TrackedFile,
  bytes: Buffer,
  most: number,
  lines: LineEnds,
): Promise<Look | Outcome | NoLines> {
  const { unitBytes } = lines;
  const before = file.marker.length;
  const from = file.position - before;
  const asked = toRead(file, most);
  const want = asked + before;
  const got = await file.read(bytes, want, from);
  if (!same(file.marker, bytes.subarray(0, Math.min(before, got)))) return 'restarted';
  if (!beginsAsBefore(file, bytes, got)) return 'restarted';
  const archive = file.position === 0 ? archiveOf(bytes.subarray(0, got), file.stream.name) : null;
  if (archive) return { archive };
  const read = { from, got, full: got === want };
  const noted = noteEnd(file, bytes, read, before, unitBytes);
  if (got === before) return 'end';
  if (file.position % unitBytes !== 0) {
    stepToUnit(file, bytes, before);
    return 'more';
  }
  if (bytes[before] === 0) {
    const outcome = await skipHole(file, bytes, before, read, unitBytes);
    if (outcome !== 'none') return outcome;
  }
  await knowHead(file, bytes, noted.end);
  const end = lineOfNuls(bytes, before, noted.end, lines);
  const stopped = end < noted.end;
  return { before, end, got, stopped, ended: noted.ended && !stopped, asked };
}

/** As `look`, for the first `length` bytes of a line that is longer: no line ended there when it was looked at. */
export async function lookAtLong(
  file: TrackedFile,
  bytes: Buffer,
  length: number,
  lines: LineEnds,
): Promise<{ before: number; end: number } | 'restarted'> {
  const before = file.marker.length;
  const got = await file.read(bytes, before + length, file.position - before);
  if (got < before + length || !same(file.marker, bytes.subarray(0, before))) return 'restarted';
  if (lines.first(bytes, before, got) >= 0) return 'restarted';
  await knowHead(file, bytes, got);
  return { before, end: got };
}

/** Looks for the end of a long line behind what was looked at; gives that, and the marker there. */
export async function findEnd(
  file: TrackedFile,
  bytes: Buffer,
  lines: LineEnds,
): Promise<Outcome | { end: number; after: Prefix }> {
  if (nulsWereWritten(file, bytes)) return 'more';
  const from = file.scanned - MARKER_BYTES;
  const want = toRead(file, READ_BYTES, from);
  const got = await file.read(bytes, want, from);
  if (!file.seam || !same(file.seam, bytes.subarray(0, Math.min(got, MARKER_BYTES)))) return 'restarted';
  const read = { from, got, full: got === want };
  const { end: data, ended } = noteEnd(file, bytes, read, MARKER_BYTES, lines.unitBytes);
  const lineEnd = lines.first(bytes, MARKER_BYTES, data);
  let end = from + lineEnd;
  if (lineEnd < 0) {
    const rest = data % lines.unitBytes;
    file.lookedAt(from + data - rest, bytes, data - rest);
    const complete = file.scanned - file.position > LONGEST || (file.flush && ended);
    if (!complete && ended) return 'end';
    if (!complete) return got - data < PAGE_BYTES ? 'more' : passNuls(file, bytes, lines.unitBytes);
    end = from + data;
  }
  if (skipNuls(file, bytes)) return 'more';
  return { end, after: digest(bytes.subarray(end - from - MARKER_BYTES, end - from)) };
}

/** No line ends in what was read, and more follows: more is read at once, `most` at most. */
export function askMore(file: TrackedFile, most: number): void {
  file.readBytes = Math.min(file.readBytes * 4, most);
}

/** Reads no more than there is to name. `stopped`: no more than the lines that were found could be named, or `most` of them. */
export function adapt(file: TrackedFile, { stopped, count, taken }: FoundLines, most: number): void {
  if (stopped) file.readBytes = Math.max(16 * 1024, taken + (taken >> 3));
  else if (count < most / 2) file.readBytes = Math.max(file.readBytes, READ_BYTES);
}

/** Where another encoding, or version 0.1.0, left off is half a character: the next record shows the byte as skipped. */
function stepToUnit(file: TrackedFile, bytes: Buffer, before: number): void {
  file.moveTo(file.position + 1, digest(bytes.subarray(Math.max(0, before + 1 - MARKER_BYTES), before + 1)));
  addToSum(file, bytes, before, before + 1);
}

/** At 0 there is no marker: what was sent before the agent was killed, and not settled, is told by the first bytes. */
function beginsAsBefore({ position, packed, stream }: TrackedFile, bytes: Buffer, got: number): boolean {
  const { head } = stream.generation;
  if (position > 0 || packed || head.length === 0) return true;
  return same(head, bytes.subarray(0, Math.min(head.length, got)));
}

/** The first bytes become known as the file grows, until there are 256. */
async function knowHead(file: TrackedFile, bytes: Buffer, got: number): Promise<void> {
  // Of a compressed file the compressed bytes are known.
  if (file.packed) return;
  const { generation } = file.stream;
  const size = Math.min(HEAD_BYTES, file.position - file.marker.length + got);
  // What was not read of them before may have been written anew since.
  if (generation.head.length >= size && generation.head.length <= file.position) return;
  if (file.position === file.marker.length) {
    generation.head = digest(bytes.subarray(0, size));
    return;
  }
  const head = Buffer.alloc(size);
  if ((await file.read(head, size, 0)) === size) generation.head = digest(head);
}
