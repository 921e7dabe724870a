/**
 * The blocks of a lane that were put and are not settled, as the record batches ("packets") that they are sent as:
 *
 *   blocks   |   A    |     B      |   C    |  ...            a block is one packet, or several where it had to be split
 *   packets  |   a    | b1  |  b2  |   c    |  ...
 *            ^ the oldest without an acknowledgement
 *
 * Blocks settle in the order in which they were put, each when its last packet is acknowledged.
 *
 * A packet whose partition is gone is handed over to the windows of other partitions, in pieces (see sender.ts). It stays
 * here until all of its pieces are safe there. What is adopted so is part of a block of another window: at a stop all of
 * it is kept, sent or not, or the block's other parts would come twice.
 */
import { Bell } from '../../core/bell.ts';
import type { Block, Mark, Settled } from '../../core/block.ts';
import { HEADER_BYTES, readHeader, sealedHeader, WINDOW } from '../../records/record-batch.ts';
import type { RecordsSection } from './split.ts';
import type { Items, SavedPacket } from './window-file.ts';

/** Blocks that may wait behind the window. */
const QUEUE = 2;

interface Entry {
  readonly settled: Settled;
  /** Input items of the block. */
  readonly weights: () => Items;
  /** The position moves past its last records only with the next block. */
  readonly continues: boolean;
  /** Of an earlier process, whose positions have moved past it: it is not let go before it is acknowledged. */
  readonly earlier: boolean;
  /** It is part of another window's block. */
  readonly adopted: boolean;
  /** It cannot be read again. */
  readonly gone: () => boolean;
  /** Pieces that were handed over to the windows of these partitions, and are not safe there. */
  readonly away: { partition: number }[];
  /** Some of it is on disk, for the next process. */
  kept: boolean;
  /** Packets without an acknowledgement. */
  left: number;
  /** Records that were not taken, and never will be. */
  refused: number;
  /** Resolves the put that waits for room. */
  accept: (() => void) | null;
}

/** What a window that takes a piece of another one's block is to know. */
export interface AdoptedPart {
  readonly settled: Settled;
  /** Input items to write down with it. */
  readonly weights: () => Items;
}

/** Of a packet of an earlier process. */
export type SettledEarlier = (weights: Items, refused: number, where: 'there' | 'kept') => void;

export interface ProduceRefusal {
  errorCode: number;
  message: string | null;
}

export interface Packet extends RecordsSection {
  readonly entry: Entry;
  time: number;
  /** Handed over. */
  away: boolean;
  /** -1 until first sent. */
  sequence: number;
  /** Null until sealed. */
  header: Buffer | null;
  /** How often it was sent. */
  tries: number;
  /** It may be in the topic, and that is not counted yet: an attempt got no answer, or one that leaves it open. */
  unsure: boolean;
  acknowledged: boolean;
  /** What it was answered on the current link, where that was no acknowledgement. */
  answer: ProduceRefusal | null;
  /** How often it was refused as out of order while it was the oldest. */
  disordered: number;
}

export class Window {
  readonly packets: Packet[] = [];
  readonly #entries: Entry[] = [];
  /** Of the last block that settled. */
  #continues = false;
  readonly #empty = new Bell();
  /** Acknowledged. */
  records = 0;
  bytes = 0;
  /** Not taken, and never will be. */
  refused = 0;
  /** Handed over, and safe there. */
  moved = 0;
  /** Records that were put and are not acknowledged. */
  pending = 0;

  /** Resolves when there is room for the block; it is in its place at once. */
  put(block: Block, settled: Settled): Promise<void> {
    const weights = () => weightsOf(block.marks);
    const gone = () => block.marks.some(({ stream }) => stream.gone);
    const entry = newEntry(settled, weights, { continues: block.continues ?? false, gone });
    const accepted = this.#put(block, block.time, entry);
    this.packets.at(-1)!.unsure = block.sentBefore ?? false;
    return accepted;
  }

  /** The same for a piece that another window hands over. */
  adopt(section: RecordsSection, time: number, { settled, weights }: AdoptedPart): Promise<void> {
    return this.#put(section, time, newEntry(settled, weights, { adopted: true }));
  }

