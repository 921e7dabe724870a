/** Whether this machine has a journal that this process may read, and the program to read it. */
import { accessSync, constants, readFileSync } from 'node:fs';
import { join } from 'node:path';

const PLACES = ['/var/log/journal', '/run/log/journal'];

export function hasJournal({ root = '/', path = process.env.PATH ?? '' } = {}): boolean {
  try {
    const machine = readFileSync(join(root, '/etc/machine-id'), 'utf8').trim();
    const readable = (file: string) => isAllowed(file, constants.R_OK);
    if (!PLACES.some((place) => readable(join(root, place, machine, 'system.journal')))) return false;
    return path.split(':').some((dir) => dir !== '' && isAllowed(join(dir, 'journalctl'), constants.X_OK));
  } catch {
    // A machine without an id has no journal.
    return false;
  }
}

function isAllowed(file: string, mode: number): boolean {
  try {
    accessSync(file, mode);
    return true;
  } catch {
    return false;
  }
}
