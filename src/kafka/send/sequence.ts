/**
 * The producer id and the sequence numbers under which a sender's packets go out. A packet gets its number once, when it
 * is first sent, and is sent again byte for byte; only with another producer id do all that are left get new ones.
 *
 * They are good for one topic of one cluster. In another one under the same address the producer id is somebody else's: the
 * broker would take what is new for a repetition of theirs, and acknowledge what it does not have. So before anything is
 * sent on a connection, what that leads to is compared with what the numbers are of.
 */
import { sameCluster, sameTopic, type TopicIdentity } from '../../core/topic-identity.ts';
import { log } from '../../log.ts';
import { readHeader, WINDOW } from '../../records/record-batch.ts';
import type { KafkaClient, Producer } from '../connect/client.ts';
import type { Link } from '../connect/connection.ts';
import { BrokerError, CLUSTER_AUTHORIZATION_FAILED } from '../wire/errors.ts';
import { type Packet, seal, sequenceAfter, type Window } from './window.ts';
import type { SavedWindow } from './window-file.ts';

/** Brokers forget a producer that was silent for a day (`producer.id.expiration.ms`); long before that we take it so. */
const REMEMBERED = 3_600_000;
const FORGOTTEN = 86_400_000;
/** How often a right that was missing is asked for again, milliseconds. */
const ASK_AGAIN = 600_000;
const NOT_IDEMPOTENT: Producer = { producerId: -1n, epoch: -1 };

/** A producer id, and what it is good for. */
export type ProducerIdentity = Producer & TopicIdentity;

export interface NumbersOptions {
  topic: string;
  partition: number;
  /** The producer id to go on with, and the sequence number of the first record to come. */
  identity?: ProducerIdentity & { sequence: number };
  /**
   * A new producer id, whose sequence 0 is the record after `before` others that this sender is done with.
   * Nothing is sent under it until this resolves. Producer id -1: from here on without one.
   */
  onIdentity?: (identity: ProducerIdentity, before: number) => Promise<void>;
}

export class Numbers {
  readonly #client: KafkaClient;
  readonly #o: NumbersOptions;
  readonly #window: Window;
  readonly #name: string;
  #producer: Producer | null;
  /** What the producer id is good for; null: nothing was sent. */
  #of: TopicIdentity | null;
  #next: number;
  /**
   * They are of an earlier process, and good for its packets alone: where data_dir was put back from a backup, what was sent
   * since has the numbers that come next, and the broker would take what is new there for what it has.
   */
  #inherited = false;
  /** Until when the broker is sure to know the producer id; monotonic milliseconds. */
  #knownUntil = 0;
  /** When to ask again for a right that was missing; monotonic milliseconds. */
  #askAgain = 0;
  /** When an earlier process wrote its packets down, milliseconds since the epoch; null: Kafka was reached since. */
  #saved: number | null = null;
  /** Records that Kafka may have twice, because it forgot what it had. */
  possibleDuplicates = 0;

  constructor(client: KafkaClient, window: Window, options: NumbersOptions) {
    this.#client = client;
    this.#window = window;
    this.#o = options;
    this.#name = `${options.topic}-${options.partition}`;
    this.#producer = options.identity ?? null;
    this.#of = options.identity ?? null;
    this.#next = options.identity?.sequence ?? 0;
  }

  get idempotent(): boolean {
    return this.#producer !== NOT_IDEMPOTENT;
  }

  /** Packets from the oldest that may be in flight: one until the broker is sure to know the producer id. */
  get width(): number {
    return this.idempotent && performance.now() <= this.#knownUntil ? WINDOW : 1;
  }

  /** The broker took a packet. */
  confirm(): void {
    this.#knownUntil = performance.now() + REMEMBERED;
  }

  doubt(): void {
    this.#knownUntil = 0;
  }

  /** Goes on with what an earlier process sent: it is in the window already. */
  resume({ packets, cluster, topicId, saved }: SavedWindow): void {
    this.#of = { cluster, topicId };
    this.#saved = saved;
    const { producerId, epoch } = readHeader(packets[0]!.header)!;
    if (producerId >= 0n) this.#producer = { producerId, epoch };
    this.#inherited = true;
    const last = this.#window.packets.findLast(({ sequence }) => sequence >= 0);
    if (last) this.#next = sequenceAfter(last.sequence, last.count);
  }

  /** It may go out under the producer id that there is now; what may not waits until `ensure` has another one. */
  covers({ entry }: Packet): boolean {
    return entry.earlier || !this.#inherited;
  }

