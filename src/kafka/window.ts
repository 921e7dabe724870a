/**
 * The blocks of a lane that were put and are not settled, as the record batches ("packets") that they are sent as:
 *
 *   blocks   |   A    |     B      |   C    |  ...            a block is one packet, or several where it had to be split
 *   packets  |   a    | b1  |  b2  |   c    |  ...
 *            ^ the oldest without an acknowledgement
 *
 * Blocks settle in the order in which they were put, each when its last packet is acknowledged.
 */
import type { Block, Codec } from '../core/block.ts';
import { HEADER_BYTES, sealHeader, writeHeader } from './record-batch.ts';
import type { Section } from './split.ts';

/** Batches of a producer id that a broker remembers. */
export const WINDOW = 5;
/** Blocks that may wait behind the window. */
const QUEUE = 2;

interface Entry {
  readonly settled: () => void;
  /** Packets without an acknowledgement. */
  left: number;
  /** Resolves the put that waits for room. */
  accept: (() => void) | null;
}

export interface Refusal {
  errorCode: number;
  message: string | null;
}

export interface Packet {
  readonly entry: Entry;
  readonly codec: Codec;
  readonly body: Buffer;
  readonly count: number;
  time: number;
  /** -1 until first sent. */
  sequence: number;
  /** Null until sealed. */
  header: Buffer | null;
  /** How often it was sent. */
  tries: number;
  acknowledged: boolean;
  /** What it was answered on the current link, where that was no acknowledgement. */
  answer: Refusal | null;
  /** How often it was refused as out of order while it was the oldest. */
  disordered: number;
}

export class Window {
  readonly packets: Packet[] = [];
  readonly #entries: Entry[] = [];
  #drained: (() => void)[] = [];
  /** Acknowledged. */
  records = 0;
  bytes = 0;
  /** Records that were put and are not acknowledged. */
  pending = 0;

  /** Resolves when there is room for the block; it is in its place at once. */
  put(block: Block, settled: () => void): Promise<void> {
    const entry: Entry = { settled, left: 1, accept: null };
    this.#entries.push(entry);
    this.packets.push(newPacket(block, entry, block.time, -1));
    this.pending += block.count;
    if (this.#entries.length <= WINDOW + QUEUE) return Promise.resolve();
    return new Promise((resolve) => {
      entry.accept = resolve;
    });
  }

  /** Settles what can be; gives how many packets left the front. */
  acknowledge(packet: Packet): number {
    packet.acknowledged = true;
    packet.entry.left--;
    this.records += packet.count;
    this.bytes += HEADER_BYTES + packet.body.length;
    this.pending -= packet.count;
    let gone = 0;
    while (this.packets[0]?.acknowledged) {
      this.packets.shift();
      gone++;
    }
    while (this.#entries[0]?.left === 0) {
      const { settled } = this.#entries.shift()!;
      this.#entries[WINDOW + QUEUE - 1]?.accept?.();
      settled();
    }
    if (this.#entries.length === 0) for (const resolve of this.#drained.splice(0)) resolve();
    return gone;
  }

  /** Puts sections with the same records, and so the same sequence numbers, in a packet's place. */
  replace(packet: Packet, sections: readonly Section[]): void {
    let { sequence } = packet;
    const parts = sections.map((section) => {
      const part = newPacket(section, packet.entry, packet.time, sequence);
      if (sequence >= 0) sequence = sequenceAfter(sequence, section.count);
      return part;
    });
    packet.entry.left += parts.length - 1;
    this.packets.splice(this.packets.indexOf(packet), 1, ...parts);
  }

  /** Takes all sequence numbers back: the next ones belong to another producer. */
  renumber(): void {
    for (const packet of this.packets) {
      packet.sequence = -1;
      packet.header = null;
      packet.disordered = 0;
    }
  }

  /** Records that were sent at least once, and may or may not have arrived. */
  unsure(): number {
    let records = 0;
    for (const packet of this.packets) if (packet.tries > 0 && !packet.acknowledged) records += packet.count;
    return records;
  }

  /** Resolves when all is settled. */
  async drained(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    if (this.#entries.length === 0) return;
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const abort = () => reject(signal.reason);
    signal.addEventListener('abort', abort, { once: true });
    this.#drained.push(resolve);
    await promise.finally(() => signal.removeEventListener('abort', abort));
  }
}

/** The batch header for these numbers, checksum included; the packet keeps it. */
export function seal(packet: Packet, producer: { producerId: bigint; epoch: number }, skew: number): Buffer {
  const { codec, body, count, sequence, time } = packet;
  const header = Buffer.allocUnsafe(HEADER_BYTES);
  const { producerId, epoch } = producer;
  const recordsBytes = body.length;
  writeHeader(header, { baseOffset: 0n, recordsBytes, count, codec, time: time + skew, producerId, epoch, sequence });
  sealHeader(header, body);
  packet.header = header;
  return header;
}

/** Sequence numbers are 31 bits wide and go round. */
export function sequenceAfter(sequence: number, count: number): number {
  return (sequence + count) & 0x7fffffff;
}

function newPacket({ codec, body, count }: Section, entry: Entry, time: number, sequence: number): Packet {
  return {
    entry,
    codec,
    body,
    count,
    time,
    sequence,
    header: null,
    tries: 0,
    acknowledged: false,
    answer: null,
    disordered: 0,
  };
}
