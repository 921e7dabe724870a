/**
 * What a partition's directory holds when it is opened: its segments, its read state, what waits, what is lost. Only the
 * last segment is read to its end, because only there a crash can have left half a batch; that tail is cut off, kept in
 * quarantine and counted. Damage elsewhere is found when it is read. So is what the disk does not give, also of the last
 * segment, which then is not appended to any more: it may be read when its turn comes.
 */
import { readdir, rm, stat, truncate, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { log } from '../log.ts';
import { PROBE_FILE } from './appender.ts';
import { completeNotes } from './lazy-notes.ts';
import { Producers } from './producers.ts';
import { quarantine } from './quarantine.ts';
import { ReadState } from './read-state.ts';
import { finishReplacing } from './replace.ts';
import { writtenTo } from './room.ts';
import { isBadMedium } from './salvage.ts';
import { basesIn, measured, type Segment, segmentAt } from './segment.ts';
import { type BlockNote, cutNotes, readNotes } from './sidecar.ts';
import { Waiting } from './waiting.ts';

export const STATE_FILE = 'read.state';
const SIDECAR = /^(\d{20})\.weights$/;

/** Bytes that were no batches, and the blocks that should have been there as far as the sidecars tell. */
export interface Lost {
  bytes: number;
  notes: BlockNote[];
  reason: 'spool_torn' | 'spool_damaged' | 'spool_unreadable';
}

export interface FoundSpool {
  state: ReadState;
  segments: Segment[];
  next: number;
  waiting: Waiting;
  lost: Lost[];
}

export function nothing(dir: string): FoundSpool {
  return { state: new ReadState(join(dir, STATE_FILE)), segments: [], next: 0, waiting: new Waiting(), lost: [] };
}

export async function find(dir: string): Promise<FoundSpool> {
  const state = await ReadState.open(join(dir, STATE_FILE));
  try {
    const interrupted = await finishReplacing(dir);
    if (interrupted) log.warn(`spool: a repair of ${dir} was interrupted; it is ${interrupted}`);
    await rm(join(dir, PROBE_FILE), { force: true });
    const bases = await basesIn(dir);
    const segments: Segment[] = [];
    const waiting = new Waiting();
    const lost = await findOrphans(dir, bases, state.acknowledged);
    for (const [i, base] of bases.entries()) {
      const following = bases[i + 1];
      const segment = await measured(dir, base, following).catch((error) => {
        if (!isBadMedium(error)) throw error;
        return error as Error;
      });
      if (segment instanceof Error) {
        lost.push(await passOver(segmentAt(dir, base), segment, state));
        continue;
      }
      if (segment.sealed) await seal(segment, state);
      else if (following === undefined) lost.push(...(await mendLast(segment, state)));
      else if (segment.size === 0) {
        lost.push(...(await removeEmptied(segment, state.acknowledged)));
        continue;
      }
      await count(segment, state.acknowledged, waiting);
      segments.push(segment);
    }
    const next = Math.max(segments.at(-1)?.next ?? 0, state.acknowledged, state.floor);
    return { state, segments, next, waiting, lost };
  } catch (error) {
    await state.close();
    throw error;
  }
}

/** A segment whose file is gone was removed on purpose, up to the acknowledged position; what lay behind that is lost. */
async function findOrphans(dir: string, bases: number[], acknowledged: number): Promise<Lost[]> {
  const lost: Lost[] = [];
  for (const name of await readdir(dir)) {
    const base = SIDECAR.exec(name)?.[1];
    if (base === undefined || bases.includes(Number(base))) continue;
    const path = join(dir, name);
    const notes = (await readNotes(path)).filter((note) => note.offset >= acknowledged);
    if (notes.length > 0) lost.push({ bytes: 0, notes, reason: 'spool_damaged' });
    log.warn(`spool: ${path} has no segment beside it${notes.length > 0 ? '; what it held is lost' : ''}; removed`);
    await unlink(path);
  }
  return lost;
}

async function removeEmptied({ log: path, weights }: Segment, acknowledged: number): Promise<Lost[]> {
  const notes = (await readNotes(weights)).filter((note) => note.offset >= acknowledged);
  log.warn(`spool: ${path} is empty${notes.length > 0 ? '; what it held is lost' : ''}; removed`);
  await unlink(path);
  await unlink(weights).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT') throw error;
  });
  return notes.length > 0 ? [{ bytes: 0, notes, reason: 'spool_damaged' }] : [];
}

