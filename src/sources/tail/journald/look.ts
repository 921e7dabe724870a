/** What `validate` finds of journals on this machine. */
import type { Saying } from '../../../config/errors.ts';
import { accessSync, constants, statSync } from '../../../mounts/fs.ts';
import type { LogConfig } from '../options.ts';

/** Warns of what cannot be read as it is now. */
export function warnOfJournals({ logs }: { logs: readonly LogConfig[] }, warn: Saying): void {
  for (const [i, { journald }] of logs.entries()) {
    if (!journald) continue;
    const { directory } = journald;
    if (!hasJournalctl())
      warn(['logs', i, 'journald'], 'needs journalctl, which is not installed here: install systemd');
    if (directory !== undefined && !isDirectory(directory)) {
      warn(['logs', i, 'journald', 'directory'], `names no directory that is there now: ${directory}`);
    }
  }
}

export function hasJournalctl(path = process.env.PATH ?? ''): boolean {
  return path.split(':').some((dir) => dir !== '' && isAllowed(`${dir}/journalctl`, constants.X_OK));
}

export function isAllowed(file: string, mode: number): boolean {
  try {
    accessSync(file, mode);
    return true;
  } catch {
    return false;
  }
}

function isDirectory(path: string): boolean {
  try {
    return statSync(path, { throwIfNoEntry: false })?.isDirectory() === true;
  } catch {
    // It lies where this process does not look.
    return true;
  }
}
