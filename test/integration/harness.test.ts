/** The tests' own tools, and that Kafka's code reads what the codecs wrote. */
import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import kafkajs, { type KafkaConfig } from 'kafkajs';
import { compress } from '../../src/records/codecs.ts';
import { partitionFor } from '../../src/records/murmur2.ts';
import { CODECS, frameRecord, sealedHeader } from '../../src/records/record-batch.ts';
import {
  createTopic,
  endOffsets,
  freshTopic,
  noKafka,
  sharedKafka,
  startKafka,
  USERS,
  untilStored,
  withAdmin,
} from '../support/kafka.ts';
import { dumpLogSegments, readRecords } from '../support/kcat.ts';

const skip = noKafka;

test("Kafka's own tool reads the batches of every codec, checksums and all", { skip }, async () => {
  const dir = await mkdtemp(path.join(tmpdir(), 'runnel-test-'));
  try {
    const parts: Buffer[] = [];
    let offset = 0;
    for (const codec of CODECS) {
      const lines = Array.from({ length: 500 }, (_, i) => `${codec} line ${i} ${'='.repeat(i % 300)} end`);
      const raw = Buffer.concat(lines.map((value, i) => frameRecord({ offsetDelta: i, value, headers: [['n', '1']] })));
      const body = await compress(codec, 1, raw);
      const header = sealedHeader(body, { baseOffset: BigInt(offset), count: 500, codec, time: 1_700_000_000_000 });
      parts.push(header, body);
      offset += 500;
    }
    const file = path.join(dir, '00000000000000000000.log');
    await writeFile(file, Buffer.concat(parts));
    const text = await dumpLogSegments(file, { data: true });
    for (const codec of CODECS) {
      assert.match(text, new RegExp(`compresscodec: ${codec}.*isvalid: true`));
      assert.equal(text.match(new RegExp(`payload: ${codec} line \\d+ =* end`, 'g'))?.length, 500, codec);
    }
    assert.doesNotMatch(text, /isvalid: false|invalid bytes/);
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
});

test('records are read back with key, headers, nulls and any bytes', { skip }, async () => {
  await using kafka = await sharedKafka();
  const topic = await freshTopic(kafka.brokers, 'harness', { partitions: 4, 'max.message.bytes': 2_000_000 });
  const producer = client(kafka.brokers).producer();
  await producer.connect();
  const binary = Buffer.from([0, 10, 13, 0x1e, 0xff, 0x80, 10]);
  await producer.send({
    topic,
    messages: [
      { key: 'host-a', value: 'one', headers: { a: '1', b: 'two' } },
      { key: 'host-a', value: binary },
      { key: 'host-a', value: null },
      { key: 'host-a', value: '' },
    ],
  });
  await producer.disconnect();
  await untilStored(kafka.brokers, topic, 4);
  const records = await readRecords(kafka.brokers, topic);
  assert.deepEqual(
    records.map((r) => [r.offset, r.key?.toString(), r.value, r.headers]),
    [
      [0, 'host-a', Buffer.from('one'), { a: '1', b: 'two' }],
      [1, 'host-a', binary, {}],
      [2, 'host-a', null, {}],
      [3, 'host-a', Buffer.alloc(0), {}],
    ],
  );
  assert.equal(records[0]!.partition, partitionFor('host-a', 4));
  assert.equal((await endOffsets(kafka.brokers, topic))[records[0]!.partition], 4);
});

test('a killed broker comes back with its data; its proxy cuts, holds and heals', { skip }, async () => {
  await using kafka = await startKafka();
  await createTopic(kafka.brokers, 'kept', { partitions: 2 });
  await kafka.kill();
  await assert.rejects(endOffsets(kafka.brokers, 'kept'));
  await kafka.restart();
  assert.deepEqual(await endOffsets(kafka.proxied, 'kept'), [0, 0]);
  assert.equal(kafka.proxy.accepted, 1);
  kafka.proxy.refuse();
  const before = kafka.proxy.cuts;
  await assert.rejects(endOffsets(kafka.proxied, 'kept'));
  kafka.proxy.heal();
  kafka.proxy.hold();
  let answered = false;
  const answer = endOffsets(kafka.proxied, 'kept').finally(() => {
    answered = true;
  });
  while (kafka.proxy.connections === 0) await new Promise(setImmediate);
  assert.equal(answered, false);
  kafka.proxy.heal();
  assert.deepEqual(await answer, [0, 0]);
  const cut = kafka.proxy.cutAfter(20);
  await assert.rejects(endOffsets(kafka.proxied, 'kept'));
  await cut;
  assert.equal(kafka.proxy.cuts, before + 1);
});

test('SASL, TLS and ACLs are as a client meets them', { skip }, async () => {
  await using kafka = await startKafka({ sasl: true, tls: true, acls: true });
  await createTopic(kafka.brokers, 'closed');
  const ssl = { ca: await kafka.readCa() };
  const topics = async (brokers: string, config: Omit<KafkaConfig, 'brokers'>) => {
    const admin = client(brokers, config).admin();
    try {
      await admin.connect();
      return await admin.listTopics();
    } finally {
      await admin.disconnect();
    }
  };
  for (const mechanism of ['plain', 'scram-sha-256', 'scram-sha-512'] as const) {
    const sasl = { mechanism, username: 'admin', password: USERS.admin } as NonNullable<KafkaConfig['sasl']>;
    assert.deepEqual(await topics(kafka.saslBrokers, { sasl }), ['closed'], mechanism);
    assert.deepEqual(await topics(kafka.saslTlsBrokers, { sasl, ssl }), ['closed'], mechanism);
    await assert.rejects(topics(kafka.saslBrokers, { sasl: { ...sasl, password: 'no' } as never }));
  }
  const alice = { mechanism: 'plain', username: 'alice', password: USERS.alice } as const;
  assert.deepEqual(await topics(kafka.saslBrokers, { sasl: alice }), []);
  assert.deepEqual(await topics(kafka.tlsBrokers, { ssl }), ['closed']);
  await assert.rejects(topics(kafka.tlsBrokers, { ssl: true }));
  await withAdmin(kafka.brokers, (admin) => admin.deleteTopics({ topics: ['closed'] }));
});

function client(brokers: string, config: Omit<KafkaConfig, 'brokers'> = {}) {
  // kafkajs writes the authenticator it made into the SASL options it was given, and takes it from there the next time.
  const sasl = config.sasl ? { sasl: { ...config.sasl } as NonNullable<KafkaConfig['sasl']> } : {};
  const quiet = { logLevel: kafkajs.logLevel.NOTHING, retry: { retries: 0 } };
  return new kafkajs.Kafka({ ...quiet, ...config, ...sasl, brokers: [brokers] });
}
