/** A topic that does not say how large a batch it takes: what is refused gets smaller until it is taken, or is set aside. */
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { KafkaClient } from '../../../src/kafka/connect/client.ts';
import { DeadLetters } from '../../../src/kafka/send/dead-letter.ts';
import { Sender } from '../../../src/kafka/send/sender.ts';
import { makeBlock } from '../../support/blocks.ts';
import { directory } from '../../support/directory.ts';
import { FakeBroker } from '../../support/fake-broker.ts';

const LIMIT = 2000;

/** Sends these blocks to a broker that takes batches of LIMIT bytes, and knows no DescribeConfigs. */
async function sent(t: TestContext, blocks: readonly (readonly string[])[]) {
  const dir = directory(t);
  await using broker = await FakeBroker.start(({ bytes }) => (bytes > LIMIT ? 10 : null));
  const client = new KafkaClient({
    brokers: [broker.address],
    client_id: 'test',
    create_topics: false,
    longest_pause: 20,
  });
  const deadLetters = new DeadLetters(dir);
  const sender = new Sender(client, { topic: 't', partition: 0, longest_pause: 20, deadLetters });
  t.after(async () => {
    await sender.stop();
    client.close();
  });
  const refused: number[] = [];
  for (const values of blocks) {
    await sender.put(await makeBlock('t', values), (_, n = 0) => refused.push(n));
    await sender.drained(AbortSignal.timeout(20_000));
  }
  const kept = await readFile(join(dir, 'dead-letter', 't-0', '00000000000000000000.log'), 'latin1').catch(() => '');
  return { stored: broker.stored, refused, kept, cut: sender.status.cut, seen: broker.seen };
}

test('a line is cut by halves until it is taken, and what is known by then splits the blocks that follow', async (t) => {
  const many = Array.from({ length: 100 }, (_, i) => `${i} ${'y'.repeat(100)}`);
  const { stored, refused, cut, seen } = await sent(t, [['first'], ['x'.repeat(10_000)], many, ['last']]);
  assert.deepEqual([stored.length, stored[0], stored.at(-1)], [103, 'first', 'last']);
  assert.match(stored[1]!, /^x{900,2000}$/);
  assert.deepEqual(stored.slice(2, -1), many);
  assert.deepEqual([refused, cut], [[0, 0, 0, 0], 1]);
  assert.equal(seen.filter(({ bytes, count }) => bytes > LIMIT && count > 1).length, 0);
});

test('what cannot be cut is kept aside whole and counted, and holds up nothing', async (t) => {
  const metric = JSON.stringify({ name: 'a.metric', attributes: { a: 'x'.repeat(3000) } });
  const { stored, refused, cut, kept } = await sent(t, [['first'], ['a', metric, 'b'], ['last']]);
  assert.deepEqual(stored, ['first', 'a', 'b', 'last']);
  assert.deepEqual([refused, cut], [[0, 1, 0], 0]);
  assert.ok(kept.includes(metric));
});
