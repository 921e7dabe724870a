/** A partition that the group gave to this member: what its handler steers it by, from `assigned` until it is lost. */
import { type LaneHost, PartitionLane } from './lane.ts';

/**
 * - `revoked`    another member has it, after what was in flight was settled
 * - `expired`    the group went on without this member: others may have read on from the committed offset
 * - `recreated`  the topic is another one now, under the same name
 * - `gone`       it is there no more
 * - `closed`     this member ends
 */
export type LostReason = 'revoked' | 'expired' | 'recreated' | 'gone' | 'closed';

export interface CommittedOffset {
  /** Null: none yet. */
  offset: number | null;
  metadata: string;
}

export class GroupPartition {
  readonly topic: string;
  readonly partition: number;
  /** 32 hex digits; null: brokers before Kafka 3.0 tell none. */
  readonly topicId: string | null;
  /** What the group had when the partition was assigned; null: no offset yet. */
  readonly startOffset: number | null;
  readonly startMetadata: string;
  /** What was committed last. */
  committed: number | null;
  readonly #ending = new AbortController();
  readonly #lane: PartitionLane;

  constructor(
    { topic, partition, topicId }: { topic: string; partition: number; topicId: string | null },
    { offset, metadata }: CommittedOffset,
    host: LaneHost,
  ) {
    this.topic = topic;
    this.partition = partition;
    this.topicId = topicId;
    this.startOffset = this.committed = offset;
    this.startMetadata = metadata;
    this.#lane = new PartitionLane(this, host);
  }

  /** Aborts when the partition is lost, with a LostReason. */
  get signal(): AbortSignal {
    return this.#ending.signal;
  }

  /**
   * Reads from here on: an offset, the log's first one, or its end. Until the first call nothing is read. Again: what was
   * fetched and not handed out is dropped; what was handed out before stays with who has it.
   */
  seek(where: number | 'first' | 'end'): void {
    this.#lane.seek(where);
  }

  /** Records at and beyond this offset are not handed out until it is raised; batches are cut there. */
  get limit(): number {
    return this.#lane.limit;
  }

  set limit(offset: number) {
    this.#lane.limit = offset;
    this.#lane.look();
  }

  pause(): void {
    this.#lane.paused = true;
  }

  resume(): void {
    this.#lane.paused = false;
    this.#lane.look();
  }

  /**
   * The offset behind the last record that was handed out, and behind what is nobody's (control batches, aborted
   * transactions); -1: a seek has no answer yet.
   */
  get position(): number {
    return this.#lane.position;
  }

  /** Where the partition ends for this reader, as last heard; null: not heard yet. */
  get end(): number | null {
    return this.#lane.end;
  }

  /** Records that are not committed. */
  get lag(): number | null {
    const { end, position } = this.#lane;
    const from = this.committed ?? position;
    return end === null || from < 0 ? null : Math.max(0, end - from);
  }

  /** Why it does not get on. */
  get problem(): string | null {
    return this.#lane.problem;
  }

  /** For the consumer that it is of. */
  lose(why: LostReason): void {
    this.#ending.abort(why);
    this.#lane.stop();
  }

  /** For the consumer that it is of. */
  get lane(): PartitionLane {
    return this.#lane;
  }
}
