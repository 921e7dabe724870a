/**
 * What Node does not have, called in libc. The one door to koffi, which is loaded at the first use; where it cannot be
 * loaded `nativeAvailable` is false and callers do without. Numbers and layouts are those of 64-bit Linux (x64 and arm64
 * agree); flock works on macOS too.
 */
import { createRequire } from 'node:module';
import { isIPv6 } from 'node:net';
import { getSystemErrorMessage } from 'node:util';

type Call = (...args: unknown[]) => number;

interface Libc {
  errno(): number;
  address(view: ArrayBufferView): bigint;
  /** A function of libc by its prototype. */
  call(prototype: string): Call;
}

let libc: Libc | null | undefined;

function load(): Libc | null {
  if (libc !== undefined) return libc;
  try {
    const koffi = createRequire(import.meta.url)('koffi') as typeof import('koffi');
    const library = koffi.load(process.platform === 'darwin' ? '/usr/lib/libSystem.dylib' : 'libc.so.6');
    const calls = new Map<string, Call>();
    libc = {
      errno: () => koffi.errno(),
      address: (view) => BigInt(koffi.address(view) as unknown as bigint | number),
      call(prototype) {
        let call = calls.get(prototype);
        if (!call) {
          call = library.func(prototype) as unknown as Call;
          calls.set(prototype, call);
        }
        return call;
      },
    };
  } catch {
    // No build for this platform, or another libc: callers ask `nativeAvailable` and say what they miss.
    libc = null;
  }
  return libc;
}

function need(): Libc {
  const found = load();
  if (!found) throw new Error(`koffi cannot be loaded on ${process.platform} ${process.arch}`);
  return found;
}

export function nativeAvailable(): boolean {
  return load() !== null;
}

const LOCK_EX = 2;
const LOCK_NB = 4;

/** flock(2), exclusive: false when another process holds it. The lock ends with the descriptor. */
export function tryLock(fd: number): boolean {
  const c = need();
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
  const c = load();
  if (!c) return null;
  const at = Number(c.call('int64_t lseek(int, int64_t, int)')(fd, from, whence));
  if (at >= 0) return at;
  return c.errno() === ENXIO ? Number.POSITIVE_INFINITY : null;
}

const FADV = { normal: 0, random: 1, dontneed: 4 };

/**
 * posix_fadvise(2): `random`, no more is read of the file than is asked for; `dontneed`, what was read from there on is not
 * kept. What the system keeps of a place that was reserved and never written counts as data.
 */
export function advise(fd: number, how: keyof typeof FADV, from = 0): void {
  const c = process.platform === 'linux' ? load() : null;
  c?.call('int posix_fadvise(int, int64_t, int64_t, int)')(fd, from, 0, FADV[how]);
}

const AT_FDCWD = -100;
const RENAME_NOREPLACE = 1;
const [EPERM, EEXIST, EINVAL, ENOSYS] = [1, 17, 22, 38];

/** renameat2(2) that writes over nothing: false where `to` is there. Null: the system, or the file system, has no such call. */
export function renameNoReplace(from: string, to: string): boolean | null {
  const c = process.platform === 'linux' ? load() : null;
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
  const c = canOpenWithoutLinks ? load() : null;
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
  const c = load();
  if (!c) return null;
  const text = Buffer.alloc(PATH_MAX);
  const length = Number(c.call('int64_t readlinkat(int, const char *, void *, size_t)')(fd, '', text, PATH_MAX));
  return length < 0 ? null : text.subarray(0, length);
}

const AF_UNIX = 1;
const AF_INET = 2;
const AF_INET6 = 10;
const SOCK_DGRAM = 2;
const SOCK_CLOEXEC = 0x80000;
const SOL_SOCKET = 1;
const SO_RCVBUF = 8;
const SO_RCVTIMEO = 20;
const SO_RCVBUFFORCE = 33;
const MSG_DONTWAIT = 0x40;
const MSG_WAITFORONE = 0x10000;
const EINTR = 4;
const EAGAIN = 11;

/** Datagrams by the batch need Linux; elsewhere there is node:dgram. */
export function datagramsAvailable(): boolean {
  return process.platform === 'linux' && nativeAvailable();
}

