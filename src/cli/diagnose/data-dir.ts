/** Whether data_dir is safe, local, writable, and has the room that the local log may take. */
import { accessSync, constants, existsSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { roomOf } from '../../checks/room.ts';
import type { Tell } from '../../core/diagnosis.ts';
import { formatSize } from '../../core/units.ts';
import { isUnusedByOthers } from '../../data-dir/writable.ts';
import { mountOf } from '../../mounts/places.ts';
import type { Config } from '../../options.ts';
import { unsafeDataDir } from '../data-dir.ts';

/** Below this the agent has no room for positions and what waits. */
const LEAST_BYTES = 64 << 20;
const LEAST_INODES = 1000;

/** `used`: bytes of the local log now; null: not known. `asAgent`: what the user that asks may do, the agent may. */
export async function diagnoseDataDir(
  { data_dir, spool }: Pick<Config, 'data_dir' | 'spool'>,
  used: number | null,
  asAgent: boolean,
  tell: Tell,
): Promise<void> {
  const say = (level: 'ok' | 'warning' | 'error', message: string, remedy?: string) =>
    tell({ level, about: 'data_dir', message: `${data_dir} ${message}`, ...(remedy !== undefined && { remedy }) });
  const mount = mountOf(data_dir);
  if (mount) {
    say('warning', `is on ${mount.type} (${mount.mountpoint}), which may hang`, 'keep data_dir on a local disk');
    return;
  }
  const there = nearestThere(data_dir);
  const unsafe = isUnusedByOthers(data_dir) ? null : unsafeDataDir(data_dir);
  if (unsafe) say('error', `is refused at the start: ${unsafe}`);
  else if (there !== data_dir) say('warning', 'is not there yet: the agent has not run with it', 'start the agent');
  const refusal = asAgent ? writeRefused(there) : null;
  if (refusal) say('error', refusal, `chown it to the user of the agent, or run this as that user`);
  const room = await roomOf(there, null);
  if (room === 'silent' || room === 'other') {
    say('error', 'is on a disk that does not answer', 'look at the disk (dmesg), or move data_dir');
    return;
  }
  const wanted = Math.max(0, spool.max_size - (used ?? 0));
  const free = `${formatSize(room.available)} free`;
  const holds = `the local log may take ${formatSize(spool.max_size)}${used === null ? '' : `, and has ${formatSize(used)}`}`;
  if (room.available < LEAST_BYTES || (room.inodes > 0 && room.inodesFree < LEAST_INODES)) {
    say(
      'error',
      `has ${free}, ${room.inodesFree} inodes`,
      'make room on its disk: positions and what waits are written there',
    );
  } else if (room.available < wanted) {
    say('warning', `has ${free}; ${holds}`, `make room, or set spool.max_size to less than what is free`);
  } else if (!unsafe && !refusal) {
    say('ok', `has ${free}; ${holds}`);
  }
}

/** The directory, or the one above it that is there. */
function nearestThere(dir: string): string {
  let at = dir;
  while (!existsSync(at) && at !== '/') at = dirname(at);
  return at;
}

function writeRefused(dir: string): string | null {
  try {
    accessSync(dir, constants.W_OK | constants.X_OK);
    return null;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EROFS') return 'cannot be written: its file system is read-only';
    return `cannot be written by user ${process.geteuid?.()}: it belongs to user ${statSync(dir).uid}`;
  }
}
