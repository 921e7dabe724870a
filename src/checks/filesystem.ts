/**
 * Room and inodes of the real file systems: mountinfo says which there are, statfs how full they are. Remote ones only
 * where they are asked for: each takes a process that asks (room.ts), as it may not answer for hours.
 */
import * as mounts from '../mounts/mountinfo.ts';
import { type Check, type Meter, MOST_DEVICES, upToMost } from './check.ts';
import type { HostFiles } from './files.ts';
import { HostMounts } from './host-mounts.ts';
import { type Room, roomAtOnce, roomOf } from './room.ts';
import { share } from './text.ts';

/** File systems that are no disk's but hold files all the same. */
const WITHOUT_DEVICE = new Set(['tmpfs', 'zfs', 'btrfs', 'bcachefs']);
const EXCLUDED_TYPES = /^(iso9660|squashfs|erofs|fuse\..*)$/;
const REMOTE_TYPES =
  /^(nfs4?|cifs|smb3|smbfs|ceph|9p|afs|lustre|beegfs|orangefs|fuse\.(sshfs|glusterfs|ceph|s3fs|rclone|gcsfuse|ceph-fuse))$/;
/** Remote ones that are asked at a time. */
const AT_ONCE = 8;
const EXCLUDED_MOUNTS =
  /^\/(dev|proc|run\/credentials\/.+|run\/user\/.+|sys|var\/lib\/docker\/.+|var\/lib\/containers\/storage\/.+|var\/lib\/kubelet\/.+)($|\/)/;

/** Of these the kernel keeps the sums in memory: nothing is read to tell them, so nothing can hang. */
const KNOWN_AT_ONCE = new Set(['tmpfs', 'ext2', 'ext3', 'ext4']);

/** Files there have the number of their subvolume. */
const SUBVOLUMES = new Set(['btrfs', 'bcachefs']);

/** As a byte that belongs to no character is read (files.ts). */
const STRAY = /\\x[89a-f][\da-f]/;

export interface MountedFilesystem {
  device: string;
  /** `major:minor`. */
  number: string;
  mountpoint: string;
  type: string;
  readonly: boolean;
}

/**
 * Of a file system that is mounted several times (bind mounts) only the shortest mount point is kept. `own`: it is the
 * agent's own view, in which its service manager has mounted everything read-only: what the file system itself says counts.
 */
export function parseFilesystems(text: string, own = false, remote = false): MountedFilesystem[] {
  const all = mounts.parseMountinfo(text);
  const isHidden = mounts.hiddenAmong(all);
  const found = new Map<string, MountedFilesystem>();
  for (const one of all) {
    const { device: number, mountpoint, options, type, source, superOptions } = one;
    const readonly = isReadonly(superOptions) || (!own && isReadonly(options));
    const mount = { device: source, number, mountpoint, type, readonly };
    const known = found.get(number);
    if (!isReal(mount, remote) || (known && known.mountpoint.length <= mountpoint.length)) continue;
    if (!isHidden(one)) found.set(number, mount);
  }
  return [...found.values()];
}

function isReal(mount: MountedFilesystem, remote: boolean): boolean {
  if (REMOTE_TYPES.test(mount.type)) return remote && !EXCLUDED_MOUNTS.test(mount.mountpoint);
  if (EXCLUDED_TYPES.test(mount.type) || EXCLUDED_MOUNTS.test(mount.mountpoint)) return false;
  // A container's own root.
  if (mount.type === 'overlay') return mount.mountpoint === '/';
  return mount.device.startsWith('/dev/') ? mount.type !== 'devtmpfs' : WITHOUT_DEVICE.has(mount.type);
}

function isReadonly(options: string): boolean {
  return options.split(',').includes('ro');
}

export function reportFilesystem(meter: Meter, mount: Omit<MountedFilesystem, 'number'>, room: Room): void {
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
  meter.gauge('system.filesystem.utilization', share(used, used + room.available), '1', attributes);
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

export interface FilesystemOptions {
  readonly remote?: boolean;
}

export function filesystem(host: HostFiles, { filesystem: options }: { readonly filesystem?: unknown } = {}): Check {
  const { remote = false } = typeof options === 'object' ? (options as FilesystemOptions) : {};
  const view = new HostMounts(host);
  let mounted: MountedFilesystem[] = [];
  /** Those whose mount point leads to them, as long as nothing is mounted or unmounted. */
  const sure = new Set<MountedFilesystem>();

  /** What is there must be of this number; null: whatever it is. */
  const numberOf = (mount: MountedFilesystem) => (sure.has(mount) || SUBVOLUMES.has(mount.type) ? null : mount.number);

  /** Of one that answers at once; undefined: that takes asking. Null: there are no figures. */
  function look(mount: MountedFilesystem): Room | 'silent' | null | undefined {
    if (!KNOWN_AT_ONCE.has(mount.type)) return undefined;
    try {
      const room = roomAtOnce(mount.mountpoint, numberOf(mount), host.root);
      return room === 'elsewhere' ? undefined : heard(mount, room);
    } catch (error) {
      return withoutFigures(error);
    }
  }

  async function ask(mount: MountedFilesystem): Promise<Room | 'silent' | null> {
    try {
      return heard(mount, await roomOf(mount.mountpoint, numberOf(mount), host.root));
    } catch (error) {
      return withoutFigures(error);
    }
  }

  function heard(mount: MountedFilesystem, room: Room | 'silent' | 'other'): Room | 'silent' | null {
    if (room === 'other') return null;
    if (room !== 'silent') sure.add(mount);
    return room;
  }

  async function askAll(meter: Meter, waiting: readonly MountedFilesystem[], silent: string[], signal: AbortSignal) {
    for (let i = 0; i < waiting.length && !signal.aborted; i += AT_ONCE) {
      const some = waiting.slice(i, i + AT_ONCE);
      for (const [at, room] of (await Promise.all(some.map(ask))).entries()) tell(meter, some[at]!, room, silent);
    }
    complain(silent);
  }

  return (meter, signal) => {
    const mounts = view.news();
    if (mounts !== null) {
      // What answers comes before what may not.
      const all = parseFilesystems(mounts.text, mounts.own, remote);
      mounted = [...all.filter((m) => !REMOTE_TYPES.test(m.type)), ...all.filter((m) => REMOTE_TYPES.test(m.type))];
      sure.clear();
    }
    const silent: string[] = [];
    const waiting: MountedFilesystem[] = [];
    for (const mount of upToMost(mounted, MOST_DEVICES, 'file systems', meter)) {
      const room = look(mount);
      if (room === undefined) waiting.push(mount);
      else tell(meter, mount, room, silent);
    }
    if (waiting.length > 0) return askAll(meter, waiting, silent, signal);
    complain(silent);
  };
}

function tell(meter: Meter, mount: MountedFilesystem, room: Room | 'silent' | null, silent: string[]): void {
  if (room === 'silent') silent.push(mount.mountpoint);
  else if (room !== null && room.bytes > 0) reportFilesystem(meter, mount, room);
  else if (room === null && STRAY.test(mount.mountpoint)) {
    meter.lack(`the file system at ${mount.mountpoint} is left out: its path is no UTF-8`);
  }
}

/** As with df there are none of another user's mount (EACCES), nor of one that is gone since it was listed (ENOENT). */
function withoutFigures(error: unknown): 'silent' | null {
  const { code } = error as NodeJS.ErrnoException;
  return code === 'EACCES' || code === 'EPERM' || code === 'ENOENT' ? null : 'silent';
}

function complain(silent: readonly string[]): void {
  if (silent.length > 0) throw new Error(`no answer from the file system at ${silent.join(', ')}: left out`);
}
