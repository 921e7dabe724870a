/**
 * The producer id and the sequence numbers under which a sender's packets go out. A packet gets its number once, when it
 * is first sent, and is sent again byte for byte; only with another producer id do all that are left get new ones.
 */
import { log } from '../log.ts';
import type { KafkaClient, Producer } from './client.ts';
import { BrokerError, CLUSTER_AUTHORIZATION_FAILED } from './errors.ts';
import { readHeader } from './record-batch.ts';
import { type Packet, seal, sequenceAfter, WINDOW, type Window } from './window.ts';
import type { SavedWindow } from './window-file.ts';

/** Brokers forget a producer that was silent for a day (`producer.id.expiration.ms`); long before that we take it so. */
const REMEMBERED = 3_600_000;
const FORGOTTEN = 86_400_000;
/** How often a right that was missing is asked for again, milliseconds. */
const ASK_AGAIN = 600_000;
const NOT_IDEMPOTENT: Producer = { producerId: -1n, epoch: -1 };

export interface NumbersOptions {
  topic: string;
  partition: number;
  /** The producer id to go on with, and the sequence number of the first record to come. */
  identity?: Producer & { sequence: number };
  /**
   * A new producer id, whose sequence 0 is the record after `before` others that this sender is done with.
   * Nothing is sent under it until this resolves. Producer id -1: from here on without one.
   */
  onIdentity?: (producer: Producer, before: number) => Promise<void>;
}

export class Numbers {
  readonly #client: KafkaClient;
  readonly #o: NumbersOptions;
  readonly #window: Window;
  readonly #name: string;
  #producer: Producer | null;
  #next: number;
  /** Until when the broker is sure to know the producer id; monotonic milliseconds. */
  #knownUntil = 0;
  /** When to ask again for a right that was missing; monotonic milliseconds. */
  #askAgain = 0;
  /** Where and when the packets of an earlier process were sent, until that cluster is reached again. */
  #earlier: Pick<SavedWindow, 'cluster' | 'saved'> | null = null;
  /** Records that Kafka may have twice, because it forgot what it had. */
  possibleDuplicates = 0;

  constructor(client: KafkaClient, window: Window, options: NumbersOptions) {
    this.#client = client;
    this.#window = window;
    this.#o = options;
    this.#name = `${options.topic}-${options.partition}`;
    this.#producer = options.identity ?? null;
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
  resume({ packets, cluster, saved }: SavedWindow): void {
    this.#earlier = { cluster, saved };
    const { producerId, epoch } = readHeader(packets[0]!.header)!;
    if (producerId >= 0n) this.#producer = { producerId, epoch };
    const last = this.#window.packets.findLast(({ sequence }) => sequence >= 0);
    if (last) this.#next = sequenceAfter(last.sequence, last.count);
  }

  /** Under which cluster's numbers the packets are, and since when nobody has heard of them. */
  get sentTo(): Pick<SavedWindow, 'cluster' | 'saved'> {
    return this.#earlier ?? { cluster: this.#client.clusterId, saved: Date.now() };
  }

  /** Makes sure that there is a producer id, where one is allowed; says to `waits` why not yet. The cluster was reached. */
  async ensure(signal: AbortSignal, waits: (error: Error) => void): Promise<void> {
    this.#recognize();
    if (this.#producer && (this.idempotent || performance.now() < this.#askAgain)) return;
    try {
      const producer = await this.#client.initProducerId(signal, waits);
      await this.#o.onIdentity?.(producer, this.#window.passed);
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
    await this.#o.onIdentity?.(NOT_IDEMPOTENT, this.#window.passed);
    this.forget(NOT_IDEMPOTENT);
  }

  /** All that is not acknowledged gets new sequence numbers. */
  forget(producer: Producer | null = null): void {
    this.#producer = producer;
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
    if (sure && !this.#elsewhere) this.#earlier = null;
    this.#recognize();
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

  /** What an earlier process sent went to another cluster. */
  get #elsewhere(): boolean {
    const cluster = this.#earlier?.cluster;
    return cluster !== undefined && cluster !== this.#client.clusterId;
  }

  /** Producer ids mean something in their own cluster alone, and not for ever. */
  #recognize(): void {
    if (!this.#earlier) return;
    const { cluster, saved } = this.#earlier;
    const { clusterId } = this.#client;
    const elsewhere = this.#elsewhere;
    this.#earlier = null;
    const records = this.#window.unsure();
    if (records === 0) return;
    const what = `${this.#name}: ${records} records were in flight when the agent was stopped`;
    if (elsewhere) {
      log.warn(`${what}, to cluster ${cluster}: they are sent to cluster ${clusterId}, and may be in both`);
      this.#window.takeUnsure();
      this.forget();
    } else if (saved > 0 && Date.now() - saved > FORGOTTEN) {
      log.warn(`${what}, more than a day ago: if the broker has forgotten them they are in it twice`);
      this.possibleDuplicates += this.#window.takeUnsure();
    }
  }
}
