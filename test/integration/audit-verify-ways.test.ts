/**
 * `audit verify` reads records that follow each other many at a time, and decompresses where it reads. What it says is to
 * be what it says where each record is looked at alone: of random streams, tampered with, in batches of every codec.
 */
// Slow: starts Kafka.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { auditRecord, readAuditRecord, recordHash } from '../../src/audit/record.ts';
import { KafkaClient } from '../../src/kafka/connect/client.ts';
import { compress } from '../../src/records/codecs.ts';
import { CODECS, frameRecord, sealedHeader } from '../../src/records/record-batch.ts';
import { verifyAudit } from '../../src/verify/audit/audit.ts';
import type { AuditSource } from '../../src/verify/audit/entry.ts';
import { ExportFile } from '../../src/verify/audit/export-file.ts';
import { KafkaSource } from '../../src/verify/audit/kafka-source.ts';
import { type MadeRecord, MadeStream, writeMade } from '../support/audit-records.ts';
import { freshTopic, noKafka, type SharedKafka, sharedKafka } from '../support/kafka.ts';
import { randomOf } from '../support/random.ts';

const skip = noKafka;
const ROUNDS = 30;
const MOST_BATCH = 250;
const dir = mkdtempSync(join(tmpdir(), 'runnel-audit-'));
const path = join(dir, 'export.ndjson');
let kafka: SharedKafka;
let client: KafkaClient;

before(async () => {
  if (skip) return;
  kafka = await sharedKafka();
  client = new KafkaClient({ brokers: [kafka.brokers], client_id: 'test', create_topics: false, quiet: true });
});
after(async () => {
  client?.close();
  await kafka?.[Symbol.asyncDispose]();
  rmSync(dir, { recursive: true });
});

type Sent = Omit<MadeRecord, 'value'> & { value: Buffer | null };
type Random = (below: number) => number;

async function send(topic: string, records: readonly Sent[], random: Random): Promise<void> {
  const link = await client.leader(topic, 0);
  for (let at = 0, size = 0; at < records.length; at += size) {
    size = 1 + random(random(4) === 0 ? 5 : MOST_BATCH);
    const part = records.slice(at, at + size);
    const framed = part.map(({ key, headers, value }, offsetDelta) =>
      frameRecord({ offsetDelta, key, value, headers: Object.entries(headers) }),
    );
    const codec = random(2) === 0 ? 'zstd' : CODECS[random(CODECS.length)]!;
    const body = await compress(codec, 1, Buffer.concat(framed));
    const header = sealedHeader(body, { count: part.length, codec, time: Date.now() });
    const { errorCode } = await client.produceOn(link, topic, 0, { header, body });
    assert.equal(errorCode, 0);
  }
}

/** Of one stream or two; texts of all lengths, and, seldom, large ones: then a section has no room in the kernel. */
function streams(random: Random): Sent[] {
  const records: Sent[] = [];
  const all = [new MadeStream('orders'), new MadeStream('payments', { id: 'fedcba9876543210' })];
  const large = random(8) === 0;
  for (let turns = 1 + random(6); turns > 0; turns--) {
    const stream = all[random(3) >> 1]!;
    if (stream.sequence > 0 && random(2) === 0) records.push(stream.seal());
    for (let events = 1 + random(large ? 100 : 500); events > 0; events--) {
      const text = random(20) === 0 ? '\u00e9\u{1f600}'.repeat(random(30)) : 'x'.repeat(random(120));
      records.push(stream.event(large ? 'y'.repeat(30_000) : text));
      if (random(200) === 0 || (events === 1 && random(2) === 0)) records.push(stream.seal());
    }
  }
  for (const stream of all) if (stream.sealed < stream.sequence) records.push(stream.seal());
  return records;
}

const TAMPER: ((records: Sent[], at: number, random: Random) => void)[] = [
  (records, at, random) => change(records, at, (value) => value.with(random(value.length), random(256))),
  // Of the link, which is of fixed width.
  (records, at, random) => change(records, at, (value) => value.with(value.length - 1 - random(259), random(256))),
  (records, at, random) =>
    change(records, at, (value) => {
      const digit = value.length - 1 - random(259);
      return value.with(digit, value[digit]! ^ 0x20);
    }),
  (records, at, random) => change(records, at, (value) => value.subarray(0, value.length - random(300))),
  // With its hash made anew, by who knows how: any of the client's bytes, and the first.
  (records, at, random) => change(records, at, (value) => anew(value, random(value.length - 259))),
  (records, at) => change(records, at, (value) => anew(value, 0)),
  (records, at) => change(records, at, (value) => Buffer.concat([value, Buffer.from(' ')])),
  (records, at) => change(records, at, (value) => Buffer.concat([Buffer.from('{'), value])),
  (records, at) => {
    records[at] = { ...records[at]!, value: null };
  },
  (records, at) => records.splice(at, 1),
  (records, at) => records.splice(at, 0, records[at]!),
  (records, at, random) => records.splice(random(records.length), 0, ...records.splice(at, 1)),
];

function change(records: Sent[], at: number, how: (value: Buffer) => Uint8Array): void {
  const { value } = records[at]!;
  if (value) records[at] = { ...records[at]!, value: Buffer.from(how(value)) };
}

/** Other bytes, and the hash of these. */
function anew(value: Buffer, at: number): Buffer {
  const record = readAuditRecord(value);
  if (!record) return value;
  const client = Buffer.from(record.client.with(at, record.client[at]! ^ 1));
  return auditRecord(client, { ...record, hash: recordHash(record.previous, record, client) });
}

/** The same source, of which each record is looked at alone. */
const alone = (source: AuditSource): AuditSource => ({
  name: source.name,
  get deleted() {
    return source.deleted;
  },
  read: (each) => source.read(each),
});

async function said(source: AuditSource) {
  return { ...(await verifyAudit({ source, pinned: [], stream: null, anyStart: false, unsealedFor: 0 })), seconds: 0 };
}

for (let seed = 1; seed <= ROUNDS; seed++) {
  test(`many at a time and alone, the same is said (${seed})`, { skip }, async () => {
    const next = randomOf(seed * 7919);
    const random: Random = (below) => Math.floor(next() * below);
    const records = streams(random);
    const whole = records.length;
    const times = seed % 5 === 0 ? 0 : 1 + random(12);
    for (let i = 0; i < times; i++) TAMPER[random(TAMPER.length)]!(records, random(records.length), random);
    const topic = await freshTopic(kafka.brokers, 'audit-ways');
    await send(topic, records, random);
    const of = () => new KafkaSource({ client, topic, partitions: null, isolation: 'read_committed', timeout: 30_000 });
    const report = await said(of());
    assert.deepEqual(report, await said(alone(of())));
    if (times === 0) assert.deepEqual([report.result, report.records], ['complete', whole]);
    writeMade(
      path,
      records.filter((record): record is MadeRecord => record.value !== null),
    );
    assert.deepEqual(await said(new ExportFile(path)), await said(alone(new ExportFile(path))));
  });
}
