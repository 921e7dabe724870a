import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Lane } from '../../src/core/lane.ts';
import { Ledgers } from '../../src/core/ledger.ts';
import { Pipeline } from '../../src/core/pipeline.ts';
import { Pool } from '../../src/core/pool.ts';
import { streamOf } from '../support/spool-blocks.ts';

test('a lane that never comes is nobody’s trouble when its stream was stopped before it was asked for', async (t) => {
  const unhandled: unknown[] = [];
  const note = (reason: unknown) => unhandled.push(reason);
  process.on('unhandledRejection', note);
  t.after(() => process.off('unhandledRejection', note));
  const laneOf = async (): Promise<Lane> => {
    await sleep(5);
    throw new Error('the client is closed');
  };
  const pipeline = new Pipeline({ pool: new Pool(32 << 20), ledgers: new Ledgers(), laneOf, observers: [] });
  await assert.rejects(pipeline.take(streamOf('statsd'), AbortSignal.abort(new Error('the agent stops'))), /stops/);
  await sleep(20);
  assert.deepEqual(unhandled, []);
});
