/**
 * Kafka's Produce request and response, versions 3 to 8 (big-endian, not the flexible encoding that begins with 9).
 *
 * Request, as one prefix; the record batch follows as its own buffers, so nothing is copied:
 *   size i32 | apiKey i16 = 0 | apiVersion i16 | correlationId i32 | clientId string
 *   | transactionalId nullable string | acks i16 | timeout i32
 *   | topics i32 = 1 | topic string | partitions i32 = 1 | partition i32 | bytes of the batch i32 | batch
 *
 * Response, after the correlation id:
 *   topics [ name string | partitions [ partition i32 | errorCode i16 | baseOffset i64 | logAppendTime i64
 *     | logStartOffset i64 (5+) | recordErrors [ index i32 | message nullable string ] (8+) | errorMessage nullable string (8+) ] ]
 *   | throttleTime i32
 */
import { HEADER_BYTES } from '../../records/record-batch.ts';

export const PRODUCE_MIN_VERSION = 3;
export const PRODUCE_MAX_VERSION = 8;
const ACKS_ALL = -1;
/** At least. */
const RECORD_ERROR_BYTES = 6;

export interface ProduceFields {
  version: number;
  correlationId: number;
  clientId: string;
  transactionalId: string | null;
  /** How long the leader may wait for its replicas, milliseconds. */
  timeout: number;
  topic: string;
  partition: number;
  /** Bytes of the records section, the batch header not counted. */
  bodyBytes: number;
}

export interface ProduceAnswer {
  errorCode: number;
  baseOffset: bigint;
  /** What the broker says about the error, since version 8. */
  message: string | null;
  throttleTime: number;
}

export function producePrefix(f: ProduceFields): Buffer {
  const clientId = Buffer.byteLength(f.clientId);
  const transactionalId = f.transactionalId === null ? 0 : Buffer.byteLength(f.transactionalId);
  const topic = Buffer.byteLength(f.topic);
  const size = 4 + 2 + 2 + 4 + (2 + clientId) + (2 + transactionalId) + 2 + 4 + 4 + (2 + topic) + 4 + 4 + 4;
  const out = Buffer.allocUnsafe(size);
  const batchBytes = HEADER_BYTES + f.bodyBytes;
  let at = out.writeInt32BE(size - 4 + batchBytes, 0);
  at = out.writeInt16BE(0, at);
  at = out.writeInt16BE(f.version, at);
  at = out.writeInt32BE(f.correlationId, at);
  at = out.writeInt16BE(clientId, at);
  at += out.write(f.clientId, at);
  at = out.writeInt16BE(f.transactionalId === null ? -1 : transactionalId, at);
  if (f.transactionalId !== null) at += out.write(f.transactionalId, at);
  at = out.writeInt16BE(ACKS_ALL, at);
  at = out.writeInt32BE(f.timeout, at);
  at = out.writeInt32BE(1, at);
  at = out.writeInt16BE(topic, at);
  at += out.write(f.topic, at);
  at = out.writeInt32BE(1, at);
  at = out.writeInt32BE(f.partition, at);
  out.writeInt32BE(batchBytes, at);
  return out;
}

/** Reads the answer to a request for one partition. Throws a RangeError where it is malformed. */
export function produceAnswer(payload: Buffer, version: number): ProduceAnswer {
  let at = 0;
  const string = (): string | null => {
    const length = payload.readInt16BE(at);
    at += 2;
    if (length < 0) return null;
    at += length;
    if (at > payload.length) throw new RangeError('an answer that is cut short');
    return payload.toString('utf8', at - length, at);
  };
  if (payload.readInt32BE(at) !== 1) throw new RangeError('an answer for another number of topics than one');
  at += 4;
  string();
  if (payload.readInt32BE(at) !== 1) throw new RangeError('an answer for another number of partitions than one');
  at += 4 + 4;
  const errorCode = payload.readInt16BE(at);
  const baseOffset = payload.readBigInt64BE(at + 2);
  at += 2 + 8 + 8;
  if (version >= 5) at += 8;
  let message: string | null = null;
  if (version >= 8) {
    const errors = payload.readInt32BE(at);
    at += 4;
    if (errors * RECORD_ERROR_BYTES > payload.length - at) throw new RangeError('an answer that is cut short');
    for (let i = 0; i < errors; i++) {
      at += 4;
      const said = string();
      message ??= said;
    }
    // What is said about a record names the limit, what is said about the batch only that there was one.
    const general = string();
    message ??= general;
  }
  return { errorCode, baseOffset, message, throttleTime: payload.readInt32BE(at) };
}
