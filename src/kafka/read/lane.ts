/**
 * One partition's records on their way from the fetched batches to the handler, in order:
 *
 *   took(answer) -> queue: | batch | batch | jump | batch |  -> opened, the next one ahead -> cut at the limit -> records(set)
 *                   position ^                    ^ fetchAt: the next offset to be asked for
 *
 * Invariant: what lies between position and fetchAt is in the queue, or is no record of anybody's. A seek empties the
 * queue; answers and opened batches that come later are of an earlier seek and are dropped.
 */
import { Backoff } from '../../core/abort.ts';
import { COLUMNS, OFFSET } from '../../records/record-table.ts';
import type { FetchedPartition, FetchPartition, Isolation } from '../wire/fetch.ts';
import { type FetchedBatch, splitBatches } from './batches.ts';
import type { ReadBudget } from './budget.ts';
import { discard, openBatch, openedBytes, type Tables } from './opening.ts';
import type { GroupPartition } from './partition.ts';
import { type OpenedBatch, RecordSet } from './record-set.ts';

/** What lanes are handed by the consumer that they are of. */
export interface LaneHost {
  readonly budget: ReadBudget;
  readonly tables: Tables;
  readonly isolation: Isolation;
  /** Whether records may be handed out now. */
  readonly mayHand: () => boolean;
  readonly records: (set: RecordSet) => void | Promise<void>;
  readonly skipped: (partition: GroupPartition, from: number, to: number) => void;
  /** More can be fetched than before, or from elsewhere. */
  readonly wants: (lane: PartitionLane) => void;
  /** What is queued cannot be read. */
  readonly unreadable: (lane: PartitionLane, error: Error) => void;
  /** records() threw. */
  readonly failed: (error: Error) => void;
}

interface QueuedBatch {
  batch: FetchedBatch;
  opening: Promise<void> | null;
  opened: OpenedBatch | null;
  /** It cannot be opened. */
  damaged: boolean;
  /** A seek came. */
  dropped: boolean;
}
interface Jump {
  from: number;
  to: number;
}

export interface Asked extends FetchPartition {
  lane: PartitionLane;
  seeks: number;
}

export class PartitionLane {
  readonly partition: GroupPartition;
  readonly #host: LaneHost;
  readonly #queue: (QueuedBatch | Jump)[] = [];
  /** -1: from nowhere, until a seek has its answer. */
  fetchAt = -1;
  position = -1;
  /** Where reading is to begin, while that is not known as a number. */
  beginsAt: 'first' | 'end' | null = null;
  seeks = 0;
  limit = Number.POSITIVE_INFINITY;
  paused = false;
  /** Of the budget. */
  fetchedBytes = 0;
  openedBytes = 0;
  end: number | null = null;
  /** When `end` was heard, monotonic milliseconds. */
  endAt = 0;
  aborted = 0;
  /** Why it does not get on. */
  problem: string | null = null;
  /** Until a seek nothing is fetched: what comes next is damaged. */
  damaged = false;
  /** Between attempts to fetch. */
  readonly backoff = new Backoff();
  #ended = false;
  #wake: (() => void) | null = null;

  constructor(partition: GroupPartition, host: LaneHost) {
    this.partition = partition;
    this.#host = host;
  }

  get ended(): boolean {
    return this.#ended;
  }

