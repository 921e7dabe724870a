/** Rules over series in virtual time: as promtool says of `for` and `keep`, and what it has no words for. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { keyOf } from '../../src/aggregate/bins.ts';
import { Engine } from '../../src/alerts/engine.ts';
import { gaugePoint } from '../../src/alerts/point.ts';
import { readValues, rehearse, type Series } from '../../src/alerts/rehearsal.ts';
import type { Rule } from '../../src/alerts/rule.ts';
import { alertSummary } from '../../src/alerts/words.ts';
import { configFrom } from '../../src/options.ts';
import { randomOf } from '../support/random.ts';

const INTERVAL = 10_000;

function rulesOf(...rules: Record<string, unknown>[]): Rule[] {
  return configFrom({ alerts: { rules: rules.map((rule, i) => ({ name: `r${i}`, ...rule })) } }).alerts.rules;
}

function series(values: string, more: Partial<Series> = {}): Series {
  const read = readValues(values);
  assert.ok(typeof read !== 'string', String(read));
  return { metric: 'm', attributes: {}, type: 'gauge', values: read, ...more };
}

/** The state of the only instance after each point: o, p, f, n. */
function states(rule: Record<string, unknown>, all: readonly Series[], restart_at: number[] = []): string {
  const rules = rulesOf({ metric: 'm', ...rule });
  const length = Math.max(...all.map(({ values }) => values.length));
  let text = '';
  for (let i = 0; i < length; i++) {
    const at = i * INTERVAL;
    const is = (['pending', 'firing', 'no_data'] as const).find(
      (state) =>
        rehearse(rules, {
          interval: INTERVAL,
          series: all.map((one) => ({ ...one, values: one.values.slice(0, i + 1) })),
          restart_at,
          expect: [{ at, rule: 'r0', state, labels: {} }],
        }).length === 0,
    );
    text += is?.[0] ?? 'o';
  }
  return text;
}

test('fires after for, ends after keep, and hysteresis lies between', () => {
  const cases: [Record<string, unknown>, string, string][] = [
    [{ fire: '> 0.9' }, '0.5 0.95 0.95 0.5', 'offo'],
    [{ fire: '> 0.9', for: '30s' }, '0.5 0.95x5 0.5', 'opppffo'],
    [{ fire: '> 0.9', for: '30s' }, '0.95 0.95 0.5 0.95x4', 'ppopppf'],
    [{ fire: '> 0.9', keep: '30s' }, '0.95 0.5x5', 'ffffoo'],
    [{ fire: '> 0.9', keep: '30s' }, '0.95 0.5 0.5 0.95 0.5x4', 'fffffffo'],
    [{ fire: '> 0.9', clear: '< 0.8' }, '0.95 0.85 0.85 0.79 0.85 0.95', 'fffoof'],
    [{ fire: '> 0.9', clear: '< 0.8', keep: '20s' }, '0.95 0.7 0.85 0.7 0.7 0.7', 'fffffo'],
    [{ fire: '< 5' }, '6 5 4 5', 'oofo'],
    [{ fire: '== 3' }, '2 3 2', 'ofo'],
    [{ fire: '!= 0' }, '0 1 0', 'ofo'],
  ];
  for (const [rule, values, expected] of cases) {
    assert.equal(states(rule, [series(values)]), expected, `${JSON.stringify(rule)} ${values}`);
  }
});

test('what no data means', () => {
  assert.equal(states({ fire: '> 1' }, [series('2 _x5 0')]), 'ffffffo');
  assert.equal(states({ fire: '> 1', no_data: 'ok' }, [series('2 _x5')]), 'fffooo');
  assert.equal(states({ fire: '> 1', no_data: 'alert' }, [series('0 _x5 0')]), 'ooonnno');
  assert.equal(states({ fire: '> 1', no_data: 'alert', for: '20s' }, [series('0 _x4 2x4')]), 'ooonnppff');
  // What was not counted is none.
  assert.equal(
    states({ fire: '> 1', value: 'sum over 30s', no_data: 'alert' }, [series('2 _x4', { type: 'sum' })]),
    'fffoo',
  );
});

