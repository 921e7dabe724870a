/** What is read from partitions: waits for Kafka and for a leader, as a client does. */
import { abortable } from '../../core/abort.ts';
import type { KafkaClient } from '../connect/client.ts';
import type { Link } from '../connect/connection.ts';
import { listOffset } from '../connect/requests.ts';
import { actionFor, BrokerError } from '../wire/errors.ts';
import type { Fetch, FetchedPartition, FetchPartition, Isolation } from '../wire/fetch.ts';

/** A Fetch of one partition, by its topic's name. */
export type FetchOne = Omit<Fetch, 'partitions'> & Omit<FetchPartition, 'topicId'>;

export async function fetchOne(link: Link, job: FetchOne): Promise<FetchedPartition> {
  const { topic, partition, offset, isolation, maxBytes, maxWait } = job;
  const asked = { topic, topicId: null, partition, offset, maxBytes };
  const { errorCode, partitions } = await link.fetch({ partitions: [asked], isolation, maxBytes, maxWait });
  if (errorCode === 0 && partitions[0]) return partitions[0];
  throw new BrokerError(`cannot read ${topic}/${partition}`, errorCode || -1);
}

/** Reads batches of a partition from its leader. What waiting does not mend is given as the answer's error code. */
export function fetchFrom(client: KafkaClient, job: FetchOne, signal: AbortSignal): Promise<FetchedPartition> {
  return client.attempt(async (signal) => {
    const link = await client.leader(job.topic, job.partition, signal, 'fetch');
    const answer = await abortable(fetchOne(link, job), signal);
    if (passes(answer.errorCode)) {
      client.topics.invalidate(job.topic);
      throw new BrokerError(`cannot read ${job.topic}/${job.partition}`, answer.errorCode);
    }
    return answer;
  }, signal);
}

/** The first offset that a partition has, or the one behind its last (`read_committed`: behind the last stable one). */
export function offsetOf(
  client: KafkaClient,
  topic: string,
  partition: number,
  which: 'first' | 'end',
  isolation: Isolation,
  signal: AbortSignal,
): Promise<number> {
  return client.attempt(async (signal) => {
    const link = await client.leader(topic, partition, signal, 'admin');
    const { errorCode, offset } = await abortable(listOffset(link, topic, partition, which, isolation), signal);
    if (errorCode === 0) return Number(offset);
    client.topics.invalidate(topic);
    throw new BrokerError(`cannot learn the offsets of ${topic}/${partition}`, errorCode);
  }, signal);
}

/** Whether an error is gone by itself, or with other metadata. */
function passes(code: number): boolean {
  return code !== 0 && ['retry', 'refresh'].includes(actionFor(code));
}