  #put(section: RecordsSection, time: number, entry: Entry): Promise<void> {
    this.#entries.push(entry);
    this.packets.push(newPacket(section, entry, time, -1));
    this.pending += section.count;
    if (this.#entries.length <= WINDOW + QUEUE) return Promise.resolve();
    return new Promise((resolve) => {
      entry.accept = resolve;
    });
  }

  /** Packets of an earlier process, before any other; sealed ones keep their numbers. */
  restore(packets: readonly SavedPacket[], settled: SettledEarlier): void {
    for (const { header, body, weights } of packets) {
      const { codec, count, time, sequence } = readHeader(header)!;
      const safe: Settled = (where = 'there', refused = 0) => settled(weights, refused, where);
      const entry = newEntry(safe, () => weights, { earlier: true });
      const packet = newPacket({ codec, body, count, rawBytes: null }, entry, time, sequence);
      if (sequence >= 0) Object.assign(packet, { header, tries: 1, unsure: true });
      this.#entries.push(entry);
      this.packets.push(packet);
      this.pending += count;
    }
  }

  /**
   * Packets without an acknowledgement that must be kept: those that may be at the broker, that cannot be read again, or of
   * which parts are kept, and after them as many as it takes for the position to move past them.
   */
  unacknowledged(): Packet[] {
    const must = ({ sequence, entry }: Packet) =>
      sequence >= 0 || entry.earlier || entry.adopted || entry.kept || entry.away.length > 0 || entry.gone();
    let end = this.packets.findLastIndex(must) + 1;
    for (; this.packets[end]; end++) {
      if (this.packets[end - 1]?.entry === this.packets[end]!.entry) continue;
      const last = this.packets.slice(0, end).findLast(({ entry }) => !entry.adopted)?.entry;
      if (!(last ? last.continues : this.#continues)) break;
    }
    return this.packets.slice(0, end).filter((packet) => !packet.acknowledged);
  }

  /** What a packet is saved as; the last one of its block has the block's items. */
  saved(packet: Packet): SavedPacket {
    const { entry, body } = packet;
    const last = this.packets.findLast((other) => other.entry === entry && !other.acknowledged) === packet;
    return { header: packet.header!, body, weights: last ? less(entry.weights(), entry.refused) : new Map() };
  }

  /** These packets are safe on disk: their blocks settle. */
  keep(packets: readonly Packet[]): void {
    const end = this.#entries.indexOf(packets.at(-1)!.entry) + 1;
    for (const { settled, left, refused, earlier, kept } of this.#entries.splice(0, end)) {
      if (!earlier || left === 0) settled(left > 0 || kept ? 'kept' : 'there', refused);
    }
  }

  /** The packet goes to the windows of these partitions, ascending, in pieces; gives for each what its window is to know. */
  handOver(packet: Packet, partitions: readonly number[], arrived: () => void): AdoptedPart[] {
    const { entry } = packet;
    packet.away = true;
    let left = partitions.length;
    return partitions.map((partition) => {
      const piece = { partition };
      entry.away.push(piece);
      return {
        weights: () => (this.#bearer(entry) === piece ? less(entry.weights(), entry.refused) : new Map()),
        settled: (where = 'there', refused = 0) => {
          entry.away.splice(entry.away.indexOf(piece), 1);
          entry.kept ||= where === 'kept';
          entry.refused += refused;
          if (--left > 0) return;
          this.moved += packet.count;
          this.#done(packet);
          arrived();
        },
      };
    });
  }

  /** Some packets are handed over, and not safe there yet. */
  get moving(): boolean {
    return this.#entries.some(({ away }) => away.length > 0);
  }

  /** The piece with which all of the block is safe when windows are kept by ascending partition; null: a packet is here. */
  #bearer(entry: Entry): { partition: number } | null {
    if (this.packets.some((packet) => packet.entry === entry && !packet.acknowledged && !packet.away)) return null;
    return entry.away.reduce((last, piece) => (piece.partition >= last.partition ? piece : last));
  }

  /** Settles what can be; gives how many packets left the front. */
  acknowledge(packet: Packet): number {
    this.records += packet.count;
    this.bytes += HEADER_BYTES + packet.body.length;
    return this.#done(packet);
  }

  /** The broker will never take it; it is kept elsewhere. */
  refuse(packet: Packet): void {
    this.refused += packet.count;
    packet.entry.refused += packet.count;
    this.#done(packet);
  }

  #done(packet: Packet): number {
    packet.acknowledged = true;
    packet.entry.left--;
    this.pending -= packet.count;
    let gone = 0;
    while (this.packets[0]?.acknowledged) {
      this.packets.shift();
      gone++;
    }
    while (this.#entries[0]?.left === 0) {
      const { settled, refused, continues, adopted, kept } = this.#entries.shift()!;
      if (!adopted) this.#continues = continues;
      this.#entries[WINDOW + QUEUE - 1]?.accept?.();
      settled(kept ? 'kept' : 'there', refused);
    }
    if (this.#entries.length === 0) this.#empty.ring();
    return gone;
  }

  /** Puts sections with the same records, and so the same sequence numbers, in a packet's place. */
  replace(packet: Packet, sections: readonly RecordsSection[]): void {
    let { sequence } = packet;
    const parts = sections.map((section) => {
      const part = newPacket(section, packet.entry, packet.time, sequence);
      part.unsure = packet.unsure;
      if (sequence >= 0) sequence = sequenceAfter(sequence, section.count);
      return part;
    });
    packet.entry.left += parts.length - 1;
    this.packets.splice(this.packets.indexOf(packet), 1, ...parts);
  }

  /** Records that nothing has to be done for any more. */
  get passed(): number {
    return this.records + this.refused + this.moved;
  }

  /** Takes all sequence numbers back: the next ones belong to another producer. */
  renumber(): void {
    for (const packet of this.packets) {
      packet.sequence = -1;
      packet.header = null;
      packet.disordered = 0;
    }
  }

  /** Records that may be in the topic, and are not acknowledged. */
  unsure(): number {
    let records = 0;
    for (const packet of this.packets) if (packet.unsure && !packet.acknowledged) records += packet.count;
    return records;
  }

  /** The same, for the last time: they are counted, or mean nothing any more. */
  takeUnsure(): number {
    const records = this.unsure();
    for (const packet of this.packets) packet.unsure = false;
    return records;
  }

  /** Resolves when all is settled. */
  async drained(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    if (this.#entries.length === 0) return;
    await this.#empty.heard(signal);
    signal.throwIfAborted();
  }
}

/** The batch header for these numbers, checksum included; the packet keeps it. */
export function seal(packet: Packet, producer: { producerId: bigint; epoch: number }, skew: number): Buffer {
  const { codec, body, count, sequence } = packet;
  const { producerId, epoch } = producer;
  const time = packet.time + skew;
  packet.header = sealedHeader(body, { count, codec, time, producerId, epoch, sequence });
  return packet.header;
}

/** Sequence numbers are 31 bits wide and go round. */
export function sequenceAfter(sequence: number, count: number): number {
  return (sequence + count) & 0x7fffffff;
}

function weightsOf(marks: readonly Mark[]): Items {
  const weights = new Map<string, number>();
  for (const { stream, weight } of marks) {
    const { input } = stream.account;
    weights.set(input, (weights.get(input) ?? 0) + weight);
  }
  return weights;
}

/** The items without so many of the first ones. */
function less(weights: Items, gone: number): Items {
  let left = gone;
  const rest = new Map<string, number>();
  for (const [input, items] of weights) {
    rest.set(input, Math.max(0, items - left));
    left = Math.max(0, left - items);
  }
  return rest;
}

function newEntry(
  settled: Settled,
  weights: () => Items,
  { continues = false, earlier = false, adopted = false, gone = () => false },
): Entry {
  return {
    settled,
    weights,
    continues,
    earlier,
    adopted,
    gone,
    away: [],
    kept: false,
    left: 1,
    refused: 0,
    accept: null,
  };
}

function newPacket(
  { codec, body, count, rawBytes, cut = false }: RecordsSection,
  entry: Entry,
  time: number,
  sequence: number,
): Packet {
  return {
    entry,
    codec,
    body,
    count,
    rawBytes,
    cut,
    time,
    away: false,
    sequence,
    header: null,
    tries: 0,
    unsure: false,
    acknowledged: false,
    answer: null,
    disordered: 0,
  };
}
