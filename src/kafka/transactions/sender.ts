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
import type { SenderStatus } from '../send/status.ts';
import { actionFor, BrokerError } from '../wire/errors.ts';
import { type TransactionalProducer, Transactions } from './coordinator.ts';
import { Open, Refused } from './open.ts';
import { type Committed, type PositionsTopic, Superseded, type Watch } from './positions-topic.ts';
import { TransactionQueue } from './queue.ts';
import { Repair } from './repair.ts';
import { TransactionWriter } from './writer.ts';

/** How long a transaction takes blocks, milliseconds; at most a quarter of its timeout. */
const AGE = 1000;
/** The same of the first one; each takes twice as long as the one before. So a start shows soon that it works. */
const FIRST_AGE = 100;
/** The part of the transaction's timeout after which it is ended by us, before the coordinator does. */
const LATE = 0.8;
/** At a stop an open transaction is aborted, so that it hides nothing from consumers; it may take this long, milliseconds. */
const ABORT_MS = 500;

export interface TransactionalSenderOptions {
  topic: string;
  transactionalId: string;
  /** `transaction_timeout`, milliseconds. */
  timeout: number;
  positions: PositionsTopic;
  /** What a transaction may hold at most: compressed bytes, and blocks. */
  room: { bytes: number; blocks: number };
  /** Takes what the broker refuses for good. */
  deadLetters: DeadLetters;
  /** Awaited before anything is sent: what other processes of this agent id had committed. */
  restore(committed: Committed): Promise<void>;
  /** A transaction's positions are about to be written, are settled, or never will be. */
  began(sender: TransactionalSender): void;
  ended(sender: TransactionalSender, committedTo: bigint | null): void;
  /** Keys whose positions are to be deleted: taken out when that is committed. */
  forgotten: Set<string>;
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
  readonly #stop = new AbortController();
  readonly #backoff: Backoff;
  readonly #ready = Promise.withResolvers<void>();
  #isReady = false;
  #running: Promise<void> | null = null;
  readonly #queue: TransactionQueue;
  readonly #writer: TransactionWriter;
  readonly #repair: Repair;
  #producer: TransactionalProducer | null = null;
  #open: Open | null = null;
  /** A commit was asked for, and its answer is not known: the transaction's positions. */
  #ending: Watch | null = null;
  /** Keys that the open transaction deletes. */
  #forgetting: string[] = [];
  /** The most blocks of the next transaction: fewer after failures. */
  #most = Number.POSITIVE_INFINITY;
  /** Commit as soon as what is queued is sent: somebody waits for that, or for memory. */
  #hurried = false;
  #waiting = 0;
  #finishing = false;
  #wake: (() => void) | null = null;
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
    this.#queue = new TransactionQueue(options.room.bytes);
    const { topic, positions, deadLetters } = options;
    this.#repair = new Repair(client, { topic, positions, deadLetters });
    const skew = () => this.#repair.skew;
    this.#writer = new TransactionWriter(client, { topic, positions, transactions: this.#transactions, skew });
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
    if (this.#queue.length === 0 || this.#hurried) return;
    this.#hurried = true;
    this.#wake?.();
  }

  /** From now on nothing waits for more to come. */
  finish(): void {
    this.#finishing = true;
    this.#wake?.();
  }

