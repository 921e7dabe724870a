/** Reads a topic to its end, record by record, without keeping it: what the crash tests read does not fit in memory. */
import { promisify } from 'node:util';
import { zstdDecompress } from 'node:zlib';
import kafkajs from 'kafkajs';
import { endOffsets } from '../support/kafka.ts';

const { CompressionTypes, CompressionCodecs } = kafkajs;
CompressionCodecs[CompressionTypes.ZSTD] = () => ({
  compress: () => Promise.reject(new Error('these tests only read')),
  decompress: promisify(zstdDecompress),
});

/** Written behind everything: what comes before it is the topic's end. */
const END = '-- end of the crash test --';

/** What a reader with `read_committed` sees. Resolves with how many records there were. */
export async function consume(brokers: string, topic: string, each: (value: Buffer) => void): Promise<number> {
  const client = new kafkajs.Kafka({ brokers: brokers.split(','), logLevel: kafkajs.logLevel.NOTHING });
  const partitions = (await endOffsets(brokers, topic)).map((_, partition) => partition);
  const producer = client.producer();
  await producer.connect();
  await producer.send({ topic, acks: -1, messages: partitions.map((partition) => ({ partition, value: END })) });
  await producer.disconnect();

  const consumer = client.consumer({ groupId: `crash-${process.pid}-${Math.random()}` });
  const { promise: done, resolve, reject } = Promise.withResolvers<void>();
  consumer.on(consumer.events.CRASH, ({ payload }) => reject(payload.error));
  const left = new Set(partitions);
  let count = 0;
  await consumer.connect();
  await consumer.subscribe({ topic, fromBeginning: true });
  await consumer.run({
    autoCommit: false,
    eachBatch: async ({ batch }) => {
      for (const { value } of batch.messages) {
        if (value?.toString() === END) left.delete(batch.partition);
        else {
          count++;
          each(value ?? Buffer.alloc(0));
        }
      }
      if (left.size === 0) resolve();
    },
  });
  try {
    await done;
  } finally {
    await consumer.disconnect();
  }
  return count;
}
