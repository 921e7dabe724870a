/**
 * Where a file is that is matched by a symbolic link, as those of containers are: it is rotated in a directory of its own.
 *
 *   /var/log/containers/web.log -> /var/log/pods/.../web/0.log
 *                                  /var/log/pods/.../web/0.log.20261125-120000
 */

import type { Stats } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { lstatSync, readlinkSync, realpathSync, statSync } from '../../../mounts/fs.ts';

/** As many as the kernel follows. */
const MOST = 40;

/** The path; and where it leads if it is a link, also where nothing is there at the moment. */
export function placesOf(path: string): string[] {
  let place = path;
  try {
    for (let links = 0; links < MOST; links++) {
      const stat = lstatSync(place);
      if (!stat.isSymbolicLink()) break;
      const target = resolve(real(dirname(place)), readlinkSync(place));
      // Nor is anything looked for where such a link leads.
      if (!isFollowed(stat, target)) return [path];
      place = target;
    }
  } catch {
    // Nothing is there now, or it cannot be looked at: what was renamed may lie beside it.
  }
  return place === path ? [path] : [path, join(real(dirname(place)), basename(place))];
}

/** The directories of these places. */
export function homesOf(path: string): string[] {
  const [home, other] = placesOf(path).map((place) => dirname(place));
  return other === undefined || real(other) === real(home!) ? [home!] : [home!, other];
}

function real(dir: string): string {
  try {
    return realpathSync(dir);
  } catch {
    return dir;
  }
}

/** As in mounts/open.ts, which judges what is opened; where nothing is there, by the directory in which it would be. */
function isFollowed({ uid }: Stats, target: string): boolean {
  if (uid === 0 || uid === process.geteuid?.()) return true;
  const stat = statSync(target, { throwIfNoEntry: false }) ?? statSync(dirname(target), { throwIfNoEntry: false });
  return stat?.uid === uid;
}
