/** OTLP's JSON form: as protobuf, it is the same request. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { decodeMessage } from '../../../src/kernel/otlp/decode.ts';
import { ENUMS, REQUESTS } from '../../../src/kernel/otlp/schema.ts';
import { randomOf } from '../../support/json-mutants.ts';
import { traceBatch } from '../../support/otlp-batches.ts';
import { decodeRequest, encodeRequest, type Signal } from '../../support/otlp-decoder.ts';
import { otlpReader, take } from '../../support/otlp-records.ts';
import { itemsOf, type Random, randomRequest } from '../../support/otlp-requests.ts';

const reader = otlpReader({ maxRequest: 1 << 20 });

function takeJson(signal: Signal, text: string | Buffer) {
  return take(reader, signal, Buffer.from(text as string), { content: 'json' });
}

async function itemsOfJson(signal: Signal, text: string): Promise<string[]> {
  const { error, records } = await takeJson(signal, text);
  assert.equal(error, null, text.slice(0, 2000));
  return records.flatMap(({ value }) => itemsOf(decodeRequest(signal, value!))).sort();
}

/** A request as programs write it: numbers of 64 bits as text or not, enums as names or numbers, blanks, members in any order. */
function written(value: unknown, random: Random): string {
  const blank = () => ['', '', ' ', '\n  ', '\t'][random(5)];
  if (Array.isArray(value))
    return `[${blank()}${value.map((one) => written(one, random)).join(`${blank()},${blank()}`)}${blank()}]`;
  if (typeof value !== 'object' || value === null) {
    if (typeof value === 'string' && /^-?\d{1,15}$/.test(value) && random(2) === 0) return value;
    if (typeof value === 'number' && random(4) === 0) return `"${value}"`;
    const text = JSON.stringify(value);
    return typeof value === 'string' && random(4) === 0
      ? text.replace(/[a-z/]/, (c) => `\\u00${c.charCodeAt(0).toString(16)}`)
      : text;
  }
  const members = Object.entries(value).map(([key, inner]) => {
    const named = key === 'kind' && typeof inner === 'number' ? (ENUMS.SpanKind![inner] ?? inner) : inner;
    return `${JSON.stringify(key)}${blank()}:${blank()}${written(named, random)}`;
  });
  if (random(5) === 0) members.push('"unknown":{"a":[1,{"b":"]}"}],"c":null}');
  if (random(5) === 0) members.push('"schemaUrl2":null');
  if (random(2) === 0) members.reverse();
  return `{${blank()}${members.join(`${blank()},${blank()}`)}${blank()}}`;
}

test('whatever is in a request, JSON says the same as protobuf', async () => {
  const random = randomOf(5);
  for (let i = 0; i < 60; i++) {
    for (const signal of Object.keys(REQUESTS) as Signal[]) {
      const body = encodeRequest(signal, randomRequest(signal, random));
      // What is an empty text here may be a number there.
      const text = written(decodeMessage(REQUESTS[signal], body), random);
      assert.deepEqual(await itemsOfJson(signal, text), itemsOf(decodeRequest(signal, body)));
    }
  }
});

test('a usual request in one piece', async () => {
  const body = encodeRequest('traces', traceBatch(300));
  const text = JSON.stringify(decodeMessage('ExportTraceServiceRequest', body));
  assert.deepEqual(await itemsOfJson('traces', text), itemsOf(decodeRequest('traces', body)));
});

const ids = '"traceId":"5B8EFFF798038103D269B633813FC60C","spanId":"eee19b7ec3c1b174"';
const spans = (members: string) => `{"resourceSpans":[{"scopeSpans":[{"spans":[{${ids},${members}}]}]}]}`;

async function spanOf(members: string) {
  const { error, records } = await takeJson('traces', spans(members));
  assert.equal(error, null);
  return decodeRequest('traces', records[0]!.value!).resourceSpans[0].scopeSpans[0].spans[0];
}

describe('values', () => {
  const check = (members: string, field: string, expected: unknown) =>
    test(members, async () => assert.deepEqual((await spanOf(members))[field], expected));
  check('"kind":2', 'kind', 2);
  check('"kind":"SPAN_KIND_CONSUMER"', 'kind', 5);
  check('"startTimeUnixNano":"1544712660300000000"', 'startTimeUnixNano', '1544712660300000000');
  check('"startTimeUnixNano":1544712660300000000', 'startTimeUnixNano', '1544712660300000000');
  check('"endTimeUnixNano":18446744073709551615', 'endTimeUnixNano', '18446744073709551615');
  check('"endTimeUnixNano":1.5e3', 'endTimeUnixNano', '1500');
  check('"droppedAttributesCount":4294967295', 'droppedAttributesCount', 4294967295);
  check('"name":"a\\u00e9\\ud83d\\ude00\\n\\"\\/"', 'name', 'aé😀\n"/');
  check('"name":"\\ud83d lone"', 'name', '\ufffd lone');
  check('"name":null,"flags":257', 'flags', 257);
  check('"parentSpanId":"","name":"a"', 'name', 'a');
  check('"status":{"code":"STATUS_CODE_ERROR","message":"m"}', 'status', { message: 'm', code: 2 });
  const value = (json: string, expected: object) =>
    check(`"attributes":[{"key":"k","value":${json}}]`, 'attributes', [{ key: 'k', value: expected }]);
  value('{"intValue":"-9223372036854775808"}', { intValue: '-9223372036854775808' });
  value('{"intValue":-1}', { intValue: '-1' });
  value('{"doubleValue":0.1}', { doubleValue: 0.1 });
  value('{"doubleValue":1.7976931348623157e308}', { doubleValue: Number.MAX_VALUE });
  value('{"doubleValue":5e-324}', { doubleValue: 5e-324 });
  value('{"doubleValue":123456789012345678}', { doubleValue: 123456789012345680 });
  value('{"doubleValue":-0.0}', { doubleValue: -0 });
  value('{"doubleValue":"Infinity"}', { doubleValue: Number.POSITIVE_INFINITY });
  value('{"boolValue":true}', { boolValue: true });
  value('{"bytesValue":"/+8="}', { bytesValue: '/+8=' });
  value('{"bytesValue":"_-8"}', { bytesValue: '/+8=' });
  value('{"arrayValue":{"values":[{"stringValue":"a"},{"intValue":1}]}}', {
    arrayValue: { values: [{ stringValue: 'a' }, { intValue: '1' }] },
  });
});

