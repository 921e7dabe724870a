/** What is shown of messages is what protobufjs reads in them. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decodeMessage } from '../../../src/kernel/otlp/decode.ts';
import { REQUESTS } from '../../../src/kernel/otlp/schema.ts';
import { randomOf } from '../../support/json-mutants.ts';
import { encodeRequest, REQUEST_TYPES, type Signal } from '../../support/otlp-decoder.ts';
import { randomRequest } from '../../support/otlp-requests.ts';

/** Bytes as the JSON form has them. */
function written(value: unknown, name = ''): unknown {
  if (Buffer.isBuffer(value)) return value.toString(/(traceId|[sS]panId)$/.test(name) ? 'hex' : 'base64');
  if (Array.isArray(value)) return value.map((one) => written(one, name));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, written(inner, key)]));
}

/** Lists that are empty are not there. */
function full(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(full);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).map(([key, inner]) => [key, full(inner)] as const);
  return Object.fromEntries(entries.filter(([, inner]) => !Array.isArray(inner) || inner.length > 0));
}

test('every field of every message', () => {
  const random = randomOf(3);
  for (let i = 0; i < 60; i++) {
    for (const signal of Object.keys(REQUESTS) as Signal[]) {
      const body = encodeRequest(signal, randomRequest(signal, random));
      const type = REQUEST_TYPES[signal];
      const theirs = written(type.toObject(type.decode(body), { longs: String }));
      assert.deepEqual(full(decodeMessage(REQUESTS[signal], body)), full(theirs));
    }
  }
});
