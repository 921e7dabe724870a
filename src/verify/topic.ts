/** A topic, from its beginning to where it ends now, as often as it takes. */
import type { KafkaClient } from '../kafka/connect/client.ts';
import { UnreadableError } from '../kafka/read/batches.ts';
import { type FetchedSection, PartitionReader } from '../kafka/read/partition-reader.ts';
import { offsetOf } from '../kafka/read/reading.ts';
import type { Isolation } from '../kafka/wire/fetch.ts';

const ASK_MS = 50;

export interface TopicOptions {
  client: KafkaClient;
  topic: string;
  /** Null: all. */
  partitions: readonly number[] | null;
  isolation: Isolation;
  /** How long Kafka may be silent, milliseconds. */
  timeout: number;
}

/** `open`: offsets at its end that belong to open transactions; `missing`: records that are gone from its middle. */
export interface TopicSpan {
  partition: number;
  first: number;
  end: number;
  open: number;
  missing: number;
}

export class TopicReading {
  readonly #o: TopicOptions;
  readonly #silence = new AbortController();
  #timer: NodeJS.Timeout | undefined;
  readonly partitions: TopicSpan[] = [];
  /** Of the last time that it was read. */
  readonly readers: PartitionReader[] = [];

  constructor(options: TopicOptions) {
    this.#o = options;
  }

  /** Learns where its partitions begin and end. Throws UnreadableError, as what follows does. */
  async open(): Promise<void> {
    const { client, topic, isolation } = this.#o;
    const partitions = await this.#heard(this.#count());
    const wanted = this.#o.partitions ?? Array.from({ length: partitions }, (_, i) => i);
    const none = wanted.find((partition) => partition >= partitions);
    if (none !== undefined)
      throw new UnreadableError(`topic ${topic} has ${partitions} partitions: there is no ${none}`);
    for (const partition of wanted) {
      const offset = (which: 'first' | 'end', how = isolation) =>
        this.#heard(offsetOf(client, topic, partition, which, how, this.#silence.signal));
      const [first, end, high] = [await offset('first'), await offset('end'), await offset('end', 'read_uncommitted')];
      this.partitions.push({ partition, first, end, open: high - end, missing: 0 });
    }
  }

  /** All its batches, one partition after the other; each is good until the next one is asked for. `room`: see PartitionOptions. */
  async *sections(room: Buffer | null = null): AsyncGenerator<{ partition: number; section: FetchedSection }, void> {
    const { client, topic, isolation } = this.#o;
    this.readers.length = 0;
    for (const { partition, first, end } of this.partitions) {
      const where = { client, topic, partition, isolation, first, end, signal: this.#silence.signal, room };
      const reader = new PartitionReader(where);
      this.readers.push(reader);
      const sections = reader.sections();
      for (;;) {
        const next = await this.#heard(sections.next());
        if (next.done) break;
        yield { partition, section: next.value };
      }
    }
  }

  /** How many partitions the topic has. Waits for Kafka, not for a topic that is not there. */
  async #count(): Promise<number> {
    const { client, topic } = this.#o;
    const { signal } = this.#silence;
    const missing = setInterval(() => {
      const problem = client.topics.error(topic)?.problem;
      if (problem === 'topic_missing') this.#silence.abort(new UnreadableError(`there is no topic ${topic}`));
      if (problem === 'topic_forbidden') this.#silence.abort(new UnreadableError(`no right to read topic ${topic}`));
    }, ASK_MS);
    try {
      return await client.partitions(topic, signal);
    } finally {
      clearInterval(missing);
    }
  }

  /** What Kafka gives; where it is silent for too long, an UnreadableError that says why. */
  async #heard<T>(promise: Promise<T>): Promise<T> {
    const { client, topic, timeout } = this.#o;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      const why = client.topics.error(topic)?.detail ?? client.error ?? 'the brokers do not answer';
      this.#silence.abort(new UnreadableError(`cannot read topic ${topic} within ${timeout / 1000} s: ${why}`));
    }, timeout);
    try {
      return await promise;
    } catch (error) {
      this.#silence.signal.throwIfAborted();
      if (error instanceof UnreadableError) throw error;
      throw new UnreadableError(`cannot read topic ${topic}: ${(error as Error).message}`);
    }
  }

  close(): void {
    clearTimeout(this.#timer);
  }
}
