/** Places where there can be no data_dir, whoever the agent runs as: what is to be said before anything is tried there. */
import { lstatSync, realpathSync, type Stats, statSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { isOfKernel } from '../mounts/of-kernel.ts';

const INSTEAD = 'write a directory on a disk, for example /var/lib/runnel';

/** What is wrong, and what would be right; null: nothing that can be told. `passing`: it may be otherwise at the start. */
export function hopelessDataDir(path: string): { message: string; passing: boolean } | null {
  const dir = resolve(path);
  const never = (message: string) => ({ message: `${message}: ${INSTEAD}`, passing: false });
  const now = (message: string) => ({ message: `${message}: ${INSTEAD}`, passing: true });
  if (dir === '/') return never("would have the agent's files beside everything else");
  let at = dir;
  let there = lookAt(at);
  while (!there && at !== '/') {
    if (isLink(at)) return now(`${dir} cannot be: ${at} is a link to what is not there`);
    at = dirname(at);
    there = lookAt(at);
  }
  if (!there) return null;
  if (!there.isDirectory())
    return now(at === dir ? `${dir} is no directory` : `${dir} cannot be: ${at} is no directory`);
  const real = realpathSync(at);
  if (isOfKernel(real)) return never(`${dir} cannot be: in ${real} the kernel shows itself, and keeps no files`);
  if (/^\/dev(?!\/shm(\/|$))(\/|$)/.test(real))
    return never(`${dir} cannot be: ${real} holds devices, and is gone after a restart`);
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
