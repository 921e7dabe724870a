/**
 * How far a partition is acknowledged and under which producers it is sent, brought to the disk as it changes. A disk that
 * does not take it is said and tried again every second; nobody waits for it meanwhile.
 */
import { randomBytes } from '../builtin.ts';
import type { TopicIdentity } from '../core/topic-identity.ts';
import { log } from '../log.ts';
import { Producers, type SpoolProducer } from './producers.ts';
import type { ReadState } from './read-state.ts';

const RETRY_MS = 1000;

export class Progress {
  /** Why the disk does not take it, so that `persisted` stays behind; null when it does. */
  error: string | null = null;
  readonly #topic: string;
  readonly #state: ReadState;
  readonly #sync: boolean;
  readonly #onPersisted: () => void;
  #retry: NodeJS.Timeout | undefined;
  #closing = false;

  /** `onPersisted` is told when a write that had failed came through. */
  constructor(topic: string, state: ReadState, sync: boolean, onPersisted: () => void) {
    this.#topic = topic;
    this.#state = state;
    this.#sync = sync;
    this.#onPersisted = onPersisted;
  }

  get acknowledged(): number {
    return this.#state.acknowledged;
  }

  /** What of `acknowledged` is on the disk. */
  get persisted(): number {
    return this.#state.persisted;
  }

  get producers(): Producers {
    return this.#state.producers;
  }

  /** See `SpoolPartition.producersAreUnsafe`. */
  get producersAreUnsafe(): boolean {
    const { floor, persistedFloor, producers, persistedProducers } = this.#state;
    return floor > persistedFloor && !producers.ids().isDisjointFrom(persistedProducers);
  }

  /** See `SpoolPartition.id`; null: there is none yet. */
  get id(): string | null {
    return this.#state.id === 0n ? null : this.#state.id.toString(16);
  }

  async newId(): Promise<string> {
    // Odd, so never 0.
    this.#state.id = randomBytes(8).readBigUInt64BE() | 1n;
    await this.#persist();
    return this.id!;
  }

  /** Writes and syncs; false: that failed. */
  toMedium(): Promise<boolean> {
    return this.#state.write(true).then(
      () => true,
      () => false,
    );
  }

  reserve(): Promise<void> {
    return this.#state.reserve();
  }

  /** From here on blocks go out under other producers, to this topic, over so many partitions. */
  async beginProducers(topic: TopicIdentity, partitions: number): Promise<void> {
    this.#state.producers = Producers.in(topic, partitions);
    await this.#persist();
  }

  async forgetProducers(): Promise<void> {
    this.#state.producers = Producers.none();
    await this.#persist();
  }

  /** In this topic: producers of another one are let go. */
  async setProducer(topic: TopicIdentity, partition: number, producer: SpoolProducer | null): Promise<void> {
    const { producers } = this.#state;
    if (!producers.holdIn(topic)) {
      this.#state.producers = Producers.in(topic, producers.partitions);
      for (const end of producers.cuts) this.#state.producers.cut(end);
    }
    this.#state.producers.learn(topic);
    this.#state.producers.set(partition, producer);
    await this.#persist();
  }

  /** See `SpoolPartition.cut`. */
  async cut(end: number): Promise<void> {
    this.#state.producers.cut(end);
    await this.#persist();
  }

  async acknowledge(offset: number): Promise<void> {
    this.#state.acknowledged = offset;
    this.#state.producers.dropCuts(offset);
    await this.#persist();
  }

  /** No block gets an offset below this one again; false: the disk does not know it. */
  raiseFloor(offset: number): Promise<boolean> {
    this.#state.floor = Math.max(this.#state.floor, offset);
    return this.#persist();
  }

  /** `written`: there is something to say of the partition; `closed`: all of it is synced. */
  async close({ written, closed }: { written: boolean; closed: boolean }): Promise<void> {
    this.#closing = true;
    clearTimeout(this.#retry);
    this.#state.closed = closed;
    if (written) await this.#state.write(true).catch((error) => this.#warn(error));
    await this.#state.close().catch((error) => this.#warn(error));
  }

  async #persist(): Promise<boolean> {
    try {
      await this.#state.write(this.#sync);
    } catch (error) {
      this.#warn(error);
      this.error = (error as Error).message;
      if (!this.#closing) this.#retry ??= setTimeout(() => void this.#again(), RETRY_MS).unref();
      return false;
    }
    if (this.error !== null) log.info(`spool of ${this.#topic}: the read position is written again`);
    this.error = null;
    return true;
  }

  async #again(): Promise<void> {
    this.#retry = undefined;
    if (!this.#closing && (await this.#persist())) this.#onPersisted();
  }

  #warn(error: unknown): void {
    const what = `spool of ${this.#topic}: cannot write the read position: ${(error as Error).message}`;
    log.warnOnce(`read position ${this.#topic}`, `${what}; sending goes on, a kill now would send records again`);
  }
}
