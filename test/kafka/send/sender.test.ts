/** The sender against a broker whose faults are scripted; the real broker's are in test/integration. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { KafkaClient, type KafkaClientOptions } from '../../../src/kafka/connect/client.ts';
import { Sender, type SenderOptions } from '../../../src/kafka/send/sender.ts';
import { makeBlock } from '../../support/blocks.ts';
import { FakeBroker, type Fault } from '../../support/fake-broker.ts';

const TOPIC = 't';
/** What the producer ids of a fake broker are good for. */
const FAKE = { cluster: 'fake', topicId: null };

interface Run {
  broker: FakeBroker;
  sender: Sender;
  /** Settled blocks, by number. */
  settled: number[];
}

/** Sends `blocks` blocks of one to three records `r0`, `r1`, ... and waits until all are settled. */
async function run(
  blocks: number,
  script: (batch: FakeBroker['seen'][number], broker: FakeBroker) => Fault,
  options: Partial<SenderOptions> & { client?: Partial<KafkaClientOptions>; prepare?: (b: FakeBroker) => void } = {},
  check: (run: Run & { sent: string[] }) => void = () => undefined,
): Promise<void> {
  const { client: clientOptions, prepare, ...senderOptions } = options;
  await using b = await FakeBroker.start((batch) => script(batch, b));
  prepare?.(b);
  const client = new KafkaClient({
    brokers: [b.address],
    client_id: 'test',
    create_topics: false,
    request_timeout: 500,
    longest_pause: 20,
    ...clientOptions,
  });
  const sender = new Sender(client, { topic: TOPIC, partition: 0, longest_pause: 20, ...senderOptions });
  const settled: number[] = [];
  const sent: string[] = [];
  let record = 0;
  try {
    for (let i = 0; i < blocks; i++) {
      const values = Array.from({ length: 1 + (i % 3) }, () => `r${record++}`);
      sent.push(...values);
      await sender.put(await makeBlock(TOPIC, values), () => settled.push(i));
    }
    await sender.drained(AbortSignal.timeout(10_000));
    assert.deepEqual(settled, [...Array(blocks).keys()], 'settled in order, each once');
    assert.equal(sender.status.in_flight, 0);
    assert.equal(sender.status.records, sent.length);
    assert.equal(sender.status.error, null);
    check({ broker: b, sender, settled, sent });
  } finally {
    await sender.stop();
    client.close();
  }
}

const exact = ({ broker, sent }: { broker: FakeBroker; sent: string[] }) => assert.deepEqual(broker.stored, sent);

test('what is sent arrives once and in order', () => run(60, () => null, {}, exact));

test('what the broker has is let go of, but not what another connection may still be sending', async () => {
  await using broker = await FakeBroker.start(({ number }) => (number === 1 ? 'lose' : null));
  const client = new KafkaClient({
    brokers: [broker.address],
    client_id: 'test',
    create_topics: false,
    request_timeout: 500,
    longest_pause: 20,
  });
  const sender = new Sender(client, { topic: TOPIC, partition: 0, longest_pause: 20 });
  try {
    const held: number[] = [];
    for (let i = 0; i < 3; i++) {
      const block = await makeBlock(TOPIC, ['x'.repeat(20_000)]);
      const body = Buffer.from(new Uint8Array(block.body).buffer);
      await sender.put({ ...block, body }, () => undefined);
      await sender.drained(AbortSignal.timeout(10_000));
      held.push(body.length);
    }
    assert.equal(held[0], 0);
    assert.ok(held[1]! > 20_000, 'it was sent twice');
    assert.equal(held[2], 0);
    assert.deepEqual(broker.stored, Array(3).fill('x'.repeat(20_000)));
  } finally {
    await sender.stop();
    client.close();
  }
});

test('a lost acknowledgement makes no duplicate', () =>
  run(
    40,
    ({ number }) => (number === 7 ? 'lose' : null),
    {},
    (r) => {
      exact(r);
      assert.ok(r.sender.status.retries > 0);
    },
  ));

test('connections that break before and after the append lose nothing', () =>
  run(100, ({ number }) => (number % 13 === 5 ? 'lose' : number % 11 === 3 ? 'drop' : null), {}, exact));

test('a broker that says nothing is left after the request timeout', () =>
  run(20, ({ number }) => (number === 6 ? 'silence' : null), { client: { request_timeout: 200 } }, exact));

