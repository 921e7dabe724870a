// Slow: starts the program.
/** `runnel explain otlp FILE`. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { directory } from '../support/directory.ts';
import { traceBatch } from '../support/otlp-batches.ts';
import { encodeRequest } from '../support/otlp-decoder.ts';

const MAIN = join(import.meta.dirname, '../../src/main.ts');

function explained(t: TestContext, body: Buffer, ...args: string[]) {
  const dir = directory(t);
  writeFileSync(join(dir, 'runnel.yaml'), 'host: web-1\n');
  writeFileSync(join(dir, 'body'), body);
  const command = [MAIN, 'explain', 'otlp', join(dir, 'body'), '-c', join(dir, 'runnel.yaml'), ...args];
  const { stdout, stderr, status } = spawnSync(process.execPath, command, { encoding: 'utf8' });
  return { told: stdout === '' ? null : JSON.parse(stdout), stderr, status };
}

test('says what records a request becomes', (t) => {
  const { told, status } = explained(t, gzipSync(encodeRequest('traces', traceBatch(7))));
  assert.equal(status, 0);
  const { records, ...rest } = told;
  const counts = { received: 7, invalid: 0, filtered: 0, sanitized: 0, cut: 0, split: 0 };
  assert.deepEqual(rest, { signal: 'traces', content: 'protobuf', error: null, ...counts });
  assert.equal(records.length, 2);
  const [{ topic, key, headers, value }] = records;
  assert.equal(topic, 'runnel.traces');
  assert.deepEqual(headers, { 'content-type': 'application/x-protobuf', host: 'web-1', signal: 'traces' });
  assert.equal(value.resourceSpans[0].scopeSpans[0].spans[0].traceId, key);
});

test('finds out what it is', (t) => {
  const dataPoints = [{ asInt: 1 }];
  const metrics = [{ name: 'queue.size', unit: '1', gauge: { dataPoints } }];
  const body = encodeRequest('metrics', { resourceMetrics: [{ scopeMetrics: [{ metrics }] }] });
  const { told } = explained(t, body);
  assert.deepEqual([told.signal, told.received, told.records[0].topic], ['metrics', 1, 'runnel.otlp-metrics']);
});

test('says why it would be refused, and exits with 1', (t) => {
  const { told, status } = explained(t, Buffer.from('\x0a\x05hi'), '--signal', 'traces');
  assert.equal(status, 1);
  assert.match(told.error, /^cannot decode the traces: the field at byte 0 is cut off/);
  // JSON that is wrong for what it is would be right for what it is not.
  const json = explained(t, Buffer.from('{"resourceSpans":[{"scopeSpans":[{"spans":[{"traceId":12}]}]}]}'));
  assert.equal(json.status, 1);
  assert.match(json.told.error, /^cannot decode the traces: what stands before byte 54 of the JSON/);
});
