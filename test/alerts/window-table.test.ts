/** Values over many windows, made for all instances at once: the same as of each window looked at one by one. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { keyOf, middleOf } from '../../src/aggregate/bins.ts';
import { gaugePoint, type MetricPoint } from '../../src/alerts/point.ts';
import type { Rule } from '../../src/alerts/rule.ts';
import { isBeyond } from '../../src/alerts/threshold.ts';
import { WindowTable, windowsOf } from '../../src/alerts/window-table.ts';
import { configFrom } from '../../src/options.ts';
import { randomOf } from '../support/random.ts';

const INTERVAL = 10_000;

function ruleOf(value: string, fire = '> 50'): Rule {
  return configFrom({ alerts: { rules: [{ name: 'r', metric: 'm', value, fire }] } }).alerts.rules[0]!;
}

function pointOf(type: MetricPoint['type'], value: number, next: () => number): MetricPoint {
  const point = { name: 'm', attributes: {}, type, value, count: 1, min: value, max: value, bins: null };
  if (type !== 'histogram') return point;
  const samples = Array.from({ length: 1 + Math.floor(next() * 5) }, () => Math.round(next() * 1000) / 10);
  const bins = new Map<number, number>();
  for (const sample of samples) bins.set(keyOf(sample), (bins.get(keyOf(sample)) ?? 0) + 1);
  const sum = samples.reduce((a, b) => a + b, 0);
  const [min, max] = [Math.min(...samples), Math.max(...samples)];
  return { ...point, value: sum, count: samples.length, min, max, bins };
}

/** What the points of the windows make, oldest first; null: nothing is known. */
function plain(rule: Rule, windows: readonly MetricPoint[][], interval: number): number | null {
  const over = windowsOf(rule, interval);
  const last = windows.slice(-over);
  const all = last.flat();
  const average = (some: readonly MetricPoint[][]) => {
    const points = some.flat();
    const isSum = points.at(-1)?.type === 'sum';
    const count = isSum
      ? some.filter((one) => one.length > 0).length
      : points.reduce((sum, { type, count }) => sum + (type === 'histogram' ? count : 1), 0);
    return count === 0 ? null : points.reduce((sum, { value }) => sum + value, 0) / count;
  };
  const counted = all.reduce(
    (sum, { type, value, count }) => sum + (type === 'sum' ? value : type === 'histogram' ? count : 1),
    0,
  );
  switch (rule.value.reduction) {
    case 'sum':
      return all.reduce((sum, { value }) => sum + value, 0);
    case 'count':
      return counted;
    case 'rate':
      return counted / ((over * interval) / 1000);
    case 'avg':
      return average(last);
    case 'last':
      return average(last.filter((one) => one.length > 0).slice(-1));
    case 'min':
      return all.length === 0 ? null : Math.min(...all.map(({ min }) => min));
    case 'max':
      return all.length === 0 ? null : Math.max(...all.map(({ max }) => max));
    case 'change': {
      const before = average(windows.slice(-2 * over, -over));
      const now = average(last);
      return before === null || before === 0 || now === null ? null : ((now - before) / before) * 100;
    }
    case 'quantile': {
      const bins = all.flatMap(({ bins }) => [...(bins ?? [])]).sort(([a], [b]) => a - b);
      const total = bins.reduce((sum, [, weight]) => sum + weight, 0);
      let running = 0;
      for (const [key, weight] of bins) {
        running += weight;
        if (running > rule.value.quantile * (total - 1)) {
          return Math.min(
            Math.max(...all.map((one) => one.max)),
            Math.max(Math.min(...all.map((one) => one.min)), middleOf(key)),
          );
        }
      }
      return null;
    }
  }
}

