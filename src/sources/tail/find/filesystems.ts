/**
 * What file systems are told apart: those whose changes inotify does not tell, or not all of them (they are made
 * elsewhere: another host, a layer below), and those that hold nobody's files.
 */
import { statfsSync } from '../../../mounts/fs.ts';

/** By `f_type` of statfs(2), as in linux/magic.h and the file systems' own headers. */
const SILENT = new Map([
  [0x6969, 'nfs'],
  [0xff534d42, 'cifs'],
  [0xfe534d42, 'smb'],
  [0x517b, 'smb'],
  [0x65735546, 'fuse'],
  [0x01021997, '9p'],
  [0x794c7630, 'overlay'],
  [0x00c36400, 'ceph'],
  [0x5346414f, 'afs'],
  [0x6b414653, 'afs'],
  [0x73757245, 'coda'],
  [0x0bd00bd0, 'lustre'],
  [0x01161970, 'gfs2'],
  [0x7461636f, 'ocfs2'],
  [0x47504653, 'gpfs'],
  [0x786f4256, 'vboxsf'],
  [0xbacbacbc, 'vmhgfs'],
]);

/** The name of such a file system; null: inotify tells all that happens on it. */
export function silentFileSystem(type: number): string | null {
  // Some architectures give 32 bits with a sign.
  return SILENT.get(type >>> 0) ?? null;
}

/** What the directory lies on, as above. */
export function fileSystemOf(directory: string): string | null {
  if (process.platform !== 'linux') return null;
  try {
    return silentFileSystem(statfsSync(directory).type);
  } catch {
    // It has just gone: what comes next sees that.
    return null;
  }
}
