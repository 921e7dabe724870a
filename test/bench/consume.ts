/**
 * A group member that reads a topic of eight partitions and does nothing with the records, beside `kcat -C` (librdkafka) that
 * writes them to /dev/null: CPU seconds of the whole process for a million records, start included. Then the same member
 * while nothing comes.
 */
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { KafkaClient } from '../../src/kafka/connect/client.ts';
import { freshTopic } from '../support/kafka.ts';
import { sendValues } from '../support/produce.ts';
import { type Bench, type Figure, median, progress } from './bench.ts';

const PARTITIONS = 8;
/** About 600 KB: what an agent's linger makes of a busy host. */
const BATCH = 1500;

interface Run {
  cpu: number;
  seconds: number;
  peakMb: number;
  /** Percent of a core. */
  idle: number;
}

export async function consume(bench: Bench): Promise<Figure[]> {
  const { kafka, lines, runs, idleSeconds } = bench;
  const topic = await freshTopic(kafka.brokers, 'bench-consume', { partitions: PARTITIONS });
  const count = await fill(kafka.brokers, topic, lines);
  const [ours, theirs]: [Run[], number[]] = [[], []];
  for (let run = 1; run <= runs; run++) {
    theirs.push(kcatCpu(kafka.brokers, topic, count));
    ours.push(await runMember(bench, topic, `bench-${run}`, count, run === runs ? idleSeconds : 0));
    const { cpu, seconds } = ours.at(-1)!;
    progress(
      `consume ${run}/${runs}: ${(count / seconds / 1e6).toFixed(2)} M records/s, ${(cpu / (count / 1e6)).toFixed(2)} CPU-s/M, kcat ${(theirs.at(-1)! / (count / 1e6)).toFixed(2)}`,
    );
  }
  const perMillion = (seconds: number) => seconds / (count / 1e6);
  const cpus = ours.map(({ cpu }) => perMillion(cpu));
  const kcat = theirs.map(perMillion);
  const name = 'consume, 8 partitions, zstd-1';
  return [
    { name, value: median(ours.map(({ seconds }) => count / seconds / 1e6)), unit: 'M records/s' },
    { name, value: median(cpus), unit: 'CPU-s/M', runs: cpus },
    { name: 'the same, kcat -C', value: median(kcat), unit: 'CPU-s/M', runs: kcat },
    { name, value: median(cpus) / median(kcat), unit: 'of the CPU of kcat -C', at_most: 1.2 },
    { name, value: median(ours.map(({ peakMb }) => peakMb)), unit: 'MB at most', at_most: 250 },
    { name: 'consume, nothing comes', value: ours.at(-1)!.idle, unit: '% of a core', at_most: 1 },
  ];
}

async function fill(brokers: string, topic: string, lines: number): Promise<number> {
  const client = new KafkaClient({ brokers: [brokers], client_id: 'bench', create_topics: false, quiet: true });
  let count = 0;
  const one = async (partition: number) => {
    for (; count < lines; ) {
      const first = count;
      count += BATCH;
      const values = Array.from({ length: BATCH }, (_, i) => document(first + i));
      await sendValues(client, topic, partition, values, { codec: 'zstd', key: 'web-1' });
    }
  };
  await Promise.all(Array.from({ length: PARTITIONS }, (_, partition) => one(partition)));
  client.close();
  return count;
}

/** As the agent writes them, about 430 bytes. */
function document(i: number): string {
  const random = (salt: number) => Math.imul(i + salt, 2654435761) >>> 0;
  const ip = `${random(1) % 223}.${random(2) % 255}.${random(3) % 255}.${random(4) % 255}`;
  const message = `${ip} - - [30/Nov/2026:12:${i % 60}:${i % 59} +0000] "GET /shop/item/${random(5) % 100_000}?session=${random(6).toString(36)} HTTP/1.1" 200 ${random(7) % 50_000} "-" "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36"`;
  const time = new Date(1.8e12 + i).toISOString();
  const file = { path: '/var/log/nginx/access.log', id: '5f2b8c1d9e3a4b60' };
  const log = { file, offset: i * 200, length: 200 };
  return JSON.stringify({ '@timestamp': time, message, log, host: { name: 'web-1' }, event: { dataset: 'nginx' } });
}

function kcatCpu(brokers: string, topic: string, count: number): number {
  const kcat = `TIMEFORMAT='%U %S'; time kcat -C -b ${brokers} -t ${topic} -o beginning -e -q -c ${count} > /dev/null`;
  const said = execFileSync('bash', ['-c', `{ ${kcat}; } 2>&1`], { encoding: 'utf8' });
  const [user, system] = said.trim().split('\n').at(-1)!.split(' ').map(Number);
  return user! + system!;
}

async function runMember(bench: Bench, topic: string, group: string, count: number, idleSeconds: number): Promise<Run> {
  const file = join(import.meta.dirname, 'consume-process.ts');
  const args = [file, bench.kafka.brokers, topic, group, `${count}`];
  const child = spawn(process.execPath, args, { stdio: ['pipe', 'pipe', 'inherit'] });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const said = async () => String((await lines.next()).value);
  const run = JSON.parse(await said()) as Run;
  run.idle = 0;
  if (idleSeconds > 0) {
    const cpu = async () => {
      child.stdin.write('\n');
      return Number(await said());
    };
    await sleep(1000);
    const before = await cpu();
    await sleep(idleSeconds * 1000);
    run.idle = (((await cpu()) - before) / idleSeconds) * 100;
  }
  child.stdin.end();
  await once(child, 'exit');
  return run;
}