for (const type of ['gauge', 'set', 'sum', 'histogram'] as const) {
  test(`${type}: as of each window looked at one by one`, () => {
    const kinds = [
      'last',
      'avg',
      'min',
      'max',
      'sum',
      'count',
      'rate',
      ...(type === 'histogram' ? ['p50', 'p95'] : []),
    ];
    const values = [
      ...kinds,
      ...[...kinds, 'change'].flatMap((kind) => [2, 3, 7, 30].map((n) => `${kind} over ${n * 10}s`)),
    ];
    for (const value of values) {
      for (const fire of /^p95.* (70|300)s/.test(value) ? ['> 50', '>= 50', '< 50', '<= 50'] : ['> 50']) {
        const rule = ruleOf(value, fire);
        const sided = { yes: 0, no: 0 };
        const next = randomOf(values.indexOf(value) + 1);
        const evaluated = new Float64Array(100);
        const table = new WindowTable(rule, INTERVAL);
        // Some are there from the beginning, some come later, some go and their place is another's.
        const told: (MetricPoint[][] | null)[] = [];
        for (let window = 0; window < 150; window++) {
          if (window % 2 === 0 || window < 5) {
            told.push([]);
            table.clear(told.length - 1);
          }
          if (window % 40 === 39) {
            told[2] = [];
            table.clear(2);
          }
          for (const [slot, windows] of told.entries()) {
            const points = Array.from({ length: Math.floor(next() * 3) }, () =>
              pointOf(type, Math.round(next() * 1000) / 10, next),
            );
            windows!.push(points);
            for (const point of points) table.add(slot, point);
          }
          table.evaluate(told.length, evaluated);
          for (const [slot, windows] of told.entries()) {
            const expected = plain(rule, windows!, INTERVAL);
            const is = table.exact(slot);
            const close = is === expected || (is !== null && expected !== null && Math.abs(is - expected) < 1e-6);
            assert.ok(close, `${value} slot ${slot} window ${window}: ${is}, not ${expected}`);
            // As it is compared.
            const compared = evaluated[slot]!;
            if (expected === null) assert.ok(Number.isNaN(compared));
            // A percentile that is not is seen not to be, but near the threshold.
            else if (value.startsWith('p')) {
              const side = table.side(slot, 'fire');
              assert.ok(
                Number.isNaN(side) || isBeyond(rule.fire, side) === isBeyond(rule.fire, is!),
                `${value} ${side}`,
              );
              sided[Number.isNaN(side) ? 'no' : 'yes']++;
              assert.ok(isBeyond(rule.fire, compared) || !isBeyond(rule.fire, is!), `${value} ${fire}`);
              const near = Math.abs(is! / 50 - 1) < 0.02;
              assert.ok(near || isBeyond(rule.fire, compared) === isBeyond(rule.fire, is!), `${value} ${fire} ${is}`);
            }
          }
          table.next(told.length);
        }
        // Nearly always the weights say it.
        if (/^p95.* 300s/.test(value)) assert.ok(sided.yes > 20 * sided.no && sided.no > 0, JSON.stringify(sided));
      }
    }
  });
}

test('of a large number that has gone nothing is left', () => {
  const evaluated = new Float64Array(100);
  const table = new WindowTable(ruleOf('sum over 30s'), INTERVAL);
  table.clear(0);
  for (const value of [1e17, 1, 1, 1]) {
    table.add(
      0,
      pointOf('sum', value, () => 0),
    );
    table.evaluate(1, evaluated);
    if (value === 1 && table.seen(0) === 4) assert.equal(evaluated[0], 3);
    table.next(1);
  }
});

test('what comes seldom, or after a long time of nothing, is in its windows and in no others', () => {
  const size = 5;
  for (let gap = 1; gap <= 3 * size; gap++) {
    const rule = ruleOf(`sum over ${size * 10}s`);
    const evaluated = new Float64Array(100);
    const table = new WindowTable(rule, INTERVAL);
    table.clear(0);
    const came: number[] = [];
    for (let window = 0; window < 100; window++) {
      came.push(window % gap === 0 ? window + 1 : 0);
      if (window % gap === 0) table.add(0, gaugePoint('m', {}, window + 1));
      table.evaluate(1, evaluated);
      const expected = came.slice(-size).reduce((sum, one) => sum + one, 0);
      assert.equal(evaluated[0], expected, `every ${gap}, window ${window}`);
      table.next(1);
    }
  }
});

test('of a long time a step is several windows, and what is counted is what came in it', () => {
  for (const [value, expected] of [
    ['sum over 1h', 1],
    ['avg over 1h', 1],
    ['rate over 1h', 0.1],
    ['last over 1h', 1],
  ] as const) {
    const evaluated = new Float64Array(100);
    const table = new WindowTable(ruleOf(value), INTERVAL);
    table.clear(0);
    let windows = 0;
    for (; windows < 1000; windows++) {
      table.add(
        0,
        pointOf('sum', 1, () => 0),
      );
      table.evaluate(1, evaluated);
      table.next(1);
    }
    // 360 windows in 120 steps: up to two less.
    if (value.startsWith('sum')) assert.ok(Math.abs(evaluated[0]! - 359) <= 1, String(evaluated[0]));
    else assert.ok(Math.abs(evaluated[0]! - expected) < 1e-9, `${value}: ${evaluated[0]}`);
  }
});
