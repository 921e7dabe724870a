/**
 * Reads the next lines of a file into a batch: one pread, straight into the pool.
 *
 *   slot   | marker (64 bytes before the position) | lines ... | beginning of a line |
 *
 * The marker is read again each time: if it differs, the file was truncated or replaced since. The beginning of a line
 * waits in the file until the line is complete. A long one is not read again at each write: only what follows
 * `scanned` is, until its end is there. So a line of any length needs no more memory than `max_line`.
 */
import { type Batch, TRUNCATED } from '../../../core/batch.ts';
import { MAX_RECORDS, SLOT_CAPACITY } from '../../../core/pool.ts';
import type { Kernel } from '../../../kernel/kernel.ts';
import { AROUND_BYTES, type LineEnds, lineEndsOf } from '../../../lines/line-ends.ts';
import { archiveOf } from '../compressed/archive.ts';
import type { TrackedFile } from './file.ts';
import { noteEnd, nulsWereWritten, passNuls, skipHole, toRead } from './hole.ts';
import { digest, HEAD_BYTES, MARKER_BYTES, type Prefix, same } from './inode.ts';
import { PAGE } from './nuls.ts';
import { LONG, LONGEST, READ_BYTES } from './state.ts';
import { addToSum } from './sum.ts';

/** `more`: there may be more to read. `end`: nothing more for now. `restarted`: not the bytes that were there. */
export type Outcome = 'more' | 'end' | 'restarted';

/** What the file is; it holds no lines. */
export interface NoLines {
  archive: string;
}

const LINES = lineEndsOf('utf-8');

/** Fills the batch with the file's next lines and moves the file's position; `batch.count` says how many. */
export async function fill(
  file: TrackedFile,
  batch: Batch,
  kernel: Kernel,
  maxLine: number,
): Promise<Outcome | NoLines> {
  if (file.scanned - file.position >= LONG) {
    const outcome = await longLine(file, batch, kernel, maxLine);
    if (outcome !== 'found') return outcome;
  }
  const { slot } = batch;
  const { bytes, bytesAt } = slot;
  const before = file.marker.length;
  for (;;) {
    const want = Math.min(toRead(file, file.readBytes) + before, SLOT_CAPACITY);
    const got = await file.read(bytes, want, file.position - before);
    if (!same(file.marker, bytes.subarray(0, Math.min(before, got)))) return 'restarted';
    if (!beginsAsBefore(file, bytes, got)) return 'restarted';
    const archive = file.position === 0 ? archiveOf(bytes.subarray(0, got), file.stream.name) : null;
    if (archive) return { archive };
    const read = { from: file.position - before, got, full: got === want };
    const { end, ended } = noteEnd(file, bytes, read, before);
    if (got === before) return 'end';
    if (bytes[before] === 0) {
      const outcome = await skipHole(file, bytes, before, read);
      if (outcome !== 'none') return outcome;
    }
    await knowHead(file, bytes, end);

    const available = end - before;
    const fromAt = bytesAt + before;
    batch.count = kernel.findLines(slot, fromAt, bytesAt + end, fromAt, 0);
    if (batch.count > 0) {
      const used = kernel.consumedAt - fromAt;
      if (used > maxLine) cutLines(file, batch, maxLine);
      take(file, batch, before, used);
      adapt(file, batch.count, used);
      // A NUL may be the beginning of a hole.
      const looked = batch.count < MAX_RECORDS && (used === available || bytes[before + used] !== 0);
      if (looked) file.lookedAt(batch.end + available - used, bytes, end);
      else file.scanned = batch.end;
      return ended && batch.count < MAX_RECORDS ? 'end' : 'more';
    }
    file.lookedAt(file.position + available, bytes, end);
    if (!ended) {
      if (got - end >= PAGE) return passNuls(file, bytes);
      if (available > maxLine + AROUND_BYTES) return 'more';
      file.readBytes = Math.min(file.readBytes * 4, maxLine + AROUND_BYTES + 1);
      continue;
    }
    if (!file.flush) return 'end';
    batch.count = kernel.findLines(slot, fromAt, bytesAt + end, fromAt, 0, true);
    if (available > maxLine) cutLines(file, batch, maxLine);
    take(file, batch, before, available);
    return 'end';
  }
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
    if (!complete) return got - data < PAGE ? 'more' : passNuls(file, bytes, lines.unitBytes);
    end = from + data;
  }
  return { end, after: digest(bytes.subarray(end - from - MARKER_BYTES, end - from)) };
}

