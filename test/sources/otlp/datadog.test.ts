import assert from 'node:assert/strict';
import { test } from 'node:test';
import { TooLong } from '../../../src/sources/otlp/datadog/message-bytes.ts';
import { NoMsgpack } from '../../../src/sources/otlp/datadog/msgpack.ts';
import type { DatadogVersion } from '../../../src/sources/otlp/datadog/places.ts';
import { DatadogSpans } from '../../../src/sources/otlp/datadog/spans.ts';
import { made, maps, START, tabled } from '../../support/datadog-spans.ts';
import { type Packable, packed, U64 } from '../../support/msgpack.ts';
import { type Decoded, decodeRequest } from '../../support/otlp-decoder.ts';
import { randomOf } from '../../support/random.ts';

const MOST = 1 << 20;
const NOTHING = Buffer.alloc(0);
async function converted(version: DatadogVersion, body: Packable, most = MOST): Promise<Decoded> {
  const { otlp } = await new DatadogSpans(most).convert(version, packed(body), NOTHING);
  return decodeRequest('traces', otlp);
}

const attributesOf = (list: Decoded[] = []): Record<string, unknown> =>
  Object.fromEntries(list.map(({ key, value }) => [key, Object.values(value)[0]]));
const hex = (id = '') => Buffer.from(id, 'base64').toString('hex');

/** What matters of each, in order. */
const spansOf = ({ resourceSpans = [] }: Decoded) =>
  resourceSpans.flatMap(({ resource, scopeSpans }: Decoded) =>
    scopeSpans.flatMap(({ spans = [] }: Decoded) =>
      spans.map((span: Decoded) => ({
        resource: attributesOf(resource.attributes),
        ids: [span.traceId, span.spanId, span.parentSpanId].map(hex),
        name: span.name,
        kind: span.kind,
        times: [String(span.startTimeUnixNano), String(span.endTimeUnixNano)],
        attributes: attributesOf(span.attributes),
        status: span.status ?? null,
      })),
    ),
  );

const TRACE = [
  made({
    meta: {
      '_dd.p.tid': '692d8f0000000000',
      'span.kind': 'server',
      env: 'prod',
      version: '1.2',
      'http.route': '/cart',
    },
    metrics: { _sampling_priority_v1: 1, 'cpu.share': 0.25 },
  }),
  made({
    service: 'postgres',
    name: 'pg.query',
    resource: 'SELECT 1',
    span: 2n,
    parent: 0x8000_0000_0000_0001n,
    start: START + 4_000_000_000n,
    duration: 4_000_000_000,
    error: 1,
    type: 'sql',
    meta: { 'error.message': 'ö: gone', 'error.type': 'Error' },
  }),
];
const EXPECTED = [
  {
    resource: { 'service.name': 'shop', 'deployment.environment.name': 'prod', 'service.version': '1.2' },
    ids: ['692d8f0000000000fedcba9876543210', '8000000000000001', ''],
    name: 'GET /cart',
    kind: 2,
    times: [String(START), String(START + 1_500_000n)],
    attributes: {
      'operation.name': 'web.request',
      'span.type': 'web',
      'http.route': '/cart',
      _sampling_priority_v1: '1',
      'cpu.share': 0.25,
    },
    status: null,
  },
  {
    resource: { 'service.name': 'postgres', 'deployment.environment.name': 'prod' },
    ids: ['692d8f0000000000fedcba9876543210', '0000000000000002', '8000000000000001'],
    name: 'SELECT 1',
    kind: 3,
    times: [String(START + 4_000_000_000n), String(START + 8_000_000_000n)],
    attributes: { 'operation.name': 'pg.query', 'span.type': 'sql', 'error.message': 'ö: gone', 'error.type': 'Error' },
    status: { message: 'ö: gone', code: 2 },
  },
];

test('both versions become the same spans, with 128 bits of trace id where the first has them', async () => {
  for (const [version, body] of [
    ['v0.4', maps([TRACE])],
    ['v0.5', tabled([TRACE])],
  ] as const) {
    assert.deepEqual(spansOf(await converted(version, body)), EXPECTED, version);
  }
  // The next chunk has none of it.
  const [, second] = spansOf(await converted('v0.4', maps([[TRACE[0]!], [made({ trace: 5n })]])));
  assert.equal(second.ids[0], '00000000000000000000000000000005');
  assert.equal(second.resource['deployment.environment.name'], undefined);
  assert.deepEqual(spansOf(await converted('v0.4', [])), []);
});

