/**
 * The senders of a process, at least once each: those of files, those of drains, and what the last process left on its
 * way, which goes first.
 */
import { abortable } from '../core/abort.ts';
import type { KafkaClient } from '../kafka/connect/client.ts';
import type { DeadLetters } from '../kafka/send/dead-letter.ts';
import type { SavedWindows } from '../kafka/send/saved-windows.ts';
import { Sender, type SenderOptions } from '../kafka/send/sender.ts';
import { added, type SenderStatus } from '../kafka/send/status.ts';
import type { SavedWindow } from '../kafka/send/window-file.ts';
import { log } from '../log.ts';

/** What was sent to a topic and partition. */
export interface TopicSent extends SenderStatus {
  topic: string;
  partition: number;
}

export class Senders {
  readonly #windows: SavedWindows;
  readonly #deadLetters: DeadLetters;
  /** Aborts when the process ends. */
  readonly #signal: AbortSignal;
  readonly #all: { topic: string; partition: number; sender: Sender }[] = [];
  /** Those of drains now, by the spool's partition and Kafka's; and what earlier ones have sent, by topic and partition. */
  readonly #draining = new Map<string, Sender>();
  readonly #drained = new Map<string, TopicSent>();
  /** Those to which drains move what waits for partitions that are gone: it is kept in the spool. By topic and partition. */
  readonly #moved = new Map<string, Sender>();
  /** Those of files: what they have in flight at the stop is kept. By topic and partition. */
  readonly #direct = new Map<string, Sender>();
  /** Windows of the last process that are not acknowledged yet, and the number of partitions that they were made for. */
  readonly #earlier = new Map<string, { window: SavedWindow; done: Promise<void> }>();

  constructor(windows: SavedWindows, deadLetters: DeadLetters, signal: AbortSignal) {
    this.#windows = windows;
    this.#deadLetters = deadLetters;
    this.#signal = signal;
  }

  /** The one that carries files' blocks to this partition. */
  direct(client: KafkaClient, topic: string, partition: number): Sender {
    return this.#in(this.#direct, client, topic, partition);
  }

  /**
   * One for what a spool's partition, of this name, holds. The drain may have begun anew: what it sent with before has
   * nothing in flight, and is stopped and counted.
   */
  draining(client: KafkaClient, spool: string, options: Omit<SenderOptions, 'moveTo'>): Sender {
    const { topic, partition } = options;
    this.#retire(spool, topic, partition);
    const moveTo = (partition: number) => this.#in(this.#moved, client, topic, partition);
    const sender = this.#create(client, { ...options, moveTo });
    this.#draining.set(`${spool}/${partition}`, sender);
    return sender;
  }

  /** Sends what was in flight when the last process was stopped. Without brokers it stays where it is. */
  resend(client: KafkaClient | null): void {
    for (const window of this.#windows.found) this.#resend(client, window);
  }

  /**
   * Windows of the last process that may hold something of the partition's keys, where so many partitions are known now:
   * each resolves when Kafka has it.
   */
  earlier(topic: string, partition: number, known: number): Promise<void>[] {
    // With another number of partitions a file's lines may have gone elsewhere until now.
    const may = ({ window: w }: { window: SavedWindow }) =>
      w.topic === topic && (w.partition === partition || w.partition >= known || w.partitions !== known);
    return [...this.#earlier.values()].filter(may).map(({ done }) => done);
  }

  /** Resolves when Kafka has all that the last process left on its way, or the signal aborts. */
  async resent(signal: AbortSignal): Promise<void> {
    await Promise.allSettled([...this.#earlier.values()].map(({ done }) => abortable(done, signal)));
  }

  has(topic: string): boolean {
    return this.#all.some((one) => one.topic === topic);
  }

  /** What was sent, by `topic/partition`: a spool's drain may have had several senders one after the other. */
  sent(): Map<string, TopicSent> {
    const sent = new Map(this.#drained);
    for (const { topic, partition, sender } of this.#all) {
      const now = sender.status;
      const before = sent.get(`${topic}/${partition}`);
      sent.set(`${topic}/${partition}`, { topic, partition, ...(before ? added(before, now) : now) });
    }
    return sent;
  }

  async stop(): Promise<void> {
    await Promise.allSettled(this.#all.map(({ sender }) => sender.stop()));
  }

  /**
   * Keeps what those of files have on their way. Where one has moved something it is kept by others, of lower partitions;
   * only then is it known what is left.
   */
  async keep(): Promise<void> {
    const direct = this.#all.filter(({ topic, partition, sender }) => {
      return this.#direct.get(`${topic}/${partition}`) === sender;
    });
    const moving = direct.filter(({ sender }) => sender.moving).sort((a, b) => a.partition - b.partition);
    await Promise.all(direct.filter((one) => !moving.includes(one)).map(({ sender }) => this.#windows.keep(sender)));
    for (const { sender } of moving) await this.#windows.keep(sender);
  }

  /** The one of these for this partition; what waits for a partition that is gone goes to others of them. */
  #in(senders: Map<string, Sender>, client: KafkaClient, topic: string, partition: number): Sender {
    const name = `${topic}/${partition}`;
    const moveTo = (partition: number) => this.#in(senders, client, topic, partition);
    const sender = senders.get(name) ?? this.#create(client, { topic, partition, moveTo });
    senders.set(name, sender);
    return sender;
  }

  #create(client: KafkaClient, options: SenderOptions): Sender {
    const sender = new Sender(client, { ...options, deadLetters: this.#deadLetters });
    this.#all.push({ topic: options.topic, partition: options.partition, sender });
    return sender;
  }

  #retire(spool: string, topic: string, partition: number): void {
    const name = `${topic}/${partition}`;
    const sender = this.#draining.get(`${spool}/${partition}`);
    if (!sender) return;
    const { status } = sender;
    const before = this.#drained.get(name);
    this.#drained.set(name, { topic, partition, ...(before ? added(before, status) : status), error: null });
    this.#all.splice(
      this.#all.findIndex((s) => s.sender === sender),
      1,
    );
    void sender.stop();
  }

  #resend(client: KafkaClient | null, window: SavedWindow): void {
    const { topic, partition } = window;
    const name = `${topic}/${partition}`;
    if (!client) {
      log.warn(`${name}: ${window.packets.length} blocks that were in flight at the last stop wait for kafka.brokers`);
      return;
    }
    const done = Promise.withResolvers<void>();
    this.#earlier.set(name, { window, done: done.promise });
    this.#windows.resend(window, this.direct(client, topic, partition), this.#signal).then(
      () => {
        this.#earlier.delete(name);
        done.resolve();
      },
      () => undefined, // stopped: it is kept again, and what waits for it is read again
    );
  }
}
