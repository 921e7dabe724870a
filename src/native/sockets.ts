/**
 * Sockets that Node does not have: datagrams by the batch, receive buffers past the system's limit, sd_notify.
 */
import { isIPv6 } from 'node:net';
import { networkInterfaces } from 'node:os';
import { nativeAvailable, needLibc, RECEIVING, systemError } from './libc.ts';

const AF_UNIX = 1;
const AF_INET = 2;
const AF_INET6 = 10;
const SOCK_STREAM = 1;
const SOCK_DGRAM = 2;
const SOCK_NONBLOCK = 0x800;
const SOCK_CLOEXEC = 0x80000;
const SOL_SOCKET = 1;
const SO_REUSEADDR = 2;
const SO_TYPE = 3;
const SO_RCVBUF = 8;
const SO_PASSCRED = 16;
const SO_PEERCRED = 17;
const SO_RCVTIMEO = 20;
const SO_RCVBUFFORCE = 33;
const MSG_DONTWAIT = 0x40;
const EINTR = 4;
const EAGAIN = 11;
const ECONNABORTED = 103;
const ECONNREFUSED = 111;

/** Datagrams by the batch need Linux; elsewhere there is node:dgram. */
export function datagramsAvailable(): boolean {
  return process.platform === 'linux' && nativeAvailable();
}

/** Where a socket is bound. `host` is an IP address; port 0: any free one. */
export type SocketPlace = { host: string; port: number } | { path: string };

export interface BoundSocket {
  fd: number;
  /** Of an IP address. */
  port: number;
  /** Bytes the kernel granted, its own overhead included (it doubles what was asked). */
  receiveBuffer: number;
}

export interface DatagramOptions {
  /** Asked for past the system's limit first (needs CAP_NET_ADMIN), then within it. Bytes. */
  receiveBuffer: number;
  /** A receive waits at most so long. Milliseconds. */
  timeout: number;
  /** Each datagram says whose it is: of a path only. */
  credentials?: boolean;
}

/** A bound socket of datagrams. */
export function openDatagrams(place: SocketPlace, options: DatagramOptions): BoundSocket {
  return bound(place, SOCK_DGRAM | SOCK_CLOEXEC, (fd) => prepareDatagrams(fd, options));
}

/** What `openDatagrams` asks of a socket that somebody else has bound. Returns the bytes of its receive buffer. */
export function prepareDatagrams(fd: number, { receiveBuffer, timeout, credentials }: DatagramOptions): number {
  const size = Math.min(receiveBuffer, 0x3fffffff);
  // What whoever has made it could force stays, where less can be asked for here.
  if (setNumber(fd, SO_RCVBUFFORCE, size) !== 0 && getNumber(fd, SO_RCVBUF) < size * 2) setNumber(fd, SO_RCVBUF, size);
  const time = Buffer.alloc(16);
  time.writeBigInt64LE(BigInt(Math.floor(timeout / 1000)), 0);
  time.writeBigInt64LE(BigInt((timeout % 1000) * 1000), 8);
  needLibc().call(SETSOCKOPT)(fd, SOL_SOCKET, SO_RCVTIMEO, time, 16);
  if (credentials) setNumber(fd, SO_PASSCRED, 1);
  return getNumber(fd, SO_RCVBUF);
}

/**
 * Connections that wait to be accepted; net.core.somaxconn bounds it. Where it is full Linux answers with SYN cookies, and
 * then takes what was sent first for never sent: bytes are missing at the beginning of a connection.
 */
const BACKLOG = 4096;

/** A socket that listens for connections; none of its calls waits. */
export function openListener(place: SocketPlace): BoundSocket {
  const socket = bound(place, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, (fd) => {
    if ('host' in place) setNumber(fd, SO_REUSEADDR, 1);
  });
  const c = needLibc();
  if (c.call('int listen(int, int)')(socket.fd, BACKLOG) === 0) return socket;
  const error = systemError(c);
  closeSocket(socket.fd);
  throw error;
}

const SETSOCKOPT = 'int setsockopt(int, int, int, void *, uint32_t)';

