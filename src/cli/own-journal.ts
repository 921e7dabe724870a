/** Whether this machine has a journal that this process may read, and the program to read it. */
import { constants, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { hasJournalctl, isAllowed } from '../sources/tail/journald/look.ts';

const PLACES = ['/var/log/journal', '/run/log/journal'];

export function hasJournal({ root = '/', path = process.env.PATH ?? '' } = {}): boolean {
  try {
    const machine = readFileSync(join(root, '/etc/machine-id'), 'utf8').trim();
    const readable = (file: string) => isAllowed(file, constants.R_OK);
    if (!PLACES.some((place) => readable(join(root, place, machine, 'system.journal')))) return false;
    return hasJournalctl(path);
  } catch {
    // A machine without an id has no journal.
    return false;
  }
}
