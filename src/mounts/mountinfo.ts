/**
 * /proc/self/mountinfo, and which of its mounts may hang.
 *
 *   36 35 98:0 /root /mnt rw,noatime master:1 - ext3 /dev/root rw,errors=continue
 *   id parent major:minor root mountpoint options optional... - type source options of the super block
 */
export interface Mount {
  id: string;
  /** Of the mount that it lies on. */
  parent: string;
  /** `major:minor`: the same for all mounts of one file system. */
  device: string;
  mountpoint: string;
  options: string;
  type: string;
  source: string;
  superOptions: string;
}

/** In the order in which they were mounted. */
export function parseMountinfo(text: string): Mount[] {
  const mounts: Mount[] = [];
  for (const line of text.split('\n')) {
    const field = line.split(' ');
    const dash = field.indexOf('-', 6);
    if (dash < 0) continue;
    mounts.push({
      id: field[0]!,
      parent: field[1]!,
      device: field[2]!,
      mountpoint: unescaped(field[4]!),
      options: field[5]!,
      type: field[dash + 1]!,
      source: unescaped(field[dash + 2] ?? ''),
      superOptions: field[dash + 3] ?? '',
    });
  }
  return mounts;
}

/** Blanks, tabs, line ends and backslashes are written as \040 and so on. */
export function unescaped(text: string): string {
  return text.replace(/\\([0-7]{3})/g, (_, octal) => String.fromCharCode(Number.parseInt(octal, 8)));
}

/** Kept by this kernel alone, on disks of its own or in its memory. What is not here may wait for somebody else. */
const LOCAL = new Set(
  (
    'adfs affs bcachefs befs bfs binfmt_misc bpf btrfs cgroup cgroup2 configfs cramfs debugfs devpts devtmpfs efivarfs ' +
    'efs erofs exfat ext2 ext3 ext4 f2fs fusectl hfs hfsplus hpfs hugetlbfs iso9660 jffs2 jfs minix mqueue msdos nilfs2 ' +
    'nsfs ntfs ntfs3 pipefs proc pstore qnx4 qnx6 ramfs reiserfs resctrl romfs rootfs rpc_pipefs securityfs selinuxfs ' +
    'smackfs sockfs squashfs sysfs sysv tmpfs tracefs ubifs udf ufs vfat xfs zfs zonefs'
  ).split(' '),
);

/** Nobody's files lie there, and on nearly every host systemd has an automount in it. */
const KERNEL = /^\/(proc|sys)\//;

/**
 * The mounts that may hang, the innermost first. Not the root, whatever it is: the agent itself comes from there, so
 * nothing helps where that hangs.
 */
export function mayHang(mounts: readonly Mount[]): Mount[] {
  const found: Mount[] = [];
  for (const mount of mounts) {
    const { mountpoint, type } = mount;
    if (mountpoint === '/' || LOCAL.has(type) || KERNEL.test(mountpoint)) continue;
    if (type !== 'overlay' || layersOf(mount).some((layer) => found.some((other) => isWithin(layer, other)))) {
      found.push(mount);
    }
  }
  // Of several on one place the one that was mounted last is seen.
  return found.reverse().sort((a, b) => b.mountpoint.length - a.mountpoint.length);
}

/** True of a mount to which no path leads: another one was mounted over it, or over a directory above it, later. */
export function hiddenAmong(mounts: readonly Mount[]): (mount: Mount) => boolean {
  const byId = new Map(mounts.map((mount) => [mount.id, mount]));
  const turns = new Map(mounts.map((mount, turn) => [mount, turn]));
  const byPlace = Map.groupBy(mounts, ({ mountpoint }) => mountpoint);
  const liesOn = (mount: Mount, other: Mount): boolean => {
    let at: Mount | undefined = mount;
    for (let steps = 0; at && at !== other && steps < mounts.length; steps++) at = byId.get(at.parent);
    return at === other;
  };
  const covers = (other: Mount, mount: Mount) => turns.get(other)! > turns.get(mount)! && !liesOn(mount, other);
  return (mount) =>
    upFrom(mount.mountpoint).some((place) => byPlace.get(place)?.some((other) => covers(other, mount)) ?? false);
}

/** The path, and the directories above it. */
function upFrom(path: string): string[] {
  const places = path === '/' ? [] : [path];
  for (let at = path.lastIndexOf('/'); at > 0; at = path.lastIndexOf('/', at - 1)) places.push(path.slice(0, at));
  return [...places, '/'];
}

export function isWithin(path: string, { mountpoint }: Mount): boolean {
  return path.startsWith(mountpoint) && (path.length === mountpoint.length || path[mountpoint.length] === '/');
}

/** The directories that an overlay is made of, as far as their paths say something here. */
function layersOf({ superOptions }: Mount): string[] {
  return superOptions.split(',').flatMap((option) => {
    const [name, value = ''] = option.split('=', 2);
    return name === 'lowerdir' || name === 'lowerdir+' || name === 'upperdir' ? value.split(':').map(unescaped) : [];
  });
}
