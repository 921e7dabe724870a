/**
 * A process for tests to kill: adds numbered records with many keys to a durable lane, several adds at once, says which were
 * answered, and drains the spool to Kafka meanwhile. With TOTAL 0 it only drains, and ends when all is acknowledged.
 *
 *   node test/support/durable-writer.ts DIR BROKERS TOPIC RUN TOTAL     answered: lines of `+<run>-<number>`
 */
import { DurableLane } from '../../src/core/durable-lane.ts';
import { Pool } from '../../src/core/pool.ts';
import { KafkaClient } from '../../src/kafka/connect/client.ts';
import { Sender } from '../../src/kafka/send/sender.ts';
import { compress } from '../../src/records/codecs.ts';
import { drain } from '../../src/spool/drain.ts';
import { durableOutlet } from '../../src/spool/durable-outlet.ts';
import { parcelOf } from './parcels.ts';
import { openSpools, streamOf } from './spool-blocks.ts';

const AT_ONCE = 8;
const [dir, brokers, topic, run, total] = process.argv.slice(2) as [string, string, string, string, string];
const spools = await openSpools(dir);
const spool = await spools.durable('otlp', 256 << 20);
const client = new KafkaClient({ brokers: [brokers], client_id: 'test', create_topics: false, longest_pause: 200 });
const stop = new AbortController();
const senders: Sender[] = [];
const partition = spool.partition(topic);
const draining = drain(partition, {
  signal: stop.signal,
  target: async () => ({ partitions: await client.partitions(topic, stop.signal), topic: client.topicIdentity(topic) }),
  partitions: () => client.topics.known(topic),
  packing: () => ({ codec: 'zstd', level: 1, blockBytes: 20_000 }),
  sender: (partition, numbers) => {
    const sender = new Sender(client, { topic, partition, ...numbers });
    senders.push(sender);
    return sender;
  },
  onForwarded: () => {},
});
const pool = new Pool(32 << 20);
const outlet = durableOutlet(spool, partition);
const share = pool.share(topic);
const lane = new DurableLane({ topic, share, pool, outlet, compress, codec: 'zstd', level: 1, blockBytes: 10_000 });
const stream = streamOf('otlp.traces');
process.stdout.write('ready\n');
let number = 0;
async function add(): Promise<void> {
  while (number < Number(total)) {
    const deadline = performance.now() + 10_000;
    const names = Array.from({ length: 1 + (number % 5) }, () => `${run}-${number++}`);
    const release = await lane.reserve(1000, deadline);
    const records = names.map((name, i) => ({ key: `key-${(number + i) % 97}`, value: name }));
    const { durable } = await lane.add(stream, parcelOf(records), deadline);
    await durable;
    release();
    process.stdout.write(names.map((name) => `+${name}\n`).join(''));
  }
}
await Promise.all(Array.from({ length: AT_ONCE }, add));
await partition.emptied(AbortSignal.timeout(60_000));
stop.abort();
await draining;
for (const sender of senders) await sender.stop();
client.close();
await spools.close();
process.stdout.write(`possible duplicates: ${senders.reduce((n, s) => n + s.status.possible_duplicates, 0)}\n`);
