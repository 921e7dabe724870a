/** What root changes in data_dir stays the agent's: it may run as somebody else, and must be able to open it. */
import { chownSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';

const CHANGED = /^(lock$|positions(\.|$)|spool$)/;

/** Gives what commands may have written in data_dir to data_dir's owner. */
export function keepOwner(dataDir: string): void {
  if (process.getuid?.() !== 0) return;
  const { uid, gid } = statSync(dataDir);
  const give = (path: string): void => {
    chownSync(path, uid, gid);
    if (!statSync(path).isDirectory()) return;
    for (const name of readdirSync(path)) give(join(path, name));
  };
  for (const name of readdirSync(dataDir)) if (CHANGED.test(name)) give(join(dataDir, name));
}
