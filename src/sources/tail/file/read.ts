/**
 * Reads the next lines of a file into a batch (look.ts), where lines are records as they lie there.
 *
 *   slot   | marker | lines ... | beginning of a line |
 *
 * The beginning of a line waits in the file until the line is complete. A long one is not read again at each write: only
 * what follows `scanned` is, until its end is there. So a line of any length needs no more memory than `max_line`.
 */
import { type Batch, TRUNCATED } from '../../../core/batch.ts';
import { MAX_RECORDS, SLOT_CAPACITY } from '../../../core/pool.ts';
import type { Kernel } from '../../../kernel/kernel.ts';
import { AROUND_BYTES, lineEndsOf } from '../../../lines/line-ends.ts';
import type { TrackedFile } from './file.ts';
import { passNuls } from './hole.ts';
import { digest, MARKER_BYTES } from './inode.ts';
import { adapt, askMore, findEnd, look, lookAtLong, type NoLines, type Outcome } from './look.ts';
import { PAGE_BYTES } from './nuls.ts';
import { LONG, READ_BYTES } from './state.ts';
import { addToSum } from './sum.ts';

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
  for (;;) {
    const looked = await look(file, bytes, Math.min(file.readBytes, SLOT_CAPACITY - file.marker.length), LINES);
    if (typeof looked === 'string' || 'archive' in looked) return looked;
    const { before, end, got, stopped, ended } = looked;
    const available = end - before;
    const fromAt = bytesAt + before;
    batch.count = kernel.findLines(slot, fromAt, bytesAt + end, fromAt, 0);
    if (batch.count > 0) {
      const used = kernel.consumedAt - fromAt;
      if (used > maxLine) cutLines(file, batch, maxLine);
      take(file, batch, before, used);
      const full = batch.count === MAX_RECORDS;
      adapt(file, full || stopped, batch.count, used);
      // A NUL may be the beginning of a hole.
      if (!full && (used === available || bytes[before + used] !== 0))
        file.lookedAt(batch.end + available - used, bytes, end);
      else file.scanned = batch.end;
      return ended && !full ? 'end' : 'more';
    }
    file.lookedAt(file.position + available, bytes, end);
    if (!ended) {
      if (got - end >= PAGE_BYTES) return passNuls(file, bytes);
      if (available > maxLine + AROUND_BYTES) return 'more';
      askMore(file, maxLine + AROUND_BYTES + 1);
      continue;
    }
    if (!file.flush) return 'end';
    batch.count = kernel.findLines(slot, fromAt, bytesAt + end, fromAt, 0, true);
    if (available > maxLine) cutLines(file, batch, maxLine);
    take(file, batch, before, available);
    return 'end';
  }
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
  const head = await lookAtLong(file, bytes, maxLine + AROUND_BYTES - 1, LINES);
  if (head === 'restarted') return head;
  const fromAt = bytesAt + head.before;
  batch.count = kernel.findLines(slot, fromAt, bytesAt + head.end, fromAt, 0, true);
  slot.length[0] = end - file.position;
  slot.flags[0] = TRUNCATED;
  cutLines(file, batch, maxLine);
  batch.used = head.end;
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
