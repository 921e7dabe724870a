/**
 * Kafka's Fetch request and response, version 4 (big-endian; the oldest that Kafka 4 takes, and there since 0.11), for
 * one partition.
 *
 * Request:
 *   replica i32 = -1 | maxWait i32 | minBytes i32 | maxBytes i32 | isolation i8
 *   | topics i32 = 1 | topic string | partitions i32 = 1 | partition i32 | offset i64 | maxBytes i32
 *
 * Response, after the correlation id:
 *   throttleTime i32 | topics [ name string | partitions [ partition i32 | errorCode i16 | highWatermark i64
 *     | lastStableOffset i64 | aborted [ producerId i64 | firstOffset i64 ] | bytes i32 | record batches ] ]
 *
 * The last batch may be cut short: it comes whole with the next request. The first is whole whatever `maxBytes` is.
 */

export const FETCH = 1;
export const FETCH_VERSION = 4;
const READ_UNCOMMITTED = 0;

export interface FetchFields {
  topic: string;
  partition: number;
  offset: bigint;
  /** How long the broker may wait for more, milliseconds. */
  maxWait: number;
  maxBytes: number;
}

export interface FetchAnswer {
  errorCode: number;
  /** The offset after the last record that all replicas have. */
  highWatermark: bigint;
  /** Record batches, those of open and aborted transactions too. */
  data: Buffer;
}

export function fetchBody(f: FetchFields): Buffer {
  const topic = Buffer.byteLength(f.topic);
  const out = Buffer.allocUnsafe(4 + 4 + 4 + 4 + 1 + 4 + (2 + topic) + 4 + 4 + 8 + 4);
  let at = out.writeInt32BE(-1, 0);
  at = out.writeInt32BE(f.maxWait, at);
  at = out.writeInt32BE(1, at);
  at = out.writeInt32BE(f.maxBytes, at);
  at = out.writeInt8(READ_UNCOMMITTED, at);
  at = out.writeInt32BE(1, at);
  at = out.writeInt16BE(topic, at);
  at += out.write(f.topic, at);
  at = out.writeInt32BE(1, at);
  at = out.writeInt32BE(f.partition, at);
  at = out.writeBigInt64BE(f.offset, at);
  out.writeInt32BE(f.maxBytes, at);
  return out;
}

/** Reads the answer to a request for one partition. Throws a RangeError where it is malformed. */
export function fetchAnswer(payload: Buffer): FetchAnswer {
  let at = 4;
  if (payload.readInt32BE(at) !== 1) throw new RangeError('an answer for another number of topics than one');
  at += 4 + 2 + payload.readInt16BE(at + 4);
  if (payload.readInt32BE(at) !== 1) throw new RangeError('an answer for another number of partitions than one');
  at += 4 + 4;
  const errorCode = payload.readInt16BE(at);
  const highWatermark = payload.readBigInt64BE(at + 2);
  at += 2 + 8 + 8;
  at += 4 + 16 * Math.max(0, payload.readInt32BE(at));
  const bytes = Math.max(0, payload.readInt32BE(at));
  at += 4;
  if (at + bytes > payload.length) throw new RangeError('an answer that is cut short');
  return { errorCode, highWatermark, data: payload.subarray(at, at + bytes) };
}