test('absent: nothing at all for so long, while somebody looks', () => {
  assert.equal(states({ absent: '30s' }, [series('1 1 _x5 1')]), 'oooofffo');
  assert.equal(states({ absent: '30s' }, [series('_x5')]), 'oooff');
});

test('values over several windows', () => {
  const over = (value: string, values: string, fire: string, more: Partial<Series> = {}) =>
    states({ value, fire }, [series(values, more)]);
  assert.equal(over('avg over 30s', '0 0 3 3 3 0 0', '>= 2'), 'ooofffo');
  assert.equal(over('max over 30s', '0 5 0 0 0', '> 4'), 'offfo');
  assert.equal(over('min over 20s', '5 5 1 5 5', '> 4'), 'ffoof');
  assert.equal(over('sum over 30s', '1 1 1 1', '> 2', { type: 'sum' }), 'ooff');
  assert.equal(over('rate', '5 50', '> 1', { type: 'sum' }), 'of');
  assert.equal(over('rate over 20s', '20 20', '>= 2', { type: 'sum' }), 'of');
  assert.equal(over('count over 30s', '0.1 0.1 0.1', '>= 3'), 'oof');
  assert.equal(over('change over 20s', '10 10 20 20 20 20', '> 90'), 'ooofoo');
});

test('a counter that begins anew, a ratio, a forecast', () => {
  const a = series('1 5 5 5', { metric: 'a', type: 'sum' });
  const b = series('100 100 100 2', { metric: 'b', type: 'sum' });
  const ratio = { metric: 'a', of: 'b', min: 10, fire: '> 0.04' };
  // Below `min` nothing is known: it stays as it was.
  assert.equal(states(ratio, [a, b]), 'offf');
  const rising = series(Array.from({ length: 20 }, (_, i) => 0.5 + i * 0.01).join(' '));
  const within = (time: string) => states({ forecast: { reaches: 1, within: time }, value: 'last over 5m' }, [rising]);
  assert.match(within('10m'), /^o{5}f+$/);
  assert.match(within('1m'), /^o+$/);
  const falling = series(Array.from({ length: 20 }, (_, i) => 100 - i * 5).join(' '));
  assert.match(states({ forecast: { reaches: 0, within: '2m' }, value: 'last over 5m' }, [falling]), /^o{7,10}f+$/);
  const steady = series('0.99x20');
  assert.match(states({ forecast: { reaches: 1, within: '4h' }, value: 'last over 5m' }, [steady]), /^o+$/);
});

test('what is said of a rule that says nothing itself', () => {
  const said = (rule: Record<string, unknown>, values: string) => {
    const rules = rulesOf({ metric: 'm', ...rule });
    const engine = new Engine(rules);
    for (const [i, value] of series(values).values.entries()) {
      engine.window('s', INTERVAL, i * INTERVAL, value === null ? [] : [gaugePoint('m', {}, value)]);
      engine.tick(i * INTERVAL, INTERVAL);
    }
    return [...engine.notOk()].map((instance) => alertSummary(instance, 'web-1')).join();
  };
  assert.equal(said({ fire: '> 1' }, '1.23456789'), 'r0: 1.23457');
  assert.equal(said({ absent: '30s' }, '1 _ _ _ _'), 'r0: nothing for 40 s');
  const rising = Array.from({ length: 10 }, (_, i) => i).join(' ');
  assert.equal(
    said({ forecast: { reaches: 20, within: '1h' }, value: 'last over 5m' }, rising),
    'r0: 20 in 110 s, as it goes',
  );
});