function setNumber(fd: number, option: number, value: number): number {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32LE(value);
  return needLibc().call(SETSOCKOPT)(fd, SOL_SOCKET, option, bytes, 4);
}

function getNumber(fd: number, option: number): number {
  const [value, length] = [Buffer.alloc(4), Buffer.alloc(4)];
  length.writeUInt32LE(4);
  needLibc().call(RECEIVING.getsockopt)(fd, SOL_SOCKET, option, value, length);
  return value.readInt32LE();
}

function bound(place: SocketPlace, type: number, prepare: (fd: number) => void): BoundSocket {
  const c = needLibc();
  const address = socketAddress(place);
  const fd = c.call('int socket(int, int, int)')(address.readUInt16LE(0), type, 0);
  if (fd < 0) throw systemError(c);
  prepare(fd);
  if (c.call('int bind(int, void *, uint32_t)')(fd, address, address.length) !== 0) {
    const error = systemError(c);
    closeSocket(fd);
    throw error;
  }
  const found = socketPlace(fd);
  return { fd, port: found && 'port' in found ? found.port : 0, receiveBuffer: getNumber(fd, SO_RCVBUF) };
}

/** Where the socket is bound, getsockname(2). Null: nowhere, or it is of another kind. */
export function socketPlace(fd: number): SocketPlace | null {
  const [name, length] = [Buffer.alloc(128), Buffer.alloc(4)];
  length.writeUInt32LE(name.length);
  if (needLibc().call('int getsockname(int, void *, void *)')(fd, name, length) !== 0) return null;
  const family = name.readUInt16LE(0);
  if (family === AF_UNIX) {
    const end = name.indexOf(0, 2);
    return end > 2 ? { path: name.toString('utf8', 2, Math.min(end, length.readUInt32LE())) } : null;
  }
  const port = name.readUInt16BE(2);
  if (family === AF_INET) return { host: [...name.subarray(4, 8)].join('.'), port };
  if (family !== AF_INET6) return null;
  const words = Array.from({ length: 8 }, (_, i) => name.readUInt16BE(8 + i * 2).toString(16));
  return { host: words.join(':'), port };
}

/** Whether it is of datagrams or of connections; null: of neither. */
export function socketKind(fd: number): 'datagrams' | 'connections' | null {
  const type = getNumber(fd, SO_TYPE);
  return type === SOCK_DGRAM ? 'datagrams' : type === SOCK_STREAM ? 'connections' : null;
}

/** Somebody listens at this path, and takes what it is for. */
export function answersAt(path: string, kind: 'datagrams' | 'connections'): boolean {
  const c = needLibc();
  const address = socketAddress({ path });
  const type = (kind === 'datagrams' ? SOCK_DGRAM : SOCK_STREAM) | SOCK_CLOEXEC | SOCK_NONBLOCK;
  const fd = c.call('int socket(int, int, int)')(AF_UNIX, type, 0);
  if (fd < 0) throw systemError(c);
  try {
    return (
      c.call('int connect(int, void *, uint32_t)')(fd, address, address.length) === 0 || c.errno() !== ECONNREFUSED
    );
  } finally {
    closeSocket(fd);
  }
}