export interface DatagramSocket {
  fd: number;
  port: number;
  /** Bytes the kernel granted, its own overhead included (it doubles what was asked). */
  receiveBuffer: number;
}

/**
 * A bound UDP socket. `host` is an IP address; port 0: any free one. Asks for `receiveBuffer` bytes past the system's
 * limit first (needs CAP_NET_ADMIN), then within it. A receive waits `timeout_ms` at most.
 */
export function openUdp(host: string, port: number, receiveBuffer: number, timeout_ms: number): DatagramSocket {
  const c = need();
  const address = socketAddress(host, port);
  const fd = c.call('int socket(int, int, int)')(address.readUInt16LE(0), SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0) throw systemError(c);
  const set = c.call('int setsockopt(int, int, int, void *, uint32_t)');
  const size = Buffer.alloc(4);
  size.writeInt32LE(Math.min(receiveBuffer, 0x3fffffff));
  if (set(fd, SOL_SOCKET, SO_RCVBUFFORCE, size, 4) !== 0) set(fd, SOL_SOCKET, SO_RCVBUF, size, 4);
  const timeout = Buffer.alloc(16);
  timeout.writeBigInt64LE(BigInt(Math.floor(timeout_ms / 1000)), 0);
  timeout.writeBigInt64LE(BigInt((timeout_ms % 1000) * 1000), 8);
  set(fd, SOL_SOCKET, SO_RCVTIMEO, timeout, 16);
  if (c.call('int bind(int, void *, uint32_t)')(fd, address, address.length) !== 0) {
    const error = systemError(c);
    closeSocket(fd);
    throw error;
  }
  const length = Buffer.alloc(4);
  length.writeUInt32LE(4);
  c.call('int getsockopt(int, int, int, void *, void *)')(fd, SOL_SOCKET, SO_RCVBUF, size, length);
  const bound = Buffer.alloc(28);
  length.writeUInt32LE(28);
  c.call('int getsockname(int, void *, void *)')(fd, bound, length);
  return { fd, port: bound.readUInt16BE(2), receiveBuffer: size.readInt32LE() };
}

const F_SETFL = 4;
const F_DUPFD_CLOEXEC = 1030;
const O_NONBLOCK = 0x800;

/** fcntl(2): another descriptor of the same socket. */
export function duplicate(fd: number): number {
  const c = need();
  const copy = c.call('int fcntl(int, int, int)')(fd, F_DUPFD_CLOEXEC, 0);
  if (copy < 0) throw systemError(c);
  return copy;
}

/** fcntl(2): whether a receive waits. All descriptors of the socket share it, and libuv wants them not to. */
export function setWaiting(fd: number, waits: boolean): void {
  const c = need();
  if (c.call('int fcntl(int, int, int)')(fd, F_SETFL, waits ? 0 : O_NONBLOCK) < 0) throw systemError(c);
}

/** close(2): Node's own would warn of a descriptor that it did not open. */
export function closeSocket(fd: number): void {
  need().call('int close(int)')(fd);
}

/** sockaddr_in or sockaddr_in6. */
function socketAddress(host: string, port: number): Buffer {
  const six = isIPv6(host);
  const out = Buffer.alloc(six ? 28 : 16);
  out.writeUInt16LE(six ? AF_INET6 : AF_INET, 0);
  out.writeUInt16BE(port, 2);
  if (!six) {
    host.split('.').forEach((part, i) => {
      out[4 + i] = Number(part);
    });
    return out;
  }
  const [left = '', right] = host.replace(/%.*$/, '').split('::');
  const words = (text: string) => (text === '' ? [] : text.split(':').map((word) => Number.parseInt(word, 16)));
  const tail = words(right ?? '');
  const head = words(left);
  head.forEach((word, i) => {
    out.writeUInt16BE(word, 8 + i * 2);
  });
  tail.forEach((word, i) => {
    out.writeUInt16BE(word, 24 - (tail.length - i) * 2);
  });
  return out;
}

/** recvmmsg(2) into fixed places of one stretch of memory: datagram i begins at `at + i * slotBytes`. */
export class DatagramReader {
  readonly slots: number;
  readonly #fd: number;
  readonly #headers: Buffer;
  readonly #vectors: Buffer;
  readonly #lengths: Uint32Array;
  readonly #receive: Call;

