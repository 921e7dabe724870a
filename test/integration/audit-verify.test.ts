/** `runnel audit verify` and `audit export` against a real Kafka. */
// Slow: starts Kafka, and programs.
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { KafkaClient } from '../../src/kafka/connect/client.ts';
import { compress } from '../../src/records/codecs.ts';
import { frameRecord, sealedHeader } from '../../src/records/record-batch.ts';
import type { AuditReport } from '../../src/verify/audit/audit.ts';
import { runnel } from '../support/agent.ts';
import { type MadeRecord, MadeStream, madeKey } from '../support/audit-records.ts';
import { freshTopic, noKafka, type SharedKafka, sharedKafka, withAdmin } from '../support/kafka.ts';
import { sendValues } from '../support/produce.ts';

const skip = noKafka;
const dir = mkdtempSync(join(tmpdir(), 'runnel-audit-'));
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

/** As batches of so many records. */
async function send(topic: string, records: readonly MadeRecord[], partition = 0, size = 7): Promise<void> {
  for (let at = 0; at < records.length; at += size) {
    const part = records.slice(at, at + size);
    const framed = part.map(({ key, headers, value }, offsetDelta) =>
      frameRecord({ offsetDelta, key, value, headers: Object.entries(headers) }),
    );
    const body = await compress('zstd', 1, Buffer.concat(framed));
    const header = sealedHeader(body, { count: part.length, codec: 'zstd', time: Date.now() });
    const link = await client.leader(topic, partition);
    const { errorCode } = await client.produceOn(link, topic, partition, { header, body });
    assert.equal(errorCode, 0);
  }
}

async function verify(topic: string, ...args: string[]): Promise<{ code: number | null; report: AuditReport }> {
  const told = await runnel('audit', 'verify', '--brokers', kafka.brokers, '--topic', topic, '--json', ...args);
  assert.notEqual(told.stdout, '', told.stderr);
  return { code: told.code, report: JSON.parse(told.stdout) as AuditReport };
}

const findings = ({ streams }: AuditReport) =>
  streams.flatMap(({ stream, findings: all }) => all.map(({ kind, from, to }) => `${stream} ${kind} ${from}-${to}`));

test('streams over several partitions; an export is the same, byte for byte', { skip }, async () => {
  const topic = await freshTopic(kafka.brokers, 'audit', { partitions: 3 });
  const orders = new MadeStream('orders').run(200);
  const payments = new MadeStream('payments', { id: 'fedcba9876543210' }).run(100);
  await send(topic, orders, 2);
  await send(topic, payments, 0);
  const keys = join(dir, 'keys');
  writeFileSync(keys, madeKey(1).key);
  const { code, report } = await verify(topic, '--key', keys);
  assert.deepEqual([code, report.result, report.records, findings(report)], [0, 'complete', 330, []]);
  const file = join(dir, 'export.ndjson');
  const exported = await runnel('audit', 'export', '--brokers', kafka.brokers, '--topic', topic, '--file', file);
  assert.equal(exported.code, 0, exported.stderr);
  const lines = readFileSync(file, 'utf8').trimEnd().split('\n');
  const values = lines.map((line) => Buffer.from(JSON.parse(line).value, 'base64'));
  assert.deepEqual(
    values,
    [...payments, ...orders].map(({ value }) => value),
  );
  assert.deepEqual(JSON.parse(lines[0]!).headers, payments[0]!.headers);
  assert.equal(JSON.parse(lines[0]!).key, 'payments');
  const again = await runnel('audit', 'verify', '--file', file, '--key', keys);
  assert.equal(again.code, 0, again.stdout);
  // It is not written over.
  const twice = await runnel('audit', 'export', '--brokers', kafka.brokers, '--topic', topic, '--file', file);
  assert.equal(twice.code, 2);
  assert.match(twice.stderr, /export\.ndjson exists already/);
  const one = await runnel('audit', 'export', '--brokers', kafka.brokers, '--topic', topic, '--stream', 'payments');
  assert.equal(one.stdout, `${lines.slice(0, payments.length).join('\n')}\n`);
});

test('what is missing, came again, is of another life', { skip }, async () => {
  const topic = await freshTopic(kafka.brokers, 'audit');
  const stream = new MadeStream('orders');
  const first = stream.run(50);
  const backup = stream.copy();
  await send(topic, first.toSpliced(7, 2));
  await send(topic, first.slice(30));
  await send(topic, stream.run(20));
  await send(topic, [backup.event('another')]);
  const { code, report } = await verify(topic);
  assert.equal(code, 1);
  assert.deepEqual(findings(report), ['orders missing 8-9', 'orders forked 51-51', 'orders repeated 29-50']);
});

test('what Kafka has deleted is undecided, unless that is said to be right', { skip }, async () => {
  const topic = await freshTopic(kafka.brokers, 'audit');
  await send(topic, new MadeStream('orders').run(50));
  await withAdmin(kafka.brokers, async (admin) => {
    await admin.fetchTopicOffsets(topic); // so it learns who the leader is
    await admin.deleteTopicRecords({ topic, partitions: [{ partition: 0, offset: '14' }] });
  });
  const { code, report } = await verify(topic);
  assert.deepEqual([code, report.result, findings(report)], [3, 'undecided', []]);
  const { code: late, report: of } = await verify(topic, '--any-start');
  assert.deepEqual([late, of.streams[0]!.from], [0, 14]);
});

test('what is not of the audit stream is named, and no topic is undecided', { skip }, async () => {
  const topic = await freshTopic(kafka.brokers, 'audit');
  await send(topic, new MadeStream('orders').run(10));
  await sendValues(client, topic, 0, ['{"message":"hello"}', null, Buffer.alloc(400, 1)]);
  const { code, report } = await verify(topic);
  assert.deepEqual([code, report.foreign], [1, 3]);
  const none = await verify('there-is-none');
  assert.deepEqual([none.code, none.report.result], [3, 'undecided']);
  assert.match(none.report.reasons.join(), /there is no topic there-is-none/);
});
