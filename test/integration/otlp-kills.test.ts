/** Agents that take OTLP: killed at any moment, and several whose spans are of one trace. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { makeHome } from '../support/agent.ts';
import { createTopic, noKafka, sharedKafka } from '../support/kafka.ts';
import { readRecords } from '../support/kcat.ts';
import { post, startOtlp } from '../support/otlp-agent.ts';
import { killOtlp } from '../support/otlp-kills.ts';
import { spanIdOf, spansIn, traceIdOf, traceRequest } from '../support/otlp-spans.ts';

test('what an agent answered is in Kafka once, killed at any moment', { skip: noKafka }, async () => {
  await using kafka = await sharedKafka();
  const prefix = `kills-${randomBytes(4).toString('hex')}`;
  const { answered } = await killOtlp(kafka.brokers, prefix, 4, (round) => 300 + 400 * round);
  assert.ok(answered > 500, `${answered} were answered`);
});

test('spans of a trace from three hosts are in one partition', { skip: noKafka }, async () => {
  await using kafka = await sharedKafka();
  const topic_prefix = `hosts-${randomBytes(4).toString('hex')}`;
  await createTopic(kafka.brokers, `${topic_prefix}.traces`, { partitions: 7 });
  const traces = Array.from({ length: 40 }, (_, i) => traceIdOf(i));
  for (const [n, host] of ['web-1', 'web-2', 'db-1'].entries()) {
    await using home = await makeHome();
    const { agent, http } = await startOtlp(home, { host, kafka: { brokers: [kafka.brokers], topic_prefix } });
    const spans = traces.map((traceId, i) => ({ traceId, spanId: spanIdOf(1000 * n + i) }));
    assert.equal((await post(http, traceRequest(spans, host))).code, 200);
    await agent.settled(traces.length);
    await agent.stop();
  }
  const records = await readRecords(kafka.brokers, `${topic_prefix}.traces`);
  const partitions = new Set<number>();
  for (const trace of traces) {
    const of = records.filter(({ key }) => String(key) === trace);
    assert.deepEqual(of.map(({ headers }) => headers.host).sort(), ['db-1', 'web-1', 'web-2']);
    assert.equal(new Set(of.map(({ partition }) => partition)).size, 1, trace);
    assert.ok(of.every(({ value }) => spansIn(value!).length === 1));
    partitions.add(of[0]!.partition);
  }
  assert.ok(partitions.size > 3);
});