test('a restart goes on where it was; the time between does not count', () => {
  assert.equal(states({ fire: '> 1', for: '40s' }, [series('2x6')], [20_000]), 'pppppf');
  assert.equal(states({ fire: '> 1' }, [series('2 _x6')], [20_000]), 'fffffff');
  assert.equal(states({ fire: '> 1', keep: '30s' }, [series('2 0x6')], [20_000]), 'fffffoo');
  assert.equal(states({ absent: '30s' }, [series('1 _x6')], [50_000]), 'oooffff');
});

test('a ratio is of the same time above and below; what was not counted while the other was is none', () => {
  const a = (values: string) => series(values, { metric: 'a', type: 'sum' });
  const b = (values: string) => series(values, { metric: 'b', type: 'sum' });
  const ratio = { metric: 'a', of: 'b', value: 'sum over 30s', fire: '> 0.06' };
  assert.equal(states(ratio, [a('5x6'), b('100x6')]), 'oooooo');
  assert.equal(states(ratio, [a('5 5 20 5 5 5'), b('100x6')]), 'oofffo');
  assert.equal(states({ ...ratio, min: 250 }, [a('50x4'), b('100x4')]), 'ooff');
  assert.equal(states({ ...ratio, value: 'last' }, [a('10 10 _ _'), b('100x4')]), 'ffoo');
  const gauges = [series('10 10 _ _', { metric: 'a' }), series('100x4', { metric: 'b' })];
  assert.equal(states({ ...ratio, value: 'last' }, gauges), 'ffff');
});

test('ratios of series that come and go, above and below: as each window looked at one by one', () => {
  const over = 3;
  const [rule] = rulesOf({ metric: 'a', of: 'b', min: 5, value: `sum over ${over * 10}s`, fire: '> 0.5' });
  const engine = new Engine([rule!]);
  const random = randomOf(3);
  const keys = Array.from({ length: 40 }, (_, i) => `/${i}`);
  const counted: Record<'a' | 'b', Map<string, number>[]> = { a: [], b: [] };
  const firing = new Set<string>();
  let [changes, before] = [0, ''];
  for (let window = 0; window < 400; window++) {
    // A third of them at a time.
    const there = keys.filter((_, i) => (i + Math.floor(window / 20)) % 3 === 0);
    const points = [];
    for (const name of ['b', 'a'] as const) {
      const all = new Map<string, number>();
      for (const path of there) if (random() < 0.5) all.set(path, Math.floor(random() * (name === 'a' ? 8 : 12)));
      counted[name].push(all);
      for (const [path, value] of all)
        points.push({ ...gaugePoint(name, { path }, value), type: 'sum' as const, series: path });
    }
    engine.window('s', INTERVAL, window * INTERVAL, points);
    for (const key of keys) {
      const [a, b] = (['a', 'b'] as const).map((name) =>
        counted[name].slice(-over).reduce((sum, one) => sum + (one.get(key) ?? 0), 0),
      ) as [number, number];
      if (b < 5) continue;
      if (a / b > 0.5) firing.add(key);
      else firing.delete(key);
    }
    const is = [...engine.notOk()].map(({ attributes }) => attributes.path!).sort();
    assert.deepEqual(is, [...firing].sort(), `window ${window}`);
    if (is.join() !== before) changes++;
    before = is.join();
  }
  assert.ok(changes > 100, String(changes));
});

test('what was counted before anybody looked is not known: nothing ends or begins for it', () => {
  const counted = (rule: Record<string, unknown>, restart_at: number[] = []) =>
    states({ value: 'sum over 30s', ...rule }, [series('10x8', { type: 'sum' })], restart_at);
  assert.equal(counted({ fire: '> 25' }), 'ooffffff');
  assert.equal(counted({ fire: '> 25' }, [40_000]), 'ooffffff');
  assert.equal(counted({ fire: '> 25', clear: '< 15' }, [40_000]), 'ooffffff');
  assert.equal(counted({ fire: '< 25' }), 'oooooooo');
  assert.equal(counted({ fire: '< 35' }), 'ooffffff');
  assert.equal(counted({ fire: '> 25', for: '40s' }, [50_000]), 'oopppppp');
  assert.equal(
    states({ value: 'rate over 30s', fire: '>= 1' }, [series('10x5 0x5', { type: 'sum' })], [30_000]),
    'oofffooooo',
  );
});

