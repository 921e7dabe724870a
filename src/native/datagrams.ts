/** Datagrams by the batch. */
import { type Call, needLibc, RECEIVING, systemError } from './libc.ts';

const SOL_SOCKET = 1;
const SCM_CREDENTIALS = 2;
const MSG_TRUNC = 0x20;
const MSG_DONTWAIT = 0x40;
const MSG_WAITFORONE = 0x10000;
const EINTR = 4;
const EAGAIN = 11;
/** struct cmsghdr { length, level, type } and struct ucred { pid, uid, gid } */
const CONTROL_BYTES = 32;
const CREDENTIALS_BYTES = 28;

/** recvmmsg(2) into fixed places of one stretch of memory: datagram i begins at `at + i * slotBytes`. */
export class DatagramReader {
  readonly slots: number;
  readonly #fd: number;
  readonly #headers: Buffer;
  readonly #vectors: Buffer;
  readonly #words: Uint32Array;
  /** Whose each is. */
  readonly #control: Buffer | null;
  readonly #receive: Call;

  /** `memory` must not move; the reader holds its address. `credentials`: as the socket was opened. */
  constructor(fd: number, memory: Buffer, at: number, slots: number, slotBytes: number, credentials = false) {
    const c = needLibc();
    this.#fd = fd;
    this.slots = slots;
    // struct iovec { base, length } and struct mmsghdr { msghdr { name, namelen, iov, iovlen, control, controllen, flags }, len }
    this.#vectors = Buffer.from(new ArrayBuffer(slots * 16));
    this.#headers = Buffer.from(new ArrayBuffer(slots * 64));
    this.#control = credentials ? Buffer.from(new ArrayBuffer(slots * CONTROL_BYTES)) : null;
    const base = c.address(memory) + BigInt(at);
    const vectors = c.address(this.#vectors);
    for (let i = 0; i < slots; i++) {
      this.#vectors.writeBigUInt64LE(base + BigInt(i * slotBytes), i * 16);
      this.#vectors.writeBigUInt64LE(BigInt(slotBytes), i * 16 + 8);
      this.#headers.writeBigUInt64LE(vectors + BigInt(i * 16), i * 64 + 16);
      this.#headers.writeBigUInt64LE(1n, i * 64 + 24);
      if (this.#control)
        this.#headers.writeBigUInt64LE(c.address(this.#control) + BigInt(i * CONTROL_BYTES), i * 64 + 32);
    }
    this.#words = new Uint32Array(this.#headers.buffer);
    this.#receive = c.call(RECEIVING.recvmmsg);
  }

  /** Datagrams received, 0 when there were none; `wait`: for the first of them, as long as the socket's timeout. */
  receive(wait: boolean): number {
    // The kernel says there how much it wrote.
    if (this.#control) for (let i = 0; i < this.slots; i++) this.#words[i * 16 + 10] = CONTROL_BYTES;
    const n = this.#receive(this.#fd, this.#headers, this.slots, wait ? MSG_WAITFORONE : MSG_DONTWAIT, null);
    if (n >= 0) return n;
    const c = needLibc();
    const errno = c.errno();
    if (errno === EAGAIN || errno === EINTR) return 0;
    throw systemError(c);
  }

  length(i: number): number {
    return this.#words[i * 16 + 14]!;
  }

  /** Its end had no room. */
  isCut(i: number): boolean {
    return (this.#words[i * 16 + 12]! & MSG_TRUNC) !== 0;
  }

  /** The process that sent it, as it is called here; 0: it is not known. */
  process(i: number): number {
    const at = i * CONTROL_BYTES;
    if (!this.#control || this.#words[i * 16 + 10]! < CREDENTIALS_BYTES) return 0;
    const isCredentials =
      this.#control.readInt32LE(at + 8) === SOL_SOCKET && this.#control.readInt32LE(at + 12) === SCM_CREDENTIALS;
    return isCredentials ? this.#control.readInt32LE(at + 16) : 0;
  }
}
