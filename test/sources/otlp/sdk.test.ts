/** Requests as SDKs make them: captured from OpenTelemetry's for Node (3.1.1, both forms of the same spans) and Python (1.45.2). */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Decoded, decodeRequest } from '../../support/otlp-decoder.ts';
import { otlpReader, take } from '../../support/otlp-records.ts';
import { itemsOf } from '../../support/otlp-requests.ts';

const captured = (...lines: string[]) => Buffer.from(lines.join(''), 'base64');

const NODE = {
  protobuf: captured(
    'CswCCjAKFAoMc2VydmljZS5uYW1lEgQKAmpzChYKD3NlcnZpY2UudmVyc2lvbhIDCgExEAASlwIKCAoDbGliEgExEpwBChCWhnalTihjs7I8U8',
    'u26sYKEgiyTTJznoMneioEcm9vdDACOUDuK3j0Be0YQRiMNnj0Be0YSgcKAWESAhgBShYKAWISESoPCgIYAQoJIQAAAAAAAARASgcKAWMSAhAB',
    'SgkKAWQSBAoCw6lQAFoZCfhgMHj0Be0YEgJldhoICgFrEgMKAXYgAGAAcAB6CBIEYm9vbRgChQEBAQAAEmwKEJShEGA0xqcd7wZWdvbUeHoSCA',
    '5R6ZDzWmgXKgVjaGlsZDABOcBySnj0Be0YQaSySnj0Be0YUABgAGojChCWhnalTihjs7I8U8u26sYKEgiyTTJznoMneigANQEBAABwAHoCGACF',
    'AQEBAAA=',
  ),
  json: captured(
    'eyJyZXNvdXJjZVNwYW5zIjpbeyJyZXNvdXJjZSI6eyJhdHRyaWJ1dGVzIjpbeyJrZXkiOiJzZXJ2aWNlLm5hbWUiLCJ2YWx1ZSI6eyJzdHJpbm',
    'dWYWx1ZSI6ImpzIn19LHsia2V5Ijoic2VydmljZS52ZXJzaW9uIiwidmFsdWUiOnsic3RyaW5nVmFsdWUiOiIxIn19XSwiZHJvcHBlZEF0dHJp',
    'YnV0ZXNDb3VudCI6MH0sInNjb3BlU3BhbnMiOlt7InNjb3BlIjp7Im5hbWUiOiJsaWIiLCJ2ZXJzaW9uIjoiMSJ9LCJzcGFucyI6W3sidHJhY2',
    'VJZCI6Ijk2ODY3NmE1NGUyODYzYjNiMjNjNTNjYmI2ZWFjNjBhIiwic3BhbklkIjoiYjI0ZDMyNzM5ZTgzMjc3YSIsIm5hbWUiOiJyb290Iiwi',
    'a2luZCI6Miwic3RhcnRUaW1lVW5peE5hbm8iOiIxNzk2MDk4MzczOTM3MDAwMDAwIiwiZW5kVGltZVVuaXhOYW5vIjoiMTc5NjA5ODM3MzkzNz',
    'Y5NTc2OCIsImF0dHJpYnV0ZXMiOlt7ImtleSI6ImEiLCJ2YWx1ZSI6eyJpbnRWYWx1ZSI6MX19LHsia2V5IjoiYiIsInZhbHVlIjp7ImFycmF5',
    'VmFsdWUiOnsidmFsdWVzIjpbeyJpbnRWYWx1ZSI6MX0seyJkb3VibGVWYWx1ZSI6Mi41fV19fX0seyJrZXkiOiJjIiwidmFsdWUiOnsiYm9vbF',
    'ZhbHVlIjp0cnVlfX0seyJrZXkiOiJkIiwidmFsdWUiOnsic3RyaW5nVmFsdWUiOiLDqSJ9fV0sImRyb3BwZWRBdHRyaWJ1dGVzQ291bnQiOjAs',
    'ImV2ZW50cyI6W3siYXR0cmlidXRlcyI6W3sia2V5IjoiayIsInZhbHVlIjp7InN0cmluZ1ZhbHVlIjoidiJ9fV0sIm5hbWUiOiJldiIsInRpbW',
    'VVbml4TmFubyI6IjE3OTYwOTgzNzM5MzcyOTE1MTIiLCJkcm9wcGVkQXR0cmlidXRlc0NvdW50IjowfV0sImRyb3BwZWRFdmVudHNDb3VudCI6',
    'MCwic3RhdHVzIjp7ImNvZGUiOjIsIm1lc3NhZ2UiOiJib29tIn0sImxpbmtzIjpbXSwiZHJvcHBlZExpbmtzQ291bnQiOjAsImZsYWdzIjoyNT',
    'd9LHsidHJhY2VJZCI6Ijk0YTExMDYwMzRjNmE3MWRlZjA2NTY3NmY2ZDQ3ODdhIiwic3BhbklkIjoiMGU1MWU5OTBmMzVhNjgxNyIsIm5hbWUi',
    'OiJjaGlsZCIsImtpbmQiOjEsInN0YXJ0VGltZVVuaXhOYW5vIjoiMTc5NjA5ODM3MzkzOTAwMDAwMCIsImVuZFRpbWVVbml4TmFubyI6IjE3OT',
    'YwOTgzNzM5MzkwMTYzNTYiLCJhdHRyaWJ1dGVzIjpbXSwiZHJvcHBlZEF0dHJpYnV0ZXNDb3VudCI6MCwiZXZlbnRzIjpbXSwiZHJvcHBlZEV2',
    'ZW50c0NvdW50IjowLCJzdGF0dXMiOnsiY29kZSI6MH0sImxpbmtzIjpbeyJhdHRyaWJ1dGVzIjpbXSwic3BhbklkIjoiYjI0ZDMyNzM5ZTgzMj',
    'c3YSIsInRyYWNlSWQiOiI5Njg2NzZhNTRlMjg2M2IzYjIzYzUzY2JiNmVhYzYwYSIsImRyb3BwZWRBdHRyaWJ1dGVzQ291bnQiOjAsImZsYWdz',
    'IjoyNTd9XSwiZHJvcHBlZExpbmtzQ291bnQiOjAsImZsYWdzIjoyNTd9XX1dfV19',
  ),
};
const PYTHON = captured(
  'CqQGCtsBCiIKFnRlbGVtZXRyeS5zZGsubGFuZ3VhZ2USCAoGcHl0aG9uCiUKEnRlbGVtZXRyeS5zZGsubmFtZRIPCg1vcGVudGVsZW1ldHJ5Ci',
  'EKFXRlbGVtZXRyeS5zZGsudmVyc2lvbhIICgYxLjQ1LjIKPQoTc2VydmljZS5pbnN0YW5jZS5pZBImCiRmNDgwMGQxYS1lZmFlLTRjYzAtOTMy',
  'NS04NzI3OTNkZDYyYmIKFAoMc2VydmljZS5uYW1lEgQKAnB5ChYKD3NlcnZpY2UudmVyc2lvbhIDCgEyEsMECgoKA2xpYhIDMS4wEqUDChDJ0l',
  'icUoT/WKhv0BKGLdgBEghlcbyeKZy9GSIIaIjbCyw38RMqBWNoaWxkMAE554/M0OsF7RhBz3Ef0usF7RhargIJrfUe0usF7RgSCWV4Y2VwdGlv',
  'bhoeCg5leGNlcHRpb24udHlwZRIMCgpWYWx1ZUVycm9yGhgKEWV4Y2VwdGlvbi5tZXNzYWdlEgMKAXgavwEKFGV4Y2VwdGlvbi5zdGFja3RyYW',
  'NlEqYBCqMBVHJhY2ViYWNrIChtb3N0IHJlY2VudCBjYWxsIGxhc3QpOgogIEZpbGUgIi90bXAvc3BhbnMtc2RrL3B5LnB5IiwgbGluZSAxNSwg',
  'aW4gPG1vZHVsZT4KICAgIHRyeTogcmFpc2UgVmFsdWVFcnJvcigneCcpCiAgICAgICAgIF5eXl5eXl5eXl5eXl5eXl5eXl5eXgpWYWx1ZUVycm',
  '9yOiB4ChocChFleGNlcHRpb24uZXNjYXBlZBIHCgVGYWxzZWohChDJ0licUoT/WKhv0BKGLdgBEghoiNsLLDfxEzUAAQAAeggSBGJvb20YAoUB',
  'AAEAABKMAQoQydJYnFKE/1iob9AShi3YARIIaIjbCyw38RMqBHJvb3QwAjlkPsvQ6wXtGEE+IyDS6wXtGEoHCgFhEgIYAUoWCgFiEhEqDwoJIQ',
  'AAAAAAAPg/CgIYAkoHCgFjEgIQAUoJCgFkEgQKAsOpWhcJUqzL0OsF7RgSAmV2GggKAWsSAwoBdnoAhQEAAQAA',
);

const reader = otlpReader({ maxRequest: 1 << 20 });

async function itemsIn(body: Buffer, content: 'protobuf' | 'json'): Promise<string[]> {
  const { error, records } = await take(reader, 'traces', body, { content });
  assert.equal(error, null);
  return records.flatMap(({ value }) => itemsOf(decodeRequest('traces', value!))).sort();
}

const namesIn = (items: string[]) => items.map((item) => (JSON.parse(item) as Decoded[])[4].name).sort();

test('Node, as protobuf and as JSON: the same spans', async () => {
  const items = await itemsIn(NODE.protobuf, 'protobuf');
  assert.deepEqual(items, itemsOf(decodeRequest('traces', NODE.protobuf)));
  assert.deepEqual(await itemsIn(NODE.json, 'json'), items);
  assert.deepEqual(namesIn(items), ['child', 'root']);
});

test('Python', async () => {
  const items = await itemsIn(PYTHON, 'protobuf');
  assert.deepEqual(items, itemsOf(decodeRequest('traces', PYTHON)));
  assert.deepEqual(namesIn(items), ['child', 'root']);
});
