/**
 * Under which producer a sender writes: one id, and an epoch that gets higher with each failure. Before the next one is
 * asked for, it is certain how the last transaction of the one before was ended, and that its markers are there (hanging.ts).
 */
import { sameCluster } from '../../core/topic-identity.ts';
import type { KafkaClient } from '../connect/client.ts';
import { BrokerError } from '../wire/errors.ts';
import type { TransactionalProducer, Transactions } from './coordinator.ts';
import type { Hanging } from './hanging.ts';
import type { PositionsTopic } from './positions-topic.ts';

export interface EpochsOptions {
  topic: string;
  positions: PositionsTopic;
  transactions: Transactions;
  hanging: Hanging;
}

export class Epochs {
  readonly #client: KafkaClient;
  readonly #o: EpochsOptions;
  #current: TransactionalProducer | null = null;
  /** The one before, as long as nothing has taken its place. */
  #former: TransactionalProducer | null = null;
  #cluster: string | null = null;
  /** Nobody here knows how the last transaction was ended. */
  isUnclear = true;

  constructor(client: KafkaClient, options: EpochsOptions) {
    this.#client = client;
    this.#o = options;
  }

  /** Null: another one is to be asked for. */
  get current(): TransactionalProducer | null {
    const cluster = this.#client.clusterId;
    if (this.#current && !sameCluster(this.#current.cluster, cluster)) this.discard();
    return this.#current;
  }

  /** The producer is of no use any more. */
  discard(): void {
    this.#former = this.#current ?? this.#former;
    this.#current = null;
  }

  /** From now on this one is it. */
  begin(producer: TransactionalProducer): void {
    this.#current = producer;
  }

  /** A higher epoch; what was ended under the one before has its markers, as far as that was seen. */
  async next(signal: AbortSignal): Promise<TransactionalProducer> {
    const { transactions, hanging } = this.#o;
    if (!sameCluster(this.#cluster, this.#client.clusterId)) {
      this.#former = null;
      this.isUnclear = true;
    }
    const former = this.#former;
    this.#former = null;
    if (this.isUnclear) await this.#learn(signal);
    else if (former) {
      // A new epoch would abort what hangs of a commit.
      await hanging.mend(former, signal).catch((error) => {
        // Something else has ended it, or another process works under this id: that is seen next.
        if (!(error instanceof BrokerError)) throw error;
      });
    }
    let producer = await transactions.init(signal);
    while (await hanging.mend(producer, signal)) producer = await transactions.init(signal);
    this.#cluster = producer.cluster;
    return producer;
  }

  async #learn(signal: AbortSignal): Promise<void> {
    const { topic, positions, hanging } = this.#o;
    await this.#client.refresh([topic], signal);
    const own = { topic: positions.topic, partition: await positions.partition(signal) };
    const all = this.#client.topics.led(topic).map((partition) => ({ topic, partition }));
    await hanging.learn([own, ...all], signal);
    this.isUnclear = false;
  }
}