for (const [code, name] of [
  [6, 'NOT_LEADER'],
  [3, 'UNKNOWN_TOPIC_OR_PARTITION'],
  [7, 'REQUEST_TIMED_OUT'],
  [19, 'NOT_ENOUGH_REPLICAS'],
  [56, 'KAFKA_STORAGE_ERROR'],
  [87, 'INVALID_RECORD'],
  [29, 'TOPIC_AUTHORIZATION_FAILED'],
  [999, 'a code that nobody knows'],
] as const) {
  test(`${name} is waited out, in order`, () =>
    run(30, ({ number }) => (number === 4 || number === 12 ? code : null), {}, exact));
}

test('OUT_OF_ORDER_SEQUENCE behind a failure is sent again under the same numbers', () =>
  run(
    30,
    ({ number }) => (number === 4 ? 19 : null),
    {},
    (r) => {
      exact(r);
      const ids = new Set(r.broker.seen.map((batch) => batch.producerId));
      assert.equal(ids.size, 1);
      assert.equal(r.sender.status.possible_duplicates, 0);
    },
  ));

test('OUT_OF_ORDER_SEQUENCE on the oldest block, twice, takes a new producer id', () => {
  return run(
    12,
    ({ producerId, sequence }) => (producerId === 1000n && sequence >= 9 ? 45 : null),
    {},
    (r) => {
      exact(r);
      assert.equal(r.sender.status.possible_duplicates, 0, 'what was refused is not there');
      assert.deepEqual(new Set(r.broker.seen.map((batch) => batch.producerId)), new Set([1000n, 1001n]));
      const renewed = r.broker.seen.filter((batch) => batch.producerId === 1001n);
      assert.equal(renewed[0]!.sequence, 0);
    },
  );
});

for (const [code, name] of [
  [59, 'UNKNOWN_PRODUCER_ID'],
  [47, 'INVALID_PRODUCER_EPOCH'],
] as const) {
  test(`a producer id that is answered ${name} is replaced`, () =>
    run(
      20,
      ({ producerId, sequence }) => (producerId === 1000n && sequence >= 9 ? code : null),
      {},
      (r) => {
        exact(r);
        assert.equal(r.sender.status.possible_duplicates, 0, 'what was refused is not there');
        const renewed = r.broker.seen.filter((batch) => batch.producerId === 1001n);
        assert.deepEqual([renewed[0]!.sequence, renewed[0]!.values[0]], [0, 'r9']);
      },
    ));
}

for (const [code, name] of [
  [45, 'OUT_OF_ORDER_SEQUENCE_NUMBER'],
  [47, 'INVALID_PRODUCER_EPOCH'],
  [59, 'UNKNOWN_PRODUCER_ID'],
] as const) {
  test(`what got no answer before ${name} may come twice, and counts once`, async (t) => {
    let lost = false;
    // All under the first id is refused after the fifth batch, which is taken and not answered.
    await using broker = await FakeBroker.start(({ number, producerId }) => {
      if (number === 4) lost = true;
      return number === 4 ? 'lose' : number > 4 && producerId < 1003n ? code : null;
    });
    const client = new KafkaClient({
      brokers: [broker.address],
      client_id: 'test',
      create_topics: false,
      longest_pause: 20,
    });
    const sender = new Sender(client, { topic: TOPIC, partition: 0, longest_pause: 20 });
    t.after(async () => {
      await sender.stop();
      client.close();
    });
    for (let i = 0; i < 4; i++) await sender.put(await makeBlock(TOPIC, [`${i}`]), () => undefined);
    await sender.drained(AbortSignal.timeout(10_000));
    await sender.put(await makeBlock(TOPIC, ['a', 'b', 'c']), () => undefined);
    // Else they would go out on the same connection.
    while (!lost || sender.status.error === null) await new Promise(setImmediate);
    for (let i = 0; i < 4; i++) await sender.put(await makeBlock(TOPIC, [`later ${i}`]), () => undefined);
    await sender.drained(AbortSignal.timeout(10_000));
    const later = Array.from({ length: 4 }, (_, i) => `later ${i}`);
    assert.deepEqual(broker.stored, ['0', '1', '2', '3', 'a', 'b', 'c', 'a', 'b', 'c', ...later]);
    // Several ids are refused one after the other, and the three records are there twice at most.
    assert.ok(broker.producers > 1002);
    assert.equal(sender.status.possible_duplicates, 3);
  });
}