/** The last segment, which the disk does not give all of. */
async function seal(segment: Segment, state: ReadState): Promise<void> {
  log.warn(
    `spool: the disk does not give all of ${segment.log}: set aside; it is tried again when its turn comes, and what cannot be read then is counted; a disk that does so is failing: replace it`,
  );
  if ((await readNotes(segment.weights)).length === 0) beginAnew(state);
}

/** Of this segment the disk tells nothing at all. */
async function passOver(segment: Segment, { message }: Error, state: ReadState): Promise<Lost> {
  const notes = (await readNotes(segment.weights)).filter(({ offset }) => offset >= state.acknowledged);
  log.warn(`spool: cannot open ${segment.log}: ${message}; passed over and counted; check the disk`);
  state.floor = Math.max(state.floor, segment.base + 1, ...notes.map(({ offset, records }) => offset + records));
  if (notes.length === 0) beginAnew(state);
  return { bytes: 0, notes, reason: 'spool_unreadable' };
}

/** Nobody knows which offsets were given: they may be given again, so they have to mean nothing to who had them. */
function beginAnew(state: ReadState): void {
  state.producers = Producers.none();
  state.id = 0n;
}

/** Cuts off what lies behind the last good batch of the last segment; its offsets are not given again. */
export async function mendLast(segment: Segment, state: ReadState): Promise<Lost[]> {
  const { log: path, weights, size, next, unanswered, room } = segment;
  const notes = await readNotes(weights);
  const torn = (room ? await writtenTo(path, size) : (await stat(path)).size) - size;
  // Below the floor: it went to Kafka from memory when the disk did not take it.
  // Who was not answered has it still, and nothing of it was sent.
  const lost = torn === 0 || unanswered ? [] : notes.filter((note) => note.offset >= Math.max(next, state.floor));
  if (torn > 0) {
    // Were it whole once, and sent, the broker would take what came under its offsets for a repetition.
    for (const { offset, records } of lost) state.floor = Math.max(state.floor, offset + records);
    await state.write(true);
    const kept = await quarantine(path, size, torn).catch((error: Error) => {
      log.warn(`spool: cannot keep the damaged end of ${path}: ${error.message}`);
      return null;
    });
    const what = unanswered ? 'were not written to their end, and nobody was answered' : 'are no whole batch';
    log.warn(`spool: ${path}: the last ${torn} bytes ${what}; cut off${kept ? `, kept as ${kept}` : ''}`);
    await truncate(path, size);
  }
  // Notes of blocks that never came must not be taken for those of later blocks.
  if (notes.some(({ offset }) => offset >= next)) await cutNotes(weights, next);
  if (room) await completeNotes(segment);
  return torn > 0 && !unanswered ? [{ bytes: torn, notes: lost, reason: 'spool_torn' }] : [];
}

async function count(segment: Segment, acknowledged: number, waiting: Waiting): Promise<void> {
  // What was taken back may have left some behind its end.
  const notes = (await readNotes(segment.weights)).filter(({ offset }) => offset < segment.next);
  const modified = (await stat(segment.log)).mtimeMs;
  segment.firstTime = notes[0]?.time ?? modified;
  // What an earlier process wrote has no other clock than the machine's.
  const ago = (time: number) => performance.now() - Math.max(0, Date.now() - time);
  segment.written = ago(notes.at(-1)?.time ?? modified);
  if (segment.next <= acknowledged) return;
  let bytes = segment.size;
  let records = 0;
  for (const note of notes) {
    if (note.offset < acknowledged) bytes -= note.bytes;
    else {
      waiting.add(0, 0, note.weights);
      records += note.records;
    }
  }
  // Without notes the offsets say it, gaps included.
  if (notes.length === 0) records = segment.next - Math.max(segment.base, acknowledged);
  const first = notes.find((note) => note.offset >= acknowledged)?.time ?? segment.firstTime;
  waiting.add(records, Math.max(0, bytes), undefined, ago(first));
}
