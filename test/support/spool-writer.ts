/**
 * A process for tests to kill: writes the numbers from where the spool ends up to TOTAL, ten a block, and drains the
 * spool to Kafka meanwhile. Ends when all is acknowledged.
 *
 *   node test/support/spool-writer.ts DIR BROKERS TOPIC TOTAL
 */
import { KafkaClient } from '../../src/kafka/connect/client.ts';
import { Sender } from '../../src/kafka/send/sender.ts';
import { drain } from '../../src/spool/drain.ts';
import { Spool } from '../../src/spool/spool.ts';
import { makeBlock } from './blocks.ts';

const [dir, brokers, topic, total] = process.argv.slice(2) as [string, string, string, string];
const spool = await Spool.open(dir, { max_size: 64 * 1024 * 1024, when_full: 'drop_oldest', sync: 1000 }, (...drop) => {
  throw new Error(`lost: ${drop.join(' ')}`);
});
const client = new KafkaClient({ brokers: [brokers], client_id: 'test', create_topics: false, longest_pause: 200 });
const stop = new AbortController();
const senders: Sender[] = [];
const partition = spool.partition(topic);
const draining = drain(partition, {
  signal: stop.signal,
  target: async () => ({ partitions: await client.partitions(topic, stop.signal), topic: client.topicIdentity(topic) }),
  partitions: () => client.topics.known(topic),
  sender: (partition, numbers) => {
    const sender = new Sender(client, { topic, partition, ...numbers });
    senders.push(sender);
    return sender;
  },
  onForwarded: () => {},
});
process.stdout.write('ready\n');
for (let from = partition.nextOffset; from < Number(total); from += 10) {
  const values = Array.from({ length: 10 }, (_, i) => String(from + i));
  await partition.append(await makeBlock(topic, values), 'written');
}
await partition.emptied(AbortSignal.timeout(60_000));
stop.abort();
await draining;
for (const sender of senders) await sender.stop();
client.close();
await spool.close();
process.stdout.write(`possible duplicates: ${senders.reduce((n, s) => n + s.status.possible_duplicates, 0)}\n`);
