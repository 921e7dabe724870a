/** The agent's own state as the built-in rules see it. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { builtinRules } from '../../src/alerts/builtin.ts';
import { Engine } from '../../src/alerts/engine.ts';
import { OwnPoints, type OwnStatus } from '../../src/alerts/own.ts';
import { gaugePoint } from '../../src/alerts/point.ts';
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

test('each of the built-in rules fires when it should, says what is, and ends', () => {
  type State = Parameters<typeof statusOf>[0];
  const kafka = { ...statusOf().kafka, state: 'connected' as const, certificate_days_left: { 'k:9093': 90 } };
  const check = { name: 'cpu', runs: 3, errors: 0, skipped: 0, last_seconds: 0.1, last_error: null };
  const mount = { mountpoint: '/mnt', type: 'nfs4', hanging: null, hangs: 0 };
  const log = { ...statusOf().logs[0]!, lag_seconds: 1, left_seconds: 0 };
  const books = { received: 10, recovered: 0, forwarded: 10, filtered: 0, dropped: 0, in_flight: 0 };
  const well = {
    ...GOOD,
    kafka,
    checks: [check],
    mounts: [mount],
    logs: [log],
    conservation: { total: statusOf().conservation.total, inputs: { nginx: books } },
  } as unknown as State;
  const measured: Record<string, number> = { 'system.time.offset': 0.001, 'system.filesystem.utilization': 0.5 };
  const limit = process.constrainedMemory;
  process.constrainedMemory = () => 1000e6;
  const cases: Record<string, [ill: object, says: RegExp, measured?: (i: number) => Record<string, number>]> = {
    'runnel-kafka-unreachable': [{ kafka: { ...kafka, state: 'unreachable' } }, /^Kafka cannot be reached from web-1/],
    'runnel-lag': [{ logs: [{ ...log, lag_seconds: 301 }] }, /^nginx on web-1 is 301 s behind$/],
    'runnel-dropped': [{}, /^10 of nginx on web-1 were lost: truncated$/],
    'runnel-spool-filling': [
      { spool: { ...statusOf().spool, budgets: [{ group: 'audit', bytes: 81, max_size: 100 }] } },
      /^The local log of audit on web-1 is 0.81 full$/,
    ],
    'runnel-check-failing': [{ checks: [{ ...check, last_error: 'no' }] }, /^Check cpu on web-1 fails$/],
    'runnel-mount-hung': [{ mounts: [{ ...mount, hanging: 'since' }] }, /^\/mnt on web-1 does not answer$/],
    'runnel-books': [
      { conservation: { total: books, inputs: { nginx: { ...books, forwarded: 9 } } } },
      /^The books of nginx on web-1 do not balance: 1 are not accounted for/,
    ],
    'runnel-memory': [{ process: { rss_bytes: 910e6 } }, /^The agent on web-1 has 0.91 of the memory/],
    'runnel-broker-certificate': [
      { kafka: { ...kafka, certificate_days_left: { 'k:9093': 13 } } },
      /^The certificate of k:9093 ends in 13 days$/,
    ],
    'runnel-clock-ahead': [{}, /^The clock of web-1 is off by -31 s$/, () => ({ 'system.time.offset': -31 })],
    'runnel-clock-behind': [{}, /^The clock of web-1 is off by 31 s$/, () => ({ 'system.time.offset': 31 })],
    'runnel-disk-full-soon': [
      {},
      /^\/var on web-1 will be full in \d+\.?\d* s, as it goes$/,
      (i) => ({ 'system.filesystem.utilization': 0.5 + i * 0.001 }),
    ],
  };
  try {
    assert.deepEqual(
      Object.keys(cases).sort(),
      builtinRules()
        .map(({ name }) => name)
        .sort(),
    );
    for (const [rule, [ill, says, more]] of Object.entries(cases)) {
      const engine = new Engine(builtinRules());
      const own = new OwnPoints();
      let window = 0;
      // An hour each.
      const look = (isIll: boolean) => {
        let firing: string[] = [];
        for (let i = 0; i < 360; i++, window++) {
          const state = { ...well, ...(isIll ? ill : {}) } as Record<string, unknown>;
          // Once ten of them.
          const records = window < 360 ? 5 : 15;
          if (rule === 'runnel-dropped') state.lost = [{ input: 'nginx', reason: 'truncated', records, bytes: 0 }];
          const values = { ...measured, ...(isIll ? more?.(i) : {}) };
          const points = Object.entries(values).map(([name, value]) =>
            gaugePoint(name, name.includes('filesystem') ? { 'system.filesystem.mountpoint': '/var' } : {}, value),
          );
          const all = [...own.of(statusOf(state as State) as unknown as OwnStatus), ...points];
          engine.window('own', INTERVAL, window * INTERVAL, all);
          const now = [...engine.notOk()].filter(({ progress }) => progress.state === 'firing');
          if (!isIll || firing.length === 0 || now.length > 0)
            firing = now.map((one) => `${one.rule.name}: ${alertSummary(one, 'web-1')}`);
        }
        return firing;
      };
      assert.deepEqual(look(false), [], rule);
      const fires = look(true);
      assert.equal(fires.length, 1, `${rule}: ${fires}`);
      const [name, ...said] = fires[0]!.split(': ');
      assert.equal(name, rule);
      assert.match(said.join(': '), says);
      assert.deepEqual(look(false), [], rule);
    }
  } finally {
    process.constrainedMemory = limit;
  }
});