test('ids that are none are left out, as in protobuf', async () => {
  for (const bad of ['"spanId":"eee19b7ec3c1b1"', '"traceId":"00000000000000000000000000000000"', '"spanId":""']) {
    const { counts } = await takeJson('traces', spans(bad));
    assert.deepEqual([counts.received, counts.invalid], [1, 1], bad);
  }
});

test('numbers of a metric are packed', async () => {
  const point = '{"bucketCounts":["1",2,"3"],"explicitBounds":[0.5,1e2],"count":"6","attributes":[]}';
  const text = `{"resourceMetrics":[{"scopeMetrics":[{"metrics":[{"name":"a","histogram":{"dataPoints":[${point}]}}]}]}]}`;
  const { records, counts } = await takeJson('metrics', text);
  assert.equal(counts.received, 1);
  const [one] = decodeRequest('metrics', records[0]!.value!).resourceMetrics[0].scopeMetrics[0].metrics;
  const { bucketCounts, explicitBounds, count } = one.histogram.dataPoints[0];
  assert.deepEqual([bucketCounts, explicitBounds, count], [['1', '2', '3'], [0.5, 100], '6']);
});

test('bytes that are not UTF-8 become ?', async () => {
  const text = Buffer.from(spans('"name":"ab"'));
  text[text.indexOf('ab')] = 0xff;
  const { counts, records } = await takeJson('traces', text);
  assert.equal(counts.sanitized, 1);
  assert.equal(decodeRequest('traces', records[0]!.value!).resourceSpans[0].scopeSpans[0].spans[0].name, '?b');
});

describe('what is no request is refused', () => {
  const check = (text: string, expected: RegExp) =>
    test(text.slice(0, 80) || 'nothing', async () => assert.match((await takeJson('traces', text)).error!, expected));
  check('', /^cannot decode the traces: .* is no JSON$/);
  check('[]', /is no JSON/);
  check('\ufeff{}', /is no JSON/);
  check('{"resourceSpans":[', /is no JSON/);
  check('{"resourceSpans":[]} x', /is no JSON/);
  check('{"resourceSpans":[],}', /is no JSON/);
  check('{"resourceSpans":[{}{}]}', /is no JSON/);
  check('{"resourceSpans":{}}', /is not what the OTLP schema has here/);
  check(spans('"name":1'), /is not what the OTLP schema has here/);
  check(spans('"traceId":"xy"'), /is not what the OTLP schema has here/);
  check(spans('"startTimeUnixNano":"x"'), /is no number that fits/);
  check(spans('"startTimeUnixNano":18446744073709551616'), /is no number that fits/);
  check(spans('"droppedAttributesCount":-1'), /is no number that fits/);
  check(spans('"kind":"SPAN_KIND_OTHER"'), /no name that is known/);
  check(`{"a":${'['.repeat(100_000)}`, /is no JSON/);
  const deep = '{"arrayValue":{"values":['.repeat(60);
  check(spans(`"attributes":[{"value":${deep}${']}}'.repeat(60)}}]`), /within more than 100 messages|too deep/);
});

test('JSON that is larger as protobuf than a request may be is refused', async () => {
  const counts = `[${'1,'.repeat(150_000)}1]`;
  const text = `{"resourceMetrics":[{"scopeMetrics":[{"metrics":[{"histogram":{"dataPoints":[{"bucketCounts":${counts}}]}}]}]}]}`;
  const { error, tooLarge } = await takeJson('metrics', text);
  assert.deepEqual([error, tooLarge], ['the request has more than 1048576 bytes as protobuf: send smaller ones', true]);
});

test('JSON with faults is refused where JSON.parse refuses it, and poisons nobody', async () => {
  const random = randomOf(9);
  const sources = Array.from({ length: 20 }, () =>
    Buffer.from(
      written(
        decodeMessage('ExportTraceServiceRequest', encodeRequest('traces', randomRequest('traces', random))),
        random,
      ),
    ),
  ).filter(({ length }) => length > 10 && length < 8000);
  let [taken, refused] = [0, 0];
  for (let i = 0; i < 3000; i++) {
    const body = Buffer.from(sources[random(sources.length)]!);
    for (let n = 1 + random(2); n > 0; n--) {
      const at = random(body.length);
      body[at] = random(3) === 0 ? random(256) : body[random(body.length)]!;
    }
    const { error, records, counts } = await takeJson('traces', body);
    if (error !== null) refused++;
    else {
      taken++;
      for (const { value } of records) decodeRequest('traces', value!);
      const text = new TextDecoder('utf-8').decode(body);
      if (counts.sanitized === 0) JSON.parse(text);
    }
  }
  assert.ok(taken > 300 && refused > 300, `${taken} ${refused}`);
});
