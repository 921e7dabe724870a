/** Each topic: whether it is there, or may be made; whether it may be written to; whether its settings fit. */
import type { Path } from '../../config/errors.ts';
import type { Link } from '../connect/connection.ts';
import { createTopic, describeTopics, metadata } from '../connect/requests.ts';
import type { TopicAnswer } from '../connect/topic.ts';
import {
  actionFor,
  BrokerError,
  errorName,
  TOPIC_AUTHORIZATION_FAILED,
  UNKNOWN_TOPIC_OR_PARTITION,
} from '../wire/errors.ts';
import { type Examined, type ExaminedTopic, type Objection, whoAsks } from './asked.ts';

export interface TopicFacts {
  topic: string;
  exists: boolean;
  /** It does not exist, and the agent may make it. */
  creatable: boolean;
  partitions: number;
  /** The least of any partition. */
  replicas: number;
  in_sync: number;
  /** Kafka's names and values; null: they may not be asked for, or there is no topic. */
  settings: Record<string, string> | null;
}

const MAX_BYTES = 'max.message.bytes';
const COMPRESSION = 'compression.type';
const MIN_IN_SYNC = 'min.insync.replicas';
const CLEANUP = 'cleanup.policy';
const SETTINGS = [MAX_BYTES, COMPRESSION, MIN_IN_SYNC, CLEANUP];
/** A block as it is packed, and its header. */
const LARGEST_BATCH = 1_000_061;
const READ = 1 << 3;
const WRITE = 1 << 4;

/** `nodes`: brokers of the cluster. */
export async function examineTopics(
  link: Link,
  { kafka, topics }: Examined,
  nodes: number,
  findings: Objection[],
): Promise<TopicFacts[]> {
  const names = topics.map(({ topic }) => topic);
  const { topicMetadata } = await metadata(link, names, { rights: true });
  const answers = new Map(topicMetadata.map((answer) => [answer.topic, answer]));
  const there = names.filter((name) => answers.get(name)?.topicErrorCode === 0);
  const settings = there.length > 0 ? await describeTopics(link, there, SETTINGS) : new Map();
  const facts: TopicFacts[] = [];
  for (const one of topics) {
    const say = (level: Objection['level'], message: string, about: Path = one.path) =>
      findings.push({ level, about, message: `${one.topic}${message}` });
    const answer = answers.get(one.topic);
    const known = factsOf(one.topic, answer, settings.get(one.topic) ?? null);
    facts.push(known);
    if (answer?.topicErrorCode === 0) {
      checkRights(one, answer, whoAsks(kafka), say);
      checkReplicas(known, answer, nodes, say);
      checkSettings(one, known, kafka.compression, say);
    } else if (answer?.topicErrorCode === TOPIC_AUTHORIZATION_FAILED) {
      say('error', ` may not be seen: give ${whoAsks(kafka)} ${rightsFor(one)} on this topic`);
    } else if (answer && answer.topicErrorCode !== UNKNOWN_TOPIC_OR_PARTITION) {
      say('error', ` cannot be used: ${errorName(answer.topicErrorCode)}`);
    } else if (!kafka.create_topics) {
      say('error', ' does not exist, and kafka.create_topics is false: create it');
    } else {
      const refused = await creationRefused(link, one.topic);
      known.creatable = refused === null;
      if (refused !== null) say('error', ` does not exist, and ${refused}`);
    }
  }
  return facts;
}

type Say = (level: Objection['level'], message: string) => void;

function factsOf(topic: string, answer: TopicAnswer | undefined, settings: TopicFacts['settings']): TopicFacts {
  const parts = answer?.topicErrorCode === 0 ? answer.partitionMetadata : [];
  const least = (of: (part: (typeof parts)[number]) => readonly number[] | undefined) =>
    parts.reduce(
      (fewest, part) => Math.min(fewest, of(part)?.length ?? 0),
      parts.length === 0 ? 0 : Number.POSITIVE_INFINITY,
    );
  return {
    topic,
    exists: answer?.topicErrorCode === 0,
    creatable: false,
    partitions: parts.length,
    replicas: least(({ replicas }) => replicas),
    in_sync: least(({ isr }) => isr),
    settings,
  };
}

