/**
 * Reads the next records of a file into a batch. A look (look.ts) brings its next bytes, the format (lines/format.ts)
 * finds lines in them and shapes records; that of a plain file shapes nothing. The position moves behind what became
 * records, and no further:
 *
 *   slot   | marker | lines of whole records | lines of an open record | beginning of a line | (joined lines) | (text)
 *                                            position afterwards
 *
 * The beginning of a line waits in the file until the line is complete. A long one is not read again at each write: only
 * what follows `scanned` is, until its end is there. So a line of any length needs no more memory than `max_line`.
 */
import assert from 'node:assert';
import { type Batch, HELD, TRUNCATED } from '../../../core/batch.ts';
import { free } from '../../../core/free.ts';
import { SLOT_CAPACITY } from '../../../core/pool.ts';
import type { Closing, Format, FoundLines, Shaped } from '../../../lines/format.ts';
import { log } from '../../../log.ts';
import type { Join } from '../rotation/join.ts';
import type { TrackedFile } from './file.ts';
import { passNuls, pastNuls } from './hole.ts';
import { digest, HEAD_BYTES, MARKER_BYTES, type Prefix } from './inode.ts';
import { adapt, askMore, findEnd, look, lookAtLong, type NoLines, type Outcome } from './look.ts';
import { PAGE_BYTES } from './nuls.ts';
import { LONG, LONGEST } from './state.ts';
import { addToSum } from './sum.ts';
import type { Unfinished } from './unfinished.ts';

/** The bytes as they were read, where they are changed in place: the marker is made of them. */
let asRead: Buffer | undefined;
/** Where lines are records, none is swallowed. */
const NONE = new Uint8Array(4);

/**
 * Fills the batch and moves the file's position; `batch.count` says how many records there are. `joined`: the file that has
 * the name now, if this one has lost it; its first lines may end the last record.
 */
export async function fill(
  file: TrackedFile,
  batch: Batch,
  format: Format,
  joined: Join | null,
): Promise<Outcome | NoLines> {
  const unfinished = format.shapes ? unfinishedOf(file) : null;
  if (!format.splits && file.scanned - file.position >= LONG) {
    const outcome = await longLine(file, batch, format, unfinished);
    if (outcome !== 'found') return outcome;
  }
  const { bytes } = batch.slot;
  const { unitBytes } = format.lineEnds;
  const sizeBefore = file.size;
  const swallowed = unfinished ? unfinished.swallowed : NONE;
  const skipped = unfinished ? file.position - unfinished.chained : 0;
  const edge = file.stream.edgeBehind(file.position) - file.position;
  let closing: Closing = 'no';
  for (;;) {
    if (unfinished) unfinished.open = 0;
    // By its first bytes a file is known again.
    const most = Math.min(file.readBytes, format.readBytes, Math.max(edge, HEAD_BYTES));
    const looked = await look(file, bytes, most, format.lineEnds);
    if (typeof looked === 'string' || 'archive' in looked) {
      // A hole may be longer than a record can say.
      if (unfinished && file.position - unfinished.chained > LONGEST) unfinished.chained = file.position;
      return looked;
    }
    const { before, got: all, stopped, asked: ask } = looked;
    // A record ended there when it was read before: so it ends there again.
    const isEdge = looked.end - before >= edge;
    const got = isEdge ? before + edge : looked.end;
    const ended = looked.ended && got === looked.end;
    const available = got - before;

    // While the output was away something may have come and been seen.
    const quiet = file.size === sizeBefore && performance.now() - file.grown >= format.timeout;
    const silent = isEdge || file.flush || (unfinished?.close && quiet && mayClose(file));
    const base = before - skipped;
    let found = format.find(batch, before, got, base, isEdge || (ended && file.flush));
    let atEnd = (isEdge || ended) && !found.stopped;
    const whole = found.taken === available;
    let heard = 0;
    if (joined && atEnd && !isEdge && whole && found.count > 0) {
      heard = joined.lines.copy(bytes, got, 0, Math.max(0, before + format.readBytes - got));
      found = format.find(batch, before, got + heard, base, false);
      atEnd &&= !found.stopped;
    }
    if (found.count === 0) {
      const rest = available % unitBytes;
      file.lookedAt(file.position + available - rest, bytes, got - rest);
      if (ended) return 'end';
      if (!isEdge && all - got >= PAGE_BYTES) return passNuls(file, bytes, unitBytes);
      if (ask >= format.readBytes) return 'more';
      askMore(file, format.readBytes);
      continue;
    }
    if (atEnd && silent && closing === 'no') closing = 'silent';
    if (format.inPlace) keepAsRead(bytes, got);
    const end = skipped + found.taken;
    /** What is changed of it is undone where lines are not taken. */
    const swallowedBefore = Uint8Array.from(swallowed);
    const shaping = format.shape(batch, found, end, closing, swallowed);
    let shaped: Shaped;
    let kept: Buffer | null = null;
    if (shaping instanceof Promise) {
      // Meanwhile others are read.
      if (format.inPlace) kept = Buffer.from(asRead!.subarray(0, got));
      const { position } = file;
      shaped = await shaping;
      assert(file.position === position, 'a file begins anew while it is read');
    } else shaped = shaping;
    if (heard > 0 && shaped.taken >= skipped + available) {
      if (!takeJoined(batch, skipped + available, shaped, joined!)) {
        // It is too entangled with lines of the other file, or none of its own is there: it ends with this one.
        swallowed.set(swallowedBefore);
        joined = null;
        closing = 'silent';
        continue;
      }
    }
    if (shaped.taken === skipped) {
      if (atEnd) {
        unfinished?.wait(available);
        file.scanned = file.position;
        return 'end';
      }
      if (!ended && !isEdge && all - got >= PAGE_BYTES) {
        const next = stopped || (await pastNuls(file, bytes, file.position + available));
        if (next === 'more') return 'more';
        // What is behind them is no part of the group.
        if (next !== 'end') closing = 'silent';
        continue;
      }
      if (!found.stopped && ask < format.readBytes) askMore(file, format.readBytes);
      else closing = 'full';
      continue;
    }
    const used = shaped.taken - skipped;
    const raw = kept ?? (format.inPlace ? asRead! : bytes);
    const to = before + used;
    take(file, batch, shaped, digest(raw.subarray(Math.max(0, to - MARKER_BYTES), to)), unfinished);
    batch.used = format.shapes ? format.readBytes : to;
    addToSum(file, raw, before, to);
    if (kept) free(kept);
    count(file, batch, found, shaped);
    if (shaped.open && atEnd) unfinished?.wait(available - used);
    // A NUL may be the beginning of a hole.
    const rest = !format.shapes && !found.stopped && (to === got || bytes[to] !== 0);
    if (rest) file.lookedAt(batch.end + got - to, bytes, got);
    adapt(file, { ...found, stopped: found.stopped || stopped }, format.mostLines);
    return atEnd && ended ? 'end' : 'more';
  }
}

