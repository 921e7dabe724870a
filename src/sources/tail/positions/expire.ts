/**
 * Forgets the positions of files that are long gone. Not of one that is merely unreadable, nor, before it was looked
 * for in vain for an hour, of one whose directory is not there: it may not be mounted yet.
 */

import { dirname } from 'node:path';
import { log } from '../../../log.ts';
import { statSync } from '../../../mounts/fs.ts';
import type { TailContext } from '../context.ts';
import type { Generation } from './journal.ts';

/** `patient`: the agent has run for an hour. */
export function forgetIfGone(context: TailContext, g: Generation, patient: boolean): void {
  const { positions, input } = context;
  if (!positions.unclaimed.has(g, input.name)) return;
  const fate = whereIs(g);
  if (fate === 'there') positions.keep(g);
  if (fate === 'there' || (fate === 'unknown' && !patient)) return;
  forget(context, g, 'is gone for longer than forget_after');
}

/** Whoever may rename files may have any number of them remembered. */
export function forgetBeyond(context: TailContext, g: Generation): void {
  const { positions, input } = context;
  if (!positions.unclaimed.has(g, input.name)) return;
  const why = `input ${input.name} remembers ${input.max_files} files that are gone, and forgets the oldest`;
  log.warnOnce(`remembered ${input.name}`, `${why}: should they appear again, they are read again`);
  forget(context, g, 'is forgotten, as too many files are gone');
}

function forget({ positions, account }: TailContext, g: Generation, why: string): void {
  const bytes = g.size - g.position;
  if (bytes > 0) {
    account.drop('vanished', 0, bytes);
    log.warn(`${g.path} ${why}, and ${bytes} bytes of it that were not read (vanished)`);
  }
  positions.forget(g);
}

function whereIs(g: Generation): 'there' | 'gone' | 'unknown' {
  try {
    const stat = statSync(g.path, { bigint: true, throwIfNoEntry: false });
    if (stat) return stat.ino === g.inode ? 'there' : 'gone';
    return statSync(dirname(g.path), { throwIfNoEntry: false })?.isDirectory() ? 'gone' : 'unknown';
  } catch {
    // No right to look at it.
    return 'there';
  }
}
