import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Aggregator } from '../../../src/sources/statsd/aggregator.ts';
import type { FromThread } from '../../../src/sources/statsd/protocol.ts';
import { TimeWindows } from '../../../src/sources/statsd/windows.ts';
import { NO_NAMING, seriesLimits, unpacked } from '../../support/statsd.ts';

const WALL = Date.UTC(2026, 0, 1);

/** A listener's windows of ten seconds under clocks that the test sets. */
function listener(offset = 0, open = 0) {
  const aggregator = new Aggregator({
    limits: seriesLimits(10),
    naming: NO_NAMING,
    memory: 1 << 20,
    percentiles: [],
    origin: { host: 'web-1', dataset: 'statsd', labels: {} },
    arenaBytes: 65_536,
  });
  let wall = WALL + offset;
  let now = 500;
  let ids = 0;
  const records: { start: string; '@timestamp': string; interval: number; value: number }[] = [];
  const posted: FromThread[] = [];
  const windows = new TimeWindows(aggregator, 10_000, { wall, now, open }, (message) => posted.push(message));
  const handOver = () => {
    for (let message = posted.shift(); message; message = posted.shift()) {
      if (message.type === 'window') windows.heard({ type: 'id', id: `a-${++ids}` });
      if (message.type === 'piece') {
        records.push(...unpacked(message).documents.map((document) => JSON.parse(document)));
        windows.heard({ type: 'next' });
      }
      windows.step();
    }
  };
  return {
    records,
    /** Both clocks go on by so much; `step`: the wall clock is set besides. */
    pass(ms: number, step = 0) {
      wall += ms + step;
      now += ms;
      windows.tick(wall, now);
    },
    hit() {
      const length = aggregator.kernel.bytes.write('hits:1|c', aggregator.kernel.arenaAt);
      aggregator.take(aggregator.kernel.arenaAt, aggregator.kernel.arenaAt + length);
    },
    handOver,
    finish() {
      windows.finish(wall, now);
      handOver();
    },
    rows: () =>
      records.map((r) => {
        assert.equal(Date.parse(r['@timestamp']) - Date.parse(r.start), r.interval * 1000);
        return [(Date.parse(r['@timestamp']) - WALL) / 1000, r.interval, r.value];
      }),
  };
}

test('a wall clock that is set an hour ahead and back changes when windows end, not how long they are', () => {
  const l = listener(3000);
  for (const step of [0, 3_600_000, 0, -3_600_000, 0, 1234]) {
    for (let i = 0; i < 100; i++) {
      l.pass(100, i === 50 ? step : 0);
      l.handOver();
      l.hit();
    }
  }
  l.pass(400);
  l.finish();
  const rows = l.rows();
  assert.equal(
    rows.reduce((sum, [, , value]) => sum + value!, 0),
    600,
  );
  for (const [, interval] of rows) assert.ok(interval! > 0 && interval! <= 15, `${interval}`);
  assert.deepEqual(rows[0], [10, 7, 69]);
  // Of sixty seconds none is missing and none is twice.
  assert.equal(Math.round(rows.reduce((sum, [, interval]) => sum + interval!, 0) * 10), 604);
});

test('the first window begins when it was listened, or with the interval', () => {
  for (const [open, length] of [
    [1000, 8],
    [60_000, 10],
  ] as const) {
    const l = listener(3000, open);
    l.hit();
    l.pass(7000);
    l.handOver();
    assert.deepEqual(l.rows(), [[10, length, 1]]);
  }
});

test('what came before nobody looked for a while is in a window that ended before that', () => {
  const l = listener();
  l.hit();
  l.pass(45_300);
  l.hit();
  l.handOver();
  l.pass(4700);
  l.handOver();
  assert.deepEqual(l.rows(), [
    [40, 40, 1],
    [50, 10, 1],
  ]);
});

test('while a window is written out the open one goes on to the next multiple', () => {
  const l = listener();
  l.hit();
  l.pass(10_000);
  l.hit();
  l.pass(10_000);
  l.hit();
  l.pass(3000);
  l.handOver();
  l.pass(7000);
  l.handOver();
  l.finish();
  assert.deepEqual(l.rows(), [
    [10, 10, 1],
    [30, 20, 2],
  ]);
});
