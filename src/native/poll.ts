/** Waiting for many descriptors at once, and being woken meanwhile. */
import { needLibc, RECEIVING, systemError } from './libc.ts';

const EFD_NONBLOCK = 0x800;
const EFD_CLOEXEC = 0x80000;
const POLLIN = 1;

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

  /** At most so long, for ever when it is negative; a signal may end it sooner. */
  wait(timeout_ms: number): void {
    const c = needLibc();
    // What they say is of the call before where this one fails.
    const n = c.call(RECEIVING.poll)(this.#polled, this.#count, timeout_ms);
    if (n < 0) for (let i = 0; i < this.#count; i++) this.#polled.writeInt16LE(0, i * 8 + 6);
  }

  /** What `wait` found of descriptor i: it can be read, or has ended. */
  isReadable(i: number): boolean {
    return this.#polled.readInt16LE(i * 8 + 6) !== 0;
  }
}

/** eventfd(2): what another thread waits for in `ReadableWait`. */
export function openBell(): number {
  const c = needLibc();
  const fd = c.call('int eventfd(uint32_t, int)')(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (fd < 0) throw systemError(c);
  return fd;
}

const one = Buffer.alloc(8);
one.writeBigUInt64LE(1n);
const rung = Buffer.alloc(8);

export function ring(bell: number): void {
  needLibc().call('int64_t write(int, void *, size_t)')(bell, one, 8);
}

/** It has been heard, however often it was rung. */
export function hush(bell: number): void {
  needLibc().call(RECEIVING.read)(bell, rung, 8);
}
