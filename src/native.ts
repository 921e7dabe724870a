/**
 * What Node does not have of files and processes, called in libc. Numbers and layouts are those of 64-bit Linux (x64 and
 * arm64 agree); flock works on macOS too.
 */
import { flushCompileCache } from 'node:module';
import { getSystemErrorMessage } from 'node:util';
import { loadLibc, needLibc, systemError } from './native/libc.ts';

const LOCK_EX = 2;
const LOCK_NB = 4;

/** flock(2), exclusive: false when another process holds it. The lock ends with the descriptor. */
export function tryLock(fd: number): boolean {
  const c = needLibc();
  if (c.call('int flock(int, int)')(fd, LOCK_EX | LOCK_NB) === 0) return true;
  const errno = c.errno();
  if (errno === (process.platform === 'darwin' ? 35 : 11)) return false;
  throw new Error(`cannot lock: ${getSystemErrorMessage(-errno)}`);
}

/** Linux and macOS number them the other way round. */
const SEEK_DATA = process.platform === 'darwin' ? 4 : 3;
const SEEK_HOLE = process.platform === 'darwin' ? 3 : 4;
const ENXIO = 6;

/** lseek(2): where the first hole at or after `from` begins; the file's end counts as one. Null: it cannot be told. */
export function seekHole(fd: number, from: number): number | null {
  return seek(fd, from, SEEK_HOLE);
}

/** lseek(2): where the first data at or after `from` begins; infinite where there is none. Null: it cannot be told. */
export function seekData(fd: number, from: number): number | null {
  return seek(fd, from, SEEK_DATA);
}

/** It moves the descriptor's own position, which nothing here reads at. */
function seek(fd: number, from: number, whence: number): number | null {
  const c = loadLibc();
  if (!c) return null;
  const at = Number(c.call('int64_t lseek(int, int64_t, int)')(fd, from, whence));
  if (at >= 0) return at;
  return c.errno() === ENXIO ? Number.POSITIVE_INFINITY : null;
}

/** _exit(2): ends the process at once. Node's own exit waits for file calls that hang. */
export function endNow(code: number): never {
  loadLibc()?.call('void _exit(int)')(code);
  process.exit(code);
}

/** As `process.exit`, which waits for lookups too: for a name for which nobody answers that takes half a minute, or minutes. */
export function leave(code: number): never {
  if (process.getActiveResourcesInfo().includes('GetAddrInfoReqWrap')) {
    process.emit('exit', code);
    flushCompileCache();
    endNow(code);
  }
  process.exit(code);
}

const FADV = { normal: 0, random: 1, dontneed: 4 };

/**
 * posix_fadvise(2): `random`, no more is read of the file than is asked for; `dontneed`, what was read from there on is not
 * kept. What the system keeps of a place that was reserved and never written counts as data.
 */
export function advise(fd: number, how: keyof typeof FADV, from = 0): void {
  const c = process.platform === 'linux' ? loadLibc() : null;
  c?.call('int posix_fadvise(int, int64_t, int64_t, int)')(fd, from, 0, FADV[how]);
}

const AT_FDCWD = -100;
const RENAME_NOREPLACE = 1;
const [EPERM, EEXIST, EINVAL, ENOSYS] = [1, 17, 22, 38];

/** renameat2(2) that writes over nothing: false where `to` is there. Null: the system, or the file system, has no such call. */
export function renameNoReplace(from: string, to: string): boolean | null {
  const c = process.platform === 'linux' ? loadLibc() : null;
  if (!c) return null;
  const rename = c.call('int renameat2(int, const char *, int, const char *, uint32_t)');
  if (rename(AT_FDCWD, from, AT_FDCWD, to, RENAME_NOREPLACE) === 0) return true;
  const errno = c.errno();
  if (errno === EEXIST) return false;
  if (errno === EINVAL || errno === ENOSYS) return null;
  throw systemError(c);
}

/** The system call's number on x64 and arm64. */
const OPENAT2 = 437;
const O_CLOEXEC = 0o2000000;
const RESOLVE_NO_SYMLINKS = 4n;
/** `struct open_how`: flags, mode, resolve. */
const how = Buffer.alloc(24);
/** False: the kernel is older than 5.6, or a sandbox has no such call. */
let canOpenWithoutLinks = process.platform === 'linux';

