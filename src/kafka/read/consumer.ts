/**
 * A member of a consumer group that reads what the group gives it, and hands it out in sets of records.
 *
 *   run -> join -> assigned(new ones) -> seek -> records(set) ... -> commit
 *           ^                              |
 *           '---- settle, at most 3 s <----'  the group rebalances; the partitions that stay go on where they were
 *
 * Nothing that may pass ends it: Kafka away, a wrong password, a right or a topic that is missing are waited out, and said
 * by `problems`.
 */
import { Backoff } from '../../core/abort.ts';
import type { KafkaClient } from '../connect/client.ts';
import {
  BrokerError,
  errorName,
  ILLEGAL_GENERATION,
  LinkError,
  REBALANCE_IN_PROGRESS,
  UNKNOWN_MEMBER_ID,
} from '../wire/errors.ts';
import type { Isolation } from '../wire/fetch.ts';
import { Holdings } from './holdings.ts';
import { FencedError, GroupMember } from './member.ts';
import { type CloseOptions, type ConsumerState, Membership } from './membership.ts';
import type { GroupPartition, LostReason } from './partition.ts';
import { problemsOf } from './problems.ts';
import type { RecordSet } from './record-set.ts';

const SETTLE_MS = 3000;
const REFRESH_MS = 30_000;
/** What the broker refuses to store however often it is asked: metadata too large. */
const NEVER = new Set([12, 28]);
const NOT_NOW = new Set([ILLEGAL_GENERATION, UNKNOWN_MEMBER_ID, REBALANCE_IN_PROGRESS]);

export interface GroupConsumerOptions {
  /** Connections and metadata; of whoever made it. */
  client: KafkaClient;
  group: string;
  /** group.instance.id; null: a dynamic member, which leaves the group when it closes. */
  instance: string | null;
  topics: readonly string[];
  /** Milliseconds. */
  sessionTimeout: number;
  /** Bytes that are fetched, or opened and not released: see budget.ts. */
  budget: number;
  /** Where reading goes on when an offset is not in the log any more, or not yet. */
  outOfRange: 'first' | 'end';
  isolation?: Isolation;
  /** How long what is in flight may take to be settled before a rebalance, milliseconds. */
  settleTimeout?: number;
  /** How often new partitions and topics are looked for, milliseconds. */
  refresh?: number;
  handler: ConsumerHandler;
}

/** What throws or rejects here ends `run` with its error. */
export interface ConsumerHandler {
  /** New partitions. Nothing is read of one before its `seek`. Others may be lost while this is not done: see their signals. */
  assigned(partitions: readonly GroupPartition[]): void | Promise<void>;
  /**
   * A rebalance, or the end: nothing is handed out from now on. What is in flight is to be settled and committed. `deadline`
   * aborts when that takes too long: then what is settled is to be committed.
   */
  settle(deadline: AbortSignal): Promise<void>;
  /** Not this member's any more: nothing can be committed for them, and what is in flight is to be dropped. */
  lost(partitions: readonly GroupPartition[], why: LostReason): void;
  /** The next records of a partition. The promise holds up the next set of this partition. `set.release` gives it back. */
  records(set: RecordSet): void | Promise<void>;
  /** Offset `from` is not in the log: reading goes on at `to`. */
  skipped(partition: GroupPartition, from: number, to: number): void;
}

export interface CommitEntry {
  partition: GroupPartition;
  /** The next one to be read. */
  offset: number;
  metadata: string | null;
}

export interface GroupStatus {
  state: ConsumerState;
  generation: number;
  member: string;
  instance: string | null;
  /** Null: no member yet. */
  heartbeat_age_ms: number | null;
  joins: number;
  held_bytes: number;
  /** Records of aborted transactions, which were left out. */
  aborted_records: number;
  /** Offsets that were not in the log any more when they were to be read. */
  skipped_offsets: number;
}

/** The offsets are not stored: a partition is this member's no more. */
export class CommitRefused extends Error {
  constructor({ topic, partition, signal }: GroupPartition) {
    super(`the offset of ${topic}/${partition} is not stored: the partition is lost (${signal.reason ?? 'closed'})`);
    this.name = 'CommitRefused';
  }
}

export class GroupConsumer {
  readonly #o: GroupConsumerOptions;
  readonly #member: GroupMember;
  readonly #holdings: Holdings;
  readonly #life: Membership;
  readonly #failure = Promise.withResolvers<never>();
  readonly #stop = new AbortController();
  #running: Promise<void> | null = null;
  #committing: Promise<void> = Promise.resolve();
  #commitProblem: string | null = null;