test('of what an earlier process may have sent, what its producer id is no good for any more may come twice', async (t) => {
  await using broker = await FakeBroker.start(({ producerId }) => (producerId === 77n ? 59 : null));
  const client = new KafkaClient({
    brokers: [broker.address],
    client_id: 'test',
    create_topics: false,
    longest_pause: 20,
  });
  const identity = { ...FAKE, producerId: 77n, epoch: 0, sequence: 5 };
  const sender = new Sender(client, { topic: TOPIC, partition: 0, longest_pause: 20, identity });
  t.after(async () => {
    await sender.stop();
    client.close();
  });
  for (let i = 0; i < 4; i++) {
    const block = await makeBlock(TOPIC, ['a', 'b', 'c']);
    await sender.put({ ...block, sentBefore: i < 2 }, () => undefined);
  }
  await sender.drained(AbortSignal.timeout(10_000));
  assert.equal(broker.stored.length, 12);
  assert.equal(sender.status.possible_duplicates, 6);
});

test('the first block of a producer id goes alone: else the second could be taken before it', () =>
  run(
    12,
    ({ number }) => (number === 0 ? 19 : null),
    {},
    (r) => {
      exact(r);
      assert.equal(r.broker.seen[1]!.sequence, 0);
      assert.equal(r.sender.status.possible_duplicates, 0);
    },
  ));

test('DUPLICATE_SEQUENCE_NUMBER is an acknowledgement', () =>
  run(
    1,
    () => 46,
    {},
    ({ broker }) => assert.equal(broker.seen.length, 1),
  ));

test('without the right to a producer id it goes on with one block in flight', () =>
  run(
    30,
    ({ number }) => (number === 4 ? 'drop' : number === 9 ? 19 : null),
    {
      prepare: (broker) => {
        broker.initError = 31;
      },
    },
    (r) => {
      exact(r);
      for (const { producerId, sequence } of r.broker.seen) assert.deepEqual([producerId, sequence], [-1n, -1]);
    },
  ));

test('a producer id that is not given yet is waited for, and the status says why', async (t) => {
  await using broker = await FakeBroker.start();
  broker.initError = 14;
  const client = new KafkaClient({
    brokers: [broker.address],
    client_id: 'test',
    create_topics: false,
    longest_pause: 20,
  });
  const sender = new Sender(client, { topic: TOPIC, partition: 0 });
  t.after(async () => {
    await sender.stop();
    client.close();
  });
  await sender.put(await makeBlock(TOPIC, ['waits']), () => undefined);
  await assert.rejects(sender.drained(AbortSignal.timeout(300)), { name: 'TimeoutError' });
  assert.equal(sender.status.error, 'cannot get a producer id: COORDINATOR_LOAD_IN_PROGRESS');
  broker.initError = 0;
  await sender.drained(AbortSignal.timeout(10_000));
  assert.equal(sender.status.error, null);
});

test('it goes on under the identity that it is given', () =>
  run(
    6,
    () => null,
    { identity: { ...FAKE, producerId: 77n, epoch: 0, sequence: 0 } },
    (r) => {
      exact(r);
      assert.deepEqual(new Set(r.broker.seen.map((batch) => batch.producerId)), new Set([77n]));
    },
  ));

test('a new identity is made known before anything is sent under it', () => {
  const known: [bigint, number, number][] = [];
  let broker: FakeBroker | undefined;
  return run(
    10,
    ({ producerId, sequence }, b) => {
      broker = b;
      assert.equal(known.at(-1)?.[0], producerId);
      return producerId === 1000n && sequence >= 6 ? 59 : null;
    },
    {
      onIdentity: async ({ producerId }, before) => {
        await new Promise((resolve) => setTimeout(resolve, 20));
        known.push([producerId, before, broker?.stored.length ?? 0]);
      },
    },
    (r) => {
      exact(r);
      assert.deepEqual(known, [
        [1000n, 0, 0],
        [1001n, 6, 6],
      ]);
    },
  );
});

