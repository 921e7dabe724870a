/**
 * Kafka's DescribeTransactions request and response, version 0 (KIP-664, Kafka 3.0), for one transactional id: what its
 * coordinator has of the last transaction. The encoding is the flexible one, see metadata.ts.
 *
 * Request:
 *   size i32 | apiKey i16 = 65 | apiVersion i16 | correlationId i32 | clientId string (i16 length) | tags
 *   | transactionalIds [ id ] | tags
 *
 * Response, after the correlation id:
 *   tags | throttleTime i32 | transactions [ errorCode i16 | id | state | timeout i32 | began i64 | producerId i64
 *       | producerEpoch i16 | topics [ name | partitions [i32] | tags ] | tags ] | tags
 */
import { uvarint } from './metadata.ts';
import { AnswerReader } from './reader.ts';

export const DESCRIBE_TRANSACTIONS = 65;
export const DESCRIBE_TRANSACTIONS_VERSION = 0;

/** The coordinator's answer for one id. */
export interface TransactionState {
  errorCode: number;
  /** `Empty`, `Ongoing`, `PrepareCommit`, `CompleteCommit`, `PrepareAbort`, `CompleteAbort`, `PrepareEpochFence`, `Dead`. */
  state: string;
  /** Of the transaction that is open, or whose markers are being written. */
  partitions: { topic: string; partition: number }[];
}

export function describeTransactionsRequest(f: { correlationId: number; clientId: string; id: string }): Buffer {
  const clientId = Buffer.from(f.clientId);
  const head = Buffer.alloc(4 + 2 + 2 + 4 + 2);
  head.writeInt16BE(DESCRIBE_TRANSACTIONS, 4);
  head.writeInt16BE(DESCRIBE_TRANSACTIONS_VERSION, 6);
  head.writeInt32BE(f.correlationId, 8);
  head.writeInt16BE(clientId.length, 12);
  const id = Buffer.from(f.id);
  const tags = Buffer.of(0);
  // One id: lengths of arrays and strings are one more.
  const out = Buffer.concat([head, clientId, tags, Buffer.of(2), uvarint(id.length + 1), id, tags]);
  out.writeInt32BE(out.length - 4, 0);
  return out;
}

/** Throws a RangeError where the answer is malformed. */
export function describedTransaction(payload: Buffer): { described: TransactionState | null; throttleTime: number } {
  const r = new AnswerReader(payload);
  r.tags();
  const throttleTime = r.int32();
  const [described = null] = r.array(() => {
    const errorCode = r.int16();
    r.string();
    const state = r.string() ?? '';
    r.skip(4 + 8 + 8 + 2);
    const topics = r.array(() => {
      const topic = r.string() ?? '';
      const partitions = r.array(() => r.int32());
      r.tags();
      return partitions.map((partition) => ({ topic, partition }));
    });
    r.tags();
    return { errorCode, state, partitions: topics.flat() };
  });
  r.tags();
  return { described, throttleTime };
}
