/** Datagrams out, by the batch, to one place. */
import { type Call, needLibc, RECEIVING, systemError } from './libc.ts';
import { closeSocket, type SocketPlace, socketAddress } from './sockets.ts';

const SOCK_DGRAM = 2;
const SOCK_CLOEXEC = 0x80000;
const SOL_SOCKET = 1;
const SO_SNDBUF = 7;
const SEND_BUFFER = 4 << 20;
const MSG_DONTWAIT = 0x40;
const EINTR = 4;
const EAGAIN = 11;

/** A socket that sends to this place; libc opens it, closeSocket closes it. Throws the reason in the system's words. */
export function openSender(place: SocketPlace): number {
  const c = needLibc();
  const address = socketAddress(place);
  const fd = c.call('int socket(int, int, int)')(address.readUInt16LE(0), SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0) throw systemError(c);
  const size = Buffer.alloc(4);
  size.writeInt32LE(SEND_BUFFER);
  c.call('int setsockopt(int, int, int, void *, uint32_t)')(fd, SOL_SOCKET, SO_SNDBUF, size, 4);
  try {
    connectAgain(fd, place);
    return fd;
  } catch (error) {
    closeSocket(fd);
    throw error;
  }
}

/** From now on it sends to whoever is at this place now. Throws the reason in the system's words. */
export function connectAgain(fd: number, place: SocketPlace): void {
  const c = needLibc();
  const address = socketAddress(place);
  if (c.call('int connect(int, void *, uint32_t)')(fd, address, address.length) !== 0) throw systemError(c);
}

/** sendmmsg(2) of stretches of one memory, which must not move. */
export class DatagramWriter {
  /** Stretches that `send` sends. */
  size = 0;
  readonly #slots: number;
  readonly #base: bigint;
  readonly #headers: Buffer;
  readonly #vectors: Buffer;
  readonly #words: BigUint64Array;
  readonly #send: Call;

  constructor(memory: Buffer, slots: number) {
    const c = needLibc();
    this.#slots = slots;
    this.#base = c.address(memory);
    this.#vectors = Buffer.from(new ArrayBuffer(slots * 16));
    this.#headers = Buffer.from(new ArrayBuffer(slots * 64));
    this.#words = new BigUint64Array(this.#vectors.buffer);
    const vectors = c.address(this.#vectors);
    for (let i = 0; i < slots; i++) {
      this.#headers.writeBigUInt64LE(vectors + BigInt(i * 16), i * 64 + 16);
      this.#headers.writeBigUInt64LE(1n, i * 64 + 24);
    }
    this.#send = c.call(RECEIVING.sendmmsg);
  }

  get full(): boolean {
    return this.size === this.#slots;
  }

  /** Bytes of the memory that one datagram is made of; not when it is full. */
  add(at: number, length: number): void {
    this.#words[this.size * 2] = this.#base + BigInt(at);
    this.#words[this.size * 2 + 1] = BigInt(length);
    this.size++;
  }

  /** Sends what was added; returns how many went, and why the others did not. `wait`: for room in the socket. */
  send(fd: number, wait = false): { sent: number; error: Error | null } {
    const c = needLibc();
    let sent = 0;
    let error: Error | null = null;
    for (let at = 0; at < this.size; ) {
      const rest = at === 0 ? this.#headers : this.#headers.subarray(at * 64);
      const n = this.#send(fd, rest, this.size - at, wait ? 0 : MSG_DONTWAIT);
      if (n > 0) {
        sent += n;
        at += n;
        continue;
      }
      const errno = c.errno();
      if (errno === EINTR) continue;
      error = systemError(c);
      // Without room there is none for the others either; what else is wrong may be so of this one only.
      if (errno === EAGAIN) break;
      at++;
    }
    return { sent, error };
  }

  clear(): void {
    this.size = 0;
  }
}
