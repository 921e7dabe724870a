/**
 * Fetches for all lanes of a consumer: one request at a time for each broker, for all partitions that it leads and of
 * which more is wanted. The broker holds a request until one of them has something, so an idle reader asks twice a second.
 *
 *   lane -> its leader -> the leader's loop: | lanes with room | -> Fetch -> answers to their lanes -> Fetch ...
 *
 * A lane whose partition is led elsewhere now, or whose connection broke, looks for its leader by itself, with pauses that
 * double; the others go on.
 */
import { abortable, pause } from '../../core/abort.ts';
import type { KafkaClient } from '../connect/client.ts';
import type { Link } from '../connect/connection.ts';
import { PartitionGone } from '../connect/topic.ts';
import { BrokerError, errorName, LinkError, OFFSET_OUT_OF_RANGE } from '../wire/errors.ts';
import type { FetchAnswer, FetchedPartition, Isolation } from '../wire/fetch.ts';
import type { ReadBudget } from './budget.ts';
import type { Asked, PartitionLane } from './lane.ts';
import { offsetOf } from './reading.ts';

const PARTITION_BYTES = 1 << 20;
const REQUEST_BYTES = 4 << 20;
/** Less is not asked for: it would be a batch all the same. */
const LEAST_BYTES = 64 << 10;
/** How long a broker may hold a request, milliseconds. */
const WAIT_MS = 500;
/** The same while a partition that waits for room may have it at any time. */
const SHORT_WAIT_MS = 50;
/** After so few bytes it is waited for more: each record by itself would cost a request. */
const FEW_BYTES = 16 << 10;
const GATHER_MS = 10;
const DAMAGED_AGAIN_MS = 10_000;

export interface FetcherOptions {
  client: KafkaClient;
  group: string;
  isolation: Isolation;
  budget: ReadBudget;
  outOfRange: 'first' | 'end';
  /** The topic has another id than the lane's. */
  recreated: (lane: PartitionLane) => void;
  gone: (lane: PartitionLane) => void;
}

interface Loop {
  lanes: Set<PartitionLane>;
  woken: (() => void) | null;
  wake: () => void;
}

export class Fetcher {
  readonly #o: FetcherOptions;
  readonly #loops = new Map<Link, Loop>();
  readonly #closing = new AbortController();

  constructor(options: FetcherOptions) {
    this.#o = options;
  }

