/**
 * Under which producers the blocks of a spool partition go out, one for each partition that the topic has in Kafka:
 *
 *    0  cluster       u32    CRC32 of the cluster's id: elsewhere the producer ids are somebody else's
 *    4  partitions    u32    how many the topic had when the keys were spread over them
 *    8  for each:  partition i32, producerId i64, epoch i16, sequence i32
 *
 * One for partition -1 holds, as its producerId, the first half of the topic's id: in a topic that was made anew the
 * producer ids may be somebody else's too, as where a cluster was made anew under its old id. Versions that do not know
 * it keep it as any other. Those for partitions -2 and below hold, as their producerIds, where the cuts end that blocks
 * of many keys are sent in (cut.ts), from the acknowledged offset on.
 *
 * `sequence` is that of the first record that goes there from the acknowledged offset on. It moves with that offset and
 * is written with it, so whoever reads on from there gives the same blocks the same numbers: which block goes where, and
 * in which order, follows from the spool alone.
 */
import { crc32 } from 'node:zlib';
import type { TopicIdentity } from '../core/topic-identity.ts';

export interface SpoolProducer {
  producerId: bigint;
  epoch: number;
  /** Below zero: it began so many records on, within a block that was split. As such it is not written. */
  sequence: number;
}

const HEAD_BYTES = 8;
const PRODUCER_BYTES = 18;
const SEQUENCES = 2 ** 31;
const TOPIC = -1;
const FIRST_CUT = -2;

export class Producers {
  readonly #cluster: number;
  /** 0: nothing was sent yet. */
  readonly partitions: number;
  /** 0: not known. */
  #topic: bigint;
  readonly #of = new Map<number, SpoolProducer>();
  /** Ends of the cuts that may have been sent, ascending. */
  #cuts: number[] = [];

  private constructor(cluster: number, topic: bigint, partitions: number) {
    this.#cluster = cluster;
    this.#topic = topic;
    this.partitions = partitions;
  }

  static none(): Producers {
    return new Producers(0, 0n, 0);
  }

  static in(topic: TopicIdentity, partitions: number): Producers {
    return new Producers(clusterOf(topic), topicOf(topic), partitions);
  }

  static decode(table: Buffer): Producers {
    const producers = new Producers(table.readUInt32BE(0), 0n, table.readUInt32BE(4));
    for (let at = HEAD_BYTES; at < table.length; at += PRODUCER_BYTES) {
      const partition = table.readInt32BE(at);
      const producerId = table.readBigInt64BE(at + 4);
      if (partition === TOPIC) producers.#topic = producerId;
      else if (partition <= FIRST_CUT) producers.#cuts.push(Number(producerId));
      else {
        const [epoch, sequence] = [table.readInt16BE(at + 12), table.readInt32BE(at + 14)];
        producers.#of.set(partition, { producerId, epoch, sequence });
      }
    }
    return producers;
  }

  /** Of at most `most` bytes; empty when nothing was sent yet. What it does not have begins anew after a restart. */
  encode(most: number): Buffer {
    if (this.partitions === 0) return Buffer.alloc(0);
    const room = Math.floor((most - HEAD_BYTES) / PRODUCER_BYTES);
    const topic: [number, SpoolProducer][] =
      this.#topic === 0n ? [] : [[TOPIC, { producerId: this.#topic, epoch: 0, sequence: 0 }]];
    const cuts = this.#cuts.map((end, i): [number, SpoolProducer] => {
      return [FIRST_CUT - i, { producerId: BigInt(end), epoch: 0, sequence: 0 }];
    });
    const known = [...topic, ...cuts, ...this.#of].filter(([, { sequence }]) => sequence >= 0).slice(0, room);
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
  holdIn(topic: TopicIdentity): boolean {
    const id = topicOf(topic);
    return this.#cluster === clusterOf(topic) && (this.#topic === 0n || id === 0n || this.#topic === id);
  }

  /** The topic that they hold in has this id: an earlier version did not keep it. */
  learn(topic: TopicIdentity): void {
    if (this.#topic === 0n) this.#topic = topicOf(topic);
  }

  get(partition: number): Readonly<SpoolProducer> | undefined {
    return this.#of.get(partition);
  }

  set(partition: number, producer: SpoolProducer | null): void {
    if (producer) this.#of.set(partition, producer);
    else this.#of.delete(partition);
  }

  get cuts(): readonly number[] {
    return this.#cuts;
  }

  /** What ends there is sent from now on. */
  cut(end: number): void {
    this.#cuts.push(end);
  }

  /** The acknowledged offset moved. */
  dropCuts(acknowledged: number): void {
    this.#cuts = this.#cuts.filter((end) => end > acknowledged);
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

function clusterOf({ cluster }: TopicIdentity): number {
  return crc32(cluster ?? '');
}

/** Kafka's ids are random. */
function topicOf({ topicId }: TopicIdentity): bigint {
  return topicId === null ? 0n : BigInt.asIntN(64, BigInt(`0x${topicId.slice(0, 16)}`));
}
