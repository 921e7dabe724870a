/**
 * Sends all blocks of one topic to Kafka in transactions: each is there once, in order, with the positions that it brings,
 * or not at all.
 *
 *   put ->  | block | block | block |  block  block ...        one queue for all partitions of the topic
 *           '- open transaction ---'  ^ not taken yet
 *
 *   take blocks -> Produce, five in flight a partition -> positions -> all acknowledged -> commit -> settle
 *
 * A block settles only when the commit of its transaction is acknowledged; until then it is held in memory. So a
 * transaction ends after a second, or when it has as much as a lane may hold while the next one fills.
 *
 * There is no repair within a transaction. Whatever fails (a connection, a leader that moved, a batch that is too large, a
 * transaction that takes too long): what was answered is amended, then a new epoch of the producer ends the transaction
 * at the brokers, and the same blocks are sent again, in order, in the next one. While that fails, transactions get
 * smaller, so that they get through between two failures.
 *
 * Was a commit asked for and not answered, it is asked for again until it is. If the coordinator has given up on the
 * transaction meanwhile (or this process was fenced), the new epoch decides what is not decided, and the positions topic,
 * read after that, says which it was: the transaction's positions are committed there, or they never will be.
 */

import { abortable, Backoff } from '../../core/abort.ts';
import type { Block, Outlet, Settled } from '../../core/block.ts';
import { sameCluster } from '../../core/topic-identity.ts';
import { log } from '../../log.ts';
import type { KafkaClient } from '../connect/client.ts';
import { PartitionGone } from '../connect/topic.ts';
import type { DeadLetters } from '../send/dead-letter.ts';
import { Repair, remedyFor } from '../send/repair.ts';
import type { SenderStatus } from '../send/status.ts';
import { actionFor, BrokerError } from '../wire/errors.ts';
import { type TransactionalProducer, Transactions } from './coordinator.ts';
import { Epochs } from './epochs.ts';
import { Filling, type FillingOptions } from './filling.ts';
import { Hanging } from './hanging.ts';
import { Open, type OpenPacket, Refused } from './open.ts';
import { type Committed, type PositionsTopic, Superseded, type Watch } from './positions-topic.ts';
import { TransactionQueue } from './queue.ts';
import { TransactionWriter } from './writer.ts';

/** The part of the transaction's timeout after which it is ended by us, before the coordinator does. */
const LATE = 0.8;
/** At a stop an open transaction is aborted, so that it hides nothing from consumers; it may take this long, milliseconds. */
const ABORT_MS = 500;

/** Without anything to send for so long it is asked whether the last transaction is complete, milliseconds. */
const REST_MS = 1000;

export interface TransactionalSenderOptions extends FillingOptions {
  transactionalId: string;
  positions: PositionsTopic;
  /** Takes what the broker refuses for good; without it that waits. */
  deadLetters?: DeadLetters | undefined;
  /** No record is ever cut. */
  whole?: boolean;
  /** Awaited before anything is sent: what other processes of this agent id had committed. */
  restore(committed: Committed): Promise<void>;
  /** A transaction's positions are about to be written, are settled, or never will be. */
  began(sender: TransactionalSender): void;
  ended(sender: TransactionalSender, committedTo: bigint | null): void;
  /** Another process works under the agent id: nothing is sent any more. */
  superseded(error: Superseded): void;
  /** The longest pause between two attempts, milliseconds. */
  longest_pause?: number;
}

export interface TransactionsStatus {
  /** Age of the open transaction, seconds; null: none is open. */
  open_seconds: number | null;
  commits: number;
  /** Ended without a commit; what they held was sent again. */
  aborts: number;
  /** Of them, those that the coordinator had ended, because they took too long. */
  fenced: number;
}

