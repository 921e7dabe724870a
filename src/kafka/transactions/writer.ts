/** Brings blocks and positions to the brokers as part of an open transaction: partitions are added, numbers given. */

import { abortable } from '../../core/abort.ts';
import type { Checkpoint } from '../../core/block.ts';
import { sameCluster } from '../../core/topic-identity.ts';
import { sealedHeader, WINDOW } from '../../records/record-batch.ts';
import type { KafkaClient } from '../connect/client.ts';
import { sequenceAfter } from '../send/window.ts';
import type { TopicPartition, Transactions } from './coordinator.ts';
import type { Hanging } from './hanging.ts';
import { type Open, type OpenBlock, type OpenPacket, Refused } from './open.ts';
import type { PositionsTopic } from './positions-topic.ts';

export interface WriterOptions {
  topic: string;
  positions: PositionsTopic;
  transactions: Transactions;
  hanging: Hanging;
  /** What to add to our time so that the broker takes it. */
  skew(): number;
}

export class TransactionWriter {
  readonly #client: KafkaClient;
  readonly #o: WriterOptions;
  /** By topic and partition, of the current producer. */
  readonly #sequences = new Map<string, number>();
  /** Milliseconds that brokers asked to wait. */
  throttled = 0;

  constructor(client: KafkaClient, options: WriterOptions) {
    this.#client = client;
    this.#o = options;
  }

  /** Another producer, whose numbers begin anew. */
  begin(): void {
    this.#sequences.clear();
  }

  async sendBlock(open: Open, entry: OpenBlock): Promise<void> {
    for (const packet of entry.packets) await this.#send(open, this.#o.topic, packet, entry);
  }

  /** Sends positions; resolves with where they lie when they and all blocks are acknowledged. */
  async sendPositions(open: Open, checkpoints: Iterable<Checkpoint>): Promise<{ base: bigint; next: bigint }> {
    const { positions } = this.#o;
    const partition = await positions.partition(open.signal);
    let base: bigint | null = null;
    let next = 0n;
    const answered = (offset: bigint, count: number) => {
      if (base === null || offset < base) base = offset;
      if (offset + BigInt(count) > next) next = offset + BigInt(count);
    };
    for (const { body, count } of positions.batches(checkpoints)) {
      const packet: OpenPacket = { partition, codec: 'none', body, count, rawBytes: body.length, time: Date.now() };
      await this.#send(open, positions.topic, packet, null, answered);
    }
    await open.acknowledged();
    return { base: base!, next };
  }

  async #send(
    open: Open,
    topic: string,
    packet: OpenPacket,
    entry: OpenBlock | null,
    answered?: (base: bigint, count: number) => void,
  ): Promise<void> {
    const { partition } = packet;
    const key = `${topic}-${partition}`;
    const { signal } = open;
    let link = open.leaders.get(key);
    if (!link || link.error || link.expiring) {
      link = await this.#client.leader(topic, partition, signal);
      // There the producer id may be somebody else's.
      if (!sameCluster(link.cluster, open.producer.cluster))
        throw new Error(`${link.address} is of another cluster now`);
      open.leaders.set(key, link);
    }
    if (!open.partitions.has(key)) await this.#add(open, topic, partition, key);
    while (open.flying(key) >= WINDOW && !open.failure) await open.change();
    const full = link.writable();
    if (full) await abortable(full, signal);
    if (open.failure) throw open.failure;
    const { body, count, codec } = packet;
    const sequence = this.#sequences.get(key) ?? 0;
    this.#sequences.set(key, sequenceAfter(sequence, count));
    const time = packet.time + this.#o.skew();
    const { producerId, epoch } = open.producer;
    const header = sealedHeader(body, { count, codec, time, producerId, epoch, sequence, transactional: true });
    open.sent(key, link);
    this.#client.produceOn(link, topic, partition, { header, body }, this.#o.transactions.id).then(
      ({ errorCode, message, baseOffset, throttleTime }) => {
        this.throttled += throttleTime;
        if (errorCode === 0) answered?.(baseOffset, count);
        open.returned(key, link, errorCode === 0 ? null : new Refused(key, entry, packet, time, errorCode, message));
      },
      (error: Error) => {
        this.#client.topics.invalidate(topic);
        open.returned(key, link, error);
      },
    );
  }

  /** The first partition opens the transaction, and brings that of the positions with it. */
  async #add(open: Open, topic: string, partition: number, key: string): Promise<void> {
    const { positions, transactions, hanging } = this.#o;
    const { producer, signal } = open;
    const first = open.partitions.size === 0;
    const added = new Map<string, TopicPartition>([[key, { topic, partition }]]);
    if (first) {
      const own = await positions.partition(signal);
      added.set(`${positions.topic}-${own}`, { topic: positions.topic, partition: own });
    }
    // Asked for is as good as opened: the answer may get lost.
    for (const [key, one] of added) open.partitions.set(key, one);
    if (first) await hanging.open(producer, [...added.values()], signal);
    else await transactions.add(producer, [...added.values()], signal);
  }
}
