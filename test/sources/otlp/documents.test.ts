/** `traces.encoding: json`: a document a span. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { attribute, traceBatch } from '../../support/otlp-batches.ts';
import { decodeRequest, encodeRequest } from '../../support/otlp-decoder.ts';
import { otlpReader, take } from '../../support/otlp-records.ts';
import { randomOf } from '../../support/random.ts';

const reader = otlpReader({ encoding: 'json', labels: { env: 'prod' } });
const traceId = '5b8efff798038103d269b633813fc60c';

function request(span: object, resource: object[] = []): Buffer {
  const ids = { traceId: Buffer.from(traceId, 'hex'), spanId: Buffer.alloc(8, 1) };
  const scopeSpans = [{ spans: [{ ...ids, ...span }] }];
  return encodeRequest('traces', { resourceSpans: [{ resource: { attributes: resource }, scopeSpans }] });
}

async function documentOf(span: object, resource: object[] = []) {
  const { records, counts, error } = await take(reader, 'traces', request(span, resource));
  assert.equal(error, null);
  return { document: JSON.parse(records[0]!.value!.toString()), record: records[0]!, counts };
}

test('a document has what the span has', async () => {
  const list = { kvlistValue: { values: [{ key: 'b', value: { boolValue: true } }] } };
  const span = {
    parentSpanId: Buffer.alloc(8, 2),
    name: 'GET /',
    kind: 2,
    startTimeUnixNano: '1796000000123456789',
    endTimeUnixNano: '1796000000323456789',
    attributes: [attribute('http.route', '/'), attribute('n', 7), { key: 'a', value: list }, { key: 'none' }],
    events: [
      { timeUnixNano: '1796000000200000000', name: 'exception', attributes: [attribute('exception.type', 'E')] },
    ],
    links: [{ traceId: Buffer.alloc(16, 3), spanId: Buffer.alloc(8, 4) }],
    status: { code: 2 },
  };
  const resource = [
    attribute('service.name', 'shop'),
    attribute('service.version', '1'),
    attribute('service.instance.id', 'x'),
  ];
  const { document, record } = await documentOf(span, resource);
  assert.deepEqual(document, {
    '@timestamp': '2026-11-30T00:53:20.123Z',
    trace: { id: traceId },
    span: { id: '0101010101010101', name: 'GET /', kind: 'SPAN_KIND_SERVER' },
    parent: { id: '0202020202020202' },
    event: { duration: 200_000_000, outcome: 'failure', dataset: 'traces' },
    service: { name: 'shop', version: '1', instance: { id: 'x' } },
    resource: { attributes: { 'service.name': 'shop', 'service.version': '1', 'service.instance.id': 'x' } },
    attributes: { 'http.route': '/', n: 7, 'a.b': true, none: null },
    events: [{ '@timestamp': '2026-11-30T00:53:20.200Z', name: 'exception', attributes: { 'exception.type': 'E' } }],
    links: [{ trace: { id: '03'.repeat(16) }, span: { id: '04'.repeat(8) }, attributes: {} }],
    host: { name: 'web-1' },
    labels: { env: 'prod' },
  });
  assert.equal(String(record.key), traceId);
  const headers = record.headers.map(([name, value]) => `${name}=${value}`);
  assert.deepEqual(headers, ['content-type=application/json', 'host=web-1', 'signal=traces']);
});

test('a root has no parent; a time that is none is the time of arrival', async () => {
  const before = Date.now();
  const { document } = await documentOf({});
  assert.ok(Date.parse(document['@timestamp']) >= before - 1000);
  assert.deepEqual([document.parent, document.event.outcome, document.span.name], [undefined, 'unknown', '']);
});

test('a clock that is years off is what it says, and no duration', async () => {
  for (const [start, end, time] of [
    [1n, 1_796_000_000_000_000_000n, null],
    [10n ** 15n, 1_796_000_000_000_000_000n, '1970-01-12T13:46:40.000Z'],
    [7_258_118_400_000_000_000n, 1_796_000_000_000_000_000n, '2200-01-01T00:00:00.000Z'],
    [2n ** 64n - 1n, 2n ** 64n - 1n, '2554-07-21T23:34:33.709Z'],
  ] as const) {
    const { document } = await documentOf({ startTimeUnixNano: String(start), endTimeUnixNano: String(end) });
    if (time === null) assert.ok(Date.parse(document['@timestamp']) > 1.7e12);
    else assert.equal(document['@timestamp'], time);
    assert.equal(document.event.duration, 0);
  }
});

test('every span is a document, whatever room blocks have', async () => {
  const body = encodeRequest('traces', traceBatch(700));
  const ids = decodeRequest('traces', body).resourceSpans[0].scopeSpans.flatMap(
    (scope: { spans: { spanId: string }[] }) =>
      scope.spans.map(({ spanId }) => Buffer.from(spanId, 'base64').toString('hex')),
  );
  for (const room of [1_000_000, 20_000]) {
    const { records, bytes, framed, items } = await take(reader, 'traces', body, { room });
    assert.deepEqual(
      records.map(({ value }) => JSON.parse(value!.toString()).span.id),
      ids,
    );
    assert.ok(framed <= bytes);
    assert.equal(items, 700);
  }
});

test('what is sampled away has no document', async () => {
  const some = otlpReader({ encoding: 'json', sampling: { probability: 0, rules: [{ status: 'error', keep: true }] } });
  const { records, counts } = await take(some, 'traces', request({ status: { code: 2 } }));
  assert.deepEqual([records.length, counts.filtered], [1, 0]);
  const none = await take(some, 'traces', request({}));
  assert.deepEqual([none.records.length, none.bytes, none.counts.filtered], [0, 0, 1]);
});

test('a document that is larger than a record is cut, marked and counted', async () => {
  const { document, counts } = await documentOf({ name: 'a', attributes: [attribute('k', '\u0001'.repeat(300_000))] });
  assert.deepEqual([document.attributes, document.span.name, counts.cut], [{ 'runnel.truncated': true }, 'a', 1]);
});

test('names that JavaScript has for itself are names', async () => {
  const { document } = await documentOf({ attributes: [attribute('__proto__', 'x'), attribute('constructor', 'y')] });
  assert.deepEqual(Object.entries(document.attributes), [
    ['__proto__', 'x'],
    ['constructor', 'y'],
  ]);
});

const VALUES: object[] = [
  ...['', 'a', 'quoted "x" \\ / \b\t\n\f\r\u0000\u001f\u007f', 'Zürich 東京 🙂\u2028', 'x'.repeat(300)].map(
    (stringValue) => ({
      stringValue,
    }),
  ),
  ...[0, 1, -1, 2 ** 30, 2 ** 31, -(2 ** 31)].map((intValue) => ({ intValue })),
  ...[2n ** 53n - 1n, 2n ** 53n, -(2n ** 53n), 2n ** 63n - 1n, -(2n ** 63n)].map((value) => ({
    intValue: String(value),
  })),
  ...[0, -0, 0.1, -1e300, 5e-324, 1e21, 123456789012, Number.NaN, Number.POSITIVE_INFINITY].map((doubleValue) => ({
    doubleValue,
  })),
  { boolValue: true },
  { boolValue: false },
  { bytesValue: Buffer.from([0, 1, 255]) },
  { arrayValue: { values: [{ stringValue: 'a' }, { intValue: 7 }, { arrayValue: { values: [] } }, {}] } },
  { arrayValue: { values: [] } },
];

test('what is told apart as rare comes out as what is usual does', async () => {
  const random = randomOf(18);
  const some = (most: number) => Array.from({ length: Math.floor(random() * most) }, (_, i) => i);
  const attributes = (most: number) =>
    some(most).map((i) => ({ key: `k"${i}`, value: VALUES[Math.floor(random() * VALUES.length)]! }));
  for (let round = 0; round < 400; round++) {
    const time = String(1_796_000_000_000_000_000n + BigInt(Math.floor(random() * 1e12)) * 1_000_003n);
    const span = {
      ...(random() < 0.5 ? { parentSpanId: Buffer.alloc(8, 9) } : {}),
      name: random() < 0.1 ? '' : `GET "${round}"`,
      kind: Math.floor(random() * 7),
      startTimeUnixNano: time,
      endTimeUnixNano: String(BigInt(time) + BigInt(Math.floor(random() * 1e10))),
      events: some(4).map(() => ({ timeUnixNano: time, name: 'e', attributes: attributes(4) })),
      links: some(3).map((i) => ({
        traceId: Buffer.alloc(16, i + 1),
        spanId: Buffer.alloc(8, 1),
        attributes: attributes(3),
      })),
      ...(random() < 0.5 ? { status: { code: Math.floor(random() * 4), message: 'm' } } : {}),
    };
    const usual = [...attributes(12), { key: 'last', value: VALUES[round % VALUES.length]! }];
    const { document } = await documentOf({ ...span, attributes: usual });
    // A name that occurs twice is rare.
    const { document: rare } = await documentOf({ ...span, attributes: [...usual, usual.at(-1)] });
    assert.deepEqual(document, rare);
  }
});
