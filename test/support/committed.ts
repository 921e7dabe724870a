/**
 * What consumers with `isolation.level=read_committed` see of a topic, read over the agent's own connections and decoded by
 * kafkajs: fast enough for tests with many rounds, and another decoder than the agent's.
 */
import kafkajs from 'kafkajs';
import { KafkaClient } from '../../src/kafka/connect/client.ts';
import { decompress } from '../../src/records/codecs.ts';

export interface CommittedRecord {
  partition: number;
  offset: number;
  key: string | null;
  value: string;
  headers: Record<string, string>;
  /** Whose it is, `id/epoch`. */
  producer: string;
}

/** The end of a transaction in a partition. */
export interface Marker {
  partition: number;
  offset: number;
  /** `id/epoch`. */
  producer: string;
  isCommit: boolean;
}

interface Message {
  offset: string;
  key: Buffer | null;
  value: Buffer | null;
  headers: Record<string, Buffer>;
  isControlRecord: boolean;
  batchContext: { producerId: string; producerEpoch: number; inTransaction: boolean };
}

interface Fetched {
  responses: {
    partitions: {
      errorCode: number;
      highWatermark: string;
      lastStableOffset: string;
      abortedTransactions: { producerId: string; firstOffset: string }[] | null;
      messages: Message[];
    }[];
  }[];
}

const { CompressionCodecs, CompressionTypes } = kafkajs;
CompressionCodecs[CompressionTypes.ZSTD] = () => ({
  compress: () => Promise.reject(new Error('only read here')),
  decompress: (data: Buffer) => decompress('zstd', data),
});

const READ_COMMITTED = 1;

/**
 * All that is committed, by partition and offset. Waits until no transaction is open any more: one of an agent that was
 * killed ends with its timeout. The ends of transactions go into `markers`.
 */
export async function readCommitted(
  brokers: string,
  topic: string,
  limitMs = 60_000,
  markers: Marker[] = [],
): Promise<CommittedRecord[]> {
  const client = new KafkaClient({ brokers: brokers.split(','), client_id: 'test', create_topics: false });
  const signal = AbortSignal.timeout(limitMs);
  try {
    const records: CommittedRecord[] = [];
    const count = await client.partitions(topic, signal);
    for (let partition = 0; partition < count; partition++)
      await readPartition(client, topic, partition, { records, markers }, signal);
    return records;
  } finally {
    client.close();
  }
}

async function readPartition(
  client: KafkaClient,
  topic: string,
  partition: number,
  { records, markers }: { records: CommittedRecord[]; markers: Marker[] },
  signal: AbortSignal,
): Promise<void> {
  for (let offset = 0n, end = -1n; end < 0n || offset < end; ) {
    const link = await client.leader(topic, partition, signal);
    const where = {
      partition,
      currentLeaderEpoch: -1,
      fetchOffset: String(offset),
      logStartOffset: '-1',
      maxBytes: 1 << 22,
    };
    const { responses } = await link.request<Fetched>('Fetch' as never, {
      replicaId: -1,
      maxWaitTime: 200,
      minBytes: 1,
      maxBytes: 1 << 22,
      isolationLevel: READ_COMMITTED,
      topics: [{ topic, partitions: [where] }],
    });
    const { errorCode, highWatermark, abortedTransactions, messages } = responses[0]!.partitions[0]!;
    if (errorCode !== 0) throw new Error(`cannot read ${topic}: error ${errorCode}`);
    if (end < 0n) end = BigInt(highWatermark);
    const aborted = [...(abortedTransactions ?? [])].sort((a, b) => Number(a.firstOffset) - Number(b.firstOffset));
    const aborting = new Set<string>();
    for (const message of messages) {
      const at = BigInt(message.offset);
      const { producerId, producerEpoch, inTransaction } = message.batchContext;
      const producer = `${producerId}/${producerEpoch}`;
      while (aborted[0] && BigInt(aborted[0].firstOffset) <= at) aborting.add(aborted.shift()!.producerId);
      if (message.isControlRecord) {
        aborting.delete(producerId);
        markers.push({ partition, offset: Number(at), producer, isCommit: message.key?.readInt16BE(2) === 1 });
      } else if (at >= offset && !(inTransaction && aborting.has(producerId))) {
        const headers = Object.entries(message.headers).map(([name, value]) => [name, String(value)]);
        const [key, value] = [message.key && String(message.key), String(message.value ?? '')];
        records.push({ partition, offset: Number(at), key, value, headers: Object.fromEntries(headers), producer });
      }
    }
    const last = messages.at(-1);
    if (last && BigInt(last.offset) >= offset) offset = BigInt(last.offset) + 1n;
    else if (signal.aborted) throw new Error(`${topic}-${partition}: a transaction is open at offset ${offset}`);
  }
}

export async function committedValues(brokers: string, topic: string): Promise<string[]> {
  return (await readCommitted(brokers, topic)).map(({ value }) => value);
}
