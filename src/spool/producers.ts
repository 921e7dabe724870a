/**
 * Under which producers the blocks of a spool partition go out, one for each partition that the topic has in Kafka:
 *
 *    0  cluster       u32    CRC32 of the cluster's id: elsewhere the producer ids are somebody else's
 *    4  partitions    u32    how many the topic had when the keys were spread over them
 *    8  for each:  partition i32, producerId i64, epoch i16, sequence i32
 *
 * `sequence` is that of the first record that goes there from the acknowledged offset on. It moves with that offset and
 * is written with it, so whoever reads on from there gives the same blocks the same numbers: which block goes where, and
 * in which order, follows from the spool alone.
 */
import { crc32 } from 'node:zlib';

export interface Producer {
  producerId: bigint;
  epoch: number;
  /** Below zero: it began so many records on, within a block that was split. As such it is not written. */
  sequence: number;
}

const HEAD_BYTES = 8;
const PRODUCER_BYTES = 18;
const SEQUENCES = 2 ** 31;

export class Producers {
  readonly #cluster: number;
  /** 0: nothing was sent yet. */
  readonly partitions: number;
  readonly #of = new Map<number, Producer>();

  private constructor(cluster: number, partitions: number) {
    this.#cluster = cluster;
    this.partitions = partitions;
  }

  static none(): Producers {
    return new Producers(0, 0);
  }

  static in(cluster: string | null, partitions: number): Producers {
    return new Producers(crc32(cluster ?? ''), partitions);
  }

  static decode(table: Buffer): Producers {
    const producers = new Producers(table.readUInt32BE(0), table.readUInt32BE(4));
    for (let at = HEAD_BYTES; at < table.length; at += PRODUCER_BYTES) {
      producers.#of.set(table.readInt32BE(at), {
        producerId: table.readBigInt64BE(at + 4),
        epoch: table.readInt16BE(at + 12),
        sequence: table.readInt32BE(at + 14),
      });
    }
    return producers;
  }

  /** Of at most `most` bytes; empty when nothing was sent yet. What it does not have begins anew after a restart. */
  encode(most: number): Buffer {
    if (this.partitions === 0) return Buffer.alloc(0);
    const room = Math.floor((most - HEAD_BYTES) / PRODUCER_BYTES);
    const known = [...this.#of].filter(([, { sequence }]) => sequence >= 0).slice(0, room);
    const table = Buffer.alloc(HEAD_BYTES + known.length * PRODUCER_BYTES);
    table.writeUInt32BE(this.#cluster, 0);
    table.writeUInt32BE(this.partitions, 4);
    for (const [i, [partition, { producerId, epoch, sequence }]] of known.entries()) {
      const at = HEAD_BYTES + i * PRODUCER_BYTES;
      table.writeInt32BE(partition, at);
      table.writeBigInt64BE(producerId, at + 4);
      table.writeInt16BE(epoch, at + 12);
      table.writeInt32BE(sequence, at + 14);
    }
    return table;
  }

  /** Whether they mean something there. */
  holdIn(cluster: string | null, partitions: number): boolean {
    return this.#cluster === crc32(cluster ?? '') && this.partitions <= partitions;
  }

  get(partition: number): Readonly<Producer> | undefined {
    return this.#of.get(partition);
  }

  set(partition: number, producer: Producer | null): void {
    if (producer) this.#of.set(partition, producer);
    else this.#of.delete(partition);
  }

  /** The acknowledged offset moved past so many records that went to this partition. */
  pass(partition: number, records: number): void {
    const producer = this.#of.get(partition);
    if (!producer) return;
    producer.sequence += records;
    if (producer.sequence >= SEQUENCES) producer.sequence -= SEQUENCES;
  }

  ids(): Set<bigint> {
    return new Set([...this.#of.values()].map(({ producerId }) => producerId));
  }
}