  /** Commits what was put; rejects with the signal's reason when that comes first. */
  async drained(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    if (this.#queue.length === 0) return;
    this.#waiting++;
    this.#wake?.();
    try {
      await abortable(this.#queue.drained(), signal);
    } finally {
      this.#waiting--;
    }
  }

  /** Ends the work where it is: an open transaction is aborted. A commit that was asked for is what it will be. */
  async stop(): Promise<void> {
    this.#stop.abort(new Error(`the sender of ${this.#o.topic} is stopped`));
    this.#ready.reject(this.#stop.signal.reason);
    this.#wake?.();
    await this.#running;
    if (!this.#open || this.#open.partitions.size === 0 || this.#ending !== null) return;
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
      ? (this.#client.topicError(topic, first?.partition) ?? this.#client.topicError(positions.topic))
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
    this.#wake?.();
    return accepted;
  }

  async #run(): Promise<void> {
    const { signal } = this.#stop;
    while (!signal.aborted) {
      try {
        if (this.#producer && !sameCluster(this.#producer.cluster, this.#client.clusterId)) this.#producer = null;
        this.#producer ??= await this.#begin();
        const { first } = this.#queue;
        if (!first) {
          this.#hurried = false;
          await this.#woken();
          continue;
        }
        await this.#repair.move(this.#queue.entries);
        // Before a transaction is open: it would run out while a leader is away.
        for (const { partition } of first.packets) await this.#client.leader(this.#o.topic, partition, signal);
        await this.#client.leader(this.#o.positions.topic, await this.#o.positions.partition(signal), signal);
        await this.#transact(this.#producer);
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

  /** A producer that may send, and with it the certainty about all that came before. */
  async #begin(): Promise<TransactionalProducer> {
    const { signal } = this.#stop;
    const { positions } = this.#o;
    await positions.recognize(signal);
    await positions.claim(signal);
    const producer = await this.#transactions.init(signal);
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
    return producer;
  }

  async #transact(producer: TransactionalProducer): Promise<void> {
    const { topic, timeout, positions } = this.#o;
    const stop = this.#stop.signal;
    const open = new Open(producer, Math.ceil(timeout * LATE), stop);
    this.#open = open;
    let ends: { base: bigint; next: bigint };
    try {
      await this.#fill(open);
      ends = await this.#writePositions(open);
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
    await this.#transactions.end(producer, true, stop);
    this.#ending = null;
    positions.unwatch(watch);
    this.#settle(ends.next);
  }

  /** Takes blocks and sends them until the transaction is full or old. */
  async #fill(open: Open): Promise<void> {
    const { room, timeout } = this.#o;
    const until = open.began + Math.min(AGE, timeout / 4, FIRST_AGE * 2 ** Math.min(this.#commits, 10));
    const most = Math.min(room.blocks, this.#most);
    for (;;) {
      if (open.failure) throw open.failure;
      const entry = this.#queue.next;
      const left = until - performance.now();
      if (!entry) {
        if (left <= 0 || this.#hurried || this.#finishing || this.#waiting > 0) return;
        await abortable(this.#woken(left), open.signal);
        continue;
      }
      const bytes = entry.packets.reduce((sum, { body }) => sum + body.length, 0);
      if (open.blocks > 0 && (open.blocks >= most || open.bytes + bytes > room.bytes || left <= 0)) return;
      this.#queue.taken++;
      open.blocks++;
      open.bytes += bytes;
      await this.#repair.splitTooLarge(entry);
      await this.#writer.sendBlock(open, entry);
    }
  }

  /** Sends what the blocks bring; resolves with where that lies when it and all blocks are acknowledged. */
  #writePositions(open: Open): Promise<{ base: bigint; next: bigint }> {
    const { topic, forgotten } = this.#o;
    const latest = this.#queue.checkpoints();
    for (const key of forgotten) if (!latest.has(key)) latest.set(key, { key, value: null });
    this.#forgetting = [...latest.values()].filter(({ value }) => value === null).map(({ key }) => key);
    // Without any the transaction's fate could not be read.
    if (latest.size === this.#forgetting.length) latest.set(topic, { key: `topic/${topic}`, value: {} });
    this.#o.began(this);
    return this.#writer.sendPositions(open, latest.values());
  }

  /** The transaction is committed: what it held is safe. `next`: the offset behind its positions, where that is known. */
  #settle(next: bigint | null): void {
    this.#open = null;
    this.#commits++;
    this.#most *= 2;
    this.#error = null;
    this.#lastAck = performance.now();
    this.#backoff.reset();
    for (const key of this.#forgetting.splice(0)) this.#o.forgotten.delete(key);
    this.#queue.settle();
    if (this.#queue.length === 0) this.#hurried = false;
    this.#o.ended(this, next);
  }

  /** Nothing of the transaction is there, nor ever will be: its blocks are first in the next one. */
  #aborted(): void {
    this.#open = null;
    this.#aborts++;
    this.#retries += this.#queue.taken;
    this.#most = Math.max(1, Math.ceil(this.#queue.taken / 2));
    this.#queue.taken = 0;
    this.#o.ended(this, null);
  }

  async #failed(error: Error): Promise<void> {
    this.#say(error);
    this.#producer = null;
    if (error instanceof BrokerError && actionFor(error.code) === 'identity' && this.#isReady) {
      this.#fenced++;
      log.warnOnce(`fenced ${this.#o.topic}`, `${error.message}; finding out why, then sending again`);
    }
    const action = error instanceof BrokerError ? actionFor(error.code) : null;
    if (action === 'denied') {
      log.warnOnce(`denied ${this.#o.topic}`, `${error.message}: give the right; the data of ${this.#o.topic} waits`);
    }
    if (action === 'denied' || action === 'refresh') this.#client.invalidate(this.#o.topic);
    if (this.#open && this.#ending === null) this.#aborted();
    if (!(await this.#amended(error))) await this.#pause();
  }

  /** Nothing is open. Whether what went wrong was dealt with, so that the next attempt need not wait. */
  async #amended(error: Error): Promise<boolean> {
    if (error instanceof Refused) return this.#repair.amend(error, this.#stop.signal);
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

  /** Resolves when there is something to do, or after so many milliseconds. */
  #woken(within?: number): Promise<void> {
    if (this.#stop.signal.aborted) return Promise.resolve();
    return new Promise((resolve) => {
      const timer = within === undefined ? undefined : setTimeout(() => this.#wake?.(), within);
      this.#wake = () => {
        clearTimeout(timer);
        this.#wake = null;
        resolve();
      };
    });
  }
}
