/** The small requests that a producer needs, each on a link that is given: asked, decoded, refused with a BrokerError. */
import { CODECS } from '../../records/record-batch.ts';
import type { TopicLimit } from '../send/size-limit.ts';
import { actionFor, BrokerError } from '../wire/errors.ts';
import type { Isolation } from '../wire/fetch.ts';
import type { Metadata } from '../wire/metadata.ts';
import type { Link } from './connection.ts';
import type { Address } from './connections.ts';

const CREATE_TIMEOUT = 10_000;
const TOPIC_RESOURCE = 2;
const MAX_MESSAGE_BYTES = 'max.message.bytes';
const COMPRESSION_TYPE = 'compression.type';
/** A kind of coordinator; the other one is of consumer groups. */
const TRANSACTION = 1;

export interface Producer {
  producerId: bigint;
  epoch: number;
}

/** Of the nodes and these topics; where the brokers tell the topics' ids, with them. */
export async function metadata(link: Link, topics: readonly string[]): Promise<Metadata> {
  const answer = await link.metadata(topics);
  return answer ?? (await link.request<Metadata>('Metadata', { topics, allowAutoTopicCreation: false }));
}

export async function initProducerId(link: Link): Promise<Producer> {
  const answer = await link.request<{ errorCode: number; producerId: string; producerEpoch: number }>(
    'InitProducerId',
    { transactionalId: null, transactionTimeout: 60_000 },
  );
  if (answer.errorCode === 0) return { producerId: BigInt(answer.producerId), epoch: answer.producerEpoch };
  throw new BrokerError('cannot get a producer id', answer.errorCode);
}

/** Creates a topic with the brokers' default partitions and replicas; one that is there is as good. */
export async function createTopic(
  link: Link,
  topic: string,
  settings: Readonly<Record<string, string>>,
): Promise<void> {
  const configEntries = Object.entries(settings).map(([name, value]) => ({ name, value }));
  const answer = await link.request<{ topicErrors: { errorCode: number; errorMessage: string | null }[] }>(
    'CreateTopics',
    {
      topics: [{ topic, numPartitions: -1, replicationFactor: -1, configEntries }],
      validateOnly: false,
      timeout: CREATE_TIMEOUT,
    },
  );
  const { errorCode, errorMessage } = answer.topicErrors[0] ?? { errorCode: -1, errorMessage: null };
  if (errorCode !== 0 && actionFor(errorCode) !== 'done') {
    throw new BrokerError(`cannot create topic ${topic}`, errorCode, errorMessage);
  }
}

/** How large a batch the topic takes, and how it stores it; null where that cannot be learned. */
export async function topicLimit(link: Link, topic: string): Promise<TopicLimit | null> {
  const answer = await link.request<{
    resources: { configEntries: { configName: string; configValue: string }[] }[];
  }>('DescribeConfigs', {
    resources: [{ type: TOPIC_RESOURCE, name: topic, configNames: [MAX_MESSAGE_BYTES, COMPRESSION_TYPE] }],
    includeSynonyms: false,
  });
  const said = (name: string) => answer.resources[0]?.configEntries.find((e) => e.configName === name)?.configValue;
  const bytes = Number(said(MAX_MESSAGE_BYTES));
  const codec = CODECS.find((codec) => codec === said(COMPRESSION_TYPE));
  if (!(bytes > 0)) return null;
  return { bytes, codec: said(COMPRESSION_TYPE) === 'uncompressed' ? 'none' : (codec ?? 'producer') };
}

/** The partition's first offset, or the one behind its last that a reader of this isolation gets. */
export async function listOffset(
  link: Link,
  topic: string,
  partition: number,
  which: 'first' | 'end',
  isolation: Isolation,
): Promise<{ errorCode: number; offset: string }> {
  const answer = await link.request<{ responses: { partitions: { errorCode: number; offset: string }[] }[] }>(
    'ListOffsets',
    {
      replicaId: -1,
      isolationLevel: isolation === 'read_committed' ? 1 : 0,
      topics: [{ topic, partitions: [{ partition, timestamp: which === 'first' ? -2 : -1 }] }],
    },
  );
  return answer.responses[0]!.partitions[0]!;
}

/** The broker that keeps the books of this transactional id. */
export async function coordinatorOf(link: Link, transactionalId: string): Promise<Address> {
  const { errorCode, errorMessage, coordinator } = await link.request<{
    errorCode: number;
    errorMessage: string | null;
    coordinator: Address;
  }>('GroupCoordinator', { groupId: transactionalId, coordinatorType: TRANSACTION });
  if (errorCode !== 0) throw new BrokerError('cannot find the transactions coordinator', errorCode, errorMessage);
  return { host: coordinator.host, port: coordinator.port };
}