/** accept4(2): a connection of which no call waits; null when there is none. Throws where one waits that cannot be had. */
export function acceptOn(fd: number): number | null {
  const c = needLibc();
  for (;;) {
    const accepted = c.call(RECEIVING.accept4)(fd, null, null, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (accepted >= 0) return accepted;
    const errno = c.errno();
    if (errno === EAGAIN) return null;
    if (errno !== EINTR && errno !== ECONNABORTED) throw systemError(c);
  }
}

/** recv(2) to this place in a memory that does not move: bytes; 0: the other side has ended; null: there is nothing now. */
export function receiveInto(fd: number, memory: Buffer, at: number, room: number): number | null {
  const c = needLibc();
  const n = Number(c.call(RECEIVING.recv)(fd, memory.subarray(at), room, MSG_DONTWAIT));
  if (n >= 0) return n;
  const errno = c.errno();
  // Reset, or broken in another way: it has ended.
  return errno === EAGAIN || errno === EINTR ? null : 0;
}

/** Who is at the other end of a connection over a path, as it was when that was made. */
export interface PeerCredentials {
  /** As it is called here; 0: it is not seen from here. */
  pid: number;
  uid: number;
  gid: number;
}

/** SO_PEERCRED. Null: the kernel does not say. */
export function peerCredentials(fd: number): PeerCredentials | null {
  const [credentials, length] = [Buffer.alloc(12), Buffer.alloc(4)];
  length.writeUInt32LE(12);
  if (needLibc().call(RECEIVING.getsockopt)(fd, SOL_SOCKET, SO_PEERCRED, credentials, length) !== 0) return null;
  return { pid: credentials.readInt32LE(0), uid: credentials.readUInt32LE(4), gid: credentials.readUInt32LE(8) };
}

/** The process at the other end; 0: it is not seen from here. */
export function peerProcess(fd: number): number {
  return peerCredentials(fd)?.pid ?? 0;
}

const F_SETFD = 2;
const F_SETFL = 4;
const FD_CLOEXEC = 1;
const F_DUPFD_CLOEXEC = 1030;
const O_NONBLOCK = 0x800;

/** fcntl(2): another descriptor of the same socket. */
export function duplicate(fd: number): number {
  const c = needLibc();
  const copy = c.call(RECEIVING.fcntl)(fd, F_DUPFD_CLOEXEC, 0);
  if (copy < 0) throw systemError(c);
  return copy;
}

/** fcntl(2): whether a receive waits. All descriptors of the socket share it, and libuv wants them not to. */
export function setWaiting(fd: number, waits: boolean): void {
  const c = needLibc();
  if (c.call(RECEIVING.fcntl)(fd, F_SETFL, waits ? 0 : O_NONBLOCK) < 0) throw systemError(c);
}

/** fcntl(2): programs that are started do not get it. */
export function closeOnExecute(fd: number): void {
  needLibc().call(RECEIVING.fcntl)(fd, F_SETFD, FD_CLOEXEC);
}

/** close(2): Node's own would warn of a descriptor that it did not open. */
export function closeSocket(fd: number): void {
  needLibc().call(RECEIVING.close)(fd);
}

/** sockaddr_in, sockaddr_in6 or sockaddr_un. A path that begins with @ is in the abstract namespace: its first byte is 0. */
export function socketAddress(place: SocketPlace): Buffer {
  if ('path' in place) {
    const path = place.path.replace(/^@/, '\0');
    const name = Buffer.alloc(2 + Buffer.byteLength(path) + (path === place.path ? 1 : 0));
    name.writeUInt16LE(AF_UNIX, 0);
    name.write(path, 2);
    return name;
  }
  const { host, port } = place;
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
  const [address, zone] = host.split('%') as [string, string | undefined];
  if (zone !== undefined) out.writeUInt32LE(scopeOf(zone), 24);
  // Written in one way: ::ffff:127.0.0.1 is ::ffff:7f00:1.
  const [left = '', right] = new URL(`http://[${address}]`).hostname.slice(1, -1).split('::');
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

/** Of an interface, by its name or number. */
function scopeOf(zone: string): number {
  const scopes = networkInterfaces()[zone]?.map((address) => (address.family === 'IPv6' ? address.scopeid : 0));
  // Of addresses that are known everywhere it is 0.
  const scope = scopes ? Math.max(...scopes) : Number(zone);
  if (!Number.isInteger(scope)) throw new Error(`there is no interface ${zone}`);
  return scope;
}

/** sd_notify(3): assignments, a line each. Does nothing when systemd did not ask for it. */
export function sdNotify(text: string): void {
  const path = process.env.NOTIFY_SOCKET;
  if (!path || !datagramsAvailable()) return;
  const c = needLibc();
  const fd = c.call('int socket(int, int, int)')(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0) throw systemError(c);
  try {
    const address = socketAddress({ path });
    const bytes = Buffer.from(text);
    const send = c.call('int64_t sendto(int, void *, size_t, int, void *, uint32_t)');
    if (Number(send(fd, bytes, bytes.length, 0, address, address.length)) < 0) throw systemError(c);
  } finally {
    closeSocket(fd);
  }
}
