import assert from 'node:assert/strict';
import { test } from 'node:test';
import { OtlpIntake } from '../../../src/sources/otlp/intake.ts';
import { OtlpReader } from '../../../src/sources/otlp/request/reader.ts';
import { Disk, laneOn } from '../../support/durable-disk.ts';
import { spansOf, traceRequest } from '../../support/otlp-spans.ts';
import { streamOf } from '../../support/spool-blocks.ts';
import { until } from '../../support/until.ts';

const TRACES = {
  key: 'trace_id',
  encoding: 'otlp_proto',
  metrics: { enabled: false, operations_per_service: 1, attributes: [], server_and_consumer_only: false },
  sampling: { probability: 1, rules: [], write_threshold: true },
} as const;

test('where many wait for the disk others had better not begin; those that wait for room do not count', async () => {
  const disk = new Disk();
  const { lane } = laneOn(disk);
  const stream = streamOf('otlp.traces');
  const reader = new OtlpReader({ maxRequest: 1 << 20, host: 'web-1', traces: structuredClone(TRACES) as never });
  const lanes = new Map([['traces', { lane, stream, account: stream.account }]] as const);
  const tap = { active: false, show: () => undefined } as never;
  const intake = new OtlpIntake({ reader, lanes, hold: 4000, tap });
  const take = (i: number) => intake.take('traces', 'protobuf', [traceRequest(spansOf(i, 1))]);

  disk.full = true;
  const held = Array.from({ length: 600 }, (_, i) => take(i).catch(({ code }) => code));
  await until('all are held', () => intake.held === 600);
  assert.equal(intake.isBusy, false);
  assert.deepEqual([...new Set(await Promise.all(held))], [503]);

  disk.full = false;
  const waiting = Array.from({ length: 600 }, (_, i) => take(i));
  await until('all are read', () => reader.queued === 0 && disk.written.length > 0);
  assert.equal(intake.isBusy, true);
  let over = false;
  const all = Promise.all(waiting).then(() => {
    over = true;
  });
  await until('all are answered', () => {
    for (const { synced } of disk.written) synced.resolve();
    return over;
  });
  await all;
  assert.equal(intake.isBusy, false);
});
