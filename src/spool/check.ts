/**
 * Looks through the files of a spool partition for damage, and mends it.
 *
 *   | good batches | damaged | good batches |        one segment
 *   -> <base>.log: the first stretch   <its base>.log: the second   quarantine: what was damaged
 *
 * A batch's offset follows from what stands before it in its segment, so what comes after a gap gets a segment of its
 * own, named after its first offset. A segment is replaced whole or not at all (replace.ts), so a repair that was
 * interrupted loses nothing.
 */
import { readdir, stat, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { HEADER_BYTES, readHeader } from '../records/record-batch.ts';
import { mendLast, STATE_FILE } from './find.ts';
import { quarantine } from './quarantine.ts';
import { ReadState, stateIsWhole } from './read-state.ts';
import { finishReplacing, isLeftOver, type Replacement, replaceSegment } from './replace.ts';
import { writtenTo } from './room.ts';
import { readWhole, Salvage } from './salvage.ts';
import { basesIn, type Damage, measured, type Segment, SegmentReader, segmentAt } from './segment.ts';
import { readNotes } from './sidecar.ts';

/** What is wrong in one place. */
export interface Flaw {
  path: string;
  /**
   * damaged: bytes that should be a batch and are none. unreadable: the disk does not give all of them. torn: the beginning of a batch at the end, as a kill leaves it
   * (and a running agent while it writes): no damage, the next start cuts it off and counts it. empty: a segment without a byte. interrupted: left by a repair that did not end.
   * state: the read position cannot be read, so all that is kept is sent again.
   */
  kind: 'damaged' | 'unreadable' | 'torn' | 'empty' | 'interrupted' | 'state';
  at: number;
  bytes: number;
  /** Records that are missing, as far as the offsets tell. */
  records: number | null;
}

export interface PartitionReport {
  segments: number;
  /** Records in good batches. */
  records: number;
  flaws: Flaw[];
}

/** Batches without damage between them: bytes [at, end) of the file, the first one's offset `base`. */
interface Stretch {
  at: number;
  end: number;
  base: number;
}

interface Inspected {
  segment: Segment;
  records: number;
  stretches: Stretch[];
  flaws: Flaw[];
}

/** Reads everything in a partition's directory; changes nothing. */
export async function checkPartition(dir: string): Promise<PartitionReport> {
  const report: PartitionReport = { segments: 0, records: 0, flaws: await strays(dir) };
  for await (const { records, flaws } of inspected(dir)) {
    report.segments++;
    report.records += records;
    report.flaws.push(...flaws);
  }
  return report;
}

/** Mends what `checkPartition` finds; nobody else may use the directory meanwhile. What is taken out is in quarantine. */
export async function repairPartition(dir: string): Promise<void> {
  const path = join(dir, STATE_FILE);
  if (!(await stateIsWhole(path))) await unlink(path);
  await finishReplacing(dir);
  for await (const found of inspected(dir)) {
    const { segment, flaws } = found;
    if (flaws.some(({ kind, at }) => kind !== 'torn' && at < segment.size) || segment.size === 0) {
      await repairSegment(dir, found);
    }
  }
  for await (const { segment, flaws } of inspected(dir)) {
    if (flaws.some(({ at }) => at >= segment.size)) await cutEnd(segment, path);
  }
}

async function cutEnd(segment: Segment, statePath: string): Promise<void> {
  const state = await ReadState.open(statePath);
  try {
    await mendLast(segment, state);
  } finally {
    await state.close();
  }
}

async function strays(dir: string): Promise<Flaw[]> {
  const flaws: Flaw[] = [];
  const nothing = { at: 0, bytes: 0, records: null };
  for (const name of await readdir(dir)) {
    if (isLeftOver(name)) flaws.push({ path: join(dir, name), kind: 'interrupted', ...nothing });
  }
  const state = join(dir, STATE_FILE);
  if (!(await stateIsWhole(state))) flaws.push({ path: state, kind: 'state', ...nothing });
  return flaws;
}

async function* inspected(dir: string): AsyncGenerator<Inspected, void> {
  const bases = await basesIn(dir);
  for (const [i, base] of bases.entries()) {
    try {
      yield await inspect(await measured(dir, base, bases[i + 1]));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error; // else: trimmed by the agent meanwhile
    }
  }
}

async function inspect(segment: Segment): Promise<Inspected> {
  const path = segment.log;
  const { size } = await stat(path);
  if (size === 0) {
    const missing = segment.next > segment.base ? segment.next - segment.base : null;
    const flaws: Flaw[] = missing === null ? [] : [{ path, kind: 'empty', at: 0, bytes: 0, records: missing }];
    return { segment, records: 0, stretches: [], flaws };
  }
  const damages: Damage[] = [];
  const stretches: Stretch[] = [];
  let records = 0;
  let at = 0;
  const reader = await SegmentReader.open(segment, (damage) => damages.push(damage), new Salvage());
  try {
    for (let entry = await reader.next(0); entry; entry = await reader.next(0)) {
      const gap = damages.at(-1);
      if (gap && gap.at + gap.bytes > at) at = gap.at + gap.bytes;
      const last = stretches.at(-1);
      if (last?.end === at) last.end += entry.bytes;
      else stretches.push({ at, end: at + entry.bytes, base: entry.baseOffset });
      at += entry.bytes;
      records += entry.count;
    }
  } finally {
    await reader.close();
  }
  const flaws = damages.map(({ at, bytes, from, to, unreadable }): Flaw => {
    return { path, kind: unreadable ? 'unreadable' : 'damaged', at, bytes, records: to - from };
  });
  const written = segment.room ? await writtenTo(path, segment.size) : size;
  if (written > segment.size) flaws.push(await endOf(segment, written));
  return { segment, records, stretches, flaws };
}

/** Behind the last good batch: the beginning of another, or damage. */
async function endOf({ log: path, size: at, unanswered }: Segment, size: number): Promise<Flaw> {
  const bytes = size - at;
  const header = readHeader((await readWhole(path)).bytes.subarray(at));
  const cut = unanswered || bytes < HEADER_BYTES || (header !== null && header.bytes > bytes);
  return { path, kind: cut ? 'torn' : 'damaged', at, bytes, records: null };
}

async function repairSegment(dir: string, { segment, stretches, flaws }: Inspected): Promise<void> {
  for (const { kind, at, bytes } of flaws) {
    if (
      (kind === 'damaged' || kind === 'unreadable') &&
      at < segment.size &&
      (await quarantine(segment.log, at, bytes)) === null
    ) {
      throw new Error(`cannot keep ${bytes} bytes of ${segment.log}: the quarantine is full; move its files away`);
    }
  }
  const { bytes: whole } = await readWhole(segment.log);
  const notes = await readNotes(segment.weights);
  const replacements = stretches.map(({ at, end, base }): Replacement => {
    const next = numberBatches(whole.subarray(at, end), base);
    // What lies behind the last batch stays where it is, and with it the notes that say what it was to be.
    const last = end === segment.size;
    return {
      segment: segmentAt(dir, base),
      bytes: whole.subarray(at, last ? whole.length : end),
      notes: notes.filter((note) => note.offset >= base && (last || note.offset < next)),
    };
  });
  await replaceSegment(dir, segment, replacements);
}

/** Writes into each batch's header the offset that follows from the first one's; returns the offset after the last. */
function numberBatches(bytes: Buffer, base: number): number {
  let next = base;
  for (let at = 0; at < bytes.length; ) {
    const header = readHeader(bytes, at)!;
    bytes.writeBigInt64BE(BigInt(next), at);
    next += header.count;
    at += header.bytes;
  }
  return next;
}
