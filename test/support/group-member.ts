/**
 * A process that is a member of a group and writes down what it does, a line each, to be killed at any moment:
 *
 *   node group-member.ts '{"brokers":..., "group":..., "instance":..., "topics":[...], "file":..., "session_ms":..., "delay_ms":...}'
 *
 *   join 3 t/0 t/1          the generation, and what it has then
 *   p t/0 100 200           these offsets were processed
 *   c t/0 200               this is committed
 *   end SENTENCE            run() rejected
 */
import { openSync, writeSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { KafkaClient } from '../../src/kafka/connect/client.ts';
import { GroupConsumer } from '../../src/kafka/read/consumer.ts';
import type { GroupPartition } from '../../src/kafka/read/partition.ts';
import { COLUMNS, OFFSET } from '../../src/records/record-table.ts';

export interface MemberProcess {
  brokers: string;
  group: string;
  instance: string | null;
  topics: string[];
  file: string;
  session_ms: number;
  /** What each set of records takes. */
  delay_ms: number;
}

const o = JSON.parse(process.argv[2]!) as MemberProcess;
const fd = openSync(o.file, 'a');
const note = (line: string) => writeSync(fd, `${line}\n`);
const nameOf = ({ topic, partition }: GroupPartition) => `${topic}/${partition}`;

const client = new KafkaClient({
  brokers: o.brokers.split(','),
  client_id: 'test',
  create_topics: false,
  quiet: true,
  longest_pause: 500,
});
/** The offset behind what is processed. */
const done = new Map<GroupPartition, number>();
const busy = new Set<Promise<void>>();

const consumer = new GroupConsumer({
  client,
  group: o.group,
  instance: o.instance,
  topics: o.topics,
  sessionTimeout: o.session_ms,
  budget: 16 << 20,
  outOfRange: 'first',
  refresh: 1000,
  handler: {
    assigned(fresh) {
      for (const partition of fresh) partition.seek(partition.startOffset ?? 'first');
    },
    async settle() {
      await Promise.all(busy);
      await commit();
    },
    lost(partitions) {
      for (const partition of partitions) done.delete(partition);
    },
    records(set) {
      const working = work(set.partition, set.base, set.table, set.count).finally(() => {
        set.release();
        busy.delete(working);
      });
      busy.add(working);
      return working;
    },
    skipped(partition, from, to) {
      note(`skipped ${nameOf(partition)} ${from} ${to}`);
    },
  },
});

async function work(partition: GroupPartition, base: number, table: Int32Array, count: number): Promise<void> {
  await sleep(o.delay_ms);
  // What was frozen does not know yet whether others have its partitions: it waits until it does.
  while (!partition.signal.aborted && consumer.heartbeatAge > o.session_ms * 0.8) await sleep(20);
  if (partition.signal.aborted) return;
  const [from, to] = [base + table[OFFSET]!, base + table[(count - 1) * COLUMNS + OFFSET]! + 1];
  note(`p ${nameOf(partition)} ${from} ${to}`);
  done.set(partition, to);
}

async function commit(): Promise<void> {
  const entries = [...done]
    .filter(([partition, offset]) => offset > (partition.committed ?? 0))
    .map(([partition, offset]) => ({ partition, offset, metadata: null }));
  if (entries.length === 0) return;
  // Refused: another member has it.
  const stored = await consumer.commit(entries).then(
    () => true,
    () => false,
  );
  if (stored) for (const { partition, offset } of entries) note(`c ${nameOf(partition)} ${offset}`);
}

let generation = -1;
setInterval(() => {
  const { generation: now, state } = consumer.status();
  if (state !== 'stable' || now === generation) return;
  generation = now;
  note(`join ${now} ${consumer.partitions.map(nameOf).join(' ')}`);
}, 10);
setInterval(() => commit(), 100);
process.on('SIGTERM', () => consumer.close());

await consumer.run().catch((error: Error) => {
  note(`end ${error.message}`);
  process.exitCode = 1;
});
process.exit();