test('spans of one service behind each other have one resource, and sizes of any kind are right', async () => {
  for (const length of [0, 1, 127, 128, 20_000, 70_000]) {
    const spans = Array.from({ length: 3 }, (_, i) =>
      made({ span: BigInt(i + 1), meta: { long: 'x'.repeat(length) } }),
    );
    const request = await converted('v0.5', tabled([spans]));
    assert.equal(request.resourceSpans.length, 1);
    assert.deepEqual(
      spansOf(request).map(({ attributes }: Decoded) => attributes.long.length),
      [length, length, length],
    );
  }
});

const LISTED = [
  { type: 0, string_value: 'x' },
  { type: 1, bool_value: true },
  { type: 2, int_value: -3 },
  { type: 3, double_value: 0.25 },
];

test('events and links have their fields', async () => {
  const event = {
    time_unix_nano: new U64(START),
    name: 'exception',
    attributes: {
      text: { type: 0, string_value: 'a' },
      yes: { type: 1, bool_value: true },
      count: { type: 2, int_value: -7 },
      share: { type: 3, double_value: 0.5 },
      list: { type: 4, array_value: { values: LISTED } },
      odd: { type: 9, other_value: 1 },
    },
  };
  const link = { trace_id: new U64(7n), trace_id_high: new U64(9n), span_id: new U64(3n), attributes: { why: 'so' } };
  const [[span]] = maps([[made({})]]) as [[Record<string, Packable>]];
  const request = await converted('v0.4', [
    [
      {
        ...span!,
        span_events: [event],
        span_links: [link],
        meta_struct: { raw: Buffer.from([1, 2]) },
        unheard: { of: [1] },
      },
    ],
  ]);
  const [found] = request.resourceSpans[0].scopeSpans[0].spans;
  const [{ name, timeUnixNano, attributes, droppedAttributesCount }] = found.events;
  assert.deepEqual([name, String(timeUnixNano)], ['exception', String(START)]);
  const { list, ...single } = attributesOf(attributes) as Record<string, Decoded>;
  assert.deepEqual(single, { text: 'a', yes: true, count: '-7', share: 0.5 });
  assert.deepEqual(list!.values.flatMap(Object.values), ['x', true, '-3', 0.25]);
  assert.equal(droppedAttributesCount, 1, 'a kind of value that is not known');
  assert.deepEqual([found.links[0].traceId, found.links[0].spanId].map(hex), [
    '00000000000000090000000000000007',
    '0000000000000003',
  ]);
  assert.deepEqual(attributesOf(found.links[0].attributes), { why: 'so' });
  assert.equal(hex(attributesOf(found.attributes).raw as string), '0102');
});

test('what is none is refused with where, and never read beyond its end', async () => {
  const check = async (version: DatadogVersion, body: Packable | Buffer, why: RegExp | typeof TooLong) => {
    const bytes = Buffer.isBuffer(body) ? body : packed(body);
    await assert.rejects(new DatadogSpans(MOST).convert(version, bytes, NOTHING), (error) =>
      why instanceof RegExp ? error instanceof NoMsgpack && why.test(error.message) : error instanceof why,
    );
  };
  for (const [version, body] of [
    ['v0.4', packed(maps([TRACE]))],
    ['v0.5', packed(tabled([TRACE]))],
  ] as const) {
    for (let length = 0; length < body.length; length++)
      await check(version, body.subarray(0, length), /ends in the middle|not \d+ texts/);
    await check(version, Buffer.concat([body, Buffer.of(0)]), /not the end/);
  }
  await check('v0.4', { traces: [] }, /0x81\) does not begin an array/);
  await check('v0.4', [[{ name: 5 }]], /does not begin a text/);
  await check('v0.4', [[{ trace_id: 'abc' }]], /does not begin a number/);
  await check('v0.4', [[{ start: 0.5 }]], /not a whole number/);
  await check('v0.4', [[{ meta: [] }]], /does not begin a map/);
  await check('v0.5', [[]], /a list of texts and one of traces/);
  await check('v0.5', [[''], [[[0, 0, 0]]]], /12 elements/);
  await check('v0.5', [[''], [[[0, 1, 0, 1, 1, 0, 1, 1, 0, {}, {}, 0]]]], /place of a text/);
  await check(
    'v0.5',
    Buffer.concat([Buffer.of(0x92, 0xdd, 0, 0xf, 0x42, 0x40), Buffer.alloc(1_000_000, 0xa0)]),
    /1000000 texts, and at most 262144/,
  );
  await check('v0.5', Buffer.from([0x92, 0xdd, 0, 3, 0, 0]), /196608 texts/);
  // A megabyte that is named a thousand times.
  const bomb = Array.from({ length: 1000 }, (_, i) => made({ span: BigInt(i), meta: { a: 'x'.repeat(900_000) } }));
  await check('v0.5', tabled([bomb]), TooLong);
});

