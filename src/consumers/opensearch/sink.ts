/**
 * Topics into data streams, each record once.
 *
 *   GroupConsumer -> RecordTaker: which stream, which id -> StreamWriter (one a stream) -> bulk -> BulkDelivery
 *        ^ limit                                                                                | settled
 *        '---------------------------- Commits: offset and note <------ PartitionProgress (one a partition)
 *
 * What makes it exactly once:
 *
 * - The stream and the id of a record are functions of its partition and offset (placement.ts, document-id.ts).
 * - Nothing is sent that lies at or beyond the bound of the committed note (note.ts); it is committed before a partition's
 *   first record is sent. So after a crash what may have been sent is known, looked for, and not sent again (delivery.ts).
 * - Nothing is sent when the last heartbeat is so old that the partitions may be somebody else's.
 */
import { aborted, Backoff } from '../../core/abort.ts';
import { Bell } from '../../core/bell.ts';
import { GroupConsumer } from '../../kafka/read/consumer.ts';
import type { GroupPartition } from '../../kafka/read/partition.ts';
import type { RecordSet } from '../../kafka/read/record-set.ts';
import { log } from '../../log.ts';
import type { ConsumerHost, ConsumerSpec, PartitionState } from '../kind.ts';
import { Arenas } from './arenas.ts';
import { beginningOf } from './beginning.ts';
import { BulkRequests } from './bulk-request.ts';
import { Commits } from './commits.ts';
import { DeadLetterTopic } from './dead-letter-topic.ts';
import { BulkDelivery } from './delivery.ts';
import { LateCopies } from './late-copies.ts';
import type { Lookup } from './lookup.ts';
import { streamNames } from './names.ts';
import { ChangedAgain } from './note.ts';
import type { OpenSearchOptions } from './options.ts';
import type { PartitionProgress } from './progress.ts';
import { StreamWriter } from './stream-writer.ts';
import { RecordTaker } from './taking.ts';
import type { Transport } from './transport.ts';

/** Of buffer_memory: what is read and decompressed; the rest is bulk requests. */
const READ_SHARE = 1 / 4;
/** Of the session: when the last heartbeat is older, the partitions may be somebody else's soon. */
const SURE = 0.8;
/** How long a wait for memory or settlement goes without being looked at. */
const LOOK_MS = 100;

export class OpenSearchSink {
  readonly #spec: ConsumerSpec<OpenSearchOptions>;
  readonly #host: ConsumerHost;
  readonly #lookup: Lookup;
  readonly #arenas: Arenas;
  readonly #requests: BulkRequests;
  readonly #deadLetters: DeadLetterTopic;
  readonly #late: LateCopies;
  readonly #delivery: BulkDelivery;
  readonly #writers: readonly StreamWriter[];
  readonly #taking: RecordTaker;
  readonly #consumer: GroupConsumer;
  readonly #commits: Commits;
  readonly #partitions = new Map<GroupPartition, PartitionProgress>();
  /** Sets that are being taken. */
  #takes = 0;
  readonly #moved = new Bell();
  /** Nothing is waited for any more. */
  readonly #over = new AbortController();
  readonly #failure = Promise.withResolvers<never>();
  #beginProblem: string | null = null;