test('what is not read yet may be more: nothing ends or begins because it is missing', () => {
  const run = (fire: string, windows: [count: number, isUnread: boolean][], value = 'count') => {
    const [rule] = rulesOf({ log: { input: 'app', match: 'x' }, value, fire });
    const engine = new Engine([rule!]);
    const point = (count: number) => ({ ...gaugePoint(rule!.metric, { ...rule!.where }, count), type: 'sum' as const });
    return windows
      .map(([count, isUnread], i) => {
        engine.window('own', INTERVAL, i * INTERVAL, [point(count)], new Set(isUnread ? ['r0'] : []));
        return [...engine.notOk()].map(({ state }) => state[0]).join() || 'o';
      })
      .join('');
  };
  const away = [1, 0, 0, 3, 0, 0].map((count, i): [number, boolean] => [count, i > 0 && i < 4]);
  assert.equal(run('< 1', away), 'ooooff');
  assert.equal(run('> 2', away), 'ooofoo');
  const fires = [0, 0, 0, 1, 0].map((count, i): [number, boolean] => [count, i > 0 && i < 4]);
  // That it has come is known.
  assert.equal(run('< 1', fires), 'fffof');
  const ends = [5, 0, 0, 0, 0].map((count, i): [number, boolean] => [count, i > 0 && i < 3]);
  assert.equal(run('> 2', ends), 'fffoo');
  assert.equal(
    run(
      '< -50',
      [4, 4, 0, 0, 0].map((count, i) => [count, i > 1 && i < 4]),
      'change over 10s',
    ),
    'ooooo',
  );
});

test('a source with another interval than before a restart: times are those that pass', () => {
  const [rule] = rulesOf({ metric: 'm', fire: '> 1', value: 'avg over 2m', keep: '2m' });
  const point = (value: number) => ({
    ...{ name: 'm', attributes: {}, type: 'gauge' as const, value, count: 1, min: value, max: value, bins: null },
  });
  const before = new Engine([rule!]);
  before.window('s', INTERVAL, 0, [point(2)]);
  const engine = new Engine([rule!]);
  for (const instance of before.notOk()) engine.restore(instance.saved(null));
  const after = [0, 60_000, 120_000, 180_000, 240_000].map((now) => {
    engine.window('s', 60_000, now, [point(0)]);
    return [...engine.notOk()].length;
  });
  assert.deepEqual(after, [1, 1, 0, 0, 0]);
});

test('the status of a check; percentiles of what several windows and series have together', () => {
  const check = (fire: string, more = {}) =>
    states({ metric: undefined, check: 'nginx', fire, ...more }, [
      series('0 1 2 3 0', { metric: 'check.status', attributes: { check: 'nginx' } }),
      series('3x5', { metric: 'check.status', attributes: { check: 'other' } }),
    ]);
  assert.equal(check('warning'), 'offfo');
  assert.equal(check('critical'), 'ooffo');
  assert.equal(check('error'), 'ooofo');
  assert.equal(check('critical', { for: '10s' }), 'oopfo');
  const [rule] = rulesOf({ metric: 'm', by: 'route', value: 'p90 over 30s', fire: '> 90' });
  const engine = new Engine([rule!]);
  // Of 100 samples nine, then eleven, are above.
  const histogram = (route: string, pod: string, samples: number[]) => {
    const bins = new Map<number, number>();
    for (const sample of samples) bins.set(keyOf(sample), (bins.get(keyOf(sample)) ?? 0) + 1);
    const [min, max] = [Math.min(...samples), Math.max(...samples)];
    const sum = samples.reduce((a, b) => a + b, 0);
    const attributes = { route, pod };
    return { name: 'm', attributes, type: 'histogram' as const, value: sum, count: samples.length, min, max, bins };
  };
  const window = (at: number, slow: number) => {
    const samples = [...new Array(25 - slow).fill(10), ...new Array(slow).fill(100)];
    engine.window('s', INTERVAL, at * INTERVAL, [histogram('/a', 'x', samples), histogram('/a', 'y', samples)]);
    return [...engine.notOk()].map(({ value, attributes }) => [attributes.route, Math.round(value!)]);
  };
  assert.deepEqual(window(0, 2), []);
  assert.deepEqual(window(1, 2), []);
  assert.deepEqual(window(2, 4), [['/a', 100]]);
  assert.deepEqual(window(3, 2), [['/a', 100]]);
  assert.deepEqual(window(4, 0), []);
});

