/**
 * Where a rotation puts old files that it does not leave beside the new ones (logrotate's `olddir`): in a directory below
 * theirs, in the one above it, or in one beside it. Nothing else is gone over, and not more than so many names.
 */
import type { BigIntStats, Dir } from 'node:fs';
import { dirname, join } from 'node:path';
import { opendirSync } from '../../../mounts/fs.ts';
import { lookUp } from '../file/inode.ts';
import { Pace } from '../pace.ts';

const MOST_NAMES = 20_000;
const ENTRIES = 256;

export interface NearbyFile {
  path: string;
  stat: BigIntStats;
}

/** The files that are wanted in directories near those, which were gone over already. */
export async function nearby(dirs: readonly string[], wants: (file: NearbyFile) => boolean): Promise<NearbyFile[]> {
  const found: NearbyFile[] = [];
  const pace = new Pace();
  let names = 0;
  /** Its files are looked at, if that is asked for; returns the directories in it. */
  const goOver = async (dir: string, files: boolean): Promise<string[]> => {
    const below: string[] = [];
    let entries: Dir | null = null;
    try {
      entries = opendirSync(dir, { bufferSize: ENTRIES });
      for (let one = entries.readSync(); one && names < MOST_NAMES; one = entries.readSync()) {
        names++;
        if (pace.due) await pace.rest();
        const path = join(dir, one.name);
        if (one.isDirectory()) below.push(path);
        const stat = files && one.isFile() ? lookUp(path) : undefined;
        if (stat && wants({ path, stat })) found.push({ path, stat });
      }
    } catch {
      // It is gone, or may not be looked into: nothing can be found there.
    } finally {
      entries?.closeSync();
    }
    return below;
  };
  const near = new Set<string>();
  for (const dir of dirs) for (const below of await goOver(dir, false)) near.add(below);
  for (const above of new Set(dirs.map((dir) => dirname(dir)))) {
    for (const beside of await goOver(above, true)) near.add(beside);
  }
  for (const dir of near) if (!dirs.includes(dir)) await goOver(dir, true);
  return found;
}