  /** What the packets' numbers are of, and since when nobody has heard of them. */
  get sentTo(): TopicIdentity & { saved: number } {
    const { topic, partition } = this.#o;
    const now = { cluster: this.#client.clusterId, topicId: this.#client.topics.idWith(topic, partition) };
    const { cluster, topicId } = this.#of ?? now;
    return { cluster, topicId: topicId ?? now.topicId, saved: this.#saved ?? Date.now() };
  }

  /**
   * Makes sure that there is a producer id, where one is allowed, that is good on this connection; says to `waits` why not
   * yet.
   */
  async ensure(link: Link, signal: AbortSignal, waits: (error: Error) => void): Promise<void> {
    const here = { ...this.#client.topicIdentity(this.#o.topic), cluster: link.cluster };
    this.#recognize(here);
    this.#of = here;
    if (this.#inherited && !this.#window.packets.some(({ entry }) => entry.earlier)) this.forget();
    if (this.#producer && (this.idempotent || performance.now() < this.#askAgain)) return;
    try {
      const { cluster, ...producer } = await this.#client.initProducerId(signal, waits);
      if (!sameCluster(cluster, link.cluster))
        throw new Error(`${link.address} is of another cluster than the other brokers`);
      await this.#o.onIdentity?.({ ...producer, ...here }, this.#window.passed);
      this.forget(producer);
      this.#next = 0;
    } catch (error) {
      if (!(error instanceof BrokerError) || error.code !== CLUSTER_AUTHORIZATION_FAILED) throw error;
      await this.goWithout();
    }
  }

  async goWithout(): Promise<void> {
    const { topic } = this.#o;
    const what = `${topic}: no right to an idempotent producer (IdempotentWrite)`;
    log.warnOnce(`idempotent ${topic}`, `${what}; going on without, records may come twice after failures`);
    this.#askAgain = performance.now() + ASK_AGAIN;
    await this.#o.onIdentity?.({ ...NOT_IDEMPOTENT, ...this.#of! }, this.#window.passed);
    this.forget(NOT_IDEMPOTENT);
  }

  /** All that is not acknowledged gets new sequence numbers. */
  forget(producer: Producer | null = null): void {
    this.#producer = producer;
    this.#inherited = false;
    this.#knownUntil = 0;
    this.#window.renumber();
  }

  /** The broker forgot what it had of this producer: a new id, and what was sent may come twice. */
  renew(why: string): void {
    const unsure = this.#window.takeUnsure();
    this.possibleDuplicates += unsure;
    log.warn(`${why}; going on with a new producer id, ${unsure} records may be in ${this.#name} twice`);
    this.forget();
  }

  seal(packet: Packet, skew: number): Buffer {
    const producer = this.#producer!;
    if (packet.sequence < 0 && this.idempotent) {
      packet.sequence = this.#next;
      this.#next = sequenceAfter(packet.sequence, packet.count);
    }
    return seal(packet, producer, skew);
  }

  /** The partition is gone: what is left goes elsewhere, under other numbers. `sure`: and what was sent is gone with it. */
  leave(sure: boolean): void {
    this.#recognize(this.#client.topicIdentity(this.#o.topic));
    const found = this.#window.takeUnsure();
    const unsure = sure ? 0 : found;
    this.possibleDuplicates += unsure;
    if (unsure > 0)
      log.warn(`${this.#name}: the partition is gone; ${unsure} records may be in ${this.#o.topic} twice`);
    this.forget();
  }

  /** For the disk. What was not sent gets its number when it is. */
  sealToKeep(packet: Packet, skew: number): void {
    if (packet.header) return;
    if (this.#producer && packet.sequence >= 0) this.seal(packet, skew);
    else seal(packet, NOT_IDEMPOTENT, 0);
  }

  /** Producer ids mean something in their own cluster and topic alone, and not for ever. */
  #recognize(here: TopicIdentity): void {
    const [of, saved] = [this.#of, this.#saved];
    this.#saved = null;
    if (!of) return;
    const what = `${this.#name}: ${this.#window.unsure()} records were in flight${saved === null ? '' : ' when the agent was stopped'}`;
    if (!sameTopic(of, here)) {
      const where =
        of.cluster === undefined || of.cluster === here.cluster
          ? 'to another topic of this name: they are sent to the one that is there now'
          : `to cluster ${of.cluster}: they are sent to cluster ${here.cluster}, and may be in both`;
      if (this.#window.takeUnsure() > 0) log.warn(`${what}, ${where}`);
      this.forget();
    } else if (saved !== null && saved > 0 && Date.now() - saved > FORGOTTEN && this.#window.unsure() > 0) {
      log.warn(`${what}, more than a day ago: if the broker has forgotten them they are in it twice`);
      this.possibleDuplicates += this.#window.takeUnsure();
    }
  }
}