test('what is no number is nothing: it begins and ends no alert, and leaves nothing behind', () => {
  for (const value of ['last', 'avg over 20s', 'max over 20s']) {
    for (const [fire, good, bad] of [
      ['> 50', 1, 60],
      ['!= 1', 1, 60],
    ] as const) {
      const [rule] = rulesOf({ metric: 'm', value, fire });
      const engine = new Engine([rule!]);
      const at = (window: number, one: number) => {
        engine.window('s', INTERVAL, window * INTERVAL, [gaugePoint('m', {}, one)]);
        return [...engine.notOk()].map(({ progress }) => progress.state).join();
      };
      const what = `${value} ${fire}`;
      assert.equal(at(0, good), '', what);
      assert.equal(at(1, Number.NaN), '', what);
      assert.equal(at(2, bad), 'firing', what);
      at(3, bad);
      at(4, bad);
      assert.equal(at(5, Number.NaN), 'firing', what);
      at(6, good);
      at(7, good);
      assert.equal(at(8, good), '', what);
    }
  }
});

test('from a gap nothing is concluded', () => {
  const [rule] = rulesOf({ metric: 'm', fire: '> 1', for: '1m', no_data: 'alert' });
  const engine = new Engine([rule!]);
  const point = { name: 'm', attributes: {}, type: 'gauge' as const, value: 2, count: 1, min: 2, max: 2, bins: null };
  engine.window('s', INTERVAL, 0, [point]);
  engine.window('s', INTERVAL, 10_000, [point]);
  // Suspended for an hour.
  engine.window('s', INTERVAL, 3_600_000, [point]);
  const [instance] = engine.notOk();
  assert.equal(instance!.progress.state, 'pending');
  assert.equal(instance!.progress.elapsed, 10_000);
});

test('an instance a label set, those of a rule that are too many are one', () => {
  const [rule] = rulesOf({ metric: 'disk.*', where: { mount: '/var*' }, by: 'mount', fire: '> 1' });
  const engine = new Engine([rule!]);
  const point = (name: string, attributes: Record<string, string>) => ({
    ...{ name, attributes, type: 'gauge' as const, value: 2, count: 1, min: 2, max: 2, bins: null },
  });
  engine.window('s', INTERVAL, 0, [
    point('disk.used', { mount: '/var', device: 'a' }),
    point('disk.used', { mount: '/var', device: 'b' }),
    point('disk.used', { mount: '/var/log' }),
    point('disk.used', { mount: '/home' }),
    point('cpu', { mount: '/var' }),
  ]);
  assert.deepEqual(
    [...engine.notOk()].map(({ attributes }) => attributes),
    [{ mount: '/var' }, { mount: '/var/log' }],
  );
  const many = Array.from({ length: 1500 }, (_, i) => point('disk.used', { mount: `/var/${i}` }));
  engine.window('s', INTERVAL, 10_000, many);
  const now = [...engine.notOk()];
  assert.equal(now.length, 1001);
  assert.deepEqual(now.at(-1)!.attributes, { overflow: 'true' });
});