test('a refused timestamp is replaced by one that the broker takes, also in the blocks after it', () => {
  const brokerTime = Date.now() - 6 * 3_600_000;
  const high = brokerTime + 3_600_000;
  let refused = 0;
  return run(
    20,
    ({ time }) => {
      if (time <= high) return null;
      refused++;
      return 32;
    },
    {
      prepare: (broker) => {
        broker.message = `Timestamp 1 of message with offset 0 is out of range. The timestamp should be within [0, ${high}]`;
      },
    },
    (r) => {
      exact(r);
      assert.ok(refused <= 5, `${refused} refused`);
      for (const { time } of r.broker.seen.slice(-5)) assert.ok(Math.abs(time - brokerTime) < 60_000);
    },
  );
});

test('a refused timestamp without a word about which would do is no busy loop', () =>
  run(6, ({ number }) => (number >= 1 && number < 5 ? 32 : null), {}, exact));

test('nothing is sent beyond the fifth batch after the oldest one without an answer', () =>
  run(
    40,
    ({ number }) => (number === 10 ? 'silence' : null),
    { client: { request_timeout: 200 } },
    (r) => {
      exact(r);
      const sequences = r.broker.seen.map((batch) => batch.sequence);
      assert.equal(sequences[15], sequences[10], 'the sixth to be sent is the oldest, again');
    },
  ));

test('what waits for the end of a throttle is not overtaken by what comes right after it', async (t) => {
  await using broker = await FakeBroker.start();
  broker.throttle = 50;
  const client = new KafkaClient({ brokers: [broker.address], client_id: 'test', create_topics: false });
  const sender = new Sender(client, { topic: TOPIC, partition: 0 });
  t.after(async () => {
    await sender.stop();
    client.close();
  });
  const [first, second, third] = await Promise.all(['first', 'second', 'third'].map((v) => makeBlock(TOPIC, [v])));
  await sender.put(first!, () => undefined);
  await sender.drained(AbortSignal.timeout(10_000));
  await sender.put(second!, () => undefined);
  await new Promise(setImmediate);
  // The throttle ends while this thread is busy: no timer has fired yet when the third is put.
  const busyUntil = performance.now() + broker.throttle + 20;
  while (performance.now() < busyUntil);
  await sender.put(third!, () => undefined);
  await sender.drained(AbortSignal.timeout(10_000));
  assert.deepEqual(
    broker.seen.map(({ sequence }) => sequence),
    [0, 1, 2],
  );
  assert.equal(sender.status.retries, 0);
});

test('a clock that is set back by an hour makes no throttle longer', async (t) => {
  await using broker = await FakeBroker.start();
  broker.throttle = 300;
  const client = new KafkaClient({ brokers: [broker.address], client_id: 'test', create_topics: false });
  const sender = new Sender(client, { topic: TOPIC, partition: 0 });
  t.after(async () => {
    await sender.stop();
    client.close();
  });
  const [first, second] = await Promise.all(['first', 'second'].map((v) => makeBlock(TOPIC, [v])));
  await sender.put(first!, () => undefined);
  await sender.drained(AbortSignal.timeout(10_000));
  const { now } = Date;
  t.mock.method(Date, 'now', () => now() - 3_600_000);
  await sender.put(second!, () => undefined);
  await sender.drained(AbortSignal.timeout(10_000));
  assert.deepEqual(broker.stored, ['first', 'second']);
  assert.equal(sender.status.retries, 0);
});

test('a sender is stopped while Kafka is away, and a wait for it ends with its signal', async () => {
  const client = new KafkaClient({ brokers: ['127.0.0.1:1'], client_id: 'test', create_topics: false });
  const sender = new Sender(client, { topic: TOPIC, partition: 0 });
  const blocks = await Promise.all(Array.from({ length: 7 }, (_, i) => makeBlock(TOPIC, [`${i}`])));
  for (const block of blocks) await sender.put(block, () => assert.fail('settled without a broker'));
  let eighth = false;
  void sender
    .put(blocks[0]!, () => undefined)
    .then(() => {
      eighth = true;
    });
  await assert.rejects(sender.drained(AbortSignal.timeout(300)), { name: 'TimeoutError' });
  assert.equal(eighth, false);
  assert.equal(sender.status.in_flight, 8);
  assert.match(sender.status.error ?? '', /refuses connections/);
  assert.equal(client.state, 'connecting');
  await sender.stop();
  client.close();
});