  constructor(options: GroupConsumerOptions) {
    this.#o = options;
    const { handler, instance, sessionTimeout, settleTimeout = SETTLE_MS, isolation = 'read_committed' } = options;
    this.#failure.promise.catch(() => undefined);
    const member = new GroupMember(options);
    this.#member = member;
    this.#holdings = new Holdings({
      ...options,
      isolation,
      offsets: (places, signal) => member.offsets(places, signal),
      isSure: () => this.#life.isSure,
      failed: this.#failure.reject,
    });
    this.#life = new Membership({
      member,
      holdings: this.#holdings,
      settle: (deadline) => handler.settle(deadline),
      sessionTimeout,
      settleTimeout,
      isStatic: instance !== null,
    });
  }

  /** Until `close`. Rejects with FencedError, or with what the handler threw. */
  run(): Promise<void> {
    this.#running ??= this.#run();
    return this.#running;
  }

  /**
   * Settles, and ends. A static member's place is kept for its session, unless `leave`. `deadline`: at the latest then
   * settling ends; else after `settleTimeout`.
   */
  async close(options: CloseOptions = {}): Promise<void> {
    this.#life.close(options);
    // What it ended with is told by run().
    await this.#running?.catch(() => undefined);
  }

  async #run(): Promise<void> {
    const review = () => {
      if (this.#life.state !== 'stable') return;
      this.#holdings.review().then(
        (news) => news && this.#life.rejoin(),
        (error: Error) => this.#failure.reject(error),
      );
    };
    const reviewing = setInterval(review, this.#o.refresh ?? REFRESH_MS);
    try {
      await Promise.race([this.#life.live(), this.#failure.promise]);
      this.#life.state = 'closed';
    } catch (error) {
      this.#life.state = error instanceof FencedError ? 'fenced' : 'closed';
      throw error;
    } finally {
      clearInterval(reviewing);
      this.#life.close({});
      this.#holdings.close();
      this.#stop.abort(new Error('the consumer is closed'));
    }
  }

  /**
   * Stores offsets; resolves when all are stored. Waits for the coordinator as long as this member lives. Rejects with
   * CommitRefused where a partition is lost, and with a BrokerError where the broker never takes this (metadata too large).
   */
  commit(entries: readonly CommitEntry[]): Promise<void> {
    const committing = this.#committing.then(() => this.#commit(entries));
    this.#committing = committing.catch(() => undefined);
    return committing;
  }

  async #commit(entries: readonly CommitEntry[]): Promise<void> {
    if (entries.length === 0) return;
    const { signal } = this.#stop;
    const backoff = new Backoff(1000);
    const places = entries.map(({ partition: { topic, partition }, offset, metadata }) => ({
      ...{ topic, partition },
      ...{ offset, metadata },
    }));
    for (;;) {
      const lost = entries.find(({ partition }) => partition.signal.aborted);
      if (lost) throw new CommitRefused(lost.partition);
      const refused = await this.#member.commit(places, signal).then(
        (codes) => codes.find((code) => code !== 0) ?? null,
        (error: Error) => this.#passing(error),
      );
      if (refused === null) break;
      if (NEVER.has(refused)) throw new BrokerError('cannot store offsets', refused);
      // How it stands is seen by the heartbeat, or by the join that is under way.
      if (NOT_NOW.has(refused)) this.#life.ask();
      else this.#commitProblem = `cannot store offsets of group ${this.#o.group}: ${errorName(refused)}`;
      const { partition } = entries[0]!;
      await backoff.wait(AbortSignal.any([signal, partition.signal])).catch(() => undefined);
    }
    this.#commitProblem = null;
    for (const { partition, offset } of entries) partition.committed = offset;
  }

  /** The code of an error that passes; a connection's is -1. Others are thrown. */
  #passing(error: Error): number {
    if (error instanceof BrokerError) return error.code;
    if (error instanceof LinkError) return -1;
    if (this.#stop.signal.aborted) return -1;
    throw error;
  }

  /** Milliseconds since the last good heartbeat was sent; Infinity: no member yet. */
  get heartbeatAge(): number {
    return this.#life.heartbeatAge;
  }

  get state(): ConsumerState {
    return this.#life.state;
  }

  get partitions(): readonly GroupPartition[] {
    return this.#holdings.partitions;
  }

  /** Why it does not get on, a sentence each. */
  problems(): string[] {
    const { client, topics } = this.#o;
    return problemsOf({
      client,
      topics,
      partitions: this.partitions,
      group: [this.#member.problem, this.#commitProblem],
      silent: this.state === 'stable' && !this.#life.isSure ? this.heartbeatAge : null,
    });
  }

  status(): GroupStatus {
    const { heartbeatAge } = this;
    return {
      state: this.state,
      generation: this.#member.generation,
      member: this.#member.id,
      instance: this.#o.instance,
      heartbeat_age_ms: Number.isFinite(heartbeatAge) ? Math.round(heartbeatAge) : null,
      joins: this.#life.joins,
      held_bytes: this.#holdings.budget.held,
      aborted_records: this.#holdings.aborted,
      skipped_offsets: this.#holdings.skipped,
    };
  }
}