/** As `fill`, where a long line is next. Over-long: the line's beginning becomes the batch. */
async function longLine(file: TrackedFile, batch: Batch, kernel: Kernel, maxLine: number): Promise<Outcome | 'found'> {
  const { slot } = batch;
  const { bytes, bytesAt } = slot;
  const found = await findEnd(file, bytes, LINES);
  if (typeof found === 'string') return found;
  const { end, after } = found;
  if (end - file.position <= maxLine + AROUND_BYTES) {
    file.readBytes = Math.max(READ_BYTES, maxLine + AROUND_BYTES + 1);
    file.scanned = file.position;
    return 'found';
  }
  const before = file.marker.length;
  const want = before + maxLine + AROUND_BYTES - 1;
  const head = await file.read(bytes, want, file.position - before);
  if (head < want || !same(file.marker, bytes.subarray(0, before))) return 'restarted';
  // No line ended here when it was looked at.
  if (LINES.first(bytes, before, head) >= 0) return 'restarted';
  await knowHead(file, bytes, head);
  const fromAt = bytesAt + before;
  batch.count = kernel.findLines(slot, fromAt, bytesAt + head, fromAt, 0, true);
  slot.length[0] = end - file.position;
  slot.flags[0] = TRUNCATED;
  cutLines(file, batch, maxLine);
  batch.used = head;
  batch.from = file.position;
  batch.end = end;
  // Not all of it was read at once.
  file.goTo(end, after);
  return 'more';
}

/** The batch's lines are the `used` bytes behind the marker: position and marker move behind them. */
function take(file: TrackedFile, batch: Batch, before: number, used: number): void {
  const end = before + used;
  batch.used = end;
  batch.from = file.position;
  batch.end = file.position + used;
  file.position = batch.end;
  file.marker = digest(batch.slot.bytes.subarray(Math.max(0, end - MARKER_BYTES), end));
  addToSum(file, batch.slot.bytes, before, end);
}

function cutLines(file: TrackedFile, batch: Batch, maxLine: number): void {
  const cut = cutLong(batch, maxLine);
  file.truncated += cut;
  batch.stream.account.truncated += cut;
}

/** Cuts and marks the lines that are longer than allowed; returns how many are cut. */
export function cutLong({ slot, count }: Batch, maxLine: number): number {
  const { bytes, bytesAt, starts, ends, flags } = slot;
  let cut = 0;
  for (let i = 0; i < count; i++) {
    const start = starts[i]!;
    if (ends[i]! - start > maxLine) {
      let end = start + maxLine;
      // Not within a character: its later bytes are 10xxxxxx.
      for (let back = 0; back < 3 && (bytes[end - bytesAt]! & 0xc0) === 0x80; back++) end--;
      ends[i] = end;
      flags[i] = TRUNCATED;
    }
    if (flags[i] === TRUNCATED) cut++;
  }
  return cut;
}

/** Reads no more than the tables can name. */
function adapt(file: TrackedFile, count: number, used: number): void {
  if (count === MAX_RECORDS) file.readBytes = Math.max(16 * 1024, used + (used >> 3));
  else if (count < MAX_RECORDS / 2) file.readBytes = Math.max(file.readBytes, READ_BYTES);
}

/** At 0 there is no marker: what was sent before the agent was killed, and not settled, is told by the first bytes. */
export function beginsAsBefore({ position, packed, stream }: TrackedFile, bytes: Buffer, got: number): boolean {
  const { head } = stream.generation;
  if (position > 0 || packed || !stream.persisted || head.length === 0) return true;
  return same(head, bytes.subarray(0, Math.min(head.length, got)));
}

/** The first bytes become known as the file grows, until there are 256. */
export async function knowHead(file: TrackedFile, bytes: Buffer, got: number): Promise<void> {
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
