/** Which spans go on: rules, consistent probability, limits. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { describe, test } from 'node:test';
import { readState, thresholdOf, weightOf, withThreshold } from '../../../src/sources/otlp/sampling/threshold.ts';
import { attribute } from '../../support/otlp-batches.ts';
import { type Decoded, decodeRequest, encodeRequest } from '../../support/otlp-decoder.ts';
import { otlpReader, take } from '../../support/otlp-records.ts';

type Options = NonNullable<Parameters<typeof otlpReader>[0]>;

const START = 1_796_000_000_000_000_000n;

interface Fields {
  ms?: number;
  [field: string]: unknown;
}

function span({ ms = 1, ...more }: Fields = {}): object {
  const times = { startTimeUnixNano: String(START), endTimeUnixNano: String(START + BigInt(ms) * 1_000_000n) };
  return { traceId: randomBytes(16), spanId: Buffer.alloc(8, 1), name: 'GET', ...times, ...more };
}

function traces(spans: object[], service = 'shop'): Buffer {
  const resource = { attributes: [attribute('service.name', service)] };
  return encodeRequest('traces', { resourceSpans: [{ resource, scopeSpans: [{ spans }] }] });
}

async function sampled(options: Options, body: Buffer) {
  const { records, counts, error } = await take(otlpReader({ maxRequest: 1 << 20, ...options }), 'traces', body);
  assert.equal(error, null);
  const spans: Decoded[] = records.flatMap(({ value }) =>
    decodeRequest('traces', value!).resourceSpans.flatMap((one: Decoded) =>
      one.scopeSpans.flatMap((scope: Decoded) => scope.spans),
    ),
  );
  assert.equal(counts.filtered, counts.received - spans.length);
  return { spans, filteredBy: Object.fromEntries(counts.filteredBy) };
}

const rulesOf = (...rules: object[]) => ({ sampling: { rules, probability: 0 } }) as Options;

describe('the threshold', () => {
  test('of a probability, as OpenTelemetry writes it', () => {
    const check = (p: number, text: string) => assert.equal(thresholdOf(p).text, text);
    check(1, '');
    check(0.5, '8');
    check(0.25, 'c');
    check(0.75, '4');
    check(0.1, 'e6666666666668');
  });

  test('of a tracestate, and the random bits that stand there', () => {
    assert.deepEqual(readState('a=1, ot=th:c;rv:00000000000001 ,b=2'), {
      threshold: { high: 0xc00000, low: 0 },
      random: { high: 0, low: 1 },
    });
    for (const bad of ['', 'ot=', 'ot=th:', 'ot=th:xyz', 'ot=th:C', 'x=th:c', 'ot=rv:1', 'ot=th:123456789abcdef'])
      assert.deepEqual(readState(bad), { threshold: null, random: null }, bad);
  });

  test('stands first in the tracestate, with what else is there', () => {
    const half = thresholdOf(0.5);
    assert.equal(withThreshold('', half), 'ot=th:8');
    assert.equal(withThreshold('a=1,ot=th:4;rv:0123456789abcd;x:y,b=2', half), 'ot=th:8;rv:0123456789abcd;x:y,a=1,b=2');
  });

  test('says for how many spans one stands', () => {
    assert.equal(weightOf(readState('ot=th:c').threshold!), 4);
    assert.equal(weightOf(readState('ot=th:0').threshold!), 1);
  });
});

test('a trace goes on when its last 56 bits are at least (1 - p) 2^56, on every host', async () => {
  const spans = Array.from({ length: 2000 }, () => span()) as { traceId: Buffer }[];
  const expected = spans.filter(
    ({ traceId }) => BigInt(`0x${traceId.toString('hex').slice(18)}`) >= (2n ** 56n * 3n) / 4n,
  );
  for (const host of ['web-1', 'db-1']) {
    const { spans: kept, filteredBy } = await sampled({ host, sampling: { probability: 0.25 } }, traces(spans));
    assert.deepEqual(
      kept.map(({ traceId }) => traceId).sort(),
      expected.map(({ traceId }) => traceId.toString('base64')).sort(),
    );
    assert.deepEqual(filteredBy, { probability: 2000 - expected.length });
    for (const { traceState } of kept) assert.equal(traceState, 'ot=th:c');
  }
});

test('random bits of the tracestate stand for those of the trace id', async () => {
  const states = ['ot=rv:ffffffffffffff', 'ot=rv:7fffffffffffff', 'ot=rv:80000000000000'];
  const spans = states.map((traceState) => span({ traceState }));
  const { spans: kept } = await sampled({ sampling: { probability: 0.5 } }, traces(spans));
  assert.deepEqual(
    kept.map(({ traceState }) => traceState),
    ['ot=th:8;rv:ffffffffffffff', 'ot=th:8;rv:80000000000000'],
  );
});

test('a threshold only rises', async () => {
  const traceState = 'ot=th:f;rv:ffffffffffffff';
  const { spans } = await sampled({ sampling: { probability: 0.5 } }, traces([span({ traceState })]));
  assert.equal(spans[0].traceState, traceState);
});

test('without write_threshold the bytes stay as they are', async () => {
  const body = traces([span({ traceState: 'ot=rv:ffffffffffffff' })]);
  const { spans } = await sampled({ sampling: { probability: 0.5, write_threshold: false } }, body);
  assert.equal(spans[0].traceState, 'ot=rv:ffffffffffffff');
});

describe('the first rule that matches decides', () => {
  const check = (what: string, rule: object, yes: Fields, no: Fields, service?: string) =>
    test(what, async () => {
      const name = Object.hasOwn(rule, 'name') ? (rule as { name: string }).name : 'rule 1';
      const kept = await sampled(rulesOf({ keep: true, ...rule }), traces([span(yes), span(no)], service));
      assert.deepEqual([kept.spans.length, kept.filteredBy], [1, { probability: 1 }]);
      assert.equal(kept.spans[0].traceState, undefined);
      const left = { sampling: { rules: [{ keep: false, ...rule }], probability: 1 } } as Options;
      const dropped = await sampled(left, traces([span(yes), span(no)], service));
      assert.deepEqual(dropped.filteredBy, { [name]: 1 });
    });
  check('by status', { status: 'error' }, { status: { code: 2 } }, { status: { code: 1 } });
  check('by its name in figures', { status: 'ok', name: 'fine' }, { status: { code: 1 } }, {});
  check('by how long it took', { slower_than: 2000 }, { ms: 2001 }, { ms: 2000 });
  check('by operation', { operation: 'GET /health*' }, { name: 'GET /healthz' }, { name: 'GET /' });
  const route = (value: string) => ({ attributes: [attribute('a', 1), attribute('http.route', value)] });
  check('by attribute', { attributes: { 'http.route': '/api/*' } }, route('/api/1'), route('/'));
  const code = (value: number) => ({ attributes: [attribute('code', value)] });
  check('by a number', { attributes: { code: '5*' } }, code(503), code(200));
  check('by all conditions', { status: 'error', slower_than: 5 }, { status: { code: 2 }, ms: 6 }, { ms: 6 });

  test('by service, once and for all', async () => {
    const options = rulesOf({ service: 'sh*', keep: true });
    assert.equal((await sampled(options, traces([span()], 'shop'))).spans.length, 1);
    assert.equal((await sampled(options, traces([span()], 'cart'))).spans.length, 0);
  });

  test('in their order', async () => {
    const rules = [
      { status: 'error', keep: true },
      { service: 'shop', probability: 0 },
      { operation: '*', keep: true },
    ];
    const { spans, filteredBy } = await sampled(rulesOf(...rules), traces([span({ status: { code: 2 } }), span()]));
    assert.deepEqual([spans.length, filteredBy], [1, { 'rule 2': 1 }]);
  });

  test('a rule may go by probability', async () => {
    const traceState = 'ot=rv:c0000000000000';
    const body = traces([span({ traceState }), span({ traceState: 'ot=rv:bfffffffffffff' })]);
    const { spans, filteredBy } = await sampled(rulesOf({ service: 'shop', probability: 0.25 }), body);
    assert.deepEqual(
      [spans.map((one) => one.traceState), filteredBy],
      [['ot=th:c;rv:c0000000000000'], { 'rule 1': 1 }],
    );
  });
});

test('limits: so many a second, of a rule and of what goes by probability', async () => {
  let now = 0;
  const sampling = { limit: 10, rules: [{ status: 'error' as const, keep: true, limit: 5 }] };
  const reader = otlpReader({ maxRequest: 1 << 20, sampling, clock: () => now });
  const errors = Array.from({ length: 20 }, () => span({ status: { code: 2 } }));
  const body = traces([...errors, ...Array.from({ length: 20 }, () => span())]);
  const filtered = async () => Object.fromEntries((await take(reader, 'traces', body)).counts.filteredBy);
  assert.deepEqual(await filtered(), { 'rule 1': 15, limit: 10 });
  assert.deepEqual(await filtered(), { 'rule 1': 20, limit: 20 });
  now += 500;
  assert.deepEqual(await filtered(), { 'rule 1': 18, limit: 15 });
});

test('what is sampled away is in no group, and nothing is left of a request of it', async () => {
  const { records, bytes, counts } = await take(
    otlpReader({ maxRequest: 1 << 20, ...rulesOf() }),
    'traces',
    traces([span()]),
  );
  assert.deepEqual([records, bytes, counts.filtered], [[], 0, 1]);
});