/**
 * openat2(2) with RESOLVE_NO_SYMLINKS: a descriptor. Null: a symbolic link is on the way, or it cannot be opened, or not
 * in this way; open(2) says which.
 */
export function openWithoutLinks(path: string, flags: number): number | null {
  const c = canOpenWithoutLinks ? loadLibc() : null;
  if (!c) return null;
  how.writeBigUInt64LE(BigInt(flags | O_CLOEXEC), 0);
  how.writeBigUInt64LE(RESOLVE_NO_SYMLINKS, 16);
  const open = c.call('int64_t syscall(int64_t, int, const char *, void *, size_t)');
  const fd = Number(open(OPENAT2, AT_FDCWD, path, how, how.length));
  if (fd >= 0) return fd;
  const errno = c.errno();
  if (errno === ENOSYS || errno === EPERM) canOpenWithoutLinks = false;
  return null;
}

const PATH_MAX = 4096;

/** readlinkat(2): what the symbolic link says on which this descriptor was opened (O_PATH). Null: it cannot be told. */
export function readLinkOf(fd: number): Buffer | null {
  const c = loadLibc();
  if (!c) return null;
  const text = Buffer.alloc(PATH_MAX);
  const length = Number(c.call('int64_t readlinkat(int, const char *, void *, size_t)')(fd, '', text, PATH_MAX));
  return length < 0 ? null : text.subarray(0, length);
}

const POLLPRI = 2;
const POLLERR = 8;
/** struct pollfd { fd, events, revents } */
const polled = Buffer.from(new ArrayBuffer(8));

/** poll(2), of /proc/self/mountinfo: true, something was mounted or unmounted since this was asked last. Null: it cannot be told. */
export function mountNews(fd: number): boolean | null {
  const c = loadLibc();
  if (!c) return null;
  polled.writeInt32LE(fd, 0);
  polled.writeInt32LE(POLLPRI, 4);
  const n = c.call('int poll(void *, unsigned long, int)')(polled, 1, 0);
  return n < 0 ? null : n > 0 && (polled.readInt16LE(6) & (POLLPRI | POLLERR)) !== 0;
}

const PRCTL = 'int prctl(int, unsigned long, unsigned long, unsigned long, unsigned long)';
const PR_SET_PDEATHSIG = 1;
const SIGKILL = 9;
const PR_CAP_AMBIENT = 47;
const PR_CAP_AMBIENT_IS_SET = 1;
const PR_CAP_AMBIENT_RAISE = 2;
const PR_CAP_AMBIENT_LOWER = 3;
const PR_CAP_AMBIENT_CLEAR_ALL = 4;
const CAP_DAC_READ_SEARCH = 2;

/**
 * prctl(2): programs that this thread, or one that it starts from here on, executes get none of the capabilities that
 * the process has, unless it is root's. The process keeps its own.
 */
export function keepCapabilities(): void {
  if (process.platform !== 'linux') return;
  const c = needLibc();
  if (c.call(PRCTL)(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) !== 0) throw systemError(c);
}

/** The one program that this starts may read what this process may: it is this program, too. */
export function withRightToRead<T>(start: () => T): T {
  const call = process.platform === 'linux' ? loadLibc()?.call(PRCTL) : undefined;
  const ambient = (what: number) => call?.(PR_CAP_AMBIENT, what, CAP_DAC_READ_SEARCH, 0, 0);
  // Who has no such right cannot hand it on, and nothing is to be taken back.
  const raised = ambient(PR_CAP_AMBIENT_IS_SET) === 0 && ambient(PR_CAP_AMBIENT_RAISE) === 0;
  try {
    return start();
  } finally {
    if (raised) ambient(PR_CAP_AMBIENT_LOWER);
  }
}

/** prctl(2): this process is killed when the thread that has started it ends, also while it waits for a disk. */
export function endWithParent(): void {
  if (process.platform === 'linux') loadLibc()?.call(PRCTL)(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
}

/** Of `struct timex`: 208 bytes on 64-bit Linux. */
const TIMEX_BYTES = 208;

/** adjtimex(2) that changes nothing: the struct, and what was returned. Null: it may not be called, or cannot be. */
export function clockState(): { timex: Buffer; returned: number } | null {
  const c = process.platform === 'linux' ? loadLibc() : null;
  if (!c) return null;
  const timex = Buffer.alloc(TIMEX_BYTES);
  const returned = c.call('int adjtimex(void *)')(timex);
  return returned < 0 ? null : { timex, returned };
}
