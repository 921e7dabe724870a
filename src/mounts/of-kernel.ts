/** File systems in which the kernel shows itself: they hold nobody's files, and take none. */
import { statfsSync } from './fs.ts';

/** By `f_type` of statfs(2). */
const OF_KERNEL = new Set([
  0x9fa0, // proc
  0x62656572, // sysfs
  0x27e0eb, // cgroup
  0x63677270, // cgroup2
  0x64626720, // debugfs
  0x74726163, // tracefs
  0x73636673, // securityfs
  0x62656570, // configfs
  0xcafe4a11, // bpf
  0x6165676c, // pstore
  0x1cd1, // devpts
  0x19800202, // mqueue
  0x42494e4d, // binfmt_misc
  0x65735543, // fusectl
  0xf97cff8c, // selinuxfs
  0xde5e81e4, // efivarfs
  0x6e736673, // nsfs
]);

/** True if a directory shows what the kernel does, and no files that anybody has written. */
export function isOfKernel(directory: string): boolean {
  try {
    return process.platform === 'linux' && OF_KERNEL.has(statfsSync(directory).type >>> 0);
  } catch {
    // It has just gone: what comes next sees that.
    return false;
  }
}