test('of a span that has too much the rest is left out, counted and marked, and all others are whole', async () => {
  const wide = Object.fromEntries(Array.from({ length: 10_005 }, (_, i) => [`k${i}`, 'v']));
  const [[other]] = maps([[made({ span: 2n })]]) as [[Record<string, Packable>]];
  const check = async (version: DatadogVersion, body: Packable, counts: number[], attributes: number) => {
    const { otlp, cut } = await new DatadogSpans(MOST).convert(version, packed(body), NOTHING);
    const [first, second] = decodeRequest('traces', otlp).resourceSpans[0].scopeSpans[0].spans;
    const { droppedAttributesCount, droppedEventsCount, droppedLinksCount } = first;
    assert.deepEqual([droppedAttributesCount ?? 0, droppedEventsCount ?? 0, droppedLinksCount ?? 0], counts);
    assert.equal(attributesOf(first.attributes)['runnel.truncated'], true);
    assert.equal(first.attributes.length, attributes);
    assert.equal(cut, 1);
    assert.equal(hex(second.spanId), '0000000000000002');
    assert.equal(attributesOf(second.attributes)['runnel.truncated'], undefined);
  };
  // Beside them name, type and the mark.
  const spans = [made({ meta: wide, metrics: { one: 1 } }), made({ span: 2n })];
  await check('v0.4', maps([spans]), [5, 0, 0], 10_004);
  await check('v0.5', tabled([spans]), [5, 0, 0], 10_004);
  const [[first]] = maps([[made({})]]) as [[Record<string, Packable>]];
  const events = Array.from({ length: 30_000 }, () => ({ name: 'e', time_unix_nano: 1 }));
  const links = Array.from({ length: 30_000 }, () => ({ trace_id: 1, span_id: 1 }));
  await check('v0.4', [[{ ...first!, span_events: events, span_links: links }, other!]], [0, 30_000, 30_000], 3);
  // What is not known is passed over, however much it is.
  const { otlp, cut } = await new DatadogSpans(MOST).convert(
    'v0.4',
    packed([[{ unheard: new Array(1_000_000).fill(0), ...first! }, other!]]),
    NOTHING,
  );
  assert.equal(decodeRequest('traces', otlp).resourceSpans[0].scopeSpans[0].spans.length, 2);
  assert.equal(cut, 0);
});

test('a span that is large holds the event loop for some milliseconds at most', async () => {
  // One span, whose only field is a list.
  const head = Buffer.concat([Buffer.of(0x91, 0x91, 0x81), packed('unheard'), Buffer.of(0xdd, 0, 0, 0, 0)]);
  head.writeUInt32BE(7_000_000, head.length - 4);
  const body = Buffer.concat([head, Buffer.alloc(7_000_000)]);
  let turns = 0;
  let over = false;
  const count = () => {
    turns++;
    if (!over) setImmediate(count);
  };
  setImmediate(count);
  await new DatadogSpans(MOST).convert('v0.4', body, NOTHING);
  over = true;
  assert.ok(turns > 50, `${turns} turns`);
});

test('what was changed anywhere is refused, or becomes what can be decoded', async () => {
  const random = randomOf(11);
  const spans = new DatadogSpans(MOST);
  let taken = 0;
  for (let i = 0; i < 3000; i++) {
    const [version, body] = i % 2 === 0 ? (['v0.4', maps([TRACE])] as const) : (['v0.5', tabled([TRACE])] as const);
    const bytes = packed(body);
    for (let n = 1 + Math.floor(random() * 3); n > 0; n--)
      bytes[Math.floor(random() * bytes.length)] = Math.floor(random() * 256);
    const request = await spans.convert(version, bytes, NOTHING).catch((error) => {
      assert.ok(error instanceof NoMsgpack || error instanceof TooLong, String(error));
      return null;
    });
    if (!request) continue;
    taken++;
    // Bytes that are no UTF-8 are mended later on.
    try {
      decodeRequest('traces', request.otlp);
    } catch (error) {
      assert.match(String(error), /utf-?8|encoded data was not valid/i);
    }
  }
  assert.ok(taken > 300, `${taken}`);
});
