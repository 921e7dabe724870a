/**
 * Kafka's Metadata request and response, version 12 (Kafka 3.0): the first that kafkajs does not have, for the topics' ids.
 * A topic that is deleted and made anew has another id under the same name.
 *
 * The encoding is the flexible one: `uvarint` for lengths, strings and arrays with their length + 1 (0: null), and after
 * each structure its tagged fields, of which none is of interest here.
 *
 * Request:
 *   size i32 | apiKey i16 = 3 | apiVersion i16 | correlationId i32 | clientId string (i16 length) | tags
 *   | topics [ topicId uuid = 0 | name | tags ] | allowAutoTopicCreation i8 = 0 | includeAuthorizedOperations i8 | tags
 *
 * Response, after the correlation id:
 *   tags | throttleTime i32 | brokers [ nodeId i32 | host | port i32 | rack nullable | tags ] | clusterId nullable
 *   | controllerId i32
 *   | topics [ errorCode i16 | name nullable | topicId uuid | isInternal i8
 *     | partitions [ errorCode i16 | partition i32 | leader i32 | leaderEpoch i32 | replicas [i32] | isr [i32]
 *       | offline [i32] | tags ]
 *     | authorizedOperations i32 | tags ] | tags
 */
import type { TopicAnswer } from '../connect/topic.ts';
import { AnswerReader } from './reader.ts';

export const METADATA = 3;
export const METADATA_VERSION = 12;

const UUID_BYTES = 16;
/** In place of the operations. */
const NOT_ASKED = -(2 ** 31);
const NO_ID = '0'.repeat(2 * UUID_BYTES);

/** The answer, with the names that kafkajs gives to older versions of it. */
export interface Metadata {
  brokers: { nodeId: number; host: string; port: number }[];
  clusterId: string | null;
  controllerId: number;
  topicMetadata: TopicAnswer[];
}

/** `rights`: the answer is to say what may be done with the topics. */
export function metadataRequest(f: {
  correlationId: number;
  clientId: string;
  topics: readonly string[];
  rights?: boolean;
}): Buffer {
  const head = Buffer.alloc(4 + 2 + 2 + 4);
  head.writeInt16BE(METADATA, 4);
  head.writeInt16BE(METADATA_VERSION, 6);
  head.writeInt32BE(f.correlationId, 8);
  const clientId = Buffer.from(f.clientId);
  const length = Buffer.alloc(2);
  length.writeInt16BE(clientId.length);
  const parts = [head, length, clientId, NO_TAGS, uvarint(f.topics.length + 1)];
  for (const topic of f.topics) {
    const name = Buffer.from(topic);
    parts.push(Buffer.alloc(UUID_BYTES), uvarint(name.length + 1), name, NO_TAGS);
  }
  // No topic is made by asking for it.
  parts.push(Buffer.of(0, f.rights ? 1 : 0), NO_TAGS);
  const out = Buffer.concat(parts);
  out.writeInt32BE(out.length - 4, 0);
  return out;
}

/** Throws a RangeError where the answer is malformed. */
export function metadataAnswer(payload: Buffer): Metadata & { throttleTime: number } {
  const r = new AnswerReader(payload);
  r.tags();
  const throttleTime = r.int32();
  const brokers = r.array(() => {
    const [nodeId, host, port] = [r.int32(), r.string() ?? '', r.int32()];
    r.string();
    r.tags();
    return { nodeId, host, port };
  });
  const clusterId = r.string();
  const controllerId = r.int32();
  const topicMetadata = r.array(() => {
    const [topicErrorCode, topic, id] = [r.int16(), r.string() ?? '', r.uuid()];
    r.skip(1);
    const partitionMetadata = r.array(() => {
      r.skip(2);
      const [partitionId, leader] = [r.int32(), r.int32()];
      r.skip(4);
      const [replicas, isr] = [r.array(() => r.int32()), r.array(() => r.int32())];
      r.array(() => r.int32());
      r.tags();
      return { partitionId, leader, replicas, isr };
    });
    const operations = r.int32();
    r.tags();
    return {
      topicErrorCode,
      topic,
      topicId: id === NO_ID ? null : id,
      operations: operations === NOT_ASKED ? null : operations,
      partitionMetadata,
    };
  });
  r.tags();
  return { brokers, clusterId, controllerId, topicMetadata, throttleTime };
}

const NO_TAGS = Buffer.of(0);

/** Of lengths in the flexible encoding. */
export function uvarint(n: number): Buffer {
  const out: number[] = [];
  let rest = n;
  for (; rest > 0x7f; rest >>>= 7) out.push((rest & 0x7f) | 0x80);
  out.push(rest);
  return Buffer.from(out);
}