  constructor(
    spec: ConsumerSpec<OpenSearchOptions>,
    host: ConsumerHost,
    { transport, lookup }: { transport: Transport; lookup: Lookup },
  ) {
    const { options } = spec;
    const { bulk, buffer_memory, window } = options;
    const { signal } = this.#over;
    const failed = (error: Error) => this.#failure.reject(error);
    const settled = () => this.#settled();
    this.#spec = spec;
    this.#host = host;
    this.#lookup = lookup;
    this.#failure.promise.catch(() => undefined);
    this.#arenas = new Arenas(bulk.size, buffer_memory * (1 - READ_SHARE));
    this.#requests = new BulkRequests(transport, options.compression);
    this.#deadLetters = new DeadLetterTopic(host.writer, options.dead_letter_topic, host.config.kafka.compression);
    this.#late = new LateCopies(transport, lookup);
    this.#delivery = new BulkDelivery({
      requests: this.#requests,
      lookup,
      deadLetters: this.#deadLetters,
      late: this.#late,
      account: host.account,
      allStreams: this.#allStreams,
      mayWrite: () => this.#consumer.heartbeatAge < spec.session_timeout * SURE,
      settled,
      signal,
    });
    const writer = { arenas: this.#arenas, delivery: this.#delivery, failed, ...bulk };
    const names = streamNames(options);
    this.#writers = names.map((name) => new StreamWriter(name, writer));
    this.#taking = new RecordTaker({
      writers: this.#writers,
      deadLetters: this.#deadLetters,
      account: host.account,
      room: () => this.#room(),
      settled,
      failed,
      signal,
    });
    this.#consumer = new GroupConsumer({
      client: host.client,
      group: spec.group,
      instance: host.instanceId,
      topics: spec.topics,
      sessionTimeout: spec.session_timeout,
      budget: buffer_memory * READ_SHARE,
      outOfRange: 'first',
      handler: {
        assigned: (partitions) => {
          for (const partition of partitions) this.#begin(partition).catch(failed);
        },
        settle: (deadline) => this.#settle(deadline),
        lost: (partitions) => this.#lost(partitions),
        records: (set) => this.#records(set),
        skipped: (partition, from, to) => this.#skipped(partition, from, to),
      },
    });
    this.#commits = new Commits({
      consumer: this.#consumer,
      partitions: () => this.#partitions.values(),
      window,
      failed,
    });
  }

  get #allStreams(): string {
    return `${this.#spec.options.stream_prefix}-*`;
  }

  /** Until `stop` aborts, and all is settled, or `deadline` does. Rejects with what cannot go on for good. */
  async run(stop: AbortSignal, deadline: AbortSignal): Promise<void> {
    aborted(stop).then(() => this.#consumer.close({ deadline }));
    this.#late.run(this.#over.signal).catch((error: Error) => this.#failure.reject(error));
    try {
      await Promise.race([this.#consumer.run(), this.#failure.promise]);
      await this.#late.look(deadline, true);
    } finally {
      this.#over.abort();
      this.#commits.stop();
    }
  }

  /** Reads nothing before its note is committed. */
  async #begin(partition: GroupPartition): Promise<void> {
    const { signal } = partition;
    const { client } = this.#host;
    const { streams, turn, window } = this.#spec.options;
    const backoff = new Backoff();
    const how = { client, lookup: this.#lookup, allStreams: this.#allStreams, turns: { streams, turn }, window };
    while (!signal.aborted) {
      try {
        const progress = await beginningOf(partition, how);
        if (signal.aborted) return;
        const next = progress.due(0);
        if (await this.#commits.store([{ progress, next }])) {
          this.#partitions.set(partition, progress);
          this.#beginProblem = null;
          return partition.seek(progress.committed);
        }
      } catch (error) {
        if (signal.aborted) return;
        if (error instanceof ChangedAgain) throw error;
        this.#beginProblem = `${partition.topic}/${partition.partition} cannot be begun: ${(error as Error).message}`;
        log.debug(`opensearch: ${this.#beginProblem}`);
      }
      await backoff.wait(signal).catch(() => undefined);
    }
  }

  #records(set: RecordSet): void | Promise<void> {
    const progress = this.#partitions.get(set.partition);
    if (!progress) return set.release();
    const taken = this.#taking.take(progress, set);
    if (!taken) return this.#unblock(progress);
    this.#takes++;
    return taken.then(() => {
      this.#takes--;
      this.#moved.ring();
      this.#unblock(progress);
    });
  }

  /** What cannot go on before something is settled waits for no more records. */
  #unblock(progress: PartitionProgress): void {
    if (progress.isStuck) this.#flush();
  }

  #flush(): void {
    for (const writer of this.#writers) writer.close();
  }

  /** There is no memory left, or too much of it is dead letters. */
  async #room(): Promise<void> {
    if (!this.#writers.some(({ isBusy }) => isBusy)) this.#flush();
    await this.#arenas.given.heard(this.#over.signal, LOOK_MS);
  }

  #settled(): void {
    this.#moved.ring();
    this.#commits.look();
    for (const progress of this.#partitions.values()) this.#unblock(progress);
  }

  async #settle(deadline: AbortSignal): Promise<void> {
    const busy = () => this.#takes > 0 || this.inFlight() > 0;
    while (busy() && !deadline.aborted && !this.#over.signal.aborted) {
      this.#flush();
      await this.#moved.heard(deadline, LOOK_MS);
    }
    await this.#commits.now();
  }

  #lost(partitions: readonly GroupPartition[]): void {
    for (const partition of partitions) {
      const progress = this.#partitions.get(partition);
      if (!progress) continue;
      this.#partitions.delete(partition);
      progress.lost = true;
      this.#host.account.giveBack(progress.unsettled);
      progress.unsettled = 0;
    }
  }

  #skipped(partition: GroupPartition, from: number, to: number): void {
    this.#host.account.lose('beyond_retention', Math.max(0, to - from));
    this.#partitions.get(partition)?.takenTo(to);
  }

  inFlight(): number {
    let sum = 0;
    for (const { unsettled } of this.#partitions.values()) sum += unsettled;
    return sum;
  }

  partitions(): PartitionState[] {
    return this.#consumer.partitions.map(({ topic, partition, position, committed, end, problem }) => ({
      topic,
      partition,
      position: Math.max(0, position),
      committed,
      end,
      error: problem,
    }));
  }

  problems(): string[] {
    const own = [this.#beginProblem, this.#deadLetters.problem].filter((problem) => problem !== null);
    return [...this.#consumer.problems(), ...this.#delivery.problems, ...own];
  }

  status(): SinkDetails {
    return {
      streams: this.#writers.map(({ status }) => status),
      requests: this.#requests.sent,
      bytes: this.#requests.bytes,
      ...this.#delivery.counts,
      removed: this.#delivery.counts.removed + this.#late.removed,
      looked_for_later: this.#late.ids,
      buffered_bytes: this.#arenas.used,
      dead_letters_waiting: this.#deadLetters.waiting,
      member: this.#consumer.status(),
    };
  }

  async close(): Promise<void> {
    this.#over.abort();
    await this.#consumer.close({ deadline: this.#over.signal });
    await this.#deadLetters.close();
  }
}

export interface SinkDetails {
  streams: StreamWriter['status'][];
  requests: number;
  bytes: number;
  retried: number;
  looked_up: number;
  /** Newer copies that were deleted. */
  removed: number;
  /** Ids of requests without an answer, which may be carried out still. */
  looked_for_later: number;
  buffered_bytes: number;
  dead_letters_waiting: number;
  member: ReturnType<GroupConsumer['status']>;
}
