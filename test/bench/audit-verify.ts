/**
 * `runnel audit verify` of one stream, from Kafka and from an export: records a CPU second, the start of the command left
 * out. Events are of the size of those of `audit`, and of random ids, so that they compress as little.
 */

import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { KafkaClient } from '../../src/kafka/connect/client.ts';
import { compress } from '../../src/records/codecs.ts';
import { frameRecord, sealedHeader } from '../../src/records/record-batch.ts';
import { MadeStream, writeMade } from '../support/audit-records.ts';
import { freshTopic } from '../support/kafka.ts';
import { type Bench, type Figure, median, progress } from './bench.ts';
import { runVerify } from './verify.ts';

const run = promisify(execFile);
const BATCH = 1000;
/** Of the lines of a file. */
const PART = 4;

export async function auditVerify({ main, dir, kafka, lines, runs }: Bench): Promise<Figure[]> {
  const events = Math.ceil(lines / PART / BATCH) * BATCH;
  const topic = await freshTopic(kafka.brokers, 'bench-audit-verify');
  await fill(kafka.brokers, topic, events);
  const file = join(dir, 'audit.ndjson');
  await run(process.execPath, [main, 'audit', 'export', '--brokers', kafka.brokers, '--topic', topic, '--file', file]);
  const nothing = join(dir, 'one.ndjson');
  writeMade(nothing, new MadeStream('orders').run(2));
  const figures: Figure[] = [];
  for (const [name, from] of [
    ['audit verify, from Kafka', ['--brokers', kafka.brokers, '--topic', topic]],
    ['audit verify, from an export', ['--file', file]],
  ] as const) {
    const rates: number[] = [];
    for (let i = 1; i <= runs; i++) {
      const start = await runVerify(main, ['audit', 'verify', '--json', '--file', nothing], 3);
      const all = await runVerify(main, ['audit', 'verify', '--json', ...from], events + events / BATCH);
      rates.push(events / 1000 / (all.cpu - start.cpu));
      progress(`${name} ${i}/${runs}: ${rates.at(-1)!.toFixed(0)} k records/CPU-s, start ${start.cpu} s`);
    }
    figures.push({ name, value: median(rates), unit: 'k/CPU-s', at_least: 500, runs: rates });
  }
  return figures;
}

/** So many events of 514 bytes, sealed after each batch. */
export async function fill(brokers: string, topic: string, events: number): Promise<void> {
  const client = new KafkaClient({ brokers: [brokers], client_id: 'bench', create_topics: false, quiet: true });
  try {
    const link = await client.leader(topic, 0);
    const stream = new MadeStream('orders');
    for (let at = 0; at < events; at += BATCH) {
      const made = Array.from({ length: BATCH }, () => stream.event(randomBytes(98).toString('hex')));
      made.push(stream.seal());
      const framed = made.map(({ key, headers, value }, offsetDelta) =>
        frameRecord({ offsetDelta, key, value, headers: Object.entries(headers) }),
      );
      const body = await compress('zstd', 1, Buffer.concat(framed));
      const header = sealedHeader(body, { count: made.length, codec: 'zstd', time: Date.now() });
      const { errorCode } = await client.produceOn(link, topic, 0, { header, body });
      if (errorCode !== 0) throw new Error(`Kafka refuses a batch: ${errorCode}`);
    }
  } finally {
    client.close();
  }
}
