/**
 * Repeats what is received to other servers, as it came: a datagram is a datagram, lines of connections are packed as
 * clients do it. It never waits: what a socket has no room for is lost there, and counted.
 */
import { DatagramWriter } from '../../native/sending.ts';

const SLOTS = 64;
/** What goes through any network in one piece. */
const PACKED = 1432;
/** The largest over UDP. */
const LARGEST = 65_507;
const LF = 10;

export interface ForwardTarget {
  /** Null: its address is not known yet. */
  fd: number | null;
  packets: number;
  lost: number;
  /** Why the last that was lost was. */
  error: string | null;
}

export class Forwarder {
  readonly targets: ForwardTarget[];
  readonly #memory: Buffer;
  readonly #writer: DatagramWriter | null;
  readonly #waits: boolean;

  /** `memory` does not move. Without libc everything is lost. `waits`: for room in the sockets. */
  constructor(memory: Buffer, targets: number, native: boolean, waits = false) {
    this.#memory = memory;
    this.#waits = waits;
    this.targets = Array.from({ length: targets }, () => ({ fd: null, packets: 0, lost: 0, error: null }));
    this.#writer = targets > 0 && native ? new DatagramWriter(memory, SLOTS) : null;
  }

  /** Bytes that stay where they are until `flush`. */
  add(at: number, length: number, isDatagram: boolean): void {
    if (this.targets.length === 0 || length === 0) return;
    if (isDatagram && length <= LARGEST) {
      this.#put(at, length);
      return;
    }
    for (let from = at; from < at + length; ) {
      const to = this.#packedTo(from, at + length);
      this.#put(from, to - from);
      from = to;
    }
  }

  flush(): void {
    const writer = this.#writer;
    if (writer === null || writer.size === 0) return;
    for (const target of this.targets) {
      const { sent, error } =
        target.fd === null
          ? { sent: 0, error: new Error('its address is not known yet') }
          : writer.send(target.fd, this.#waits);
      target.packets += sent;
      target.lost += writer.size - sent;
      if (error) target.error = error.message;
    }
    writer.clear();
  }

  #put(at: number, length: number): void {
    if (this.#writer === null) for (const target of this.targets) target.lost++;
    else if (this.#writer.full) this.flush();
    this.#writer?.add(at, length);
  }

  /** Where a datagram of whole lines ends that begins at `from`. */
  #packedTo(from: number, end: number): number {
    if (end - from <= PACKED) return end;
    const last = this.#memory.subarray(from, from + PACKED).lastIndexOf(LF);
    if (last > 0) return from + last + 1;
    // A line that is longer goes alone.
    const next = this.#memory.subarray(from, Math.min(end, from + LARGEST)).indexOf(LF);
    return next < 0 ? Math.min(end, from + LARGEST) : from + next + 1;
  }
}
