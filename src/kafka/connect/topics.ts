/**
 * What is known of the topics that anybody asked for. Nothing here asks a broker: the client does, and has each topic learn
 * what was said of it (topic.ts).
 */
import { Topic, type TopicProblem } from './topic.ts';

export interface TopicsOptions {
  quiet?: boolean | undefined;
  /** How long answers must say that a partition is gone; see topic.ts. */
  gone_after?: number | undefined;
}

export class Topics {
  readonly #o: TopicsOptions;
  readonly #topics = new Map<string, Topic>();

  constructor(options: TopicsOptions) {
    this.#o = options;
  }

  get names(): string[] {
    return [...this.#topics.keys()];
  }

  /** The topic's state; not asked for yet where nobody had named it. */
  named(name: string): Topic {
    let topic = this.#topics.get(name);
    if (!topic) {
      topic = new Topic(name, this.#o.quiet);
      this.#topics.set(name, topic);
    }
    return topic;
  }

  get(name: string): Topic | undefined {
    return this.#topics.get(name);
  }

  /** How many partitions the topic has, as far as is known now; 0: not at all. */
  known(topic: string): number {
    return this.#topics.get(topic)?.partitions ?? 0;
  }

  /** Its partitions that have a leader, as far as is known now. */
  led(topic: string): number[] {
    return [...(this.#topics.get(topic)?.leaders ?? [])]
      .filter(([, node]) => node >= 0)
      .map(([partition]) => partition);
  }

  /** Whether the topic has always had as many partitions, as far as was seen. */
  steady(topic: string): boolean {
    return this.#topics.get(topic)?.changed === false;
  }

  /** The id of the topic in which this partition was last seen; null: not known. */
  idWith(topic: string, partition: number): string | null {
    return this.#topics.get(topic)?.idWith(partition) ?? null;
  }

  /** An earlier process knew this partition, of the topic with this id. */
  had(topic: string, partition: number, id: string | null): void {
    this.named(topic).had(partition, id);
  }

  /** Whether the partition was there and is no more; `sure`: of another topic than the one that is there now. */
  gone(topic: string, partition: number): { sure: boolean } | null {
    return this.#topics.get(topic)?.gone(partition, this.#o.gone_after) ?? null;
  }

  /** What stands in the way of the topic, or of this partition of it; null: nothing that is known. */
  error(topic: string, partition = 0): { problem: TopicProblem; detail: string } | null {
    const t = this.#topics.get(topic);
    if (!t) return null;
    if (t.problem !== null) return t.problem === 'topic_unknown' ? null : { problem: t.problem, detail: t.detail };
    const detail = this.gone(topic, partition) ? null : t.missing(partition);
    return detail === null ? null : { problem: 'partition_missing', detail };
  }

  /** What is known of the topic's leaders is no longer true. */
  invalidate(topic: string): void {
    const t = this.#topics.get(topic);
    if (t) t.stale = true;
  }

  /** Nothing that is known need hold any more. */
  invalidateAll(): void {
    for (const topic of this.#topics.values()) topic.stale = true;
  }
}
