import assert from 'node:assert/strict';
import { test } from 'node:test';
import { lines, NOTHING } from '../../../src/sources/otlp/report.ts';

test('the slowest operations are named, with their service where they say one', () => {
  const listener = { address: 'http://127.0.0.1:4318', connections: 1, requests: 1, refused: 0, reasons: {}, bytes: 9 };
  const slow = { operation: 'GET /', kind: 'SPAN_KIND_SERVER', seconds: 0.0123, calls: 1, trace_id: 'ab' };
  const slowest = ['shop', ''].map((service) => ({ ...slow, service }));
  const otlp = { ...NOTHING.otlp, listeners: [{ ...listener, error: null }], slowest };
  assert.deepEqual(lines({ otlp }).slice(-2), [
    '  slow: GET / of shop: 0.0123 s, trace ab',
    '  slow: GET /: 0.0123 s, trace ab',
  ]);
});
