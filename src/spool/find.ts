/**
 * What a partition's directory holds when it is opened: its segments, its read state, what waits. Only the last segment
 * is read to its end, because only there a crash can have left half a batch; that tail is cut off and counted. Damage
 * elsewhere is found when it is read.
 */
import { rename, stat, truncate, unlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { log } from '../log.ts';
import { ReadState } from './read-state.ts';
import { basesIn, measured, type Segment } from './segment.ts';
import { type BlockNote, noteLine, readNotes } from './sidecar.ts';
import { Waiting } from './waiting.ts';

export const STATE_FILE = 'read.state';

export interface Found {
  state: ReadState;
  segments: Segment[];
  next: number;
  waiting: Waiting;
}

export function nothing(dir: string): Found {
  return { state: new ReadState(join(dir, STATE_FILE)), segments: [], next: 0, waiting: new Waiting() };
}

/** `onTorn` is told how many bytes were cut off. */
export async function find(dir: string, onTorn: (bytes: number) => void): Promise<Found> {
  const state = await ReadState.open(join(dir, STATE_FILE));
  try {
    const bases = await basesIn(dir);
    const segments: Segment[] = [];
    const waiting = new Waiting();
    for (const [i, base] of bases.entries()) {
      const following = bases[i + 1];
      const segment = await measured(dir, base, following);
      if (following === undefined) await mendLast(segment, onTorn);
      else if (segment.size === 0) {
        await unlink(segment.log);
        continue;
      }
      await count(segment, state.acknowledged, waiting);
      segments.push(segment);
    }
    const next = Math.max(segments.at(-1)?.next ?? 0, state.acknowledged, state.floor);
    return { state, segments, next, waiting };
  } catch (error) {
    await state.close();
    throw error;
  }
}

async function mendLast({ log: path, weights, size, next }: Segment, onTorn: (bytes: number) => void): Promise<void> {
  const notes = await readNotes(weights);
  const valid = notes.filter((note) => note.offset < next);
  if (valid.length < notes.length) await rewriteNotes(weights, valid);
  const torn = (await stat(path)).size - size;
  if (torn === 0) return;
  log.warn(`spool: ${path}: the last ${torn} bytes are no whole batch; cut off`);
  onTorn(torn);
  await truncate(path, size);
}

/** Notes of blocks that never came must not be taken for those of later blocks. */
async function rewriteNotes(path: string, notes: BlockNote[]): Promise<void> {
  await writeFile(`${path}.new`, notes.map(noteLine).join(''), { mode: 0o640 });
  await rename(`${path}.new`, path);
}

async function count(segment: Segment, acknowledged: number, waiting: Waiting): Promise<void> {
  const notes = await readNotes(segment.weights);
  const modified = (await stat(segment.log)).mtimeMs;
  segment.firstTime = notes[0]?.time ?? modified;
  segment.lastTime = notes.at(-1)?.time ?? modified;
  if (segment.next <= acknowledged) return;
  let bytes = segment.size;
  for (const note of notes) {
    if (note.offset >= acknowledged) waiting.add(0, 0, note.weights);
    else bytes -= note.bytes;
  }
  waiting.add(segment.next - Math.max(segment.base, acknowledged), Math.max(0, bytes));
}
