/** docs/alerting.md: its configurations are right, its cases pass, it lists the built-in rules; what refuses, says what is right. */
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { builtinRules } from '../../src/alerts/builtin.ts';
import { linesSeries, readValues, rehearse, type Series } from '../../src/alerts/rehearsal.ts';
import { ConfigError } from '../../src/config/errors.ts';
import { loadConfig } from '../../src/options.ts';
import { runnel } from '../support/agent.ts';

const ROOT = join(import.meta.dirname, '../..');
const TEXT = readFileSync(join(ROOT, 'docs/alerting.md'), 'utf8');
const YAML = [...TEXT.matchAll(/```yaml\n(.*?)```/gs)].map(([, text]) => text!);
/** What its rules look at. */
const MORE = 'logs: [{name: kernel, include: /var/log/kern.log}, {name: auth, include: /var/log/auth.log}]\n';

test('its configurations are right, and its cases pass', async (t) => {
  const dir = mkdtempSync(join(tmpdir(), 'runnel-alerting-'));
  t.after(() => rmSync(dir, { recursive: true }));
  const [first, cases, twenty] = YAML;
  const config = join(dir, 'runnel.yaml');
  writeFileSync(config, `${MORE}${twenty}`);
  assert.equal((await loadConfig(config)).config.alerts.rules.length, 20);
  writeFileSync(config, first!);
  assert.equal((await loadConfig(config)).config.alerts.receivers.length, 2);
  writeFileSync(join(dir, 'cases.yaml'), cases!);
  const passed = await runnel('alerts', 'test', join(dir, 'cases.yaml'), '-c', config);
  assert.equal(passed.code, 0, passed.stdout + passed.stderr);
  // Percentiles are of samples.
  writeFileSync(config, `${MORE}${twenty}`);
  const samples = `series: [{metric: http.request.duration, type: histogram, attributes: {route: /a}, values: "100x20 600x70"}]
expect: [{at: 200s, rule: slow, state: ok}, {at: 250s, rule: slow, state: pending}, {at: 800s, rule: slow, state: firing}]`;
  writeFileSync(join(dir, 'samples.yaml'), samples);
  const slow = await runnel('alerts', 'test', join(dir, 'samples.yaml'), '-c', config);
  assert.equal(slow.code, 0, slow.stdout + slow.stderr);
  writeFileSync(config, first!);
  writeFileSync(join(dir, 'cases.yaml'), cases!.replace('150s', '100s'));
  const failed = await runnel('alerts', 'test', join(dir, 'cases.yaml'), '-c', config, '--json');
  assert.equal(failed.code, 1);
  const [{ ok, failures }] = JSON.parse(failed.stdout);
  assert.equal(ok, false);
  assert.deepEqual([failures[0].at, failures[0].rule, failures[0].found[0].state], ['100s', 'disk-full', 'pending']);
});

/** By rule: what is measured when all is well, and then, until it fires. */
const FIRED: Record<string, Partial<Series> & { well: string; ill: string }> = {
  'cpu-busy': { attributes: { 'cpu.mode': 'idle' }, well: '0.9x60', ill: '0.01x120' },
  'load-high': { well: '1x60', ill: '17x65' },
  'memory-low': { attributes: { 'system.memory.state': 'used' }, well: '0.5x60', ill: '0.96x35' },
  swapping: { type: 'sum', well: '0x60', ill: '20000x30' },
  'disk-full': { attributes: { 'system.filesystem.mountpoint': '/var' }, well: '0.86x60', ill: '0.91x15' },
  'disk-full-today': { well: '0.5x2200', ill: Array.from({ length: 1500 }, (_, i) => 0.5 + i / 10_000).join(' ') },
  'disk-slow': { attributes: { 'system.device': 'sda' }, type: 'sum', well: '1x60', ill: '9.9x45' },
  'network-errors': { type: 'sum', well: '1x60', ill: '10x30' },
  rebooted: { well: '9999x60', ill: '10' },
  'clock-unkept': { well: '1x60', ill: '0x185' },
  'out-of-memory': { ...linesSeries('out-of-memory'), well: '0x60', ill: '1' },
  'disk-errors': { ...linesSeries('disk-errors'), well: '0x60', ill: '1' },
  'logins-failing': { ...linesSeries('logins-failing'), well: '1x60', ill: '60' },
  'log-silent': { type: 'sum', well: '5x60', ill: '_x65' },
  'errors-many': { type: 'sum', well: '1x60', ill: '60x30' },
  slow: { attributes: { route: '/a' }, type: 'histogram', well: '100x60', ill: '600x70' },
  'traffic-fell': { type: 'sum', well: '100x150', ill: '10x70' },
  'queue-grows': { attributes: { queue: 'mail' }, well: '10x60', ill: '2000x60' },
  'certificate-ends': { well: '30x60', ill: '13' },
  'shop-down': { attributes: { check: 'shop' }, well: '0x60', ill: '2x5' },
};