/**
 * Whether an open record may end because the file is silent. Read again, it would not end there if more had come: so where
 * a topic may be behind the others nothing ends so that is not safe in all of them.
 */
function mayClose({ stream }: TrackedFile): boolean {
  return !stream.parts || stream.isSettled;
}

function unfinishedOf(file: TrackedFile): Unfinished {
  file.unfinished ??= file.unfinishedAtFirst();
  return file.unfinished;
}

function keepAsRead(bytes: Buffer, got: number): void {
  asRead ??= Buffer.alloc(SLOT_CAPACITY);
  bytes.copy(asRead, 0, 0, got);
}

/** What is before `boundary` is the batch, and of the joined lines those that its last record goes on with; false: they cannot be parted. */
function takeJoined(batch: Batch, boundary: number, shaped: Shaped, joined: Join): boolean {
  const { source, length, flags } = batch.slot;
  let last = batch.count - 1;
  while (last > 0 && source[last]! >= boundary) last--;
  if (source[last]! >= boundary || flags[last]! & HELD) return false;
  const end = last === batch.count - 1 ? shaped.taken : source[last]! + length[last]!;
  joined.taken = end - boundary;
  length[last] = boundary - source[last]!;
  batch.count = last + 1;
  shaped.taken = boundary;
  shaped.open = false;
  return true;
}

/** The batch is what was shaped: position and marker move behind it. */
function take(file: TrackedFile, batch: Batch, shaped: Shaped, marker: Prefix, unfinished: Unfinished | null): void {
  batch.from = unfinished ? unfinished.chained : file.position;
  batch.end = batch.from + shaped.taken;
  file.moveTo(batch.end, marker);
  // A record says in 32 bits what was skipped before it.
  if (unfinished && (batch.count > 0 || shaped.taken > LONGEST)) unfinished.chained = batch.end;
}

function count(file: TrackedFile, batch: Batch, found: FoundLines, shaped: Shaped): void {
  const { account } = batch.stream;
  if (batch.count > 0) account.replaced += found.replaced;
  const strangers = shaped.strangers.filter((source) => source < shaped.taken).length;
  if (strangers === 0) return;
  account.malformed += strangers;
  const what = `has lines that are not of the configured format: they are passed as they are, and counted`;
  log.warnOnce(`malformed ${file.key}`, `${file.stream.generation.path} ${what}`);
}

/** A line that does not fit into one read: its beginning becomes the batch, when its end is found. */
async function longLine(
  file: TrackedFile,
  batch: Batch,
  format: Format,
  unfinished: Unfinished | null,
): Promise<Outcome | 'found'> {
  const { bytes } = batch.slot;
  const ended = await findEnd(file, bytes, format.lineEnds);
  if (typeof ended === 'string') return ended;
  const { end, after } = ended;
  if (end - file.position <= format.readBytes - format.lineEnds.unitBytes) {
    file.readBytes = format.readBytes;
    file.scanned = file.position;
    return 'found';
  }
  const head = await lookAtLong(file, bytes, format.longest, format.lineEnds);
  if (head === 'restarted') return head;
  const { before, end: got } = head;
  const skipped = unfinished ? file.position - unfinished.chained : 0;
  const found = format.find(batch, before, got, before - skipped, true);
  const taken = skipped + end - file.position;
  const shaped = await format.shape(batch, found, taken, 'silent', unfinished ? unfinished.swallowed : NONE);
  batch.slot.flags[0] = batch.slot.flags[0]! | TRUNCATED;
  take(file, batch, shaped, after, unfinished);
  batch.used = format.shapes ? format.readBytes : got;
  // Not all of it was read at once.
  file.sum = null;
  count(file, batch, found, shaped);
  return 'more';
}
