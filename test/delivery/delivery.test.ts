import assert from 'node:assert/strict';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import type { CommonConfig } from '../../src/config/config.ts';
import { Accounts } from '../../src/core/account.ts';
import type { Stream } from '../../src/core/batch.ts';
import type { InputTopic } from '../../src/core/input.ts';
import { Ledgers } from '../../src/core/ledger.ts';
import { Pool } from '../../src/core/pool.ts';
import { Delivery } from '../../src/delivery/delivery.ts';
import { KafkaClient } from '../../src/kafka/connect/client.ts';
import { SavedWindows } from '../../src/kafka/send/saved-windows.ts';
import { Sender } from '../../src/kafka/send/sender.ts';
import { Kernel } from '../../src/kernel/kernel.ts';
import { directory } from '../support/directory.ts';
import { FakeBroker } from '../support/fake-broker.ts';
import { block, openSpool, openSpools, TOPIC } from '../support/spool-blocks.ts';

test('a drain that begins anew after each gap leaves no senders behind, and what they sent stays counted', async (t) => {
  const dir = directory(t);
  const [spoolDir, options] = [join(dir, 'spool'), { max_size: 80_000 }];
  const { spool: before } = await openSpool(spoolDir, options);
  for (let i = 0; i < 40; i++) await before.partition(TOPIC).append(await block([`${i} ${'x'.repeat(1000)}`]));
  await before.close();
  // Nine blocks a segment.
  for (const base of [9, 27]) await rm(join(spoolDir, `${TOPIC}-0`, `${String(base).padStart(20, '0')}.log`));

  await using broker = await FakeBroker.start();
  const spool = await openSpools(spoolDir, options);
  const client = new KafkaClient({ brokers: [broker.address], client_id: 'test', create_topics: false });
  const accounts = new Accounts();
  const pool = new Pool(32 << 20);
  const stops = t.mock.method(Sender.prototype, 'stop');
  const delivery = new Delivery({
    config: {
      data_dir: dir,
      kafka: { compression: 'none', compression_level: 1, linger: 50 },
    } as unknown as CommonConfig,
    topics: [{ topic: TOPIC, replayable: false }],
    pool,
    kernel: new Kernel(pool.memory),
    ledgers: new Ledgers(),
    accounts,
    spool,
    windows: await SavedWindows.open(dir, accounts),
    client,
    exactlyOnce: null,
    chained: () => assert.fail('nothing is chained'),
    left: null,
  });
  await spool.common.partition(TOPIC).emptied(AbortSignal.timeout(10_000));
  assert.deepEqual(broker.stored.length, 22);
  assert.equal(new Set(broker.seen.map(({ producerId }) => producerId)).size, 3);
  assert.equal(stops.mock.callCount(), 2);
  const [sent, ...others] = delivery.topics();
  assert.deepEqual(others, []);
  assert.deepEqual([sent?.records, sent?.in_flight, sent?.error], [22, 0, null]);
  await delivery.close(AbortSignal.timeout(5000));
  assert.equal(stops.mock.callCount(), 3);
  client.close();
  await spool.close();
});

test('a topic within another takes its memory from that, where no input asks for its own', async (t) => {
  const dir = directory(t);
  const spool = await openSpools(join(dir, 'spool'));
  const pool = new Pool(32 << 20);
  const account = new Accounts().of('statsd');
  const lanesOf = async (topics: InputTopic[]) => {
    const accounts = new Accounts();
    const delivery = new Delivery({
      config: {
        data_dir: dir,
        kafka: { compression: 'none', compression_level: 1, linger: 50 },
      } as unknown as CommonConfig,
      topics,
      pool,
      kernel: new Kernel(pool.memory),
      ledgers: new Ledgers(),
      accounts,
      spool,
      windows: await SavedWindows.open(dir, accounts),
      client: null,
      exactlyOnce: null,
      chained: () => assert.fail('nothing is chained'),
      left: null,
    });
    const stream = (topic: string): Stream => {
      return { name: topic, topic, key: 'h', account, envelope: assert.fail, replayable: false };
    };
    const lanes = await Promise.all(['metrics', 'events'].map((topic) => delivery.laneOf(stream(topic))));
    await delivery.close(AbortSignal.timeout(5000));
    return lanes.map(({ share }) => share.name);
  };
  const both: InputTopic[] = [
    { topic: 'metrics', replayable: false },
    { topic: 'events', replayable: false, within: 'metrics' },
  ];
  assert.deepEqual(await lanesOf(both), ['spool/metrics', 'spool/metrics']);
  assert.deepEqual(await lanesOf([...both, { topic: 'events', replayable: true }]), ['spool/metrics', 'spool/events']);
  await spool.close();
});
