/**
 * `runnel audit verify` of one stream, from Kafka and from an export: records a CPU second, the start of the command left
 * out, which for Kafka is that with its client. Events are of the size of those of `audit`, and of random ids, so that
 * they compress as little.
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
/** Events of the stream that the start of the command is measured with. */
const FEW = 2;
const VERIFY = ['audit', 'verify', '--json'];

export async function auditVerify({ main, dir, kafka, lines, runs }: Bench): Promise<Figure[]> {
  const events = Math.ceil(lines / PART / BATCH) * BATCH;
  const topic = await freshTopic(kafka.brokers, 'bench-audit-verify');
  await fill(kafka.brokers, topic, events);
  const few = await freshTopic(kafka.brokers, 'bench-audit-verify-few');
  await fill(kafka.brokers, few, FEW);
  const file = join(dir, 'audit.ndjson');
  await run(process.execPath, [main, 'audit', 'export', '--brokers', kafka.brokers, '--topic', topic, '--file', file]);
  const fewFile = join(dir, 'few.ndjson');
  writeMade(fewFile, new MadeStream('orders').run(FEW));
  const figures: Figure[] = [];
  for (const [name, all, start] of [
    ['audit verify, from Kafka', ofTopic(kafka.brokers, topic), ofTopic(kafka.brokers, few)],
    ['audit verify, from an export', ['--file', file], ['--file', fewFile]],
  ] as const) {
    const rates: number[] = [];
    for (let i = 1; i <= runs; i++) {
      const begun = await runVerify(main, [...VERIFY, ...start], FEW + 1);
      const done = await runVerify(main, [...VERIFY, ...all], events + events / BATCH);
      rates.push((events - FEW) / 1000 / (done.cpu - begun.cpu));
      progress(`${name} ${i}/${runs}: ${rates.at(-1)!.toFixed(0)} k records/CPU-s, start ${begun.cpu.toFixed(2)} s`);
    }
    figures.push({ name, value: median(rates), unit: 'k/CPU-s', at_least: 500, runs: rates });
  }
  return figures;
}

const ofTopic = (brokers: string, topic: string) => ['--brokers', brokers, '--topic', topic];

/** So many events of 514 bytes, sealed after each batch. */
export async function fill(brokers: string, topic: string, events: number): Promise<void> {
  const client = new KafkaClient({ brokers: [brokers], client_id: 'bench', create_topics: false, quiet: true });
  try {
    const link = await client.leader(topic, 0);
    const stream = new MadeStream('orders');
    for (let at = 0; at < events; at += BATCH) {
      const made = Array.from({ length: Math.min(BATCH, events - at) }, () =>
        stream.event(randomBytes(98).toString('hex')),
      );
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
