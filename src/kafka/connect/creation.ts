/** Makes topics that are missing, each as it is to be. */
import type { TopicCreation } from '../../core/input.ts';
import { log } from '../../log.ts';
import {
  BrokerError,
  CLUSTER_AUTHORIZATION_FAILED,
  INVALID_REPLICATION_FACTOR,
  TOPIC_AUTHORIZATION_FAILED,
} from '../wire/errors.ts';
import type { Link } from './connection.ts';
import { createTopic } from './requests.ts';
import type { Topic } from './topic.ts';

/** Once, with the brokers' defaults where nothing else is wished. Rejects with a BrokerError where that is refused. */
export async function makeTopic(link: Link, topic: string, creation: TopicCreation | undefined): Promise<void> {
  const { settings = {}, replicas = -1, otherwise } = creation ?? {};
  try {
    await createTopic(link, topic, settings, { replicas });
  } catch (error) {
    const few = error instanceof BrokerError && error.code === INVALID_REPLICATION_FACTOR;
    if (!few || !otherwise) throw error;
    await createTopic(link, topic, otherwise);
  }
}

/** Has one made that is missing, or notes why that cannot be. `make` null: it may not be. */
export async function makeMissing(topic: Topic, make: (() => Promise<void>) | null): Promise<void> {
  if (!make) {
    topic.fail('topic_missing', `topic ${topic.name} does not exist, and kafka.create_topics is false: create it`);
    return;
  }
  try {
    await make();
    log.info(`created topic ${topic.name}`);
    topic.problem = 'topic_unknown';
  } catch (error) {
    if (!(error instanceof BrokerError)) throw error;
    const denied = error.code === TOPIC_AUTHORIZATION_FAILED || error.code === CLUSTER_AUTHORIZATION_FAILED;
    topic.fail(
      'topic_missing',
      denied
        ? `topic ${topic.name} does not exist, and may not be created: create it, or give Create on it`
        : error.message,
    );
  }
}
