/**
 * Which topic, of which cluster. Producer ids and offsets mean something there alone: in another cluster under the same
 * address, or in a topic that was made anew, they are somebody else's.
 */
export interface TopicIdentity {
  /** The cluster's id; null: the brokers do not tell it. Undefined: it was not kept. */
  readonly cluster: string | null | undefined;
  /** Kafka's id of the topic; null: the brokers do not tell it. */
  readonly topicId: string | null;
}

/** What is not told or not kept is no difference, but for brokers that do not tell what others did. */
export function sameTopic(one: TopicIdentity, other: TopicIdentity): boolean {
  const { cluster, topicId } = one;
  if (cluster !== undefined && other.cluster !== undefined && cluster !== other.cluster) return false;
  return topicId === null || other.topicId === null || topicId === other.topicId;
}

/** Of connections to brokers: one that does not tell it is no other. */
export function sameCluster(one: string | null, other: string | null): boolean {
  return one === null || other === null || one === other;
}
