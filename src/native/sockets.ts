/**
 * Sockets that Node does not have: datagrams by the batch, receive buffers past the system's limit, sd_notify.
 */
import { isIPv6 } from 'node:net';
import { type Call, loadLibc, nativeAvailable, needLibc, systemError } from './libc.ts';

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
const POLLIN = 1;

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
  const c = needLibc();
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
  const c = needLibc();
  const copy = c.call('int fcntl(int, int, int)')(fd, F_DUPFD_CLOEXEC, 0);
  if (copy < 0) throw systemError(c);
  return copy;
}

/** fcntl(2): whether a receive waits. All descriptors of the socket share it, and libuv wants them not to. */
export function setWaiting(fd: number, waits: boolean): void {
  const c = needLibc();
  if (c.call('int fcntl(int, int, int)')(fd, F_SETFL, waits ? 0 : O_NONBLOCK) < 0) throw systemError(c);
}

/** close(2): Node's own would warn of a descriptor that it did not open. */
export function closeSocket(fd: number): void {
  needLibc().call('int close(int)')(fd);
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
    const c = needLibc();
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
    const c = needLibc();
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
    needLibc().call('int poll(void *, unsigned long, int)')(this.#polled, this.#count, timeout_ms);
  }
}

/** sd_notify(3): `READY=1`, `STOPPING=1`, `WATCHDOG=1`. Does nothing when systemd did not ask for it. */
export function sdNotify(text: string): void {
  const path = process.env.NOTIFY_SOCKET;
  if (!path || !datagramsAvailable()) return;
  const c = needLibc();
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
