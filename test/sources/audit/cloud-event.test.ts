/** CloudEvents become audit events, and keep their bytes. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fromCloudEvent } from '../../../src/sources/audit/cloud-event.ts';
import { readEvent } from '../../../src/sources/audit/event.ts';

const EVENT = { specversion: '1.0', id: 'e-1', source: '/shop', type: 'order.paid', time: '2026-12-01T07:00:00Z' };

function taken(more: object) {
  const bytes = fromCloudEvent(Buffer.from(JSON.stringify({ ...EVENT, ...more })));
  return { ...readEvent(bytes, ['event.action', 'event.provider']), text: bytes.toString() };
}

test('id, time, type and source are where an audit event has them, before what came', () => {
  const { id, text } = taken({ data: { total: 1.1 } });
  assert.equal(id, 'e-1');
  assert.equal(
    text,
    '{"@timestamp":"2026-12-01T07:00:00.000Z","event":{"id":"e-1","kind":"event","action":"order.paid","provider":"/shop"},' +
      '"specversion":"1.0","id":"e-1","source":"/shop","type":"order.paid","time":"2026-12-01T07:00:00Z","data":{"total":1.1}}',
  );
});

test('a time has milliseconds, and what more it came with', () => {
  const check = (time: string, expected: string) => {
    assert.equal(JSON.parse(taken({ time }).text)['@timestamp'], expected);
  };
  check('2026-12-01T07:00:00.1Z', '2026-12-01T07:00:00.100Z');
  check('2026-12-01t07:00:00.123456z', '2026-12-01T07:00:00.123456Z');
  check('2026-12-01T07:00:00+01:00', '2026-12-01T07:00:00.000+01:00');
});

test('what is no CloudEvent is refused, with the field', () => {
  const refused = (more: object, field: string) => {
    assert.throws(() => taken(more), { code: 400, told: { field } }, field);
  };
  refused({ specversion: '0.3' }, 'specversion');
  refused({ id: '' }, 'id');
  refused({ source: 1 }, 'source');
  refused({ type: undefined }, 'type');
  refused({ time: undefined }, 'time');
  refused({ time: 'now' }, 'time');
  refused({ time: '2026-13-01T07:00:00Z' }, '@timestamp');
  refused({ event: {} }, 'event');
  refused({ audit: {} }, 'audit');
  for (const text of ['[]', 'null', '{', '']) assert.throws(() => fromCloudEvent(Buffer.from(text)), { code: 400 });
});
