/**
 * The drains of the spools: each sends what a partition of a spool holds to Kafka, oldest first, and goes on as more is
 * written. What the last process had left on its way goes before it.
 */
import { abortable } from '../core/abort.ts';
import type { KafkaClient } from '../kafka/connect/client.ts';
import type { ExactlyOnce } from '../kafka/transactions/exactly-once.ts';
import { log } from '../log.ts';
import { type DrainOptions, drain, type SpoolIdentity } from '../spool/drain.ts';
import type { SpoolPartition } from '../spool/partition.ts';
import type { Senders } from './senders.ts';

export interface DrainsParts extends Required<Pick<DrainOptions, 'signal' | 'packing' | 'onForwarded'>> {
  senders: Senders;
  /** How many partitions the topic has, once it is there. */
  count: (client: KafkaClient, topic: string) => Promise<number>;
  /** Resolves when it is known what of the topic was committed. */
  ready: (topic: string) => Promise<void>;
  /** Null: at least once is enough. */
  exactlyOnce: ExactlyOnce | null;
  /** Transactions of what is chained. */
  chained: (client: KafkaClient) => Promise<ExactlyOnce>;
}

export class Drains {
  readonly #p: DrainsParts;
  /** By the partitions of spools that are drained. */
  readonly #running = new Map<SpoolPartition, Promise<void>>();
  /** By topic: resolves when what the spool held of it at the start has been acknowledged. */
  readonly #backlogs = new Map<string, Promise<void>>();
  /** Why they ended though the agent goes on, by topic. */
  readonly #failed = new Map<string, string>();

  constructor(parts: DrainsParts) {
    this.#p = parts;
  }

  /** Resolves when what the spool held of the topic at the start has been acknowledged; undefined: it goes by itself. */
  backlog(topic: string): Promise<void> | undefined {
    return this.#backlogs.get(topic);
  }

  /** From now on what the partition holds is sent. */
  begin(client: KafkaClient, spooled: SpoolPartition): void {
    if (this.#running.has(spooled)) return;
    const { topic, manyKeys, chained } = spooled;
    const backlog = Promise.withResolvers<void>();
    if (!manyKeys && !chained) this.#backlogs.set(topic, backlog.promise);
    const draining = this.#ready(client, spooled).then(() =>
      drain(spooled, this.#options(client, spooled, backlog.resolve)),
    );
    this.#running.set(spooled, draining);
    draining.catch((error: Error) => {
      if (this.#p.signal.aborted) return;
      this.#failed.set(topic, error.message);
      log.error(`cannot drain the spool of ${topic}: ${error.message}; it is kept: restart the agent`);
    });
  }

  async #ready(client: KafkaClient, { topic, manyKeys, chained }: SpoolPartition): Promise<void> {
    // What has many keys goes without transactions.
    if (manyKeys) return;
    if (chained) await (await this.#p.chained(client)).sender(topic).ready(this.#p.signal);
    else await this.#p.ready(topic);
  }

  #options(client: KafkaClient, { topic, name, chained }: SpoolPartition, caughtUp: () => void): DrainOptions {
    const { signal, packing, onForwarded, senders, count, exactlyOnce } = this.#p;
    const earlier = (partition: number) => {
      return abortable(Promise.all(senders.earlier(topic, partition, client.topics.known(topic))), signal);
    };
    const byTransactions = async () => (chained ? this.#p.chained(client) : exactlyOnce!);
    return {
      signal,
      packing,
      onForwarded,
      caughtUp,
      target: async () => ({ partitions: await count(client, topic), topic: client.topicIdentity(topic) }),
      partitions: () => client.topics.known(topic),
      sender: async (partition: number, identity: SpoolIdentity) => {
        await earlier(partition);
        return senders.draining(client, name, { topic, partition, ...identity });
      },
      exactly:
        exactlyOnce || chained
          ? async (partition) => {
              await earlier(partition);
              return (await byTransactions()).sender(topic).outlet(partition);
            }
          : null,
    };
  }

  /** What is wrong until a restart. */
  problems(): string[] {
    return [...this.#failed].map(([topic, why]) => `cannot drain the spool of ${topic}: ${why}: restart the agent`);
  }

  /** Resolves when all have ended, as they do once the signal aborts. */
  async ended(): Promise<void> {
    await Promise.allSettled(this.#running.values());
  }
}
