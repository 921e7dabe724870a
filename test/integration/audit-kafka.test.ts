/** Audit events and Kafka: what is answered when Kafka has it, what its topic is like, and that the local log is emptied. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { readdir } from 'node:fs/promises';
import { test } from 'node:test';
import kafkajs from 'kafkajs';
import { makeHome } from '../support/agent.ts';
import { audit, checkedStreams, eventOf, startAudit } from '../support/audit-agent.ts';
import { readCommitted } from '../support/committed.ts';
import { createTopic, noKafka, sharedKafka, withAdmin } from '../support/kafka.ts';

const ORDERS = { 'runnel-stream': 'orders' };
const prefix = () => `audit-${randomBytes(4).toString('hex')}`;

test('with durability kafka an answer waits for Kafka; without it 503, and the event stays', {
  skip: noKafka,
}, async () => {
  await using kafka = await sharedKafka();
  await using home = await makeHome();
  const topic_prefix = prefix();
  const away = await startAudit(home, { kafka: { brokers: ['127.0.0.1:1'], topic_prefix } });
  const late = await audit(away.socket, eventOf('a'), { ...ORDERS, prefer: 'durability=kafka, wait=1' });
  assert.deepEqual([late.code, late.headers['retry-after']], [503, '1']);
  assert.equal((await audit(away.socket, eventOf('a'), ORDERS)).body.duplicate, true);
  await away.agent.stop();

  const { agent, socket } = await startAudit(
    home,
    { kafka: { brokers: [kafka.brokers], topic_prefix } },
    { durability: 'kafka' },
  );
  const again = await audit(socket, eventOf('a'), { ...ORDERS, prefer: 'wait=30' });
  assert.deepEqual([again.code, again.body.durable, again.body.duplicate], [201, 'kafka', true]);
  const ids = () =>
    readCommitted(kafka.brokers, `${topic_prefix}.audit`).then((all) =>
      all.map(({ value }) => JSON.parse(value).event.id),
    );
  assert.ok((await ids()).includes('a'));
  const next = await audit(socket, eventOf('b'), ORDERS);
  assert.deepEqual([next.code, next.body.durable], [201, 'kafka'], JSON.stringify(next.body));
  assert.ok((await ids()).includes('b'));
  assert.equal((await audit(socket, eventOf('c'), { ...ORDERS, prefer: 'durability=spool' })).body.durable, 'spool');
  // One broker: the topic is made with what there can be, and the status says what is weak.
  const { audit: said, ready } = await agent.until((s) => s.audit.topic_errors.length > 0, 'the topic is checked');
  assert.match(said.topic_errors[0]!, /1 replica: give it 3/);
  assert.ok(ready);
  assert.ok(!said.topic_errors.some((error) => /retention|cleanup|unclean/.test(error)), said.topic_errors.join('; '));
  await agent.stop();
});

test('what the topic does not take waits whole: nothing is cut, or set aside', { skip: noKafka }, async () => {
  await using kafka = await sharedKafka();
  await using home = await makeHome();
  const topic_prefix = prefix();
  const topic = `${topic_prefix}.audit`;
  await createTopic(kafka.brokers, topic, { 'max.message.bytes': 100_000 });
  const config = { kafka: { brokers: [kafka.brokers], topic_prefix, compression: 'none' } };
  const { agent, socket } = await startAudit(home, config);
  for (const [id, bytes] of [
    ['a', 10],
    ['b', 150_000],
    ['c', 10],
  ] as const) {
    assert.equal((await audit(socket, eventOf(id, { filling: 'x'.repeat(bytes) }), ORDERS)).code, 201);
  }
  await agent.until(
    (s) => s.topics.some((t) => t.topic === topic && /MESSAGE_TOO_LARGE/.test(t.error ?? '')),
    'it is said',
  );
  const { audit: said } = await agent.status();
  assert.ok(said.topic_errors.some((error) => error.includes('max.message.bytes=100000')));
  const configEntries = [{ name: 'max.message.bytes', value: '1048588' }];
  const resources = [{ type: kafkajs.ConfigResourceTypes.TOPIC, name: topic, configEntries }];
  await withAdmin(kafka.brokers, (admin) => admin.alterConfigs({ validateOnly: false, resources }));
  await agent.settled(3);
  await agent.stop();
  const records = await readCommitted(kafka.brokers, topic);
  const [stream] = checkedStreams(records.map(({ value }) => ({ value: Buffer.from(value) }))).values();
  assert.deepEqual(stream!.ids, ['a', 'b', 'c']);
});

test('strict takes nothing while the topic is weak', { skip: noKafka }, async () => {
  await using kafka = await sharedKafka();
  await using home = await makeHome();
  const config = { kafka: { brokers: [kafka.brokers], topic_prefix: prefix() } };
  const { agent, socket } = await startAudit(home, config, { require: 'strict' });
  const refused = await audit(socket, eventOf('a'), ORDERS);
  assert.deepEqual([refused.code, refused.headers['retry-after']], [503, '5']);
  const { audit: said } = await agent.until((s) => s.audit.topic_errors.length > 0, 'it says why');
  // It is not made where it cannot be made as it must be.
  assert.match(said.topic_errors[0]!, /cannot create topic .*INVALID_REPLICATION_FACTOR/);
  await agent.stop();
});

test('what Kafka has makes room: more than the log holds goes through it, and its chain goes on', {
  skip: noKafka,
}, async () => {
  await using kafka = await sharedKafka();
  await using home = await makeHome();
  const topic_prefix = prefix();
  const config = { kafka: { brokers: [kafka.brokers], topic_prefix, compression: 'none' } };
  const options = { spool: { max_size: '16MiB' }, hold: '20s' };
  const { agent, socket } = await startAudit(home, config, options);
  const filling = 'x'.repeat(200_000);
  for (let i = 0; i < 200; i += 4) {
    const four = [0, 1, 2, 3].map((n) => audit(socket, eventOf(`e-${i + n}`, { filling }), ORDERS));
    for (const { code, body } of await Promise.all(four)) assert.equal(code, 201, JSON.stringify(body));
  }
  const { audit: said } = await agent.until((s) => s.audit.streams[0]!.waiting === 0, 'all is in Kafka');
  assert.equal(said.streams[0]!.sequence, 200);
  await agent.kill9();
  const next = await startAudit(home, config, options);
  assert.equal((await audit(next.socket, eventOf('after'), ORDERS)).body.first, 201);
  await next.agent.stop();
  const records = await readCommitted(kafka.brokers, `${topic_prefix}.audit`);
  const streams = checkedStreams(records.map(({ value }) => ({ value: Buffer.from(value) })));
  assert.deepEqual(
    [...streams.values()].map(({ events }) => events.length),
    [201],
  );
  const segments = (await readdir(`${home.dataDir}/spool/audit/${topic_prefix}.audit-0`)).filter((n) =>
    n.endsWith('.log'),
  );
  assert.ok(segments.length <= 2, `${segments}`);
});
