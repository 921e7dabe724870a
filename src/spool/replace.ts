/**
 * Puts segments in the place of a damaged one, all of them or none, whatever happens in between:
 *
 *   1   <base>.log.repaired, <base>.weights.repaired   written and synced, for each new segment
 *   2   <its base>.log -> <its base>.log.replaced      from here on the new ones count
 *   3   *.repaired -> their names; then the replaced one is removed
 *
 * What was interrupted before the second step is taken back, after it is finished: by the next start or the next repair.
 */
import { readdir, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { moveFile, syncDirectory, writeSynced } from '../core/files.ts';
import type { Segment } from './segment.ts';
import { type BlockNote, noteLine } from './sidecar.ts';

const REPAIRED = '.repaired';
const REPLACED = '.replaced';

export interface Replacement {
  segment: Segment;
  bytes: Buffer;
  notes: readonly BlockNote[];
}

export async function replaceSegment(dir: string, replaced: Segment, by: readonly Replacement[]): Promise<void> {
  try {
    for (const { segment, bytes, notes } of by) {
      const lines = Buffer.from(notes.map(noteLine).join(''));
      await (await writeSynced(`${segment.weights}${REPAIRED}`, [lines])).close();
      await (await writeSynced(`${segment.log}${REPAIRED}`, [bytes])).close();
    }
    await syncDirectory(dir);
  } catch (error) {
    // A disk that is full is not to stay so because of this; where even that fails the next start does it.
    await finishReplacing(dir).catch(() => undefined);
    throw error;
  }
  await moveFile(replaced.log, `${replaced.log}${REPLACED}`);
  await finishReplacing(dir);
}

/** Names of files that a repair leaves which did not end. */
export function isLeftOver(name: string): boolean {
  return name.endsWith(REPAIRED) || name.endsWith(REPLACED);
}

/** Finishes what was interrupted, or takes it back. Null: there was nothing. */
export async function finishReplacing(dir: string): Promise<'finished' | 'taken back' | null> {
  const names = (await readdir(dir)).filter(isLeftOver);
  if (names.length === 0) return null;
  const replaced = names.filter((name) => name.endsWith(REPLACED));
  for (const name of names.filter((name) => name.endsWith(REPAIRED))) {
    const path = join(dir, name);
    if (replaced.length > 0) await moveFile(path, path.slice(0, -REPAIRED.length));
    else await unlink(path);
  }
  await syncDirectory(dir);
  const there = await readdir(dir);
  for (const name of replaced) {
    const log = name.slice(0, -REPLACED.length);
    // Nothing of it was good at its beginning: its notes have no segment any more.
    if (!there.includes(log)) await unlink(join(dir, log.replace(/log$/, 'weights'))).catch(ignoreMissing);
    await unlink(join(dir, name));
  }
  await syncDirectory(dir);
  return replaced.length > 0 ? 'finished' : 'taken back';
}

function ignoreMissing(error: NodeJS.ErrnoException): void {
  if (error.code !== 'ENOENT') throw error;
}
