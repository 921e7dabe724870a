/** The small formats of exactly_once: the positions records, the snapshot. */

import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { KafkaClient } from '../../../src/kafka/connect/client.ts';
import { readSnapshot, writeSnapshot } from '../../../src/kafka/transactions/positions-snapshot.ts';
import { PositionsTopic } from '../../../src/kafka/transactions/positions-topic.ts';
import { records } from '../../../src/records/record-batch.ts';
import { directory } from '../../support/directory.ts';

test('positions of ten thousand files become several batches, each numbered from 0', () => {
  const client = new KafkaClient({ brokers: ['127.0.0.1:1'], client_id: 'test', create_topics: false });
  const topic = new PositionsTopic(client, { topic: 'p', agentId: 'a1', instance: 'i1', host: 'web-1', from: null });
  const value = { path: `/var/log/${'x'.repeat(100)}` };
  const checkpoints = Array.from({ length: 10_000 }, (_, i) => ({ key: `file/${i}`, value: i % 2 ? value : null }));
  const batches = topic.batches(checkpoints);
  assert.ok(batches.length > 1);
  let next = 0;
  for (const { body, count } of batches) {
    assert.ok(body.length < 900_000);
    let delta = 0;
    for (const { offsetDelta, key, value } of records(body)) {
      assert.equal(offsetDelta, delta++);
      assert.equal(String(key), `a1/file/${next}`);
      if (next % 2 === 0) assert.equal(value, null);
      else assert.deepEqual(Object.keys(JSON.parse(String(value))), ['v', 'by', 'path']);
      next++;
    }
    assert.equal(delta, count);
  }
  assert.equal(next, 10_000);
  client.close();
});

test('the snapshot comes back as it was written; damaged it is none, newer it is refused', async (t) => {
  const dir = directory(t);
  assert.equal(await readSnapshot(dir), null);
  const snapshot = { cluster: 'c', topic: 'runnel.positions', topicId: 'a0b1', partition: 2, offset: 2n ** 60n };
  for (const better of [{}, { own: ['file/1'] }, { own: 'all' as const, forgotten: ['file/2'] }]) {
    const whole = { ...snapshot, own: [], forgotten: [], ...better };
    await writeSnapshot(dir, whole);
    assert.deepEqual(await readSnapshot(dir), whole);
  }
  const path = join(dir, 'positions.topic');
  const text = await readFile(path, 'utf8');
  for (const bad of ['', 'x', '{}', text.slice(0, 20), text.replace('"partition":2', '"partition":"2"')]) {
    await writeFile(path, bad);
    assert.equal(await readSnapshot(dir), null, bad);
  }
  await writeFile(path, text.replace('"format":1', '"format":2'));
  await assert.rejects(readSnapshot(dir), /positions\.topic has format 2, this version reads up to 1/);
});