export class TransactionalSender {
  readonly #client: KafkaClient;
  readonly #o: TransactionalSenderOptions;
  readonly #transactions: Transactions;
  readonly #hanging: Hanging;
  readonly #epochs: Epochs;
  readonly #stop = new AbortController();
  readonly #backoff: Backoff;
  readonly #ready = Promise.withResolvers<void>();
  #isReady = false;
  #running: Promise<void> | null = null;
  readonly #queue: TransactionQueue;
  readonly #writer: TransactionWriter;
  readonly #repair: Repair<OpenPacket>;
  readonly #filling: Filling;
  #open: Open | null = null;
  /** A commit was asked for, and its answer is not known: the transaction's positions. */
  #ending: Watch | null = null;
  #error: string | null = null;
  #lastAck: number | null = null;
  #retries = 0;
  #commits = 0;
  #aborts = 0;
  #fenced = 0;

  constructor(client: KafkaClient, options: TransactionalSenderOptions) {
    this.#client = client;
    this.#o = options;
    this.#transactions = new Transactions(client, options);
    this.#hanging = new Hanging(client, this.#transactions);
    this.#queue = new TransactionQueue(options.room.bytes);
    const { topic, positions, deadLetters, whole = false } = options;
    this.#repair = new Repair(client, { topic, deadLetters, whole });
    const skew = () => this.#repair.skew;
    const [transactions, hanging] = [this.#transactions, this.#hanging];
    this.#epochs = new Epochs(client, { topic, positions, transactions, hanging });
    this.#writer = new TransactionWriter(client, { topic, positions, transactions, hanging, skew });
    this.#filling = new Filling(this.#queue, this.#repair, this.#writer, options);
    this.#backoff = new Backoff(options.longest_pause);
    this.#ready.promise.catch(() => undefined);
  }

  /** Ends what an earlier process left open, and learns what it had committed. Goes on trying until it stops. */
  start(): void {
    this.#running ??= this.#run();
  }

  /** Resolves when it is known what was committed; nothing may be read before. Rejects when the signal aborts. */
  ready(signal: AbortSignal): Promise<void> {
    return abortable(this.#ready.promise, signal);
  }

  /** Where the blocks of one partition go. Order is kept over all partitions. */
  outlet(partition: number): Outlet {
    return {
      put: (block, settled) => this.#put(partition, block, settled),
      drained: (signal) => this.drained(signal),
    };
  }

  /** Somebody waits for memory: the open transaction is committed as soon as what is queued is sent. */
  hurry(): void {
    this.#filling.hurry();
  }

  /** From now on nothing waits for more to come. */
  finish(): void {
    this.#filling.finish();
  }

  /** Commits what was put; rejects with the signal's reason when that comes first. */
  drained(signal: AbortSignal): Promise<void> {
    return this.#filling.drained(signal);
  }

  /** Ends the work where it is: an open transaction is aborted. A commit that was asked for is what it will be. */
  async stop(): Promise<void> {
    this.#stop.abort(new Error(`the sender of ${this.#o.topic} is stopped`));
    this.#ready.reject(this.#stop.signal.reason);
    this.#filling.bell.ring();
    await this.#running;
    if (!this.#open || this.#open.partitions.size === 0 || this.#ending !== null) return;
    // An abort might be taken for that of the one before.
    if (this.#hanging.isOpen) return;
    if (this.#client.state !== 'connected') return;
    await this.#transactions.end(this.#open.producer, false, AbortSignal.timeout(ABORT_MS)).catch((error: Error) => {
      log.debug(`${this.#o.topic}: cannot abort the open transaction: ${error.message}; it times out`);
    });
  }

  get transactions(): TransactionsStatus {
    const open_seconds = this.#open ? (performance.now() - this.#open.began) / 1000 : null;
    return { open_seconds, commits: this.#commits, aborts: this.#aborts, fenced: this.#fenced };
  }

  /** By partition, as far as anything was put for it. */
  *status(): Iterable<SenderStatus & { partition: number }> {
    const busy = this.#queue.length > 0 || !this.#isReady;
    const { topic, positions } = this.#o;
    const { first } = this.#queue;
    const problem = busy
      ? (this.#client.topics.error(topic, first?.partition) ?? this.#client.topics.error(positions.topic))
      : null;
    const waiting = this.#isReady ? null : 'it is not known yet what was committed: files are not read until it is';
    const away = this.#transactions.problem ?? this.#error ?? (busy ? this.#client.error : null);
    const why = problem ? `${problem.problem}: ${problem.detail}` : away;
    const error = waiting && why ? `${why}; ${waiting}` : (why ?? waiting);
    const sent = this.#queue.sent.size > 0 ? this.#queue.sent : new Map([[0, { records: 0, bytes: 0, in_flight: 0 }]]);
    // What is counted of the whole topic is told once.
    const told = { lastAck: this.#lastAck, possible_duplicates: 0, error };
    let whole = { retries: this.#retries, cut: this.#repair.cut, throttled_seconds: this.#writer.throttled / 1000 };
    for (const [partition, counts] of sent) {
      yield { partition, ...counts, ...whole, ...told };
      whole = { retries: 0, cut: 0, throttled_seconds: 0 };
    }
  }

  #put(partition: number, block: Block, settled: Settled): Promise<void> {
    const accepted = this.#queue.put(partition, block, settled);
    this.start();
    this.#filling.bell.ring();
    return accepted;
  }

  async #run(): Promise<void> {
    const { signal } = this.#stop;
    while (!signal.aborted) {
      try {
        const producer = this.#epochs.current ?? (await this.#begin());
        const { first } = this.#queue;
        if (!first) {
          await this.#rest(producer);
          continue;
        }
        await this.#move();
        // Before a transaction is open: it would run out while a leader is away.
        for (const { partition } of first.packets) await this.#client.leader(this.#o.topic, partition, signal);
        await this.#client.leader(this.#o.positions.topic, await this.#o.positions.partition(signal), signal);
        await this.#transact(producer);
      } catch (error) {
        if (signal.aborted) return;
        if (error instanceof Superseded) {
          this.#error = error.message;
          this.#o.superseded(error);
          return;
        }
        await this.#failed(error as Error).catch((error: Error) => this.#say(error));
      }
    }
  }

  /** Waits for something to send. */
  async #rest(producer: TransactionalProducer): Promise<void> {
    const { signal } = this.#stop;
    const hanging = this.#hanging;
    await this.#filling.bell.heard(signal, hanging.isOpen ? REST_MS : undefined);
    if (this.#queue.first || !hanging.isOpen) return;
    if (!hanging.isDoubtful) await hanging.confirm(signal);
    else if (await hanging.mend(producer, signal)) this.#epochs.discard();
  }

  /** A producer that may send, and with it the certainty about all that came before. */
  async #begin(): Promise<TransactionalProducer> {
    const { signal } = this.#stop;
    const { positions } = this.#o;
    await positions.recognize(signal);
    await positions.claim(signal);
    const producer = await this.#epochs.next(signal);
    if (!sameCluster(producer.cluster, positions.identity?.cluster ?? null)) {
      throw new Error('the brokers are of different clusters');
    }
    await positions.catchUp(this.#o.restore, signal);
    this.#writer.begin();
    if (this.#ending !== null) {
      const watch = this.#ending;
      this.#ending = null;
      if (positions.unwatch(watch)) this.#settle(null);
      else this.#aborted();
    }
    if (!this.#isReady) {
      this.#isReady = true;
      this.#error = null;
      this.#ready.resolve();
    }
    this.#epochs.begin(producer);
    return producer;
  }

  async #transact(producer: TransactionalProducer): Promise<void> {
    const { topic, timeout, positions } = this.#o;
    const stop = this.#stop.signal;
    const open = new Open(producer, Math.ceil(timeout * LATE), stop);
    this.#open = open;
    let ends: { base: bigint; next: bigint };
    try {
      await this.#filling.fill(open);
      this.#o.began(this);
      ends = await this.#filling.writePositions(open);
    } catch (error) {
      if (stop.aborted) throw error;
      await open.abandon();
      const seconds = timeout / 1000;
      const late = open.signal.aborted && new Error(`${topic}: a transaction took nearly ${seconds} s`);
      // What was answered says more than that something else ended because of it.
      throw open.failure ?? (late || error);
    } finally {
      open.close();
    }
    const watch = positions.watch(ends.base);
    this.#ending = watch;
    this.#hanging.ends({ isCommit: true, partitions: [...open.partitions.values()] }, open.leaders.values());
    this.#epochs.isUnclear = true;
    const askedBefore = await this.#transactions.end(producer, true, stop);
    this.#epochs.isUnclear = false;
    this.#ending = null;
    positions.unwatch(watch);
    if (askedBefore) this.#epochs.discard();
    this.#settle(ends.next);
  }

  /** What is for partitions that are gone goes where its keys belong now. No transaction is open: nothing of it is there. */
  #move(): Promise<void> {
    const { topic } = this.#o;
    const partitions = this.#client.topics.known(topic);
    const gone = (partition: number) => {
      if (!this.#client.topics.gone(topic, partition)) return false;
      this.#repair.moves(partition, `topic ${topic} has ${partitions} partitions, partition ${partition} is gone`);
      return true;
    };
    return this.#queue.move(gone, partitions);
  }

  /** The transaction is committed: what it held is safe. `next`: the offset behind its positions, where that is known. */
  #settle(next: bigint | null): void {
    this.#open = null;
    this.#commits++;
    this.#error = null;
    this.#lastAck = performance.now();
    this.#backoff.reset();
    this.#filling.settle();
    this.#o.ended(this, next);
  }

  /** Nothing of the transaction is there, nor ever will be: its blocks are first in the next one. */
  #aborted(): void {
    this.#open = null;
    this.#aborts++;
    this.#retries += this.#filling.abort();
    this.#o.ended(this, null);
  }

  async #failed(error: Error): Promise<void> {
    this.#say(error);
    this.#epochs.discard();
    if (error instanceof BrokerError && actionFor(error.code) === 'identity' && this.#isReady) {
      this.#fenced++;
      log.warnOnce(`fenced ${this.#o.topic}`, `${error.message}; finding out why, then sending again`);
    }
    if (this.#open && this.#ending === null) {
      const { partitions, leaders } = this.#open;
      if (partitions.size > 0 && !this.#hanging.isOpen) {
        this.#hanging.ends({ isCommit: false, partitions: [...partitions.values()] }, leaders.values());
      }
      this.#aborted();
    }
    if (!(await this.#amended(error))) await this.#pause();
  }

  /** Nothing is open. Whether what went wrong was dealt with, so that the next attempt need not wait. */
  async #amended(error: Error): Promise<boolean> {
    if (error instanceof Refused) {
      const { entry, packet, sent, said, code, message: why } = error;
      const remedy = remedyFor(code, packet);
      if (remedy === 'shrink' && !entry && this.#o.positions.shrink()) return true;
      const refusal = { packet, sent, said, name: `${this.#o.topic}-${packet.partition}`, why };
      return await this.#repair.mend(remedy, refusal, entry && this.#queue, this.#stop.signal);
    }
    if (error instanceof BrokerError) this.#repair.blame(remedyFor(error.code), error.message);
    // What is for it is moved before the next one.
    return error instanceof PartitionGone && error.topic === this.#o.topic;
  }

  #say(error: Error): void {
    this.#error = error.message;
    log.debug(`${this.#o.topic}: ${error.message}`);
  }

  async #pause(): Promise<void> {
    // An abort ends the loop that asked for the pause; there is nothing to add to it.
    await this.#backoff.wait(this.#stop.signal).catch(() => undefined);
  }
}
