/** Applications with the SDKs that there are, over each protocol, to an agent whose Kafka is restarted in between. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { makeHome } from '../support/agent.ts';
import { createTopic, noKafka, startKafka } from '../support/kafka.ts';
import { type ReadRecord, readRecords } from '../support/kcat.ts';
import { startOtlp } from '../support/otlp-agent.ts';
import { otlpClients, runClient } from '../support/otlp-clients.ts';
import { spansIn } from '../support/otlp-spans.ts';
import { freePort } from '../support/ports.ts';

const PARTITIONS = 6;
const TRACES = 60;

/** Each span once, and those of a trace in one partition. */
function assertWhole(records: readonly ReadRecord[], made: readonly string[]): void {
  const partitions = new Map<string, Set<number>>();
  const found: string[] = [];
  for (const { key, value, partition, headers } of records) {
    assert.equal(headers['content-type'], 'application/x-protobuf');
    for (const { traceId, spanId } of spansIn(value!)) {
      assert.equal(String(key), traceId);
      found.push(`${traceId} ${spanId}`);
      const of = partitions.get(traceId) ?? new Set();
      partitions.set(traceId, of.add(partition));
    }
  }
  const stored = new Set(found);
  assert.deepEqual(
    made.filter((span) => !stored.has(span)),
    [],
    'spans that are not there',
  );
  assert.equal(found.length, made.length, 'spans that are there twice');
  for (const [trace, of] of partitions) assert.equal(of.size, 1, `trace ${trace} is in ${of.size} partitions`);
}

test('what SDKs send is in Kafka once, each trace in one partition, with Kafka away in between', {
  skip: noKafka,
}, async (t) => {
  await using kafka = await startKafka();
  await createTopic(kafka.brokers, 'runnel.traces', { partitions: PARTITIONS });
  await using home = await makeHome();
  const datadog = `127.0.0.1:${await freePort()}`;
  const { agent, ...at } = await startOtlp(home, { kafka: { brokers: [kafka.brokers] }, datadog: { listen: datadog } });
  const { clients, missing } = await otlpClients({ ...at, datadog }, TRACES);
  for (const why of missing) t.diagnostic(`WITHOUT: ${why}`);
  const made: string[] = [];
  const send = async (some: typeof clients) => {
    for (const client of some) {
      const spans = await runClient(client);
      assert.equal(spans.length, 3 * TRACES, client.name);
      made.push(...spans);
    }
  };
  // Every second one, so that each language is in both.
  await send(clients.filter((_, i) => i % 2 === 0));
  await kafka.kill();
  // Nobody is refused meanwhile.
  await send(clients.filter((_, i) => i % 2 === 1));
  await kafka.restart();
  const points = (await agent.status()).otlp.data_points;
  const status = await agent.settled(made.length + points, 120_000);
  assert.deepEqual(
    status.otlp.listeners.map(({ refused }) => refused),
    [0, 0, 0],
  );
  assert.ok(points > 0);
  assertWhole(await readRecords(kafka.brokers, 'runnel.traces'), made);
  await agent.stop();
});
