/**
 * Where files are that lost their names while they were closed. Thousands may lose theirs at once: those of the same
 * directories are looked for together (beside.ts).
 *
 *   told of lately --> going over --> under another name | not there; what is compressed there may hold it
 */
import { setImmediate } from 'node:timers/promises';
import type { Beside, Entry } from './beside.ts';
import { MostAlike } from './copies.ts';
import type { TrackedFile } from './file.ts';
import { isInode, lookUp } from './identity.ts';
import { compression } from './inflated.ts';

/** What is renamed while a directory is gone over may be in neither place. */
const ATTEMPTS = 3;
/** The time of a directory's change is as coarse as a timer tick. */
const COARSE_MS = 50;
/** So many compressed files may be opened to find the one that goes on with what is gone. */
const MOST_PACKED = 64;

export interface Place {
  /** The name that the file has now; null: it is not there. */
  path: string | null;
  /** False: its directory is out of sight, and what is in it may be there yet. */
  seen: boolean;
  /** Paths of compressed files beside it, those of a similar name first. */
  packed: readonly string[];
}

/** Looks for the file in these directories. */
export async function seek(beside: Beside, file: TrackedFile, dirs: readonly string[]): Promise<Place> {
  // What inotify has to tell of it is heard first: in between it is asked.
  await setImmediate();
  await setImmediate();
  const isIt = ({ stat }: Entry) => stat !== undefined && isInode(file, stat);
  const told = beside.lately(dirs).find(isIt);
  if (told) return { path: told.path, seen: true, packed: [] };
  for (let attempt = 1; ; attempt++) {
    const packed = new MostAlike<string>(file.stream.name, MOST_PACKED);
    const before = dirs.map((dir) => lookUp(dir)?.mtimeNs);
    let path: string | null = null;
    await beside.goOver(dirs, (entry) => {
      if (compression(entry.path)) packed.add(entry.path, entry.path);
      if (isIt(entry)) path = entry.path;
      return path !== null;
    });
    if (path !== null || attempt === ATTEMPTS || !haveChanged(dirs, before)) {
      return { path, seen: lookUp(dirs[0]!) !== undefined, packed: packed.all };
    }
  }
}

function haveChanged(dirs: readonly string[], before: readonly (bigint | undefined)[]): boolean {
  return dirs.some((dir, i) => {
    const now = lookUp(dir);
    return now && (now.mtimeNs !== before[i] || Date.now() - Number(now.mtimeMs) < COARSE_MS);
  });
}
