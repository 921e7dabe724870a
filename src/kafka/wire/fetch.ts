/**
 * Kafka's Fetch request and response for partitions of one broker, versions 4 to 11 (big-endian) and 13 (flexible encoding:
 * see reader.ts). zstd needs version 10 at least; brokers that have zstd know it. Version 13 names topics by their ids, so
 * that what is read is of that topic for certain: one that was made anew has another id under the same name.
 *
 * Request:
 *   size i32 | apiKey i16 = 1 | apiVersion i16 | correlationId i32 | clientId string | tags (13)
 *   | replica i32 = -1 | maxWait i32 | minBytes i32 | maxBytes i32 | isolation i8 | session id i32 = 0 and epoch i32 = -1 (7+)
 *   | topics [ topic string, (13) topicId uuid | partitions [ partition i32 | leader epoch i32 = -1 (9+) | offset i64
 *     | last fetched epoch i32 = -1 (13) | logStartOffset i64 = -1 (5+) | maxBytes i32 | tags (13) ] | tags (13) ]
 *   | forgotten topics [] (7+) | rack string = '' (11+) | tags (13)
 *
 * Response, after the correlation id:
 *   tags (13) | throttleTime i32 | errorCode i16 and session i32 (7+)
 *   | topics [ name string, (13) topicId uuid | partitions [ partition i32 | errorCode i16 | highWatermark i64
 *     | lastStableOffset i64 | logStartOffset i64 (5+) | aborted [ producerId i64 | firstOffset i64 | tags (13) ] nullable
 *     | preferredReplica i32 (11+) | bytes i32, (13) uvarint | batches | tags (13) ] | tags (13) ] | tags (13)
 *
 * The last batch may be cut short: the broker fills the bytes that it was given.
 */
import { AnswerReader } from './reader.ts';

export const FETCH = 1;
export const FETCH_MIN_VERSION = 4;
export const FETCH_MAX_VERSION = 11;
export const FETCH_BY_ID_VERSION = 13;
const ABORTED_BYTES = 16;
const PARTITION_BYTES = 64;

export type Isolation = 'read_committed' | 'read_uncommitted';

/** One partition that is asked for. Those of a topic stand one behind the other. */
export interface FetchPartition {
  readonly topic: string;
  /** 32 hex digits; null: not known. */
  readonly topicId: string | null;
  readonly partition: number;
  readonly offset: number;
  /** The answer has about as much of it at most, of the first that has any one batch at least. */
  readonly maxBytes: number;
}

export interface Fetch {
  partitions: readonly FetchPartition[];
  isolation: Isolation;
  /** Of all partitions together. */
  maxBytes: number;
  /** How long the broker may wait for something to be there, milliseconds. */
  maxWait: number;
}

export interface FetchedPartition {
  /** As it was asked for. */
  asked: FetchPartition;
  errorCode: number;
  highWatermark: number;
  /** Before it no transaction is open. */
  lastStableOffset: number;
  /** Transactions that were aborted, by where they began. */
  aborted: { producerId: bigint; firstOffset: number }[];
  /** Record batches, one behind the other. */
  batches: Buffer;
}

export interface FetchAnswer {
  /** Of the request as a whole; then there are no partitions. */
  errorCode: number;
  partitions: FetchedPartition[];
  throttleTime: number;
}

interface Framed extends Fetch {
  version: number;
  correlationId: number;
  clientId: string;
}

export function fetchRequest(f: Framed): Buffer {
  const byId = f.version >= FETCH_BY_ID_VERSION;
  const topics = byTopic(f.partitions);
  let names = 0;
  for (const [{ topic }] of topics) names += Buffer.byteLength(topic) + 2 * PARTITION_BYTES;
  const out = Buffer.allocUnsafe(
    128 + Buffer.byteLength(f.clientId) + names + f.partitions.length * (PARTITION_BYTES + 1),
  );
  const { version } = f;
  let at = out.writeInt16BE(FETCH, 4);
  at = out.writeInt16BE(version, at);
  at = out.writeInt32BE(f.correlationId, at);
  at = writeString(out, f.clientId, at);
  if (byId) at = out.writeUInt8(0, at);
  at = out.writeInt32BE(-1, at);
  at = out.writeInt32BE(f.maxWait, at);
  at = out.writeInt32BE(1, at);
  at = out.writeInt32BE(f.maxBytes, at);
  at = out.writeInt8(f.isolation === 'read_committed' ? 1 : 0, at);
  if (version >= 7) {
    at = out.writeInt32BE(0, at);
    at = out.writeInt32BE(-1, at);
  }
  const count = (n: number) => {
    at = byId ? writeUvarint(out, n + 1, at) : out.writeInt32BE(n, at);
  };
  count(topics.length);
  for (const partitions of topics) {
    const { topic, topicId } = partitions[0];
    at = byId ? at + out.write(topicId!, at, 'hex') : writeString(out, topic, at);
    count(partitions.length);
    for (const { partition, offset, maxBytes } of partitions) {
      at = out.writeInt32BE(partition, at);
      if (version >= 9) at = out.writeInt32BE(-1, at);
      at = out.writeBigInt64BE(BigInt(offset), at);
      if (byId) at = out.writeInt32BE(-1, at);
      if (version >= 5) at = out.writeBigInt64BE(-1n, at);
      at = out.writeInt32BE(maxBytes, at);
      if (byId) at = out.writeUInt8(0, at);
    }
    if (byId) at = out.writeUInt8(0, at);
  }
  if (version >= 7) count(0);
  if (byId) at = out.writeUInt8(0, out.writeUInt8(1, at));
  else if (version >= 11) at = out.writeInt16BE(0, at);
  out.writeInt32BE(at - 4, 0);
  return out.subarray(0, at);
}

