/**
 * What is known of each topic: its leaders, or what stands in its way.
 *
 * A partition that was there and is not in an answer may be gone, or the broker that answered may be behind. Kafka takes no
 * partition away from a topic; only another topic of the same name has fewer. So a partition is gone when at least two
 * answers in a row, over five seconds at least, say the same of the topic, do not have the partition, and give the topic
 * another id than it had when the partition was there. Brokers before Kafka 3.0 tell no ids: then the same for half a minute.
 */
import { log } from '../../log.ts';
import { errorName, TOPIC_AUTHORIZATION_FAILED, UNKNOWN_TOPIC_OR_PARTITION } from '../wire/errors.ts';

/** `topic_unknown`: not asked yet, or just created. */
export type TopicProblem =
  | 'topic_unknown'
  | 'topic_missing'
  | 'topic_forbidden'
  | 'no_leader'
  | 'leader_unreachable'
  | 'partition_missing';

/** A topic in the answer to a Metadata request, as kafkajs decodes it. */
export interface TopicAnswer {
  topicErrorCode: number;
  topic: string;
  /** Brokers before Kafka 3.0 do not tell it. */
  topicId?: string | null;
  /** What the asker may do, a bit for each of Kafka's operations by their numbers; null: it was not asked. */
  operations?: number | null;
  partitionMetadata: { partitionId: number; leader: number; replicas?: readonly number[]; isr?: readonly number[] }[];
}

/** How long answers must say the same before a partition is taken to be gone, milliseconds; without ids so many times. */
const GONE_AFTER = 5000;
const WITHOUT_ID = 6;

export class Topic {
  readonly name: string;
  /** Node by partition. */
  leaders = new Map<number, number>();
  /** 0 until known. */
  partitions = 0;
  /** The number of partitions was another one before. */
  changed = false;
  /** Null: not known. */
  id: string | null = null;
  /** Partitions that were there, and the id that the topic had then. */
  readonly #had = new Map<number, string | null>();
  /** So many answers in a row say the same of the topic, the first of them at that time (monotonic milliseconds). */
  #answers = 0;
  #since = 0;
  problem: TopicProblem | null = 'topic_unknown';
  /** The problem, for people. */
  detail = '';
  /** What is known may no longer be true. */
  stale = true;
  /** Metadata that is being fetched: the lanes of a topic ask together. */
  asking: Promise<void> | null = null;

  /** Nobody waits with data: what is wrong is not logged. */
  readonly #quiet: boolean;

  constructor(name: string, quiet = false) {
    this.name = name;
    this.#quiet = quiet;
  }

  fail(problem: TopicProblem, detail: string): void {
    if (!this.#quiet) log.warnOnce(`topic ${this.name} ${problem}`, `${detail}; its data waits`);
    this.problem = problem;
    this.detail = detail;
  }

  /** An earlier process knew this partition, of the topic with this id. */
  had(partition: number, id: string | null): void {
    if (!this.#had.has(partition)) this.#had.set(partition, id);
  }

  /** Which id the topic had when this partition was there. */
  idWith(partition: number): string | null {
    return this.#had.get(partition) ?? null;
  }

  /** Says so where the topic is there and the partition is not; else null. */
  missing(partition: number): string | null {
    if (this.partitions === 0 || partition < this.partitions) return null;
    return `topic ${this.name} has no partition ${partition}, but ${this.partitions} partitions`;
  }

  /**
   * Whether a partition that was there is no more: see above. `sure`: the topic is another one, so that nothing that was
   * sent to the partition is in it.
   */
  gone(partition: number, after = GONE_AFTER): { sure: boolean } | null {
    if (this.#answers < 2 || partition < this.partitions) return null;
    const before = this.idWith(partition);
    const sure = this.id !== null && before !== null;
    if (sure && this.id === before) return null;
    return performance.now() - this.#since < (sure ? after : WITHOUT_ID * after) ? null : { sure };
  }

  /** Takes in what a broker says; false where the topic does not exist. */
  learn(answer: TopicAnswer): boolean {
    const { topicErrorCode } = answer;
    this.stale = false;
    if (topicErrorCode !== 0) this.#answers = 0;
    if (topicErrorCode === UNKNOWN_TOPIC_OR_PARTITION) return false;
    if (topicErrorCode === TOPIC_AUTHORIZATION_FAILED) {
      this.fail('topic_forbidden', `no right to topic ${this.name}: give Describe and Write on it`);
    } else if (topicErrorCode !== 0) {
      this.fail('no_leader', `topic ${this.name}: ${errorName(topicErrorCode)}`);
    } else {
      if (this.problem === 'topic_missing' || this.problem === 'topic_forbidden') {
        log.info(`topic ${this.name} can be used now`);
      }
      this.problem = null;
      this.detail = '';
      this.#understand(answer);
    }
    return true;
  }

  #understand({ topicId = null, partitionMetadata }: TopicAnswer): void {
    const partitions = partitionMetadata.length;
    if (this.#answers === 0 || this.id !== topicId || this.partitions !== partitions) {
      this.#answers = 0;
      this.#since = performance.now();
    }
    this.#answers++;
    if (this.partitions > 0 && this.partitions !== partitions) this.changed = true;
    this.id = topicId;
    this.partitions = partitions;
    // Numbers that cannot be are not remembered: each answer might have others.
    const possible = partitionMetadata.filter(({ partitionId: p }) => p >= 0 && p < partitions);
    this.leaders = new Map(possible.map((p) => [p.partitionId, p.leader]));
    for (const { partitionId } of possible) this.#had.set(partitionId, topicId);
  }
}

/** A partition that was there is no more. */
export class PartitionGone extends Error {
  readonly topic: string;
  readonly partition: number;
  /** The topic is another one: nothing that was sent to the partition is in it. */
  readonly sure: boolean;

  constructor({ name, partitions }: Topic, partition: number, sure: boolean) {
    super(`topic ${name} has ${partitions} partitions, partition ${partition} is gone`);
    this.name = 'PartitionGone';
    this.topic = name;
    this.partition = partition;
    this.sure = sure;
  }
}

/** The topic is not fit for use yet: its state says why. */
export class TopicError extends Error {
  constructor(topic: Topic, detail = topic.detail) {
    super(detail || topic.problem || topic.name);
    this.name = 'TopicError';
  }
}
