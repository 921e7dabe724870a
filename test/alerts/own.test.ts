/** The agent's own state as the built-in rules see it. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { builtinRules } from '../../src/alerts/builtin.ts';
import { Engine } from '../../src/alerts/engine.ts';
import { OwnPoints, type OwnStatus } from '../../src/alerts/own.ts';
import { alertSummary } from '../../src/alerts/words.ts';
import { statusOf } from '../support/status.ts';

const INTERVAL = 10_000;

/** What fires, and what it says, when each of the states has lasted for an hour. */
function fires(...states: Parameters<typeof statusOf>[0][]): string[][] {
  const engine = new Engine(builtinRules());
  const own = new OwnPoints();
  let now = 0;
  return states.map((state) => {
    for (let i = 0; i < 360; i++, now += INTERVAL) {
      engine.window('own', INTERVAL, now, own.of(statusOf(state) as unknown as OwnStatus));
    }
    return [...engine.notOk()].map((instance) => alertSummary(instance, 'web-1')).sort();
  });
}

const GOOD = {
  lost: [],
  mounts: [],
  checks: [],
  logs: [],
  conservation: { total: statusOf().conservation.total, inputs: {} },
} as unknown as Parameters<typeof statusOf>[0];

test('each local log that has a size of its own is nearly full by that', () => {
  const { spool } = statusOf();
  const sized = (common: number, otlp: number) => ({
    ...GOOD,
    // Together they may be more than one of them may.
    spool: {
      ...spool,
      bytes: common + otlp,
      budgets: [
        { group: null, bytes: common, max_size: 100 },
        { group: 'otlp', bytes: otlp, max_size: 1000 },
      ],
    },
  });
  assert.deepEqual(fires(sized(10, 700), sized(10, 900), sized(85, 700), sized(10, 10)), [
    [],
    ['The local log of otlp on web-1 is 0.9 full'],
    ['The local log of otlp on web-1 is 0.7 full', 'The local log on web-1 is 0.85 full'],
    [],
  ]);
});

test('a loss fires for five minutes, and what was lost before the first look does not', () => {
  const lost = (records: number) => ({
    ...GOOD,
    lost: [{ input: 'statsd', reason: 'kernel', records, bytes: 0, last: '2026-11-22T13:59:59.000Z' }],
  });
  const engine = new Engine(builtinRules());
  const own = new OwnPoints();
  const firing = [5, 5, ...new Array(29).fill(7), ...new Array(5).fill(7)].map((records, i) => {
    engine.window('own', INTERVAL, i * INTERVAL, own.of(statusOf(lost(records)) as unknown as OwnStatus));
    return [...engine.notOk()].filter(({ rule }) => rule.name === 'runnel-dropped').length;
  });
  assert.deepEqual(firing.slice(0, 3), [0, 0, 1]);
  assert.equal(
    firing.reduce((sum, one) => sum + one, 0),
    30,
  );
});
