/** What an event is, and what is refused before anybody has it. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type AuditEvent, checkStream, EVENT_BYTES, type WrittenEvent, writeEvent } from '../../src/client/event.ts';
import { readEvent } from '../../src/sources/audit/event.ts';

test('time and id are added where they are missing, and nothing else is changed', () => {
  const event = { user: { id: 'u-1' }, event: { action: 'order.approve' }, n: 1.5 };
  const kept = structuredClone(event);
  const { id, action, text } = writeEvent(event);
  assert.deepEqual(event, kept);
  const { '@timestamp': time, ...written } = JSON.parse(text);
  assert.deepEqual(written, { ...event, event: { action: 'order.approve', id } });
  assert.equal(action, 'order.approve');
  assert.match(id, /^[0-9a-f-]{36}$/);
  assert.ok(Math.abs(Date.parse(time) - Date.now()) < 60_000);
  assert.notEqual(writeEvent(event).id, id);
});

test('time and id that are there stay', () => {
  const check = (time: string | Date, written: string) => {
    const { id, text } = writeEvent({ '@timestamp': time, event: { id: 'order-1' } });
    assert.deepEqual([id, text], ['order-1', `{"@timestamp":"${written}","event":{"id":"order-1"}}`]);
  };
  check('2026-11-30T12:00:00.000Z', '2026-11-30T12:00:00.000Z');
  check('2026-11-30T12:00:00.123+02:00', '2026-11-30T12:00:00.123+02:00');
  check(new Date(0), '1970-01-01T00:00:00.000Z');
});

test('names may be written with dots', () => {
  const event = { '@timestamp': '2026-11-30T12:00:00.000Z', 'event.id': 'one', 'event.action': 'login' };
  assert.deepEqual(writeEvent(event), { id: 'one', action: 'login', text: JSON.stringify(event) });
});

test('what an agent would refuse is no event', () => {
  const check = (event: unknown, message: RegExp) =>
    assert.throws(() => writeEvent(event as AuditEvent), { name: 'TypeError', message });
  check(null, /is an object/);
  check([], /is an object/);
  check('{}', /is an object/);
  check({ event: 'x' }, /event is an object/);
  check({ event: { id: '' } }, /1 to 128 bytes/);
  check({ event: { id: 7 } }, /1 to 128 bytes/);
  check({ event: { id: 'ü'.repeat(65) } }, /1 to 128 bytes/);
  check({ 'event.id': 7 }, /1 to 128 bytes/);
  check({ audit: {} }, /no member audit/);
  check({ '@timestamp': '2026-11-30' }, /ISO 8601 with milliseconds/);
  check({ '@timestamp': '2026-11-30T12:00:00Z' }, /ISO 8601 with milliseconds/);
  check({ '@timestamp': '2026-11-30T12:00:00.000+0200' }, /ISO 8601 with milliseconds/);
  check({ '@timestamp': '2026-13-30T12:00:00.000Z' }, /ISO 8601 with milliseconds/);
  check({ '@timestamp': new Date(Number.NaN) }, /ISO 8601 with milliseconds/);
  check({ '@timestamp': 5 }, /ISO 8601 with milliseconds/);
  check({ text: 'x'.repeat(EVENT_BYTES) }, /at most 262144 bytes/);
  check({ n: 1n }, /BigInt/);
  check({ 'audit.stream': 'x' }, /no member audit/);
  check({ 'event.id': 'a', event: { id: 'b' } }, /one event\.id/);
  check({ '@timestamp': '2026-11-30T24:00:00.000Z' }, /ISO 8601 with milliseconds/);
  check({ '@timestamp': '2026-02-29T12:00:00.000Z' }, /ISO 8601 with milliseconds/);
  check({ '@timestamp': '2026-11-30T12:00:00.000+24:00' }, /ISO 8601 with milliseconds/);
  for (const half of ['\ud83d', 'x\ude00', '\\\ud800']) {
    check({ text: half }, /half of a surrogate pair/);
    check({ [half]: 1 }, /half of a surrogate pair/);
    check({ event: { id: half } }, /half of a surrogate pair/);
  }
});

test('what is an event here is one for the agent', () => {
  const texts = ['\u{1f600}', '\\ud800', '\\\\ud800', '"\\', '\u2028\0\r\n', '\ud83d', '\ude00\ud83d', ''];
  const times = ['2028-02-29T23:59:59.123456789+23:59', '2026-02-30T00:00:00.000Z', '9999-12-31T00:00:00.000Z'];
  const events: AuditEvent[] = [
    ...texts.flatMap((text) => [{ text }, { [text]: text }, { event: { id: text } }, { 'event.id': text, event: {} }]),
    ...times.map((time) => ({ '@timestamp': time })),
    { 'event.id': 'a', event: { id: 'a' } },
    { 'event.id': 'a', event: { id: 'b' } },
    { 'audit.x': 1 },
    { audits: 1, labels: { audit: {} } },
    { a: { toJSON: () => ({ b: 1 }) }, n: Number.POSITIVE_INFINITY, none: undefined, list: [undefined, -0, 1e21] },
  ];
  let taken = 0;
  for (const event of events) {
    let written: WrittenEvent;
    try {
      written = writeEvent(event);
    } catch (error) {
      assert.ok(error instanceof TypeError);
      continue;
    }
    assert.equal(readEvent(Buffer.from(written.text), []).id, written.id);
    taken++;
  }
  assert.equal(taken, 27);
});

test('it is as deep as an agent takes it, brackets in texts aside', () => {
  const nested = (levels: number): object => (levels === 0 ? {} : { a: nested(levels - 1) });
  writeEvent(nested(31) as AuditEvent);
  assert.throws(() => writeEvent(nested(32) as AuditEvent), /at most 32 levels/);
  writeEvent({ text: `"\\${'[{'.repeat(50)}`, other: '\\' });
});

test('a stream has a name that goes into topics and files', () => {
  for (const good of ['a', 'shop.orders-2_x', 'x'.repeat(64)]) checkStream(good);
  for (const bad of ['', 'A', 'a b', 'ä', 'x'.repeat(65), undefined, 7]) {
    assert.throws(() => checkStream(bad), /a stream is named by/, String(bad));
  }
});
