/** Requests of protobuf into records, read back by protobufjs. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { numberField, textField } from '../../../src/kernel/otlp/wire.ts';
import { partitionFor } from '../../../src/records/murmur2.ts';
import { randomOf } from '../../support/json-mutants.ts';
import { attribute, traceBatch } from '../../support/otlp-batches.ts';
import { type Decoded, decodeRequest, encodeRequest, type Signal } from '../../support/otlp-decoder.ts';
import { fuzzRequests } from '../../support/otlp-fuzz.ts';
import { otlpReader, type Taken, take } from '../../support/otlp-records.ts';
import { itemsOf, randomRequest } from '../../support/otlp-requests.ts';

const reader = otlpReader();

const idOf = (n: number, bytes: number) => Buffer.alloc(bytes, n);
const span = (more: object = {}) => ({ traceId: idOf(1, 16), spanId: idOf(2, 8), name: 'a', ...more });
const traces = (...spans: object[]) => encodeRequest('traces', { resourceSpans: [{ scopeSpans: [{ spans }] }] });
const message = (number: number, ...parts: Buffer[]) => textField(number, Buffer.concat(parts));

function itemsIn(signal: Signal, { records }: Pick<Taken, 'records'>): string[] {
  return records.flatMap(({ value }) => itemsOf(decodeRequest(signal, value!))).sort();
}

const headersOf = ({ records }: Taken) =>
  records.map(({ headers }) => headers.map(([name, value]) => `${name}=${value}`));
const spansIn = (value: Buffer | null): Decoded[] =>
  decodeRequest('traces', value!).resourceSpans.flatMap((one: Decoded) =>
    one.scopeSpans.flatMap((scope: Decoded) => scope.spans),
  );

test('each trace is a record: its id is the key, no span is lost, none is there twice', async () => {
  const body = encodeRequest('traces', traceBatch(500));
  const taken = await take(reader, 'traces', body);
  assert.deepEqual(itemsIn('traces', taken), itemsOf(decodeRequest('traces', body)));
  const keys = taken.records.map(({ key }) => String(key));
  assert.equal(new Set(keys).size, 84);
  assert.equal(keys.length, 84);
  for (const { key, value } of taken.records) {
    for (const { traceId } of spansIn(value)) assert.equal(Buffer.from(traceId, 'base64').toString('hex'), String(key));
  }
  assert.deepEqual(
    new Set(headersOf(taken).map(String)),
    new Set(['content-type=application/x-protobuf,host=web-1,signal=traces']),
  );
  assert.equal(taken.items, 500);
  assert.deepEqual(taken.counts, {
    received: 500,
    invalid: 0,
    filtered: 0,
    filteredBy: new Map(),
    sanitized: 0,
    cut: 0,
    split: 0,
  });
});

test('the bytes of spans, scopes and resources are those that came, unknown fields too', async () => {
  const unknown = [numberField(4000, 7), message(100, Buffer.from('new')), Buffer.from([0x9b, 0x06, 8, 1, 0x9c, 0x06])];
  const spans = [1, 2].map((n) =>
    Buffer.concat([textField(1, idOf(n, 16)), textField(2, idOf(n, 8)), unknown[n % 2]!]),
  );
  const scope = message(2, unknown[0]!, message(2, spans[0]!), textField(3, 'url'), message(2, spans[1]!), unknown[1]!);
  const body = Buffer.concat([unknown[2]!, message(1, scope, message(1, unknown[2]!), unknown[1]!)]);
  const { error, records } = await take(reader, 'traces', body);
  assert.equal(error, null);
  assert.equal(records.length, 2);
  for (const [i, { value }] of records.entries()) {
    const inScope = message(2, unknown[0]!, textField(3, 'url'), unknown[1]!, message(2, spans[i]!));
    const expected = Buffer.concat([unknown[2]!, message(1, message(1, unknown[2]!), unknown[1]!, inScope)]);
    assert.deepEqual(value, expected);
  }
});

test('what is in a request is in its records, whatever it is', async () => {
  const random = randomOf(11);
  for (let i = 0; i < 40; i++) {
    for (const signal of ['traces', 'metrics', 'logs'] as const) {
      const body = encodeRequest(signal, randomRequest(signal, random));
      const taken = await take(reader, signal, body, { room: 2000 + random(100_000) < 50_000 ? 1_000_000 : 999_000 });
      assert.deepEqual(itemsIn(signal, taken), itemsOf(decodeRequest(signal, body)), signal);
      assert.ok(taken.framed <= taken.bytes);
    }
  }
});

test('blocks of any size hold the same records, in the same order', async () => {
  const body = encodeRequest('traces', traceBatch(300));
  const whole = await take(reader, 'traces', body);
  const values = ({ records }: Taken) => records.map(({ key, value }) => [String(key), value!.toString('hex')]);
  for (const room of [6000, 10_000, 33_333]) {
    const parts = await take(reader, 'traces', body, { room });
    assert.deepEqual(values(parts), values(whole));
    assert.ok(parts.records.some(({ offsetDelta }, i) => i > 0 && offsetDelta === 0));
  }
});

test('a request in pieces is one', async () => {
  const body = encodeRequest('traces', traceBatch(20));
  const pieces = [body.subarray(0, 7), body.subarray(7, 2000), body.subarray(2000)];
  assert.deepEqual(itemsIn('traces', await take(reader, 'traces', pieces)), itemsOf(decodeRequest('traces', body)));
});

test('an empty request is right, and has no records', async () => {
  for (const signal of ['traces', 'metrics', 'logs'] as const) {
    const { error, records, bytes, message: said } = await take(reader, signal, Buffer.alloc(0));
    assert.deepEqual([error, records, bytes, said], [null, [], 0, '']);
  }
});

test('a trace that is larger than a record becomes several, of one key', async () => {
  const attributes = [attribute('text', 'x'.repeat(5000))];
  const body = traces(...Array.from({ length: 500 }, (_, i) => span({ spanId: idOf(1 + (i % 255), 8), attributes })));
  const taken = await take(reader, 'traces', body);
  assert.equal(taken.records.length, 3);
  assert.equal(new Set(taken.records.map(({ key }) => String(key))).size, 1);
  assert.deepEqual(itemsIn('traces', taken), itemsOf(decodeRequest('traces', body)));
});

test('all spans of a trace go to one partition, from whatever host, as Java finds it', async () => {
  const id = Buffer.from('5b8efff798038103d269b633813fc60c', 'hex');
  const keys: string[] = [];
  for (const host of ['web-1', 'db-1', 'cache-1']) {
    const one = otlpReader({ host, maxRequest: 1 << 20 });
    const { records } = await take(one, 'traces', traces(span({ traceId: id })));
    keys.push(...records.map(({ key }) => String(key)));
  }
  assert.deepEqual(new Set(keys), new Set([id.toString('hex')]));
  // murmur2 of the text: by kafka-clients' Utils.murmur2.
  assert.equal(partitionFor(keys[0]!, 12), partitionFor(id.toString('hex'), 12));
});

describe('keys', () => {
  const body = encodeRequest('traces', {
    resourceSpans: ['shop', 'cart', undefined].map((name) => ({
      resource: { attributes: name ? [attribute('service.name', name)] : [] },
      scopeSpans: [{ spans: [span()] }],
    })),
  });

  test('the host', async () => {
    const { records } = await take(otlpReader({ key: 'host', maxRequest: 1 << 20 }), 'traces', body);
    assert.deepEqual(
      records.map(({ key }) => String(key)),
      ['web-1'],
    );
    assert.equal(spansIn(records[0]!.value).length, 3);
  });

  test('the service', async () => {
    const { records } = await take(otlpReader({ key: 'service', maxRequest: 1 << 20 }), 'traces', body);
    assert.deepEqual(
      records.map(({ key }) => String(key)),
      ['shop', 'cart', ''],
    );
  });
});

describe('spans whose ids are none are left out, and counted', () => {
  const check = (what: string, bad: object) =>
    test(what, async () => {
      const { error, counts, records, message: said } = await take(reader, 'traces', traces(span(), span(bad), span()));
      assert.equal(error, null);
      assert.deepEqual([counts.received, counts.invalid], [3, 1]);
      assert.match(said, /^1 left out: ids/);
      assert.equal(spansIn(records[0]!.value).length, 2);
    });
  check('no trace id', { traceId: Buffer.alloc(0) });
  check('a trace id of zeros', { traceId: idOf(0, 16) });
  check('a trace id of 15 bytes', { traceId: idOf(1, 15) });
  check('a span id of zeros', { spanId: idOf(0, 8) });
  check('a span id of 9 bytes', { spanId: idOf(1, 9) });
  check('a parent of 7 bytes', { parentSpanId: idOf(1, 7) });
  check('a link to a trace of 3 bytes', { links: [{ traceId: idOf(1, 3), spanId: idOf(1, 8) }] });
});

test('log records and metrics with ids that end decoders are left out', async () => {
  const logRecords = [
    { body: { stringValue: 'a' } },
    { traceId: idOf(1, 15) },
    { traceId: idOf(1, 16), spanId: idOf(1, 8) },
  ];
  const logs = encodeRequest('logs', { resourceLogs: [{ scopeLogs: [{ logRecords }] }] });
  const { counts, items } = await take(reader, 'logs', logs);
  assert.deepEqual([counts.received, counts.invalid, items], [3, 1, 2]);
  const points = [{ asInt: 1 }, { asInt: 2 }];
  const metrics = [
    { name: 'a', gauge: { dataPoints: points } },
    { name: 'b', gauge: { dataPoints: [{ exemplars: [{ spanId: idOf(1, 3) }] }, ...points] } },
  ];
  const body = encodeRequest('metrics', { resourceMetrics: [{ scopeMetrics: [{ metrics }] }] });
  const taken = await take(reader, 'metrics', body);
  assert.deepEqual([taken.counts.received, taken.counts.invalid, taken.items], [5, 3, 2]);
  assert.deepEqual(
    taken.records.map(({ key }) => String(key)),
    ['web-1'],
  );
});

test('bytes that are not UTF-8 become ?, and only those', async () => {
  const body = traces(
    span({ name: 'GET \u00e9\u00e9 and more than sixteen bytes', attributes: [attribute('k', 'v')] }),
  );
  const at = body.indexOf('é');
  body[at] = 0xff;
  body[body.indexOf('k')] = 0xc3;
  const { counts, records } = await take(reader, 'traces', body);
  assert.equal(counts.sanitized, 3);
  const [one] = spansIn(records[0]!.value);
  assert.equal(one.name, 'GET ??é and more than sixteen bytes');
  assert.equal(one.attributes[0].key, '?');
});

describe('what is no request is refused, with its place', () => {
  const check = (what: string, body: Buffer, expected: string) =>
    test(what, async () => {
      const { error, tooLarge, records } = await take(reader, 'traces', body);
      assert.deepEqual(
        [error, tooLarge, records],
        [`cannot decode the traces: the field at byte ${expected}`, false, []],
      );
    });
  check('cut off', traces(span()).subarray(0, 20), '0 is cut off: it goes on behind its message');
  check('a length beyond its message', Buffer.from([10, 2, 18, 5]), '2 is cut off: it goes on behind its message');
  check('another type', message(1, numberField(2, 1)), '2 has another type than the OTLP schema says');
  check('field 0', Buffer.from([2, 0]), '0 has a number that no field can have');
  check('a group that does not end', Buffer.from([0x9b, 0x06]), '2 is a group that does not begin or end as it should');
  check(
    'a varint of 65 bits',
    Buffer.from([0xa0, 0x06, ...Array(9).fill(0xff), 2]),
    '0 holds a number of more than 64 bits',
  );
});

test('messages within each other are taken as deep as protobufjs, Java and upb take them', async () => {
  for (let depth = 44; depth < 50; depth++) {
    let value = textField(1, 'x');
    for (let i = 0; i < depth; i++) value = message(5, message(1, value));
    const one = message(
      2,
      textField(1, idOf(1, 16)),
      textField(2, idOf(2, 8)),
      message(9, textField(1, 'a'), message(2, value)),
    );
    const body = message(1, message(2, one));
    const { error } = await take(reader, 'traces', body);
    assert.equal(
      error?.replace(/\d+/, 'N') ?? null,
      depth < 48 ? null : 'cannot decode the traces: the field at byte N lies within more than 100 messages',
    );
    if (depth < 48) decodeRequest('traces', body);
    else assert.throws(() => decodeRequest('traces', body), /depth/);
  }
});

test('a span that is larger than a record is cut, marked and counted', async () => {
  const attributes = [
    attribute('small', 1),
    ...[1, 2, 3, 4].map((n) => attribute(`large ${n}`, String(n).repeat(1_200_000))),
  ];
  const events = [{ name: 'small' }];
  const body = traces(span(), span({ spanId: idOf(3, 8), attributes, events, droppedAttributesCount: 7 }));
  const { counts, records, error } = await take(reader, 'traces', body);
  assert.equal(error, null);
  assert.equal(counts.cut, 1);
  const one = records.flatMap(({ value }) => spansIn(value)).find(({ attributes }) => attributes.length > 0)!;
  assert.deepEqual(
    one.attributes.map(({ key }: Decoded) => key),
    ['small', 'runnel.truncated'],
  );
  assert.deepEqual([one.droppedAttributesCount, one.events.length, one.name], [11, 1, 'a']);
});

test('a span of a million attributes is cut, and holds up nobody', async () => {
  const count = 1_000_000;
  const one = message(
    2,
    textField(1, idOf(1, 16)),
    Buffer.alloc(count * 2, Buffer.from([0x4a, 0])),
    textField(2, idOf(2, 8)),
  );
  const turns = new Set<number>();
  const counting = setInterval(() => turns.add(turns.size), 1);
  const { counts, records, error } = await take(reader, 'traces', message(1, message(2, one)));
  clearInterval(counting);
  assert.equal(error, null);
  assert.equal(counts.cut, 1);
  const [cut] = spansIn(records[0]!.value);
  assert.deepEqual([cut.attributes.length, cut.droppedAttributesCount], [1, count]);
  assert.ok(turns.size > 10, `${turns.size} turns`);
});

test('events go when attributes are not enough, and then the name is shortened', async () => {
  const events = Array.from({ length: 3 }, () => ({ name: 'e'.repeat(700_000) }));
  const large = span({ name: 'n'.repeat(2_000_000), events });
  const { counts, records } = await take(reader, 'traces', traces(large));
  assert.equal(counts.cut, 1);
  const [one] = spansIn(records[0]!.value);
  assert.deepEqual([one.events.length, one.droppedEventsCount], [0, 3]);
  assert.match(one.name.slice(0, 990_000), /^n{990000}$/);
});

test('a log record that is larger than a record keeps the beginning of its body', async () => {
  const logRecords = [{ severityText: 'INFO', body: { stringValue: 'é'.repeat(800_000) } }];
  const body = encodeRequest('logs', { resourceLogs: [{ scopeLogs: [{ logRecords }] }] });
  const { counts, records } = await take(reader, 'logs', body);
  assert.equal(counts.cut, 1);
  const [one] = decodeRequest('logs', records[0]!.value!).resourceLogs[0].scopeLogs[0].logRecords;
  assert.match(one.body.stringValue, /^é{400000,499999}$/);
  assert.equal(one.severityText, 'INFO');
});

test('a resource that would be repeated for too many traces is refused', async () => {
  const resource = { attributes: [attribute('large', 'x'.repeat(200_000))] };
  const spans = Array.from({ length: 3000 }, () =>
    span({ traceId: Buffer.from(Array.from({ length: 16 }, () => 1 + Math.floor(Math.random() * 255))) }),
  );
  const body = encodeRequest('traces', { resourceSpans: [{ resource, scopeSpans: [{ spans }] }] });
  const { error, tooLarge } = await take(reader, 'traces', body);
  assert.match(error!, /^the request would be 60\d{7} bytes of records, 33554432 is the most/);
  assert.equal(tooLarge, true);
});

test('a resource that leaves no room in a record is refused', async () => {
  const resource = { attributes: [attribute('large', 'x'.repeat(1_000_000))] };
  const body = encodeRequest('traces', { resourceSpans: [{ resource, scopeSpans: [{ spans: [span()] }] }] });
  const { error, tooLarge } = await take(reader, 'traces', body);
  assert.match(error!, /^a resource and its scope have 10\d{5} bytes/);
  assert.equal(tooLarge, true);
});

test('so many spans that there is no room for them are refused', async () => {
  const small = otlpReader({ maxRequest: 1 << 20 });
  const one = message(2, textField(1, idOf(1, 16)), textField(2, idOf(1, 8)));
  const body = message(1, message(2, ...Array.from({ length: 20_000 }, () => one)));
  const { error, tooLarge } = await take(small, 'traces', body);
  assert.equal(error, 'the request has more than 16384 spans: send smaller ones');
  assert.equal(tooLarge, true);
});

test('requests wait for each other, and one whose turn does not come is given up', async () => {
  const first = await reader.read('traces', 'protobuf', traces(span()));
  const stop = new AbortController();
  const second = reader.read('traces', 'protobuf', traces(span()), stop.signal);
  const third = reader.read('traces', 'protobuf', traces(span(), span()));
  stop.abort(new Error('the client is gone'));
  first.close();
  await assert.rejects(second, /the client is gone/);
  const { counts, close } = await third;
  close();
  assert.equal(counts.received, 2);
});

test('requests with faults: nothing poisons who reads them, and what is right is taken', async () => {
  const { taken, refused, mended } = await fuzzRequests({ seed: 1, count: 1500 });
  assert.ok(taken > 500 && refused > 500 && mended > 100);
});
