/**
 * `runnel sink topk` on a topic of metric records of some 310 bytes, of which three quarters are in a ranking by 400 names,
 * and all in one by their name: CPU time of the process and of Redis for a million records, from a tenth of them on to the end.
 */
import { rm } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { KafkaClient } from '../../src/kafka/connect/client.ts';
import { sendValues } from '../support/produce.ts';
import { noRedis, startRedis } from '../support/redis.ts';
import { counted, metricRecord, TopkProcess, topkSetting } from '../support/topk-kills.ts';
import { type Bench, type Figure, median, progress } from './bench.ts';
import { cpuSeconds, memoryMb } from './proc.ts';

const RECORDS = 600_000;
const BATCH = 2000;
const PARTITIONS = 4;

interface Run {
  consumer: number;
  redis: number;
  rate: number;
  mb: number;
  calls: number;
}

export async function topk({ kafka, main, runs }: Bench): Promise<Figure[]> {
  if (noRedis) throw new Error(noRedis);
  await using server = await startRedis();
  const redis = server.client();
  const client = new KafkaClient({ brokers: [kafka.brokers], client_id: 'bench', create_topics: false, quiet: true });
  const done: Run[] = [];
  for (let run = 0; run < runs; run++) {
    await redis.flushall();
    const setting = await topkSetting(kafka.brokers, server.url);
    for (let at = 0; at < RECORDS; at += BATCH) {
      const values = Array.from({ length: BATCH }, (_, i) => metricRecord(at + i, RECORDS));
      await sendValues(client, setting.topic, (at / BATCH) % PARTITIONS, values, { codec: 'zstd' });
    }
    const process = new TopkProcess(setting.config, main);
    const look = async () => ({
      records: await counted(redis, setting),
      time: performance.now(),
      consumer: cpuSeconds(process.child.pid!).total,
      redis: cpuSeconds(server.pid).total,
    });
    const reach = async (records: number) => {
      for (let now = await look(); ; now = await look()) {
        if (now.records >= records) return now;
        if (process.child.exitCode !== null) throw new Error(`it ended: ${process.stderr}`);
        await sleep(20);
      }
    };
    const begin = await reach(RECORDS / 10);
    const end = await reach(RECORDS);
    const millions = (end.records - begin.records) / 1e6;
    const status = (await (await fetch(`${setting.admin}/status`)).json()) as { consumers: { calls: number }[] };
    done.push({
      consumer: (end.consumer - begin.consumer) / millions,
      redis: (end.redis - begin.redis) / millions,
      rate: (millions * 1e6) / (end.time - begin.time),
      mb: memoryMb(process.child.pid!).peak,
      calls: status.consumers[0]!.calls,
    });
    await process.end('SIGTERM');
    await rm(setting.dir, { recursive: true, force: true });
    const { consumer, rate } = done.at(-1)!;
    progress(`topk ${run + 1}/${runs}: ${consumer.toFixed(2)} CPU-s/M, ${rate.toFixed(0)} k records/s`);
  }
  client.close();
  const of = (value: (run: Run) => number) => ({ value: median(done.map(value)), runs: done.map(value) });
  return [
    { name: 'topk, two windows written: the process', unit: 'CPU-s/M', at_most: 5.8, ...of((run) => run.consumer) },
    { name: 'topk, two windows written: Redis', unit: 'CPU-s/M', at_most: 2.2, ...of((run) => run.redis) },
    { name: 'topk', unit: 'k records/s', ...of((run) => run.rate) },
    { name: 'topk: the process', unit: 'MB at most', at_most: 250, ...of((run) => run.mb) },
    { name: 'topk: calls of the script', unit: '', ...of((run) => run.calls) },
  ];
}