  seek(where: number | 'first' | 'end'): void {
    if (this.#ended) return;
    this.seeks++;
    this.damaged = false;
    this.#empty();
    this.beginsAt = typeof where === 'number' ? null : where;
    this.position = this.fetchAt = typeof where === 'number' ? where : -1;
    this.#host.wants(this);
    this.look();
  }

  /** Something that held it up may be gone. */
  look(): void {
    const wake = this.#wake;
    this.#wake = null;
    wake?.();
  }

  stop(): void {
    this.#ended = true;
    this.#empty();
    this.#host.budget.forget(this.#look);
    this.look();
  }

  /** Whether it is known where to fetch from. */
  get begun(): boolean {
    return this.fetchAt >= 0 && !this.damaged;
  }

  asks(maxBytes: number): Asked {
    const { topic, topicId, partition } = this.partition;
    return { topic, topicId, partition, offset: this.fetchAt, maxBytes, lane: this, seeks: this.seeks };
  }

  /** Takes an answer in, unless it is to a question that is no more. */
  took(fetched: FetchedPartition, answerBytes: number): void {
    const { seeks } = fetched.asked as Asked;
    if (this.#ended || this.damaged || seeks !== this.seeks) return;
    const { lastStableOffset, highWatermark } = fetched;
    this.heardEnd(this.#host.isolation === 'read_committed' ? lastStableOffset : highWatermark);
    const few = fetched.batches.length * 2 < answerBytes;
    // A few bytes that wait long must not hold a large answer in memory.
    const { batches, fault } = splitBatches(few ? { ...fetched, batches: Buffer.from(fetched.batches) } : fetched);
    for (const batch of batches) {
      this.#queue.push({ batch, opening: null, opened: null, damaged: false, dropped: false });
      this.#fetched(batch.body.length);
      this.fetchAt = batch.next;
    }
    if (fault) this.#host.unreadable(this, fault);
    if (batches.length > 0) this.look();
  }

  heardEnd(offset: number): void {
    if (offset < 0) return;
    this.end = offset;
    this.endAt = performance.now();
  }

  /** Goes on at `to`, when all that is queued is handed out. */
  jump(to: number): void {
    this.#queue.push({ from: this.fetchAt, to });
    this.fetchAt = to;
    this.look();
  }

  /** Hands out until it is stopped. */
  async run(): Promise<void> {
    while (!this.#ended) {
      const next = this.#queue[0];
      if (!next || this.paused || this.position >= this.limit || !this.#host.mayHand()) await this.#changed();
      else if ('to' in next) this.#jumped(next);
      else if (isHidden(next.batch)) this.#passed(next);
      else if (next.opened) await this.#hand(next, next.opened);
      else await this.#open(next);
    }
  }

  #changed(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#wake = resolve;
    return promise;
  }

  readonly #look = () => this.look();

  #jumped({ from, to }: Jump): void {
    this.#queue.shift();
    this.position = to;
    this.#host.skipped(this.partition, from, to);
  }

  #passed(queued: QueuedBatch): void {
    const { batch } = queued;
    this.#queue.shift();
    if (batch.hidden === 'aborted') this.aborted += batch.header.count;
    this.position = Math.max(this.position, batch.next);
    this.#fetched(-batch.body.length);
    this.#host.wants(this);
  }

  /** Waits for room first; the batch behind this one is opened beside it, where there is room. */
  async #open(queued: QueuedBatch): Promise<void> {
    const { budget } = this.#host;
    if (queued.damaged) return this.#changed();
    if (!queued.opening) {
      if (!budget.mayOpen(this.openedBytes, openedBytes(queued.batch))) {
        budget.whenFreed(this.#look);
        return this.#changed();
      }
      queued.opening = this.#opened(queued);
    }
    this.#openAhead(1);
    await queued.opening;
  }

  /** So that it is decompressed while the one before it is waited for, or is with the handler. */
  #openAhead(at: number): void {
    const next = this.#queue[at];
    if (!next || 'to' in next || next.opening || isHidden(next.batch)) return;
    if (this.#host.budget.mayOpen(this.openedBytes, openedBytes(next.batch))) next.opening = this.#opened(next);
  }

  async #opened(queued: QueuedBatch): Promise<void> {
    const { tables, unreadable } = this.#host;
    const { batch } = queued;
    const reserved = openedBytes(batch);
    this.#charge(reserved);
    try {
      const opened = await openBatch(batch, this.partition, tables);
      // Of one that is not compressed the bytes stay those of the answer.
      this.#charge(opened.charge - reserved);
      if (queued.dropped) return this.#release(opened);
      this.#fetched(-batch.body.length);
      queued.opened = opened;
      this.#host.wants(this);
    } catch (error) {
      this.#charge(-reserved);
      queued.damaged = true;
      if (!queued.dropped) unreadable(this, error as Error);
    }
  }

  async #hand(queued: QueuedBatch, opened: OpenedBatch): Promise<void> {
    const { base, table, count } = opened;
    const first = rowOf(table, count, this.position - base);
    const end = rowOf(table, count, this.limit - base);
    const whole = end === count;
    const set = first < end ? new RecordSet(this.partition, opened, first, end, this.#release) : null;
    if (set) opened.users++;
    if (whole) {
      this.#queue.shift();
      this.position = queued.batch.next;
      this.#release(opened);
    } else this.position = set ? base + table[(end - 1) * COLUMNS + OFFSET]! + 1 : this.limit;
    if (!set) return;
    this.#openAhead(0);
    try {
      await this.#host.records(set);
    } catch (error) {
      this.#host.failed(error as Error);
    }
  }

  readonly #release = (batch: OpenedBatch): void => {
    batch.users--;
    if (batch.users > 0) return;
    discard(batch, this.#host.tables);
    this.#charge(-batch.charge);
  };

  #fetched(bytes: number): void {
    this.fetchedBytes += bytes;
    this.#host.budget.fetch(bytes);
  }

  #charge(bytes: number): void {
    this.openedBytes += bytes;
    this.#host.budget.open(bytes);
  }

  #empty(): void {
    for (const queued of this.#queue.splice(0)) {
      if ('to' in queued) continue;
      queued.dropped = true;
      if (queued.opened) this.#release(queued.opened);
      else this.#fetched(-queued.batch.body.length);
    }
  }
}

function isHidden({ hidden, header }: FetchedBatch): boolean {
  return hidden !== null || header.count === 0;
}

/** The first row whose offset delta is `delta` at least; `count`: there is none. */
function rowOf(table: Int32Array, count: number, delta: number): number {
  if (delta <= table[OFFSET]!) return 0;
  if (delta > table[(count - 1) * COLUMNS + OFFSET]!) return count;
  let [low, high] = [0, count];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (table[middle * COLUMNS + OFFSET]! < delta) low = middle + 1;
    else high = middle;
  }
  return low;
}