test('of all rules together there are so many instances and no more; when some have gone there is room for others', () => {
  const rules = rulesOf(...Array.from({ length: 22 }, (_, i) => ({ metric: `m${i}`, fire: '> 1', no_data: 'ok' })));
  const engine = new Engine(rules);
  let now = 0;
  const window = (...of: number[]) => {
    const points = of.flatMap((rule) =>
      Array.from({ length: rule < 20 ? 1000 : 500 }, (_, i) => gaugePoint(`m${rule}`, { i: String(i) }, 2)),
    );
    now += INTERVAL;
    engine.window('s', INTERVAL, now, points);
    const all = [...engine.notOk()];
    return [
      all.length,
      all
        .filter(({ attributes }) => attributes.overflow === 'true')
        .map(({ rule }) => rule.name)
        .join(),
    ];
  };
  assert.deepEqual(window(...rules.keys()), [20_002, 'r20,r21']);
  for (let i = 0; i < 6; i++) window(20, 21);
  assert.deepEqual(window(20, 21), [1000, '']);
});

test('names and series that come once and never again are not kept in mind', () => {
  const [rule] = rulesOf({ metric: 'http.*', fire: '> 100' });
  const engine = new Engine([rule!]);
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  const used = () => {
    collect();
    return process.memoryUsage().heapUsed;
  };
  const round = (window: number) => {
    const points = Array.from({ length: 500 }, (_, i) => {
      const name = `http.${window}.${i}.${'x'.repeat(200)}`;
      const attributes = { path: `/${window}/${i}` };
      return { name, attributes, series: name, type: 'gauge' as const, value: 1, count: 1, min: 1, max: 1, bins: null };
    });
    for (const { name } of points) assert.ok(engine.wants(name));
    engine.window('s', INTERVAL, window * INTERVAL, points);
  };
  for (let window = 0; window < 10; window++) round(window);
  const before = used();
  for (let window = 10; window < 400; window++) round(window);
  // 200,000 names would be a hundred.
  assert.ok(used() - before < 50e6, `${(used() - before) / 1e6} MB more`);
});

const promtool = spawnSync('promtool', ['--version']).status === 0;
const SKIP = promtool ? false : 'NOT TESTED: promtool is not installed (apt-get install prometheus)';

test('fires and ends when Prometheus would: for, keep_firing_for', { skip: SKIP }, (t) => {
  const dir = mkdtempSync(join(tmpdir(), 'runnel-promtool-'));
  t.after(() => rmSync(dir, { recursive: true }));
  // Values that cross the threshold at random, the same each time.
  const random = randomOf(7);
  for (const [wait, keep] of [
    ['0s', '0s'],
    ['30s', '0s'],
    ['20s', '40s'],
    ['0s', '30s'],
  ] as const) {
    const values = Array.from({ length: 60 }, () => (random() < 0.6 ? 2 : 0));
    const told = states({ fire: '> 1', for: wait, keep }, [series(values.join(' '))]);
    const keeps = keep === '0s' ? '' : `, keep_firing_for: ${keep}`;
    writeFileSync(
      join(dir, 'rules.yml'),
      `groups: [{name: g, rules: [{alert: A, expr: "m > 1", for: ${wait}${keeps}}]}]\n`,
    );
    const tests = [...told].map((state, i) => {
      const alerts = state === 'f' ? '[{exp_labels: {}, exp_annotations: {}}]' : '[]';
      return `{eval_time: ${i * 10}s, alertname: A, exp_alerts: ${alerts}}`;
    });
    const file = `rule_files: [rules.yml]\nevaluation_interval: 10s\ntests: [{interval: 10s, input_series: [{series: m, values: "${values.join(' ')}"}], alert_rule_test: [${tests.join(', ')}]}]\n`;
    writeFileSync(join(dir, 'test.yml'), file);
    const { status, stdout, stderr } = spawnSync('promtool', ['test', 'rules', 'test.yml'], {
      cwd: dir,
      encoding: 'utf8',
    });
    assert.equal(status, 0, `${wait} ${keep} ${told}\n${stdout}${stderr}`);
  }
});
