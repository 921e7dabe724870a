/** Calls, errors and durations of spans. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';
import type { OtlpReader } from '../../../src/sources/otlp/request/reader.ts';
import { attribute, traceBatch } from '../../support/otlp-batches.ts';
import { decodeRequest, encodeRequest } from '../../support/otlp-decoder.ts';
import { otlpReader, take } from '../../support/otlp-records.ts';

const ORIGIN = { host: 'web-1', dataset: 'traces', labels: { env: 'prod' } };
const WINDOW = { start: 1_000, end: 11_000, id: 'agent-1' };
const START = 1_796_000_000_000_000_000n;

// biome-ignore lint/suspicious/noExplicitAny: documents
type Document = any;

function flush(reader: OtlpReader): Document[] {
  reader.red!.close();
  return [...reader.red!.documents(ORIGIN, WINDOW, [['p50', 0.5]])].map((text) => JSON.parse(text));
}

const small = (options: Parameters<typeof otlpReader>[0] = {}) => otlpReader({ maxRequest: 1 << 20, ...options });

function span({ ms = 1, ...more }: { ms?: number; [field: string]: unknown } = {}): object {
  const times = { startTimeUnixNano: String(START), endTimeUnixNano: String(START + BigInt(ms) * 1_000_000n) };
  return { traceId: randomBytes(16), spanId: Buffer.alloc(8, 1), name: 'GET', kind: 2, ...times, ...more };
}

function traces(spans: object[], service = 'shop'): Buffer {
  const resource = { attributes: [attribute('service.name', service)] };
  return encodeRequest('traces', { resourceSpans: [{ resource, scopeSpans: [{ spans }] }] });
}

const callsOf = (documents: Document[]) => {
  const calls = documents.filter(({ name }) => name === 'traces.span.metrics.calls');
  return Object.fromEntries(calls.map(({ attributes, value }) => [Object.values(attributes).join(' '), value]));
};

test('a series has a record of calls and one of durations', async () => {
  const reader = small();
  const slow = span({ ms: 300 }) as { traceId: Buffer };
  await take(reader, 'traces', traces([span({ ms: 100 }), slow, span({ ms: 200 })]));
  const [calls, duration, ...others] = flush(reader);
  assert.deepEqual(others, []);
  const common = {
    '@timestamp': '1970-01-01T00:00:11.000Z',
    start: '1970-01-01T00:00:01.000Z',
    interval: 10,
    attributes: {
      'service.name': 'shop',
      'span.name': 'GET',
      'span.kind': 'SPAN_KIND_SERVER',
      'status.code': 'STATUS_CODE_UNSET',
    },
    host: { name: 'web-1' },
    labels: { env: 'prod' },
  };
  const event = (n: number) => ({ id: `agent-1-${n}`, dataset: 'traces' });
  assert.deepEqual(calls, {
    ...common,
    name: 'traces.span.metrics.calls',
    type: 'sum',
    value: 3,
    unit: '1',
    event: event(0),
  });
  const { sketch, sum, avg, p50, ...rest } = duration;
  assert.deepEqual(rest, {
    ...common,
    name: 'traces.span.metrics.duration',
    type: 'histogram',
    unit: 's',
    count: 3,
    min: 0.1,
    max: 0.3,
    exemplar: { trace_id: slow.traceId.toString('hex'), value: 0.3 },
    event: event(1),
  });
  assert.ok(
    Math.abs(sum - 0.6) < 1e-9 && Math.abs(avg - 0.2) < 1e-9 && Math.abs(p50 - 0.2) < 0.004,
    `${sum} ${avg} ${p50}`,
  );
  assert.match(sketch, /^[\w+/]+=*$/);
});

test('the counts are those of the spans, by service, operation, kind and status', async () => {
  const reader = small();
  const expected: Record<string, number> = {};
  for (let i = 0; i < 3; i++) {
    const body = encodeRequest('traces', traceBatch(400));
    for (const { scopeSpans } of decodeRequest('traces', body).resourceSpans) {
      for (const { name, kind, status } of scopeSpans.flatMap((scope: Document) => scope.spans)) {
        const key = `shop ${name} SPAN_KIND_${['', '', 'SERVER', 'CLIENT'][kind]} STATUS_CODE_${['UNSET', 'OK', 'ERROR'][status?.code ?? 0]}`;
        expected[key] = (expected[key] ?? 0) + 1;
      }
    }
    await take(reader, 'traces', body);
  }
  assert.deepEqual(callsOf(flush(reader)), expected);
  // The next window has nothing of it.
  assert.deepEqual(flush(reader), []);
});

test('clocks that are years off make no durations of years', async () => {
  const reader = small();
  const year = 366n * 86_400n * 1_000_000_000n;
  const between = (start: bigint, end: bigint) =>
    span({ startTimeUnixNano: String(start), endTimeUnixNano: String(end) });
  const spans = [
    between(0n, START),
    between(1n, START),
    between(START - year - 1n, START),
    between(START, START - 1n),
    between(START, 2n ** 64n - 1n),
    between(START, 0n),
  ];
  const { counts } = await take(reader, 'traces', traces([...spans, span({ ms: 100 })]));
  assert.deepEqual([counts.received, counts.invalid], [7, 0]);
  const [calls, { count, max, sum }] = flush(reader);
  assert.deepEqual([calls.value, count, max, sum], [7, 7, 0.1, 0.1]);
  // As far as that may be right.
  await take(reader, 'traces', traces([between(START - year, START)]));
  assert.equal(flush(reader)[1].max, 366 * 86_400);
});

test('a request that is not accepted does not count', async () => {
  const reader = small();
  const request = await reader.read('traces', 'protobuf', traces([span()]));
  request.close();
  assert.deepEqual(flush(reader), []);
});

test('what an SDK has sampled away is made up for, what is sampled here is counted before', async () => {
  const reader = small({ sampling: { probability: 0 } });
  const spans = [span({ traceState: 'ot=th:c' }), span({ traceState: 'a=1,ot=th:8;rv:ffffffffffffff' }), span()];
  assert.equal((await take(reader, 'traces', traces(spans))).items, 0);
  const [calls, duration] = flush(reader);
  assert.deepEqual([calls.value, duration.count], [7, 7]);
});

test('the threshold that is written here does not count twice', async () => {
  const reader = small({ sampling: { probability: 0.5 } });
  await take(reader, 'traces', traces([span({ traceState: 'ot=rv:ffffffffffffff' })]));
  assert.equal(flush(reader)[0].value, 1);
});

test('attributes make series, those that a span does not have are left out', async () => {
  const reader = small({ metrics: { attributes: ['http.route', 'code'] } });
  const spans = [
    span({ attributes: [attribute('http.route', '/a'), attribute('code', 200), attribute('http.route ', 'no')] }),
    span({ attributes: [attribute('code', 200), attribute('http.route', '/a')] }),
    span({ attributes: [attribute('code', -1)] }),
    span(),
  ];
  await take(reader, 'traces', traces(spans));
  const around = 'shop GET SPAN_KIND_SERVER STATUS_CODE_UNSET';
  assert.deepEqual(callsOf(flush(reader)), { [`${around} /a 200`]: 2, [`${around} -1`]: 1, [around]: 1 });
});

test('operations beyond those of a service are one, and said', async () => {
  const reader = small({ metrics: { operations_per_service: 3 } });
  for (const service of ['shop', 'cart'])
    await take(
      reader,
      'traces',
      traces(
        Array.from({ length: 50 }, (_, i) => span({ name: `GET /${i}` })),
        service,
      ),
    );
  const calls = callsOf(flush(reader));
  assert.equal(Object.keys(calls).length, 8);
  assert.equal(calls['shop _other SPAN_KIND_SERVER STATUS_CODE_UNSET'], 47);
  assert.equal(reader.red!.overflowed, 94);
});

test('services without end take no memory without end, and no span is lost', async () => {
  const reader = small();
  const services = 4000;
  for (let i = 0; i < services; i++) await take(reader, 'traces', traces([span()], `service-${i}`));
  const calls = callsOf(flush(reader));
  assert.ok(Object.keys(calls).length <= 2518);
  assert.equal(
    Object.values(calls).reduce((sum: number, n) => sum + (n as number), 0),
    services,
  );
  assert.equal(calls['_other _other SPAN_KIND_SERVER STATUS_CODE_UNSET'], services - 2500);
});

test('only of spans that answer others', async () => {
  const reader = small({ metrics: { server_and_consumer_only: true } });
  await take(reader, 'traces', traces([0, 1, 2, 3, 4, 5].map((kind) => span({ kind }))));
  const kinds = Object.keys(callsOf(flush(reader))).map((key) => key.split(' ')[2]);
  assert.deepEqual(kinds, ['SPAN_KIND_SERVER', 'SPAN_KIND_CONSUMER']);
});

test('series that are idle are forgotten, and others take their numbers', async () => {
  const reader = small({ metrics: { operations_per_service: 1 } });
  await take(reader, 'traces', traces([span({ name: 'old' })]));
  for (let window = 0; window < 32; window++) flush(reader);
  await take(reader, 'traces', traces([span({ name: 'new' })]));
  assert.deepEqual(Object.keys(callsOf(flush(reader))), ['shop new SPAN_KIND_SERVER STATUS_CODE_UNSET']);
  assert.equal(reader.red!.live, 1);
});

test('names and values of any length and kind are no trouble', async () => {
  const reader = small({ metrics: { attributes: ['a'] } });
  const value = { arrayValue: { values: [] } };
  const spans = [
    span({ name: 'x'.repeat(100_000) }),
    span({ name: '😀'.repeat(300), kind: 99, status: { code: 99 } }),
    span({ attributes: [{ key: 'a', value }] }),
    span({
      attributes: [{ key: 'a' }, { key: 'a', value: { doubleValue: 0.5 } }, { key: 'a', value: { boolValue: true } }],
    }),
    span({ ms: -5 }),
  ];
  await take(reader, 'traces', traces(spans));
  const documents = flush(reader);
  assert.equal(Object.values(callsOf(documents)).length, 4);
  for (const { attributes, min } of documents) {
    assert.ok(attributes['span.name'].length <= 255 && attributes['span.name'].isWellFormed());
    assert.ok(min === undefined || min >= 0);
  }
});
