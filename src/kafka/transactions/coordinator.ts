/**
 * What a transactional producer asks its coordinator:
 *
 *   init -> ( add -> Produce ... -> end ) -> ( add -> ... -> end ) -> ...
 *
 * `init` ends what was open under this id before, whoever opened it, and gives a higher epoch: from then on brokers refuse
 * all that comes under a lower one. So after any failure there is one way back, whatever it was: `init`, and all of the
 * transaction again.
 *
 * These are the requests that came with Kafka 0.11 (version 1 of transactions). Kafka 4 takes them and keeps to their
 * rules: the epoch stays the same from one transaction to the next, a repeated `end` is answered as the first one was.
 *
 * Each call goes on until the coordinator has answered: connections may break and coordinators move. Asked twice, each has
 * the effect of once. What the coordinator refuses for good rejects with a BrokerError.
 *
 * With one exception: an `end` that got no answer may still be on its way when the next one was answered, and would end the
 * transaction after that in the middle. Only a higher epoch keeps it out, so after such an end comes an `init`.
 */
import { abortable, Backoff, pause } from '../../core/abort.ts';
import { sameCluster } from '../../core/topic-identity.ts';
import { log } from '../../log.ts';
import type { KafkaClient, Producer } from '../connect/client.ts';
import type { Link } from '../connect/connection.ts';
import type { Api } from '../connect/kafkajs.ts';
import type { TransactionState } from '../wire/describe-transactions.ts';
import {
  actionFor,
  BrokerError,
  CONCURRENT_TRANSACTIONS,
  LinkError,
  OPERATION_NOT_ATTEMPTED,
  TRANSACTIONAL_ID_NOT_FOUND,
} from '../wire/errors.ts';

export interface TopicPartition {
  topic: string;
  partition: number;
}

/** In another cluster it is unknown, or somebody else. */
export type TransactionalProducer = Producer & { cluster: string | null };

export interface TransactionsOptions {
  transactionalId: string;
  /** After this the coordinator aborts an open transaction, milliseconds. */
  timeout: number;
}

/** The markers of the last transaction are being written: some ten milliseconds. */
const SHORT_PAUSE = 3;
const LONGER_PAUSE = 50;
/** Coordinators move, and a new cluster makes its topic of transactions: what takes longer is logged, milliseconds. */
const SAY_AFTER = 5000;

export class Transactions {
  readonly #client: KafkaClient;
  readonly #o: TransactionsOptions;
  #coordinator: Link | null = null;
  /** Why what is asked has not been answered yet. */
  problem: string | null = null;
  /** Requests that were sent, as far as is known, and not answered. */
  #unanswered = 0;
  /** How often the coordinator was lost: a connection broke, or it moved. */
  interruptions = 0;

  constructor(client: KafkaClient, options: TransactionsOptions) {
    this.#client = client;
    this.#o = options;
  }

  get id(): string {
    return this.#o.transactionalId;
  }

