/** The small requests that a producer needs, each on a link that is given: asked, decoded, refused with a BrokerError. */
import type { TopicSettings } from '../../core/input.ts';
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
const COORDINATORS = { group: 0, transaction: 1 } as const;
export type Coordinated = keyof typeof COORDINATORS;

export interface Producer {
  producerId: bigint;
  epoch: number;
}

/** Of the nodes and these topics; where the brokers tell the topics' ids, with them, and what the asker may do (`rights`). */
export async function metadata(
  link: Link,
  topics: readonly string[],
  { rights = false }: { rights?: boolean } = {},
): Promise<Metadata> {
  const answer = await link.metadata(topics, rights);
  return answer ?? (await link.request<Metadata>('Metadata', { topics, allowAutoTopicCreation: false }));
}

/** `transactional`: the link is to its coordinator. Whoever has this id until now is fenced. */
export async function initProducerId(link: Link, transactional?: { id: string; timeout: number }): Promise<Producer> {
  const answer = await link.request<{ errorCode: number; producerId: string; producerEpoch: number }>(
    'InitProducerId',
    { transactionalId: transactional?.id ?? null, transactionTimeout: transactional?.timeout ?? 60_000 },
  );
  if (answer.errorCode === 0) return { producerId: BigInt(answer.producerId), epoch: answer.producerEpoch };
  throw new BrokerError('cannot get a producer id', answer.errorCode);
}

/**
 * Creates a topic with the brokers' default partitions, and replicas unless they are said; one that is there is as good.
 * `validate`: would it be?
 */
export async function createTopic(
  link: Link,
  topic: string,
  settings: Readonly<Record<string, string>>,
  { only, replicas = -1 }: { only?: 'validate'; replicas?: number } = {},
): Promise<void> {
  const configEntries = Object.entries(settings).map(([name, value]) => ({ name, value }));
  const answer = await link.request<{ topicErrors: { errorCode: number; errorMessage: string | null }[] }>(
    'CreateTopics',
    {
      topics: [{ topic, numPartitions: -1, replicationFactor: replicas, configEntries }],
      validateOnly: only === 'validate',
      timeout: CREATE_TIMEOUT,
    },
  );
  const { errorCode, errorMessage } = answer.topicErrors[0] ?? { errorCode: -1, errorMessage: null };
  if (errorCode !== 0 && actionFor(errorCode) !== 'done') {
    throw new BrokerError(`cannot create topic ${topic}`, errorCode, errorMessage);
  }
}

/** Settings of topics, by Kafka's names; those of which they may not be asked for are left out. */
export async function describeTopics(
  link: Link,
  topics: readonly string[],
  settings: readonly string[],
): Promise<Map<string, Record<string, string>>> {
  const { resources } = await link.request<{
    resources: {
      errorCode: number;
      resourceName: string;
      configEntries: { configName: string; configValue: string | null }[];
    }[];
  }>('DescribeConfigs', {
    resources: topics.map((name) => ({ type: TOPIC_RESOURCE, name, configNames: settings })),
    includeSynonyms: false,
  });
  const told = resources.filter(({ errorCode, configEntries }) => errorCode === 0 && configEntries.length > 0);
  const entries = ({ configEntries }: (typeof resources)[number]) =>
    Object.fromEntries(
      settings.flatMap((name) => {
        const value = configEntries.find(({ configName }) => configName === name)?.configValue;
        return typeof value === 'string' ? [[name, value]] : [];
      }),
    );
  return new Map(told.map((resource) => [resource.resourceName, entries(resource)]));
}

/**
 * The least number of replicas that a partition of the topic has, and these settings of it. Rejects where the topic may not be
 * seen, or is not there.
 */
export async function topicSettings(link: Link, topic: string, settings: readonly string[]): Promise<TopicSettings> {
  const said = (await metadata(link, [topic])).topicMetadata[0];
  if (said?.topicErrorCode) throw new BrokerError('no broker tells of it', said.topicErrorCode);
  const replicas = (said?.partitionMetadata ?? []).map((part) => part.replicas?.length ?? 0);
  if (replicas.length === 0) throw new Error('no broker tells of its partitions');
  const told = await describeTopics(link, [topic], settings);
  return { replicas: Math.min(...replicas), settings: told.get(topic) ?? null };
}

/** How large a batch the topic takes, and how it stores it; null where that cannot be learned. */
export async function topicLimit(link: Link, topic: string): Promise<TopicLimit | null> {
  const told = await describeTopics(link, [topic], [MAX_MESSAGE_BYTES, COMPRESSION_TYPE]);
  const said = (name: string) => told.get(topic)?.[name];
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

/** The broker that keeps the books of this group, or transactional id. */
export async function coordinatorOf(link: Link, id: string, of: Coordinated): Promise<Address> {
  const { errorCode, errorMessage, coordinator } = await link.request<{
    errorCode: number;
    errorMessage: string | null;
    coordinator: Address;
  }>('GroupCoordinator', { groupId: id, coordinatorType: COORDINATORS[of] });
  const what =
    of === 'group' ? `cannot find the coordinator of group ${id}` : 'cannot find the transactions coordinator';
  if (errorCode !== 0) throw new BrokerError(what, errorCode, errorMessage);
  return { host: coordinator.host, port: coordinator.port };
}
