/** A sender with a client of its own before a real Kafka's proxy, and what it was given. */
import assert from 'node:assert/strict';
import { KafkaClient, type KafkaClientOptions } from '../../src/kafka/connect/client.ts';
import { Sender, type SenderOptions } from '../../src/kafka/send/sender.ts';
import { makeBlock } from './blocks.ts';
import type { ProxiedKafka } from './kafka.ts';
import { readValues } from './kcat.ts';

export type LaneOptions = Partial<KafkaClientOptions> & { sender?: Partial<SenderOptions> };

export class Lane implements AsyncDisposable {
  readonly client: KafkaClient;
  readonly sender: Sender;
  readonly topic: string;
  readonly sent: string[] = [];
  /** Numbers of the blocks that are settled. */
  readonly settled: number[] = [];
  readonly #kafka: ProxiedKafka;
  #blocks = 0;

  constructor(kafka: ProxiedKafka, topic: string, options: LaneOptions = {}) {
    this.#kafka = kafka;
    const { sender, ...clientOptions } = options;
    this.topic = topic;
    this.client = new KafkaClient({
      brokers: [kafka.proxied],
      client_id: 'test',
      create_topics: false,
      longest_pause: 500,
      ...clientOptions,
    });
    this.sender = new Sender(this.client, { topic, partition: 0, longest_pause: 500, ...sender });
  }

  async put(...values: string[]): Promise<void> {
    const number = this.#blocks++;
    this.sent.push(...values);
    await this.sender.put(await makeBlock(this.topic, values), () => this.settled.push(number));
  }

  /** `count` blocks of one to three records. */
  async putMany(count: number): Promise<void> {
    for (let i = 0; i < count; i++) {
      await this.put(...Array.from({ length: 1 + (i % 3) }, (_, j) => `line-${this.sent.length + j}`));
    }
  }

  /** Waits for the acknowledgements, and compares what Kafka has with what was put: all, once, in order. */
  async check(): Promise<void> {
    await this.sender.drained(AbortSignal.timeout(60_000));
    assert.deepEqual(this.settled, [...Array(this.#blocks).keys()]);
    const stored = (await readValues(this.#kafka.brokers, this.topic)).map(String);
    assert.equal(stored.length, this.sent.length);
    assert.deepEqual(stored, this.sent);
    const { in_flight, error, records } = this.sender.status;
    assert.deepEqual({ in_flight, error, records }, { in_flight: 0, error: null, records: this.sent.length });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.sender.stop();
    this.client.close();
  }
}