/** Reads the answer to `asked`. Throws a RangeError where it is malformed, or has what was not asked for. */
export function fetchAnswer(payload: Buffer, version: number, asked: readonly FetchPartition[]): FetchAnswer {
  const byId = version >= FETCH_BY_ID_VERSION;
  const wanted = new Map<string, FetchPartition>();
  for (const one of asked) wanted.set(`${byId ? one.topicId : one.topic}/${one.partition}`, one);
  const found = (topic: string, partition: number): FetchPartition => {
    const one = wanted.get(`${topic}/${partition}`);
    if (!one) throw new RangeError('an answer about a partition that was not asked for');
    return one;
  };
  return byId ? answerById(payload, found) : answerByName(payload, version, found);
}

type Find = (topic: string, partition: number) => FetchPartition;

function answerById(payload: Buffer, find: Find): FetchAnswer {
  const r = new AnswerReader(payload);
  r.tags();
  const throttleTime = r.int32();
  const errorCode = r.int16();
  r.skip(4);
  const topics = r.array(() => {
    const topic = r.uuid();
    const partitions = r.array((): FetchedPartition => {
      const asked = find(topic, r.int32());
      const errorCode = r.int16();
      const [highWatermark, lastStableOffset] = [Number(r.int64()), Number(r.int64())];
      r.skip(8);
      const aborted = r.array(() => {
        const transaction = { producerId: r.int64(), firstOffset: Number(r.int64()) };
        r.tags();
        return transaction;
      });
      r.skip(4);
      const batches = r.bytes() ?? Buffer.alloc(0);
      r.tags();
      return { asked, errorCode, highWatermark, lastStableOffset, aborted, batches };
    });
    r.tags();
    return partitions;
  });
  r.tags();
  return { errorCode, partitions: topics.flat(), throttleTime };
}

function answerByName(payload: Buffer, version: number, find: Find): FetchAnswer {
  const throttleTime = payload.readInt32BE(0);
  let at = 4;
  let errorCode = 0;
  if (version >= 7) {
    errorCode = payload.readInt16BE(at);
    at += 2 + 4;
  }
  const count = (each: number): number => {
    const n = payload.readInt32BE(at);
    at += 4;
    if (n * each > payload.length - at) throw new RangeError('an answer that is cut short');
    return n;
  };
  const partitions: FetchedPartition[] = [];
  for (let topics = count(2 + 4); topics > 0; topics--) {
    const name = payload.readInt16BE(at);
    at += 2 + name;
    const topic = payload.toString('utf8', at - name, at);
    for (let n = count(4 + 2 + 16); n > 0; n--) {
      const asked = find(topic, payload.readInt32BE(at));
      const errorCode = payload.readInt16BE(at + 4);
      const highWatermark = Number(payload.readBigInt64BE(at + 6));
      const lastStableOffset = Number(payload.readBigInt64BE(at + 14));
      at += 22 + (version >= 5 ? 8 : 0);
      const aborted: FetchedPartition['aborted'] = [];
      for (let i = count(ABORTED_BYTES); i > 0; i--, at += ABORTED_BYTES) {
        const firstOffset = Number(payload.readBigInt64BE(at + 8));
        aborted.push({ producerId: payload.readBigInt64BE(at), firstOffset });
      }
      if (version >= 11) at += 4;
      const bytes = Math.max(0, payload.readInt32BE(at));
      at += 4 + bytes;
      if (at > payload.length) throw new RangeError('an answer that is cut short');
      const batches = payload.subarray(at - bytes, at);
      partitions.push({ asked, errorCode, highWatermark, lastStableOffset, aborted, batches });
    }
  }
  return { errorCode, partitions, throttleTime };
}

type Several = [FetchPartition, ...FetchPartition[]];

function byTopic(partitions: readonly FetchPartition[]): Several[] {
  const topics: Several[] = [];
  for (const one of partitions) {
    const last = topics.at(-1);
    if (last && last[0].topic === one.topic && last[0].topicId === one.topicId) last.push(one);
    else topics.push([one]);
  }
  return topics;
}

function writeString(out: Buffer, text: string, at: number): number {
  const bytes = out.write(text, at + 2);
  out.writeInt16BE(bytes, at);
  return at + 2 + bytes;
}

function writeUvarint(out: Buffer, n: number, from: number): number {
  let [rest, at] = [n, from];
  for (; rest > 0x7f; rest >>>= 7) at = out.writeUInt8((rest & 0x7f) | 0x80, at);
  return out.writeUInt8(rest, at);
}
