/** What is known of each topic: its leaders, or what stands in its way. */
import { log } from '../log.ts';
import { errorName, TOPIC_AUTHORIZATION_FAILED, UNKNOWN_TOPIC_OR_PARTITION } from './errors.ts';

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
  partitionMetadata: { partitionId: number; leader: number }[];
}

export class Topic {
  readonly name: string;
  /** Node by partition. */
  leaders = new Map<number, number>();
  /** 0 until known. */
  partitions = 0;
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

  /** Takes in what a broker says; false where the topic does not exist. */
  learn({ topicErrorCode, partitionMetadata }: TopicAnswer): boolean {
    this.stale = false;
    if (topicErrorCode === UNKNOWN_TOPIC_OR_PARTITION) return false;
    if (topicErrorCode === TOPIC_AUTHORIZATION_FAILED) {
      this.fail('topic_forbidden', `no right to topic ${this.name}`);
    } else if (topicErrorCode !== 0) {
      this.fail('no_leader', `topic ${this.name}: ${errorName(topicErrorCode)}`);
    } else {
      if (this.problem === 'topic_missing' || this.problem === 'topic_forbidden') {
        log.info(`topic ${this.name} can be used now`);
      }
      this.problem = null;
      this.detail = '';
      this.partitions = partitionMetadata.length;
      this.leaders = new Map(partitionMetadata.map((p) => [p.partitionId, p.leader]));
    }
    return true;
  }
}

/** The topic is not fit for use yet: its state says why. */
export class TopicError extends Error {
  constructor(topic: Topic) {
    super(topic.detail || topic.problem || topic.name);
    this.name = 'TopicError';
  }
}
