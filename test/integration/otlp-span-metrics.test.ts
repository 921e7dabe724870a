/** Metrics of spans: in Kafka, in the status, and seen by rules. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { makeHome } from '../support/agent.ts';
import { createTopic, noKafka, sharedKafka } from '../support/kafka.ts';
import { readValues } from '../support/kcat.ts';
import { post, startOtlp } from '../support/otlp-agent.ts';
import { spansOf, traceRequest } from '../support/otlp-spans.ts';

interface SpanMetric {
  name: string;
  value?: number;
  count?: number;
  sum?: number;
  exemplar?: { trace_id: string };
  attributes: Record<string, string>;
  event: { dataset: string };
}

test('calls and durations of all spans are in metrics.topic, the last window at SIGTERM too; rules see them', {
  skip: noKafka,
}, async () => {
  await using kafka = await sharedKafka();
  const topic_prefix = `red-${randomBytes(4).toString('hex')}`;
  await createTopic(kafka.brokers, `${topic_prefix}.metrics`, { partitions: 1 });
  await using home = await makeHome();
  const rules = [
    { name: 'slow', metric: 'traces.span.metrics.duration', by: 'span.name', value: 'p95 over 10s', fire: '> 0.0005' },
    { name: 'busy', metric: 'traces.span.metrics.calls', by: ['service.name'], value: 'sum over 10s', fire: '> 50' },
  ];
  const { agent, http } = await startOtlp(home, {
    kafka: { brokers: [kafka.brokers], topic_prefix },
    metrics: { interval: '1s' },
    alerts: { rules, builtin: false },
  });
  let sent = 0;
  const send = async (count: number) => {
    assert.equal((await post(http, traceRequest(spansOf(sent, count)))).code, 200);
    sent += count;
  };
  await send(60);
  const { otlp, alerts } = await agent.until((s) => s.alerts.firing === 2, 'both rules fire');
  assert.deepEqual(
    alerts.list.map(({ rule, labels }) => [rule, labels]),
    [
      ['busy', { 'service.name': 'shop' }],
      ['slow', { 'span.name': 'GET /' }],
    ],
  );
  assert.equal(otlp.spans, 60);
  await send(7);
  const [slow] = (await agent.until((s) => s.otlp.slowest[0]?.calls === 7, 'the last window is shown')).otlp.slowest;
  const { trace_id, ...rest } = slow!;
  assert.match(trace_id, /^a[0-9a-f]{31}$/);
  assert.deepEqual(rest, {
    ...{ service: 'shop', operation: 'GET /', kind: 'SPAN_KIND_SERVER', seconds: 0.001, calls: 7 },
  });
  await send(5);
  await agent.stop();
  const all = (await readValues(kafka.brokers, `${topic_prefix}.metrics`)).map(
    (v) => JSON.parse(String(v)) as SpanMetric,
  );
  const red = all.filter(({ event }) => event.dataset === 'traces');
  assert.ok(red.length > 0);
  for (const { attributes } of red) {
    assert.deepEqual(attributes, {
      'service.name': 'shop',
      'span.name': 'GET /',
      'span.kind': 'SPAN_KIND_SERVER',
      'status.code': 'STATUS_CODE_UNSET',
    });
  }
  const sum = (name: string, of: (metric: SpanMetric) => number) =>
    red.filter((metric) => metric.name === name).reduce((all, metric) => all + of(metric), 0);
  assert.equal(
    sum('traces.span.metrics.calls', ({ value }) => value!),
    sent,
  );
  assert.equal(
    sum('traces.span.metrics.duration', ({ count }) => count!),
    sent,
  );
  assert.ok(Math.abs(sum('traces.span.metrics.duration', (metric) => metric.sum!) - sent * 0.001) < 1e-9);
  assert.ok(red.every(({ name, exemplar }) => name.endsWith('calls') || exemplar!.trace_id.startsWith('a')));
});
