/**
 * A member of a group that reads and does nothing else: `node consume-process.ts BROKERS TOPIC GROUP COUNT`. Says, once it
 * has COUNT records, what that took, as JSON; then a line for each line on stdin: its CPU seconds until now.
 */
import { writeSync } from 'node:fs';
import { KafkaClient } from '../../src/kafka/connect/client.ts';
import { GroupConsumer } from '../../src/kafka/read/consumer.ts';

const [, , brokers, topic, group, count] = process.argv as string[];

const cpu = () => {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
};
const client = new KafkaClient({ brokers: [brokers!], client_id: 'bench', create_topics: false, quiet: true });
let records = 0;
let bytes = 0;
let began = 0;
const consumer = new GroupConsumer({
  client,
  group: group!,
  instance: 'bench',
  topics: [topic!],
  sessionTimeout: 10_000,
  budget: 64 << 20,
  outOfRange: 'first',
  handler: {
    assigned(partitions) {
      began = performance.now();
      for (const partition of partitions) partition.seek('first');
    },
    settle: async () => undefined,
    lost: () => undefined,
    skipped: () => undefined,
    records(set) {
      records += set.count;
      bytes += set.bytes.length;
      set.release();
      if (records !== Number(count)) return;
      const { maxRSS } = process.resourceUsage();
      const seconds = (performance.now() - began) / 1000;
      writeSync(1, `${JSON.stringify({ records, bytes, seconds, cpu: cpu(), peakMb: (maxRSS * 1024) / 1e6 })}\n`);
    },
  },
});
process.stdin.on('data', () => writeSync(1, `${cpu()}\n`));
process.stdin.on('end', () => process.exit());
await consumer.run();
