/** Places where there can be no data_dir, whoever the agent runs as: what is to be said before anything is tried there. */
import { lstatSync, realpathSync, type Stats, statSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { isOfKernel } from '../mounts/of-kernel.ts';

const INSTEAD = 'write a directory on a disk, for example /var/lib/runnel';

/** What is wrong, and what would be right; null: nothing that can be told. */
export function hopelessDataDir(path: string): string | null {
  const dir = resolve(path);
  if (dir === '/') return `would have the agent's files beside everything else: ${INSTEAD}`;
  let at = dir;
  let there = lookAt(at);
  while (!there && at !== '/') {
    if (isLink(at))
      return `${dir === at ? 'is' : `lies in ${at},`} a link to what is not there: make that directory, or ${INSTEAD}`;
    at = dirname(at);
    there = lookAt(at);
  }
  if (!there) return null;
  if (!there.isDirectory())
    return at === dir ? `${dir} is no directory: ${INSTEAD}` : `${dir} cannot be: ${at} is no directory: ${INSTEAD}`;
  const real = realpathSync(at);
  if (isOfKernel(real)) return `${dir} cannot be: in ${real} the kernel shows itself, and keeps no files: ${INSTEAD}`;
  if (/^\/dev(?!\/shm\/)(\/|$)/.test(real))
    return `${dir} cannot be: ${real} holds devices, and is gone after a restart: ${INSTEAD}`;
  return null;
}

function lookAt(path: string): Stats | undefined {
  try {
    return statSync(path, { throwIfNoEntry: false });
  } catch {
    // It may not be looked at, or is below a file: what is above it says more.
    return undefined;
  }
}

function isLink(path: string): boolean {
  try {
    return lstatSync(path, { throwIfNoEntry: false })?.isSymbolicLink() === true;
  } catch {
    // As above.
    return false;
  }
}
