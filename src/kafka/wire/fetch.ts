/**
 * Kafka's Fetch request and response for one partition, versions 4 to 11 (big-endian, not the flexible encoding that
 * begins with 12). zstd needs version 10 at least; brokers that have zstd know it.
 *
 * Request:
 *   size i32 | apiKey i16 = 1 | apiVersion i16 | correlationId i32 | clientId string
 *   | replica i32 = -1 | maxWait i32 | minBytes i32 | maxBytes i32 | isolation i8 | session id i32 = 0 and epoch i32 = -1 (7+)
 *   | topics i32 = 1 | topic string | partitions i32 = 1 | partition i32 | leader epoch i32 = -1 (9+) | offset i64
 *   | logStartOffset i64 = -1 (5+) | maxBytes i32 | forgotten topics i32 = 0 (7+) | rack string = '' (11+)
 *
 * Response, after the correlation id:
 *   throttleTime i32 | errorCode i16 and session i32 (7+)
 *   | topics [ name string | partitions [ partition i32 | errorCode i16 | highWatermark i64 | lastStableOffset i64
 *     | logStartOffset i64 (5+) | aborted [ producerId i64 | firstOffset i64 ] nullable | preferredReplica i32 (11+)
 *     | bytes i32 | batches ] ]
 *
 * The last batch may be cut short: the broker fills the bytes that it was given.
 */
export const FETCH = 1;
export const FETCH_MIN_VERSION = 4;
export const FETCH_MAX_VERSION = 11;
const ABORTED_BYTES = 16;

export type Isolation = 'read_committed' | 'read_uncommitted';

export interface Fetch {
  topic: string;
  partition: number;
  offset: number;
  isolation: Isolation;
  /** The answer is about as large at most, one batch at least. */
  maxBytes: number;
  /** How long the broker may wait for something to be there, milliseconds. */
  maxWait: number;
}

export interface FetchAnswer {
  errorCode: number;
  highWatermark: number;
  /** Before it no transaction is open. */
  lastStableOffset: number;
  /** Transactions that were aborted, by where they began. */
  aborted: { producerId: bigint; firstOffset: number }[];
  /** Record batches, one behind the other. */
  batches: Buffer;
  throttleTime: number;
}

export function fetchRequest(f: Fetch & { version: number; correlationId: number; clientId: string }): Buffer {
  const { version } = f;
  const clientId = Buffer.byteLength(f.clientId);
  const topic = Buffer.byteLength(f.topic);
  const out = Buffer.alloc(128 + clientId + topic);
  let at = out.writeInt16BE(FETCH, 4);
  at = out.writeInt16BE(version, at);
  at = out.writeInt32BE(f.correlationId, at);
  at = out.writeInt16BE(clientId, at);
  at += out.write(f.clientId, at);
  at = out.writeInt32BE(-1, at);
  at = out.writeInt32BE(f.maxWait, at);
  at = out.writeInt32BE(1, at);
  at = out.writeInt32BE(f.maxBytes, at);
  at = out.writeInt8(f.isolation === 'read_committed' ? 1 : 0, at);
  if (version >= 7) {
    at = out.writeInt32BE(0, at);
    at = out.writeInt32BE(-1, at);
  }
  at = out.writeInt32BE(1, at);
  at = out.writeInt16BE(topic, at);
  at += out.write(f.topic, at);
  at = out.writeInt32BE(1, at);
  at = out.writeInt32BE(f.partition, at);
  if (version >= 9) at = out.writeInt32BE(-1, at);
  at = out.writeBigInt64BE(BigInt(f.offset), at);
  if (version >= 5) at = out.writeBigInt64BE(-1n, at);
  at = out.writeInt32BE(f.maxBytes, at);
  if (version >= 7) at = out.writeInt32BE(0, at);
  if (version >= 11) at = out.writeInt16BE(0, at);
  out.writeInt32BE(at - 4, 0);
  return out.subarray(0, at);
}

/** Reads the answer to a request for one partition. Throws a RangeError where it is malformed. */
export function fetchAnswer(payload: Buffer, version: number): FetchAnswer {
  const throttleTime = payload.readInt32BE(0);
  let at = 4;
  let general = 0;
  if (version >= 7) {
    general = payload.readInt16BE(at);
    at += 2 + 4;
  }
  const nothing = { highWatermark: -1, lastStableOffset: -1, aborted: [], batches: Buffer.alloc(0), throttleTime };
  if (general !== 0) return { errorCode: general, ...nothing };
  if (payload.readInt32BE(at) !== 1) throw new RangeError('an answer for another number of topics than one');
  at += 4;
  at += 2 + payload.readInt16BE(at);
  if (payload.readInt32BE(at) !== 1) throw new RangeError('an answer for another number of partitions than one');
  at += 4 + 4;
  const errorCode = payload.readInt16BE(at);
  const highWatermark = Number(payload.readBigInt64BE(at + 2));
  const lastStableOffset = Number(payload.readBigInt64BE(at + 10));
  at += 18;
  if (version >= 5) at += 8;
  const aborted: FetchAnswer['aborted'] = [];
  const count = payload.readInt32BE(at);
  at += 4;
  if (count * ABORTED_BYTES > payload.length - at) throw new RangeError('an answer that is cut short');
  for (let i = 0; i < count; i++, at += ABORTED_BYTES) {
    aborted.push({
      producerId: payload.readBigInt64BE(at),
      firstOffset: Number(payload.readBigInt64BE(at + 8)),
    });
  }
  if (version >= 11) at += 4;
  const bytes = Math.max(0, payload.readInt32BE(at));
  at += 4;
  if (at + bytes > payload.length) throw new RangeError('an answer that is cut short');
  return {
    errorCode,
    highWatermark,
    lastStableOffset,
    aborted,
    batches: payload.subarray(at, at + bytes),
    throttleTime,
  };
}
