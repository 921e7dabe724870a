/** Topics whose limit counts another size than the one that is sent: what is too large is cut, and holds up nothing. */
import assert from 'node:assert/strict';
import { randomInt } from 'node:crypto';
import { after, before, test } from 'node:test';
import { KafkaClient } from '../../src/kafka/connect/client.ts';
import { Sender } from '../../src/kafka/send/sender.ts';
import type { Codec } from '../../src/records/record-batch.ts';
import { frameRecord, HEADER_BYTES } from '../../src/records/record-batch.ts';
import { makeBlock } from '../support/blocks.ts';
import { freshTopic, noKafka, sharedKafka } from '../support/kafka.ts';
import { readValues } from '../support/kcat.ts';

const skip = noKafka;
const LIMIT = 20_000;
let kafka: Awaited<ReturnType<typeof sharedKafka>>;

before(async () => {
  if (!skip) kafka = await sharedKafka();
});
after(async () => {
  await kafka?.[Symbol.asyncDispose]();
});

/** Text of so many words that compresses to about a third. */
function text(words: number): string {
  return Array.from({ length: words }, () => (randomInt(500) ** 3).toString(36)).join(' ');
}

/** Sends these blocks to a topic with these settings; gives what it has then, and how many records were cut. */
async function sent(blocks: readonly (readonly string[])[], codec: Codec, settings: Record<string, string>) {
  const topic = await freshTopic(kafka.brokers, 'size', { 'max.message.bytes': LIMIT, ...settings });
  const client = new KafkaClient({ brokers: [kafka.brokers], client_id: 'test', create_topics: false });
  const sender = new Sender(client, { topic, partition: 0, longest_pause: 100 });
  try {
    for (const values of blocks) await sender.put(await makeBlock(topic, values, { codec }), () => undefined);
    await sender.drained(AbortSignal.timeout(30_000));
    return { values: (await readValues(kafka.brokers, topic)).map(String), cut: sender.status.cut };
  } finally {
    await sender.stop();
    client.close();
  }
}

/** Whether the first is the second, or its cut form. */
function isOrIsCutOf(value: string, whole: string): boolean {
  if (value === whole) return true;
  const [kept, document] = [JSON.parse(value), JSON.parse(whole)];
  assert.deepEqual(kept.log, { flags: ['truncated'], offset: 7 });
  return document.message.startsWith(kept.message) && kept.message.length > LIMIT / 4;
}

const document = (message: string) => JSON.stringify({ message, log: { offset: 7 } });

for (const [type, codec] of [
  ['uncompressed', 'zstd'],
  ['uncompressed', 'lz4'],
  ['uncompressed', 'none'],
  ['gzip', 'lz4'],
  ['lz4', 'zstd'],
  ['snappy', 'zstd'],
  ['zstd', 'snappy'],
] as const) {
  test(`lines and blocks that are too large for a topic that stores ${type} hold up nothing (${codec})`, {
    skip,
  }, async () => {
    const long = [document('abc '.repeat(60_000)), document(text(8000)), document(text(25_000))];
    const many = Array.from({ length: 400 }, (_, i) => `${i} ${text(100)}`);
    const blocks = [['first'], [long[0]!], ['a', long[1]!, 'b'], many, [long[2]!], ['last']];
    const { values, cut } = await sent(blocks, codec, { 'compression.type': type });
    const all = blocks.flat();
    assert.equal(values.length, all.length);
    let different = 0;
    for (const [i, value] of values.entries()) {
      if (long.includes(all[i]!)) assert.ok(isOrIsCutOf(value, all[i]!), `record ${i}`);
      else assert.equal(value, all[i]);
      if (value !== all[i]) different++;
    }
    assert.equal(cut, different);
    if (type === 'uncompressed') {
      assert.equal(cut, 3);
      const { message } = JSON.parse(values[1]!);
      assert.ok(message.length > LIMIT - 500, `${message.length} bytes were kept`);
    }
  });
}

test('a record with which a batch is just as large as the topic takes stays whole', { skip }, async () => {
  const around =
    HEADER_BYTES + frameRecord({ offsetDelta: 0, key: 'host', value: 'x'.repeat(LIMIT / 2) }).length - LIMIT / 2;
  for (const [type, codec] of [
    ['uncompressed', 'zstd'],
    ['producer', 'none'],
  ] as const) {
    const fitting = 'x'.repeat(LIMIT - around);
    const { values, cut } = await sent([[fitting], [`${fitting}x`], ['last']], codec, { 'compression.type': type });
    assert.equal(cut, 1, type);
    assert.equal(values[0], fitting);
    assert.ok(values[1]!.length > LIMIT - 500 && values[1]!.length < fitting.length);
    assert.equal(values[2], 'last');
  }
});
