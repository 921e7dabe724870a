/**
 * Kafka's DescribeQuorum request and response, version 1 (KIP-836, Kafka 3.3), for the time by the cluster's clock: of the
 * voter that leads, the answer has as `lastFetch` the moment in which it was made. No other answer tells a broker's time.
 * The encoding is the flexible one, see metadata.ts.
 *
 * Request:
 *   size i32 | apiKey i16 = 55 | apiVersion i16 | correlationId i32 | clientId string (i16 length) | tags
 *   | topics [ name | partitions [ partition i32 | tags ] | tags ] | tags
 *
 * Response, after the correlation id:
 *   tags | errorCode i16 | topics [ name | partitions [ partition i32 | errorCode i16 | leader i32 | leaderEpoch i32
 *       | highWatermark i64 | voters [ id i32 | logEnd i64 | lastFetch i64 | lastCaughtUp i64 | tags ] | observers [...]
 *       | tags ] | tags ] | tags
 */
import { AnswerReader } from './reader.ts';

export const DESCRIBE_QUORUM = 55;
export const DESCRIBE_QUORUM_VERSION = 1;

const TOPIC = '__cluster_metadata';

export function describeQuorumRequest({
  correlationId,
  clientId,
}: {
  correlationId: number;
  clientId: string;
}): Buffer {
  const id = Buffer.from(clientId);
  const head = Buffer.alloc(4 + 2 + 2 + 4 + 2);
  head.writeInt16BE(DESCRIBE_QUORUM, 4);
  head.writeInt16BE(DESCRIBE_QUORUM_VERSION, 6);
  head.writeInt32BE(correlationId, 8);
  head.writeInt16BE(id.length, 12);
  const tags = 0;
  // One topic, one partition, 0. Lengths of arrays and strings are one more.
  const topic = Buffer.from([tags, 2, TOPIC.length + 1, ...Buffer.from(TOPIC), 2, 0, 0, 0, 0, tags, tags, tags]);
  const out = Buffer.concat([head, id, topic]);
  out.writeInt32BE(out.length - 4, 0);
  return out;
}

/** Milliseconds since the epoch; null where the broker may not or cannot tell it. Throws a RangeError where the answer is malformed. */
export function clusterTimeIn(payload: Buffer): { time: number | null; throttleTime: number } {
  const r = new AnswerReader(payload);
  let time: number | null = null;
  r.tags();
  const refused = r.int16() !== 0;
  r.array(() => {
    r.string();
    r.array(() => {
      r.skip(4);
      const wrong = r.int16() !== 0;
      const leader = r.int32();
      r.skip(4 + 8);
      const voters = r.array(() => {
        const voter = { id: r.int32(), end: r.int64(), fetched: Number(r.int64()) };
        r.skip(8);
        r.tags();
        return voter;
      });
      const { fetched = -1 } = voters.find(({ id }) => id === leader) ?? {};
      if (!refused && !wrong && fetched > 0) time = fetched;
      r.array(() => {
        r.skip(4 + 8 + 8 + 8);
        r.tags();
      });
      r.tags();
    });
    r.tags();
  });
  r.tags();
  return { time, throttleTime: 0 };
}
