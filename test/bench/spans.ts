/** What spans cost on their way into records: walk and check, metrics, groups, framing; by the CPU of this process. */

import { decodeMessage } from '../../src/kernel/otlp/decode.ts';
import type { OtlpReader } from '../../src/sources/otlp/request/reader.ts';
import { traceBatch } from '../support/otlp-batches.ts';
import { encodeRequest } from '../support/otlp-decoder.ts';
import { otlpReader } from '../support/otlp-records.ts';
import { randomOf } from '../support/random.ts';
import type { Bench, Figure } from './bench.ts';

const SPANS = 1_000_000;
const ROOM = 1_000_000;
const TARGET = 0.25;

export async function spanFigures(_: Bench): Promise<Figure[]> {
  const figures: Figure[] = [];
  for (const batch of [512, 64, 5]) {
    const body = encodeRequest('traces', traceBatch(batch, randomOf(7)));
    const seconds = await cpuOf(otlpReader(), body, 'protobuf', batch);
    const goal = batch === 512 ? { at_most: TARGET } : {};
    figures.push({ name: `spans, batches of ${batch}`, value: seconds, unit: 'CPU-s/M', ...goal });
  }
  const body = encodeRequest('traces', traceBatch(512, randomOf(7)));
  const json = Buffer.from(JSON.stringify(decodeMessage('ExportTraceServiceRequest', body)));
  figures.push({ name: 'spans, JSON', value: await cpuOf(otlpReader(), json, 'json', 512), unit: 'CPU-s/M' });
  const documents = otlpReader({ encoding: 'json' });
  figures.push({
    name: 'spans to documents',
    value: await cpuOf(documents, body, 'protobuf', 512, 0.1),
    unit: 'CPU-s/M',
  });
  return figures;
}

async function cpuOf(
  reader: OtlpReader,
  body: Buffer,
  content: 'protobuf' | 'json',
  batch: number,
  part = 1,
): Promise<number> {
  const rounds = Math.ceil((SPANS * part) / batch);
  for (let i = 0; i < Math.min(rounds, 500); i++) await once(reader, body, content);
  const before = process.cpuUsage();
  for (let i = 0; i < rounds; i++) await once(reader, body, content);
  const { user, system } = process.cpuUsage(before);
  return (user + system) / (rounds * batch);
}

async function once(reader: OtlpReader, body: Buffer, content: 'protobuf' | 'json'): Promise<void> {
  const request = await reader.read('traces', content, body);
  await request.accept();
  while (request.pack(0, ROOM));
  request.close();
}