test('each of its twenty rules fires when it should, and not before', async (t) => {
  const dir = mkdtempSync(join(tmpdir(), 'runnel-alerting-'));
  t.after(() => rmSync(dir, { recursive: true }));
  writeFileSync(join(dir, 'runnel.yaml'), `${MORE}${YAML[2]}`);
  const { rules } = (await loadConfig(join(dir, 'runnel.yaml'))).config.alerts;
  assert.deepEqual(
    rules.map(({ name }) => name),
    Object.keys(FIRED),
  );
  const interval = 10_000;
  for (const rule of rules) {
    const { well, ill, ...more } = FIRED[rule.name]!;
    const series = (metric: string, values: string): Series => {
      const read = readValues(values);
      assert.ok(typeof read !== 'string', String(read));
      return { metric, attributes: {}, type: 'gauge', ...more, values: read };
    };
    const all = series(rule.metric, `${well} ${ill}`);
    const steady = series(rule.metric, well).values.length;
    const of = rule.of === null ? [] : [series(rule.of, '100x500')];
    const expect = ([steady - 1, all.values.length - 1] as const).map((i, nth) => ({
      ...{ at: i * interval, rule: rule.name, labels: {} },
      state: nth === 0 ? ('ok' as const) : ('firing' as const),
    }));
    const missed = rehearse([rule], { interval, series: [all, ...of], restart_at: [], expect });
    assert.deepEqual(missed, [], rule.name);
  }
});

test('it lists the rules that are built in', () => {
  const listed = [...TEXT.matchAll(/`(runnel-[\w-]+)`/g)].map(([, name]) => name!);
  assert.deepEqual(
    [...new Set(listed)].sort(),
    builtinRules()
      .map(({ name }) => name)
      .sort(),
  );
});

test('what cannot be is refused, with what would be right', async (t) => {
  const dir = mkdtempSync(join(tmpdir(), 'runnel-alerting-'));
  t.after(() => rmSync(dir, { recursive: true }));
  const path = join(dir, 'runnel.yaml');
  const refused = async (rule: Record<string, unknown>) => {
    writeFileSync(path, JSON.stringify({ alerts: { rules: [{ name: 'r', ...rule }] } }));
    try {
      await loadConfig(path);
    } catch (error) {
      assert.ok(error instanceof ConfigError);
      return error.faults.map(({ message }) => message.replace('alerts.rules[0]', '')).join('; ');
    }
    return 'nothing';
  };
  const cases: [Record<string, unknown>, RegExp][] = [
    [
      { metric: 'm', fire: '> 0.9', clear: '> 0.8' },
      /^\.clear is on the wrong side of fire '> 0.9': write '< 0.9', or further/,
    ],
    [
      { metric: 'm', fire: '> 0.9', clear: '< 0.95' },
      /^\.clear is on the wrong side of fire '> 0.9': 0.95 is above 0.9$/,
    ],
    [{ metric: 'm' }, /needs fire, for example fire: '> 0.9', or absent or forecast$/],
    [{ fire: '> 1' }, /needs one of metric, log and check$/],
    [{ metric: 'm', check: 'c', fire: '> 1' }, /needs one of metric, log and check/],
    [{ metric: 'm', fire: '90%' }, /^\.fire must be a comparison in quotes, for example '> 0.9', not "90%"$/],
    [{ metric: 'm', fire: '> 90%' }, /^\.fire must not have a unit: metrics are fractions/],
    [{ metric: 'm', fire: '> 1', value: 'avg over 5s' }, /^\.value is over less than 10s, the interval/],
    [{ metric: 'm', fire: '> 1', value: 'avg over 15s' }, /^\.value must be over a multiple of 10s/],
    [{ metric: 'm', fire: '> 1', value: 'p100' }, /^\.value must be one of last, /],
    [{ metric: 'm', fire: 'critical' }, /^\.fire is critical, which only a check is/],
    [
      { metric: 'system.filesystem.utilisation', fire: '> 0.9' },
      /^\.metric is system\.filesystem\.utilisation, which no check yields: did you mean system\.filesystem\.utilization\?$/,
    ],
    [
      { metric: 'system.filesystem.utilization', where: { 'system.filesystem.mountpont': '/' }, fire: '> 0.9' },
      /^\.where\S* system\.filesystem\.utilization has no system\.filesystem\.mountpont: did you mean system\.filesystem\.mountpoint\?$/,
    ],
    [
      { metric: 'system.paging.operations', by: ['pod'], fire: '> 0.9' },
      /^\.by\[0\] system\.paging\.operations has no pod: it has system\.paging\.direction, system\.paging\.fault\.type$/,
    ],
    [{ log: { input: 'nginx', match: 'x' }, fire: '> 0' }, /^\.log\.input is nginx, and there is none under logs$/],
    [
      { metric: 'm', forecast: { reaches: 1, within: '1h' }, value: 'last over 10s' },
      /^\.value must be over at least 60s with forecast$/,
    ],
    [{ metric: 'm', absent: '1m', fire: '> 0' }, /^\.fire is of no use with absent$/],
  ];
  for (const [rule, message] of cases) assert.match(await refused(rule), message, JSON.stringify(rule));
  assert.equal(await refused({ metric: 'm', fire: '> 1', value: 'avg over 20s' }), 'nothing');
});
