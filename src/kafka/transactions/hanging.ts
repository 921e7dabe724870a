/**
 * Transactions that hang. A Kafka 4.3 or 4.4 may take a transaction for complete whose markers were not written: where a
 * partition has no leader when they are to be, as when a broker comes back that died, it takes the partition for deleted
 * (KAFKA-20734). What was committed there is not seen by consumers, and whatever marker of the producer comes next decides
 * it: an abort later takes with it what was committed, a commit later brings what was aborted.
 *
 *   end -> answered -> markers -> the next transaction is opened
 *          '- the coordinator or a leader was lost meanwhile, or that took long: an empty transaction over the same
 *             partitions is ended the same way before anything else is sent. Where the markers are there, others of that
 *             kind say nothing.
 *
 * A new process asks how the last transaction of its id ended, and has that written once more. It does not know over which
 * partitions that was; all of the topic are good enough.
 */

import { log } from '../../log.ts';
import type { KafkaClient } from '../connect/client.ts';
import type { Link } from '../connect/connection.ts';
import { PartitionGone } from '../connect/topic.ts';
import type { TransactionState } from '../wire/describe-transactions.ts';
import { BrokerError, UNKNOWN_TOPIC_OR_PARTITION } from '../wire/errors.ts';
import type { TopicPartition, TransactionalProducer, Transactions } from './coordinator.ts';

/** Markers take some ten milliseconds. */
const LONG_MS = 1000;

interface Ended {
  isCommit: boolean;
  partitions: readonly TopicPartition[];
}

export class Hanging {
  readonly #client: KafkaClient;
  readonly #transactions: Transactions;
  /** The transaction that was ended last, until it is certain that its markers are there. */
  #last: (Ended & { interruptions: number; links: readonly Link[] }) | null = null;

  constructor(client: KafkaClient, transactions: Transactions) {
    this.#client = client;
    this.#transactions = transactions;
  }

  /** It is not certain that the last transaction has its markers. */
  get isOpen(): boolean {
    return this.#last !== null;
  }

  /** ... and something happened that they may be missing because of. */
  get isDoubtful(): boolean {
    const last = this.#last;
    if (last === null) return false;
    return last.interruptions !== this.#transactions.interruptions || last.links.some(({ error }) => error !== null);
  }

  /** The last transaction is ended this way, or is about to be; `leaders`: of its partitions. */
  ends(ended: Ended, leaders: Iterable<Link> = []): void {
    this.#last = { ...ended, interruptions: this.#transactions.interruptions, links: [...leaders] };
  }

  /**
   * Asks how the coordinator has ended the last transaction, or will as soon as this id is asked for anew: nobody here knows.
   * `all`: where its partitions are, at least.
   */
  async learn(all: readonly TopicPartition[], signal: AbortSignal): Promise<void> {
    const described = await this.#described(signal);
    this.#last = null;
    if (!described || described.state === 'Empty' || described.state === 'Dead') return;
    const { state, partitions } = described;
    this.#doubt({ isCommit: /Commit$/.test(state), partitions: partitions.length > 0 ? partitions : all });
  }

  /**
   * Opens a transaction with these partitions, and is then certain of the one before. Rejects where only a new epoch keeps
   * out what may still be on its way.
   */
  async open(
    producer: TransactionalProducer,
    partitions: readonly TopicPartition[],
    signal: AbortSignal,
  ): Promise<void> {
    for (let patience = LONG_MS; ; patience = Number.POSITIVE_INFINITY) {
      if (await this.mend(producer, signal)) throw new Error(`${this.#transactions.id} goes on under a new epoch`);
      const began = performance.now();
      await this.#transactions.add(producer, partitions, signal);
      const last = this.#last;
      if (last === null || (!this.isDoubtful && performance.now() - began < patience)) break;
      // What is open now is empty, and over what may hang: it is ended as that was.
      this.#doubt({ isCommit: last.isCommit, partitions: [...last.partitions, ...partitions] });
    }
    this.#last = null;
  }

  /** Nothing comes next for now: asks whether the last transaction is complete. */
  async confirm(signal: AbortSignal): Promise<void> {
    const described = await this.#described(signal);
    if (!this.isDoubtful && (described === null || described.state.startsWith('Complete'))) this.#last = null;
  }

  /**
   * Has the markers written again where they may be missing. True: an answer is missing, too, so what comes next needs a
   * higher epoch.
   */
  async mend(producer: TransactionalProducer, signal: AbortSignal): Promise<boolean> {
    let askedTwice = false;
    while (this.#last !== null && this.isDoubtful) {
      const { isCommit } = this.#last;
      // Without leaders its markers are not written either.
      const leaders = await this.#leaders(this.#last.partitions, signal);
      const partitions = [...leaders.keys()];
      this.ends({ isCommit, partitions }, leaders.values());
      if (partitions.length === 0) break;
      log.debug(`kafka: ${this.#transactions.id}: its last ${isCommit ? 'commit' : 'abort'} is written once more`);
      try {
        await this.#transactions.add(producer, partitions, signal);
        if (await this.#transactions.end(producer, isCommit, signal)) askedTwice = true;
      } catch (error) {
        if (error instanceof BrokerError && error.code === UNKNOWN_TOPIC_OR_PARTITION) this.#last = null;
        else this.#doubt({ isCommit, partitions });
        throw error;
      }
    }
    return askedTwice;
  }

  #described(signal: AbortSignal): Promise<TransactionState | null> {
    return this.#transactions.describe(signal).catch((error) => {
      if (!(error instanceof BrokerError)) throw error;
      log.debug(`kafka: ${this.#transactions.id}: ${error.message}`);
      return null;
    });
  }

  /** Those of the partitions that are still there. */
  async #leaders(partitions: readonly TopicPartition[], signal: AbortSignal): Promise<Map<TopicPartition, Link>> {
    const leaders = new Map<TopicPartition, Link>();
    for (const one of partitions) {
      const link = await this.#client.leader(one.topic, one.partition, signal).catch((error) => {
        if (error instanceof PartitionGone) return null;
        throw error;
      });
      if (link) leaders.set(one, link);
    }
    return leaders;
  }

  #doubt({ isCommit, partitions }: Ended): void {
    const each = new Map(partitions.map((one) => [`${one.topic}-${one.partition}`, one]));
    this.#last = { isCommit, partitions: [...each.values()], interruptions: -1, links: [] };
  }
}