  /** From now on until the lane's end it is fetched for. */
  add(lane: PartitionLane): void {
    this.#find(lane, this.#signal(lane)).catch((error: Error) => {
      if (!lane.ended && !this.#closing.signal.aborted) lane.problem = error.message;
    });
  }

  /** More is wanted of it than before, or from elsewhere. */
  wants(lane: PartitionLane): void {
    for (const loop of this.#loops.values()) if (loop.lanes.has(lane)) loop.wake();
  }

  close(): void {
    this.#closing.abort(new Error('the reader is closed'));
    for (const loop of this.#loops.values()) loop.wake();
  }

  #signal(lane: PartitionLane): AbortSignal {
    return AbortSignal.any([lane.partition.signal, this.#closing.signal]);
  }

  /** Finds the lane's leader, and joins its loop. */
  async #find(lane: PartitionLane, signal: AbortSignal): Promise<void> {
    const { client, group } = this.#o;
    const { topic, partition, topicId } = lane.partition;
    for (;;) {
      let link: Link;
      try {
        link = await client.leader(topic, partition, signal, `fetch ${group}`);
      } catch (error) {
        signal.throwIfAborted();
        if (error instanceof PartitionGone) return this.#o.gone(lane);
        // A right is missing, say: it may be given.
        lane.problem = (error as Error).message;
        await lane.backoff.wait(signal, client.back);
        client.topics.invalidate(topic);
        continue;
      }
      const now = client.topicIdentity(topic).topicId;
      if (topicId !== null && now !== null && now !== topicId) return this.#o.recreated(lane);
      const loop = this.#loops.get(link) ?? this.#begin(link);
      loop.lanes.add(lane);
      loop.wake();
      return;
    }
  }

  #begin(link: Link): Loop {
    const loop: Loop = {
      lanes: new Set(),
      woken: null,
      wake: () => {
        loop.woken?.();
        loop.woken = null;
      },
    };
    this.#loops.set(link, loop);
    // It is given its first lane before it looks.
    Promise.resolve()
      .then(() => this.#run(link, loop))
      .catch((error: Error) => this.#leave(loop, [...loop.lanes], error.message))
      .finally(() => this.#o.budget.forget(loop.wake));
    return loop;
  }

  async #run(link: Link, loop: Loop): Promise<void> {
    const { budget } = this.#o;
    try {
      while (!this.#closing.signal.aborted) {
        for (const lane of loop.lanes) if (lane.ended) loop.lanes.delete(lane);
        if (loop.lanes.size === 0) return;
        if (link.error || link.expiring) return this.#leave(loop, [...loop.lanes], link.error?.message ?? null);
        for (const lane of loop.lanes) if (lane.beginsAt !== null) this.#locate(lane, lane.beginsAt);
        const begun = [...loop.lanes].filter((lane) => lane.begun);
        const due = begun.filter((lane) => budget.mayFetch(lane.fetchedBytes));
        if (due.length === 0) {
          await this.#woken(loop);
          continue;
        }
        const answer = await this.#fetch(link, due, due.length < begun.length ? SHORT_WAIT_MS : WAIT_MS);
        const bytes = this.#take(loop, answer, due);
        if (bytes > 0 && bytes < FEW_BYTES) await pause(GATHER_MS, this.#closing.signal);
      }
    } catch (error) {
      if (this.#closing.signal.aborted) return;
      if (!(error instanceof LinkError)) throw error;
      this.#leave(loop, [...loop.lanes], error.message);
    } finally {
      this.#loops.delete(link);
    }
  }

  async #fetch(link: Link, due: readonly PartitionLane[], maxWait: number): Promise<FetchAnswer> {
    const { budget, isolation } = this.#o;
    // What waits at one broker is not to keep the others from asking.
    const maxBytes = Math.max(LEAST_BYTES, Math.min(REQUEST_BYTES, budget.askedMost / this.#loops.size));
    const each = Math.max(LEAST_BYTES, Math.min(PARTITION_BYTES, maxBytes, budget.fetchedShare));
    const partitions = grouped(due).map((lane) => lane.asks(Math.floor(each)));
    const job = { partitions, isolation, maxBytes: Math.floor(maxBytes), maxWait };
    return abortable(link.fetch(job), this.#closing.signal);
  }

  /** Gives the bytes that came. */
  #take(loop: Loop, answer: FetchAnswer, due: readonly PartitionLane[]): number {
    if (answer.errorCode !== 0) {
      this.#leave(loop, due, errorName(answer.errorCode));
      return 0;
    }
    let bytes = 0;
    for (const { batches } of answer.partitions) bytes += batches.length;
    for (const fetched of answer.partitions) {
      const { lane, seeks } = fetched.asked as Asked;
      if (lane.ended || lane.damaged || seeks !== lane.seeks) continue;
      if (fetched.errorCode !== 0) {
        this.#refused(loop, lane, fetched);
        continue;
      }
      lane.problem = null;
      lane.backoff.reset();
      lane.took(fetched, bytes);
      // Who got something stands behind the others the next time: the broker fills an answer in the order of the request.
      if (fetched.batches.length > 0 && loop.lanes.delete(lane)) loop.lanes.add(lane);
    }
    return bytes;
  }

  #refused(loop: Loop, lane: PartitionLane, { errorCode, asked }: FetchedPartition): void {
    const { topic, partition } = lane.partition;
    if (errorCode === OFFSET_OUT_OF_RANGE) {
      loop.lanes.delete(lane);
      this.#outOfRange(lane, asked.offset).then(
        () => this.add(lane),
        (error: Error) => {
          if (!lane.ended) lane.problem = error.message;
        },
      );
      return;
    }
    this.#o.client.topics.invalidate(topic);
    this.#leave(loop, [lane], new BrokerError(`cannot read ${topic}/${partition}`, errorCode).message);
  }

  /** What is at the lane's place cannot be read: it is asked for again after some time. It is never passed over. */
  damaged(lane: PartitionLane, error: Error): void {
    if (lane.damaged) return;
    lane.damaged = true;
    lane.problem = `${error.message}; it is asked for again every ${DAMAGED_AGAIN_MS / 1000} s, and what is behind it waits`;
    pause(DAMAGED_AGAIN_MS, this.#signal(lane)).then((over) => {
      if (over && lane.damaged) lane.seek(lane.position);
    });
  }

  async #outOfRange(lane: PartitionLane, offset: number): Promise<void> {
    const { client, outOfRange } = this.#o;
    const { topic, partition, signal } = lane.partition;
    const { seeks } = lane;
    const ask = (which: 'first' | 'end') => offsetOf(client, topic, partition, which, 'read_uncommitted', signal);
    const [first, end] = [await ask('first'), await ask('end')];
    if (lane.ended || lane.seeks !== seeks) return;
    // It may have been said by a leader that was behind.
    if (offset >= first && offset <= end) await pause(SHORT_WAIT_MS, signal);
    else lane.jump(outOfRange === 'first' ? first : end);
  }

  /** Learns where the log begins or ends. */
  #locate(lane: PartitionLane, which: 'first' | 'end'): void {
    lane.beginsAt = null;
    const { client, isolation } = this.#o;
    const { topic, partition, signal } = lane.partition;
    const { seeks } = lane;
    offsetOf(client, topic, partition, which, isolation, signal).then(
      (offset) => {
        if (lane.seeks === seeks) lane.seek(offset);
      },
      (error: Error) => {
        if (!lane.ended) lane.problem = error.message;
      },
    );
  }

  /** These lanes look for their leaders anew, after a pause where something is wrong. */
  #leave(loop: Loop, lanes: readonly PartitionLane[], why: string | null): void {
    for (const lane of lanes) {
      loop.lanes.delete(lane);
      if (lane.ended) continue;
      if (why !== null) lane.problem = why;
      const paused = why === null ? Promise.resolve() : lane.backoff.wait(this.#signal(lane), this.#o.client.back);
      paused.then(
        () => this.add(lane),
        () => undefined, // the lane's end
      );
    }
  }

  #woken(loop: Loop): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    loop.woken = resolve;
    this.#o.budget.whenFreed(loop.wake);
    return promise;
  }
}

/** Those of a topic one behind the other; else in their order. */
function grouped(lanes: readonly PartitionLane[]): PartitionLane[] {
  const topics = new Map<string, PartitionLane[]>();
  for (const lane of lanes) {
    const { topic } = lane.partition;
    const of = topics.get(topic);
    if (of) of.push(lane);
    else topics.set(topic, [lane]);
  }
  return [...topics.values()].flat();
}