  /** `memory` must not move; the reader holds its address. */
  constructor(fd: number, memory: Buffer, at: number, slots: number, slotBytes: number) {
    const c = need();
    this.#fd = fd;
    this.slots = slots;
    // struct iovec { base, length } and struct mmsghdr { msghdr { name, namelen, iov, iovlen, ... }, len }
    this.#vectors = Buffer.from(new ArrayBuffer(slots * 16));
    this.#headers = Buffer.from(new ArrayBuffer(slots * 64));
    const base = c.address(memory) + BigInt(at);
    const vectors = c.address(this.#vectors);
    for (let i = 0; i < slots; i++) {
      this.#vectors.writeBigUInt64LE(base + BigInt(i * slotBytes), i * 16);
      this.#vectors.writeBigUInt64LE(BigInt(slotBytes), i * 16 + 8);
      this.#headers.writeBigUInt64LE(vectors + BigInt(i * 16), i * 64 + 16);
      this.#headers.writeBigUInt64LE(1n, i * 64 + 24);
    }
    this.#lengths = new Uint32Array(this.#headers.buffer);
    this.#receive = c.call('int recvmmsg(int, void *, uint32_t, int, void *)');
  }

  /** Datagrams received, 0 when there were none; `wait`: for the first of them, as long as the socket's timeout. */
  receive(wait: boolean): number {
    const n = this.#receive(this.#fd, this.#headers, this.slots, wait ? MSG_WAITFORONE : MSG_DONTWAIT, null);
    if (n >= 0) return n;
    const c = need();
    const errno = c.errno();
    if (errno === EAGAIN || errno === EINTR) return 0;
    throw systemError(c);
  }

  length(i: number): number {
    return this.#lengths[i * 16 + 14]!;
  }
}

/** poll(2): waits until one of these descriptors can be read. */
export class ReadableWait {
  /** struct pollfd { fd, events, revents } each */
  readonly #polled: Buffer;
  readonly #count: number;

  constructor(fds: readonly number[]) {
    this.#count = fds.length;
    this.#polled = Buffer.from(new ArrayBuffer(fds.length * 8));
    for (const [i, fd] of fds.entries()) {
      this.#polled.writeInt32LE(fd, i * 8);
      this.#polled.writeInt16LE(POLLIN, i * 8 + 4);
    }
  }

  /** At most so long; a signal may end it sooner. */
  wait(timeout_ms: number): void {
    need().call('int poll(void *, unsigned long, int)')(this.#polled, this.#count, timeout_ms);
  }
}

/** sd_notify(3): `READY=1`, `STOPPING=1`, `WATCHDOG=1`. Does nothing when systemd did not ask for it. */
export function sdNotify(text: string): void {
  const path = process.env.NOTIFY_SOCKET;
  if (!path || !datagramsAvailable()) return;
  const c = need();
  const fd = c.call('int socket(int, int, int)')(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0) throw systemError(c);
  try {
    // A name that begins with @ is in the abstract namespace: its first byte is 0.
    const address = Buffer.concat([Buffer.from([AF_UNIX, 0]), Buffer.from(path.replace(/^@/, '\0'))]);
    const bytes = Buffer.from(text);
    const send = c.call('int64_t sendto(int, void *, size_t, int, void *, uint32_t)');
    if (Number(send(fd, bytes, bytes.length, 0, address, address.length)) < 0) throw systemError(c);
  } finally {
    closeSocket(fd);
  }
}

const POLLIN = 1;
const POLLPRI = 2;
const POLLERR = 8;
/** struct pollfd { fd, events, revents } */
const polled = Buffer.from(new ArrayBuffer(8));

/** poll(2), of /proc/self/mountinfo: true, something was mounted or unmounted since this was asked last. Null: it cannot be told. */
export function mountNews(fd: number): boolean | null {
  const c = load();
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
  const c = need();
  if (c.call(PRCTL)(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) !== 0) throw systemError(c);
}

/** The one program that this starts may read what this process may: it is this program, too. */
export function withRightToRead<T>(start: () => T): T {
  const call = process.platform === 'linux' ? load()?.call(PRCTL) : undefined;
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
  if (process.platform === 'linux') load()?.call(PRCTL)(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
}

function systemError(c: Libc): Error {
  return new Error(getSystemErrorMessage(-c.errno()));
}