  /** What the coordinator has of the last transaction; null: nothing, or it does not tell. */
  async describe(signal: AbortSignal): Promise<TransactionState | null> {
    const answer = await this.#ask(
      { name: 'DescribeTransactions', send: (link) => link.describeTransaction(this.id) },
      signal,
      (described) => {
        const code = described?.errorCode ?? 0;
        return ['cannot see its last transaction', code === TRANSACTIONAL_ID_NOT_FOUND ? 0 : code];
      },
    );
    return answer?.errorCode === 0 ? answer : null;
  }

  /** Ends what is open under this id, and gives the producer that may begin anew. */
  async init(signal: AbortSignal): Promise<TransactionalProducer> {
    const body = { transactionalId: this.id, transactionTimeout: this.#o.timeout };
    type Answer = { errorCode: number; producerId: string; producerEpoch: number };
    const answer = await this.#ask(request<Answer>('InitProducerId', body), signal, ({ errorCode }) => [
      `cannot begin transactions as ${this.id}`,
      errorCode,
    ]);
    const { cluster } = this.#coordinator!;
    return { producerId: BigInt(answer.producerId), epoch: answer.producerEpoch, cluster };
  }

  /** Makes these partitions part of the open transaction; with the first ones it is opened. */
  async add(
    producer: TransactionalProducer,
    partitions: readonly TopicPartition[],
    signal: AbortSignal,
  ): Promise<void> {
    const topics = [...new Set(partitions.map(({ topic }) => topic))].map((topic) => ({
      topic,
      partitions: partitions.filter((p) => p.topic === topic).map(({ partition }) => partition),
    }));
    type Answer = { errors: { topic: string; partitionErrors: { errorCode: number }[] }[] };
    await this.#ask(
      request<Answer>('AddPartitionsToTxn', { ...this.#as(producer), topics }),
      signal,
      ({ errors }) => {
        const refused = errors.flatMap(({ topic, partitionErrors }) =>
          partitionErrors.map(({ errorCode }) => ({ topic, errorCode })).filter(({ errorCode }) => errorCode !== 0),
        );
        // When one is refused the others are not attempted: they say nothing.
        const telling = refused.find(({ errorCode }) => errorCode !== OPERATION_NOT_ATTEMPTED) ?? refused[0];
        return telling ? [`${telling.topic}: cannot be part of a transaction`, telling.errorCode] : ['', 0];
      },
      producer,
    );
  }

  /**
   * Commits or aborts. Resolves when that is decided and will be so, whatever happens; what consumers see follows within
   * milliseconds. True: it was asked before without an answer, and that may arrive later than what comes next of this producer.
   */
  async end(producer: TransactionalProducer, commit: boolean, signal: AbortSignal): Promise<boolean> {
    const body = { ...this.#as(producer), transactionResult: commit };
    const what = `cannot ${commit ? 'commit' : 'abort'} a transaction of ${this.id}`;
    const before = this.#unanswered;
    const asked = request<{ errorCode: number }>('EndTxn', body);
    await this.#ask(asked, signal, ({ errorCode }) => [what, errorCode], producer);
    return this.#unanswered > before;
  }

  #as({ producerId, epoch }: TransactionalProducer) {
    return { transactionalId: this.id, producerId: String(producerId), producerEpoch: epoch };
  }

  async #ask<T>(
    { name, send }: Asked<T>,
    signal: AbortSignal,
    problem: (answer: T) => readonly [what: string, code: number],
    producer?: TransactionalProducer,
  ): Promise<T> {
    const backoff = new Backoff();
    const began = performance.now();
    let wait = SHORT_PAUSE;
    const waits = (error: Error) => {
      this.problem = error.message;
      if (performance.now() - began < SAY_AFTER) return;
      const what = 'nothing is committed until its coordinator answers: has __transaction_state its replicas?';
      log.warnOnce(`coordinator ${this.id}`, `${this.id}: ${error.message}; ${what}`);
    };
    try {
      for (;;) {
        signal.throwIfAborted();
        try {
          if (!this.#coordinator || this.#coordinator.error || this.#coordinator.expiring) {
            if (this.#coordinator?.error) this.interruptions++;
            this.#coordinator = await this.#client.coordinator(this.id, signal, waits);
          }
          if (producer && !sameCluster(producer.cluster, this.#coordinator.cluster)) {
            throw new Error(`${this.id}: its coordinator is of another cluster than its transaction`);
          }
          const answer = await abortable(send(this.#coordinator), signal);
          const [what, code] = problem(answer);
          if (code === 0) return answer;
          throw new BrokerError(what, code);
        } catch (error) {
          signal.throwIfAborted();
          if (error instanceof BrokerError) {
            if (error.code === CONCURRENT_TRANSACTIONS) {
              await pause(wait, signal);
              wait = Math.min(wait * 1.5, LONGER_PAUSE);
              continue;
            }
            if (!COORDINATOR_CODES.has(error.code) || actionFor(error.code) === 'denied') throw error;
          } else if (error instanceof LinkError) this.#unanswered++;
          else throw error;
          this.#coordinator = null;
          this.interruptions++;
          waits(error);
          log.debug(`kafka: ${name} as ${this.id}: ${error.message}`);
        }
        await backoff.wait(signal);
      }
    } finally {
      this.problem = null;
    }
  }
}

interface Asked<T> {
  name: string;
  send: (link: Link) => Promise<T>;
}

/** One of kafkajs's requests. */
function request<T>(name: Api, body: object): Asked<T> {
  return { name, send: (link) => link.request<T>(name, body) };
}

/** The coordinator is elsewhere, or not ready yet. */
const COORDINATOR_CODES = new Set([7, 14, 15, 16, 52]);