function rightsFor({ positions }: ExaminedTopic): string {
  return positions ? 'Describe, Read and Write' : 'Describe and Write';
}

function checkRights(one: ExaminedTopic, { operations }: TopicAnswer, who: string, say: Say): void {
  // Brokers before Kafka 3.0 do not tell it.
  if (operations === undefined || operations === null) return;
  const missing = [(operations & WRITE) === 0 && 'Write', one.positions && (operations & READ) === 0 && 'Read'].filter(
    Boolean,
  );
  if (missing.length > 0) say('error', `: no right to it: give ${who} ${missing.join(' and ')} on this topic`);
}

function checkReplicas(known: TopicFacts, { partitionMetadata }: TopicAnswer, nodes: number, say: Say): void {
  const { replicas, in_sync, settings } = known;
  const leaderless = partitionMetadata.filter(({ leader }) => leader < 0).length;
  if (leaderless > 0)
    say('error', ` has no leader for ${leaderless} of ${known.partitions} partitions: their brokers are away`);
  const least = Number(settings?.[MIN_IN_SYNC] ?? 1);
  if (least > replicas) {
    say(
      'error',
      `: ${MIN_IN_SYNC}=${least} is more than its ${count(replicas)}, so that it takes nothing with acks=all: add replicas, or set ${MIN_IN_SYNC}=${replicas}`,
    );
  } else if (least > in_sync) {
    say(
      'error',
      `: ${in_sync} of ${count(replicas)} in sync, and ${MIN_IN_SYNC}=${least}: it takes nothing until more are`,
    );
  } else if (replicas === 1 && nodes > 1) {
    say('warning', ' has one replica: while its broker is away it takes nothing, and its disk is the only one');
  } else if (least === replicas && replicas > 1) {
    say(
      'warning',
      `: ${MIN_IN_SYNC}=${least} is all of its ${count(replicas)}: it takes nothing while one broker is away`,
    );
  }
}

function count(replicas: number): string {
  return `${replicas} ${replicas === 1 ? 'replica' : 'replicas'}`;
}

function checkSettings(one: ExaminedTopic, { settings }: TopicFacts, compression: string, say: Say): void {
  if (!settings) {
    say(
      'warning',
      ': its settings may not be asked for (DescribeConfigs): what is too large is learned from what it refuses',
    );
    return;
  }
  const most = Number(settings[MAX_BYTES]);
  if (most < LARGEST_BATCH) {
    say(
      'warning',
      `: ${MAX_BYTES}=${most}: larger batches are sent in parts, and a record that alone is larger is cut; Kafka's default is 1048588`,
    );
  }
  const type = settings[COMPRESSION];
  const ours = compression === 'none' ? 'uncompressed' : compression;
  if (type !== undefined && type !== 'producer' && type !== ours) {
    say(
      'warning',
      `: ${COMPRESSION}=${type}: its brokers compress anew what comes as ${compression}: set kafka.compression: ${type === 'uncompressed' ? 'none' : type}, or ${COMPRESSION}=producer`,
    );
  }
  const compacts = /\bcompact\b/.test(settings[CLEANUP] ?? '');
  if (compacts && !one.positions) {
    say(
      'error',
      `: ${CLEANUP}=${settings[CLEANUP]}: of each key it keeps the last record, and the key is the host: set ${CLEANUP}=delete`,
    );
  } else if (!compacts && one.positions) {
    say('warning', `: ${CLEANUP}=${settings[CLEANUP]}: positions that are old are deleted: set ${CLEANUP}=compact`);
  }
}

/** Asks for it to be made, but not to make it. Null: it would be. */
async function creationRefused(link: Link, topic: string): Promise<string | null> {
  try {
    await createTopic(link, topic, {}, { only: 'validate' });
    return null;
  } catch (error) {
    if (!(error instanceof BrokerError)) throw error;
    if (actionFor(error.code) === 'denied') return 'may not be created: create it, or give the right Create on it';
    return `would not be created: ${error.detail ?? errorName(error.code)}`;
  }
}
