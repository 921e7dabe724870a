/**
 * Room and inodes of the real, local file systems: mountinfo says which there are, statfs how full they are.
 *
 * statfs can hang (a dead disk, a network mount) and then holds one of libuv's four threads for good, which all file work
 * of the agent shares. So only local file systems are asked, one at a time, each with a deadline; a mount whose last
 * call has not come back is not asked again, and with two such calls no mount is.
 */
import { statfs } from '../mounts/fs.ts';
import type { Meter } from './check.ts';
import { hostView, readProc } from './proc.ts';

const MOUNT_DEADLINE_MS = 1000;
const MAX_HUNG = 2;
/** File systems that are no disk's but hold files all the same. */
const WITHOUT_DEVICE = new Set(['tmpfs', 'zfs', 'btrfs', 'bcachefs']);
const EXCLUDED_TYPES = /^(iso9660|squashfs|erofs|fuse\..*)$/;
const EXCLUDED_MOUNTS =
  /^\/(dev|proc|run\/credentials\/.+|run\/user\/.+|sys|var\/lib\/docker\/.+|var\/lib\/containers\/storage\/.+|var\/lib\/kubelet\/.+)($|\/)/;

export interface Mount {
  device: string;
  mountpoint: string;
  type: string;
  readonly: boolean;
}

/** `statfs` in bytes and inodes. */
export interface Room {
  bytes: number;
  free: number;
  /** What others than root may still use. */
  available: number;
  inodes: number;
  inodesFree: number;
}

/**
 * `36 35 98:0 /root /mnt rw,noatime master:1 - ext3 /dev/root rw`: id, parent, major:minor, root, mount point, options,
 * optional fields up to `-`, type, source, options of the super block. Of a file system that is mounted several times
 * (bind mounts) only the shortest mount point is kept.
 */
export function parseMountinfo(text: string): Mount[] {
  const mounts = new Map<string, Mount>();
  for (const line of text.split('\n')) {
    const field = line.split(' ');
    const dash = field.indexOf('-', 6);
    if (dash < 0) continue;
    const mount: Mount = {
      device: unescaped(field[dash + 2] ?? ''),
      mountpoint: unescaped(field[4]!),
      type: field[dash + 1]!,
      readonly: isReadonly(field[5]!) || isReadonly(field[dash + 3] ?? ''),
    };
    const known = mounts.get(field[2]!);
    if (isReal(mount) && !(known && known.mountpoint.length <= mount.mountpoint.length)) mounts.set(field[2]!, mount);
  }
  // What was mounted last on one place hides what was there before.
  return [...new Map([...mounts.values()].map((m) => [m.mountpoint, m])).values()];
}

function isReal(mount: Mount): boolean {
  if (EXCLUDED_TYPES.test(mount.type) || EXCLUDED_MOUNTS.test(mount.mountpoint)) return false;
  // A container's own root.
  if (mount.type === 'overlay') return mount.mountpoint === '/';
  return mount.device.startsWith('/dev/') ? mount.type !== 'devtmpfs' : WITHOUT_DEVICE.has(mount.type);
}

function isReadonly(options: string): boolean {
  return options.split(',').includes('ro');
}

/** Blanks, tabs, line ends and backslashes are written as \040 and so on. */
function unescaped(text: string): string {
  return text.replace(/\\([0-7]{3})/g, (_, octal) => String.fromCharCode(Number.parseInt(octal, 8)));
}

export function reportFilesystem(meter: Meter, mount: Mount, room: Room): void {
  const place = { 'system.device': mount.device, 'system.filesystem.mountpoint': mount.mountpoint };
  const attributes = {
    ...place,
    'system.filesystem.type': mount.type,
    'system.filesystem.mode': mount.readonly ? 'ro' : 'rw',
  };
  const used = room.bytes - room.free;
  for (const [state, bytes] of [
    ['used', used],
    ['free', room.available],
    ['reserved', room.free - room.available],
  ] as const) {
    meter.gauge('system.filesystem.usage', bytes, 'By', { ...attributes, 'system.filesystem.state': state });
  }
  meter.gauge('system.filesystem.limit', room.bytes, 'By', attributes);
  // As df says it: of what is not reserved for root.
  const utilization = used / (used + room.available);
  meter.gauge('system.filesystem.utilization', Math.round(utilization * 1e6) / 1e6, '1', attributes);
  meter.gauge('system.filesystem.readonly', mount.readonly ? 1 : 0, '1', place);
  // btrfs and others have no fixed number of inodes.
  if (room.inodes === 0) return;
  for (const [state, inodes] of [
    ['used', room.inodes - room.inodesFree],
    ['free', room.inodesFree],
  ] as const) {
    meter.gauge('system.filesystem.inodes.usage', inodes, '{inode}', {
      ...attributes,
      'system.filesystem.state': state,
    });
  }
}

/** Mount points whose last statfs has not come back. */
const hung = new Set<string>();

/** Undefined when it does not answer in time, or did not the last time and still has not. */
async function roomOf(mountpoint: string): Promise<Room | undefined> {
  if (hung.has(mountpoint) || hung.size >= MAX_HUNG) return undefined;
  hung.add(mountpoint);
  const asked = statfs(`${process.env.HOST_ROOT ?? ''}${mountpoint}`).finally(() => hung.delete(mountpoint));
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<undefined>((resolve) => {
    timer = setTimeout(resolve, MOUNT_DEADLINE_MS, undefined);
  });
  try {
    const s = await Promise.race([asked, late]);
    if (!s) {
      // Nobody waits for it any more; whatever it says one day says nothing.
      asked.catch(() => undefined);
      return undefined;
    }
    return {
      bytes: s.blocks * s.bsize,
      free: s.bfree * s.bsize,
      available: s.bavail * s.bsize,
      inodes: s.files,
      inodesFree: s.ffree,
    };
  } finally {
    clearTimeout(timer);
  }
}

export async function filesystem(meter: Meter, signal: AbortSignal): Promise<void> {
  const silent: string[] = [];
  for (const mount of parseMountinfo(readProc(hostView('mountinfo')))) {
    if (signal.aborted) return;
    try {
      const room = await roomOf(mount.mountpoint);
      if (!room) silent.push(mount.mountpoint);
      else if (room.bytes > 0) reportFilesystem(meter, mount, room);
    } catch (error) {
      // Another user's mount (EACCES), or gone since it was listed (ENOENT): no figures, as with df.
      const code = (error as NodeJS.ErrnoException).code;
      if (code !== 'EACCES' && code !== 'EPERM' && code !== 'ENOENT') silent.push(mount.mountpoint);
    }
  }
  if (silent.length > 0) throw new Error(`no answer from the file system at ${silent.join(', ')}: left out`);
}
