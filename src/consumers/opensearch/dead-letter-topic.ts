/**
 * Records that are refused for good, for people to look at: the value as it was, with the headers topic, partition,
 * offset, status and reason, in a topic of their own.
 *
 * A record counts as settled when Kafka has its letter. A process that is killed before it has committed that writes it
 * again: letters are there at least once.
 */
import { abortable } from '../../core/abort.ts';
import type { KafkaClient } from '../../kafka/connect/client.ts';
import { Sender } from '../../kafka/send/sender.ts';
import { compress } from '../../records/codecs.ts';
import { type Codec, frameRecord } from '../../records/record-batch.ts';

/** Of one block; beyond it another is begun. */
const BLOCK_BYTES = 500_000;
const LEVEL = 1;

export interface DeadLetter {
  partition: { topic: string; partition: number };
  offset: number;
  value: Buffer;
  /** `400`; `invalid` where no server was asked. */
  status: string;
  reason: string;
}

export class DeadLetterTopic {
  readonly #writer: () => KafkaClient;
  readonly topic: string;
  readonly #codec: Codec;
  readonly #senders = new Map<number, Sender>();
  /** Letters that Kafka does not have yet. */
  waiting = 0;
  #since = 0;

  constructor(writer: () => KafkaClient, topic: string, codec: Codec) {
    this.#writer = writer;
    this.topic = topic;
    this.#codec = codec;
  }

  /** Resolves when Kafka has all of them; rejects when the signal aborts. */
  async put(letters: readonly DeadLetter[], signal: AbortSignal): Promise<void> {
    if (letters.length === 0) return;
    if (this.waiting === 0) this.#since = performance.now();
    this.waiting += letters.length;
    try {
      const client = this.#writer();
      const partitions = await client.partitions(this.topic, signal);
      const byPartition = Map.groupBy(letters, ({ partition }) => partition.partition % partitions);
      await Promise.all([...byPartition].map(([partition, some]) => this.#send(client, partition, some, signal)));
    } finally {
      this.waiting -= letters.length;
    }
  }

  async #send(
    client: KafkaClient,
    partition: number,
    letters: readonly DeadLetter[],
    signal: AbortSignal,
  ): Promise<void> {
    const sent: Promise<void>[] = [];
    for (let first = 0; first < letters.length; ) {
      let count = 0;
      const frames: Buffer[] = [];
      for (let bytes = 0; first + count < letters.length && (count === 0 || bytes < BLOCK_BYTES); count++) {
        const framed = frame(letters[first + count]!, count);
        frames.push(framed);
        bytes += framed.length;
      }
      first += count;
      const records = Buffer.concat(frames);
      const block = {
        topic: this.topic,
        key: '',
        count,
        rawBytes: records.length,
        codec: this.#codec,
        body: await compress(this.#codec, LEVEL, records),
        time: Date.now(),
        marks: [],
      };
      const { promise, resolve, reject } = Promise.withResolvers<void>();
      this.#sender(client, partition)
        .put(block, () => resolve())
        .catch(reject);
      sent.push(promise);
    }
    await abortable(Promise.all(sent), signal);
  }

  #sender(client: KafkaClient, partition: number): Sender {
    let sender = this.#senders.get(partition);
    if (!sender) {
      sender = new Sender(client, { topic: this.topic, partition });
      this.#senders.set(partition, sender);
    }
    return sender;
  }

  /** Why letters wait; null: they do not, or not for long. */
  get problem(): string | null {
    if (this.waiting === 0 || performance.now() - this.#since < 5000) return null;
    const client = this.#writer();
    const error = client.topics.error(this.topic)?.detail ?? client.error;
    const errors = [...this.#senders.values()].map(({ status }) => status.error);
    const why = error ?? errors.find((said) => said !== null) ?? 'Kafka has not acknowledged them';
    return `${this.waiting} dead letters wait for topic ${this.topic}, and their partitions with them: ${why}`;
  }

  async close(): Promise<void> {
    await Promise.all([...this.#senders.values()].map((sender) => sender.stop()));
  }
}

function frame({ partition, offset, value, status, reason }: DeadLetter, offsetDelta: number): Buffer {
  const headers = Object.entries({
    topic: partition.topic,
    partition: String(partition.partition),
    offset: String(offset),
    status,
    reason,
  });
  return frameRecord({ offsetDelta, value, headers });
}
