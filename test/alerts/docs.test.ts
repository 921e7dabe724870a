/** docs/alerting.md: its configurations are right, its cases pass, it lists the built-in rules; what refuses, says what is right. */
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { builtinRules } from '../../src/alerts/builtin.ts';
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
