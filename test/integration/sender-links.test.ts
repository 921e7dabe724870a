/** The sender over connections that are cut at any byte, and over ones that are slow. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { createTopic, noKafka, type ProxiedKafka, sharedKafkaBehindProxy } from '../support/kafka.ts';
import { Lane } from '../support/sender-lane.ts';

const skip = noKafka;
let kafka: ProxiedKafka;

before(async () => {
  if (!skip) kafka = await sharedKafkaBehindProxy();
});
after(async () => {
  await kafka?.[Symbol.asyncDispose]();
});

for (const [direction, most] of [
  ['requests', 400],
  ['replies', 700],
] as const) {
  test(`a connection cut at any byte of its ${direction} loses nothing and doubles nothing`, { skip }, async () => {
    const topic = `cut-${direction}`;
    await createTopic(kafka.brokers, topic);
    await using lane = new Lane(kafka, topic, { longest_pause: 20 });
    await lane.putMany(3);
    await lane.sender.drained(AbortSignal.timeout(20_000));
    let cuts = 0;
    // Each byte of the first sixty, then further ones: handshakes and metadata of the connection after the cut too.
    for (let at = 1; at < most; at += at < 60 ? 1 : 37) {
      // Nothing else is on its way: the bytes are those of a Produce, as far as they go.
      await lane.sender.drained(AbortSignal.timeout(20_000));
      const cut = kafka.proxy.cutAfter(at, direction).then(() => cuts++);
      const before = cuts;
      while (cuts === before) await Promise.race([cut, lane.putMany(2), sleep(50)]);
    }
    await lane.check();
    assert.ok(cuts > 60, `${cuts} cuts`);
    assert.ok(lane.sender.status.retries > 20, `${lane.sender.status.retries} retries`);
    assert.equal(lane.sender.status.possible_duplicates, 0);
  });
}

test('answers that come two seconds late are waited for, and nothing is sent twice', { skip }, async () => {
  await createTopic(kafka.brokers, 'late');
  await using lane = new Lane(kafka, 'late');
  await lane.putMany(3);
  await lane.sender.drained(AbortSignal.timeout(20_000));
  kafka.proxy.delay(2000);
  try {
    const putting = lane.putMany(5);
    await sleep(1000);
    const { in_flight, error } = lane.sender.status;
    assert.ok(in_flight > 3, `${in_flight} in flight`);
    assert.equal(error, null);
    await putting;
    await lane.sender.drained(AbortSignal.timeout(60_000));
  } finally {
    kafka.proxy.heal();
  }
  await lane.check();
  assert.equal(lane.sender.status.retries, 0);
});
