/**
 * The blocks of one topic that were put and are not committed:
 *
 *   put ->  | block | block | block |  block  block ...        one queue for all partitions of the topic
 *           '- open transaction ---'  ^ not taken yet
 */
import { Bell } from '../../core/bell.ts';
import type { Block, Checkpoint, Settled } from '../../core/block.ts';
import { HEADER_BYTES } from '../../records/record-batch.ts';
import type { Holder } from '../send/repair.ts';
import { spread } from '../send/repartition.ts';
import type { RecordsSection } from '../send/split.ts';
import type { OpenBlock, OpenPacket } from './open.ts';

/** What was sent to a partition, and what waits. */
export interface Counts {
  records: number;
  bytes: number;
  in_flight: number;
}

export class TransactionQueue implements Holder<OpenPacket> {
  /** In the order of the puts; the first `taken` are in the open transaction. */
  readonly #entries: OpenBlock[] = [];
  /** So many bytes one transaction holds at most; as many may wait behind it. */
  readonly #room: number;
  #bytes = 0;
  readonly #empty = new Bell();
  taken = 0;
  /** By partition, as far as anything was put for it. */
  readonly sent = new Map<number, Counts>();

  constructor(room: number) {
    this.#room = room;
  }

  get length(): number {
    return this.#entries.length;
  }

  get first(): OpenBlock | undefined {
    return this.#entries[0];
  }

  /** The first that is not taken. */
  get next(): OpenBlock | undefined {
    return this.#entries[this.taken];
  }

  /** Resolves when there is room for more. */
  put(partition: number, block: Block, settled: Settled): Promise<void> {
    const { codec, body, count, rawBytes, time } = block;
    const packets = [{ partition, codec, body, count, rawBytes, time }];
    const entry: OpenBlock = { partition, block, packets, refused: 0, settled, accept: null };
    this.#entries.push(entry);
    this.#bytes += body.length;
    this.#counts(partition).in_flight += count;
    if (this.#bytes <= 2 * this.#room) return Promise.resolve();
    return new Promise((resolve) => {
      entry.accept = resolve;
    });
  }

  /** What is for partitions that are gone goes to the partitions, of so many, that its keys belong to. */
  async move(gone: (partition: number) => boolean, partitions: number): Promise<void> {
    for (const entry of [...this.#entries]) {
      const moved: OpenPacket[] = [];
      for (const packet of entry.packets) {
        if (!gone(packet.partition)) moved.push(packet);
        else for (const piece of await spread(packet, partitions)) moved.push({ ...piece, time: packet.time });
      }
      entry.packets = moved;
    }
  }

  replace(packet: OpenPacket, sections: readonly RecordsSection[]): void {
    const { partition, time } = packet;
    this.#splice(packet, ...sections.map((section) => ({ ...section, partition, time })));
  }

  /** It is in no transaction any more; the next one's positions move past it. */
  refuse(packet: OpenPacket): void {
    this.#splice(packet).refused += packet.count;
  }

  #splice(packet: OpenPacket, ...others: OpenPacket[]): OpenBlock {
    const entry = this.#entries.find(({ packets }) => packets.includes(packet))!;
    entry.packets.splice(entry.packets.indexOf(packet), 1, ...others);
    return entry;
  }

  /** How far what was taken brings what it is from, by key. */
  checkpoints(): Map<string, Checkpoint> {
    const latest = new Map<string, Checkpoint>();
    for (const { block } of this.#entries.slice(0, this.taken)) {
      for (const { stream, end, skipped } of block.marks) {
        // That of another topic is written with what that has.
        const checkpoint = stream.topic === block.topic ? stream.checkpoint?.(end, skipped) : undefined;
        if (checkpoint) latest.set(checkpoint.key, checkpoint);
      }
      if (block.checkpoint) latest.set(block.checkpoint.key, block.checkpoint);
    }
    return latest;
  }

  /** What was taken is committed. */
  settle(): void {
    const settled = this.#entries.splice(0, this.taken);
    this.taken = 0;
    for (const { partition, block, packets } of settled) {
      this.#counts(partition).in_flight -= block.count;
      for (const { partition, body, count } of packets) {
        const counts = this.#counts(partition);
        counts.records += count;
        counts.bytes += HEADER_BYTES + body.length;
      }
      this.#bytes -= block.body.length;
    }
    for (const { settled: done, refused } of settled) done('there', refused);
    let held = 0;
    for (const entry of this.#entries) {
      held += entry.block.body.length;
      if (held > 2 * this.#room) break;
      entry.accept?.();
      entry.accept = null;
    }
    if (this.#entries.length === 0) this.#empty.ring();
  }

  /** Resolves when it is empty, or the signal aborts. */
  drained(signal: AbortSignal): Promise<void> {
    return this.#empty.heard(signal);
  }

  #counts(partition: number): Counts {
    let counts = this.sent.get(partition);
    if (!counts) {
      counts = { records: 0, bytes: 0, in_flight: 0 };
      this.sent.set(partition, counts);
    }
    return counts;
  }
}
