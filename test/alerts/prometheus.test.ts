/** prometheus/runnel.rules.yaml: each rule is right, fires when it should, and is silent when all is well. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { figuresOf } from '../../src/report/figures.ts';
import { ROOT } from '../support/docs-pages.ts';
import { statusOf } from '../support/status.ts';

const FILE = join(ROOT, 'prometheus/runnel.rules.yaml');
const ALERTS = [...readFileSync(FILE, 'utf8').matchAll(/- alert: (\w+)/g)].map(([, name]) => name!);
const skip =
  spawnSync('promtool', ['--version']).status === 0
    ? false
    : 'NOT TESTED: promtool is not installed (apt-get install prometheus)';

/** By rule: a series, its labels beside the instance, a value each minute when all is well, and when it is to fire. */
const CASES: Record<string, [series: string, labels: Record<string, string>, well: string, ill: string]> = {
  RunnelKafkaUnreachable: ['runnel_kafka_connected', {}, '1x20', '0x20'],
  RunnelLag: ['runnel_log_lag_seconds', { input: 'app' }, '10x20', '301x20'],
  RunnelDropped: ['runnel_dropped_total', { input: 'app', reason: 'truncated' }, '5x20', '0+1x20'],
  RunnelKernelDrops: ['runnel_statsd_kernel_drops_total', { listener: 'udp' }, '5x20', '0+1x20'],
  RunnelSpoolFilling: ['runnel_spool_waiting_bytes', { log: 'common' }, '10x20', '900x20'],
  RunnelSpoolOld: ['runnel_spool_oldest_seconds', {}, '10x20', '4000x20'],
  RunnelDiskLow: ['runnel_data_dir_free_bytes', {}, '1000000000x20', '1000x20'],
  RunnelTopicFailing: ['runnel_topic_failing', { topic: 'runnel.logs', partition: '0' }, '0x20', '1x20'],
  RunnelBooks: ['runnel_unaccounted', { input: 'app' }, '0x20', '-1x20'],
  RunnelNotReady: ['runnel_ready', {}, '1x20', '0x20'],
  RunnelAlertReceiver: ['runnel_alert_receiver_waiting', { receiver: 'ops' }, '0x20', '2x20'],
  RunnelCheckFailing: ['runnel_check_errors_total', { check: 'raid' }, '3x20', '0+1x20'],
  RunnelMountHung: ['runnel_mount_hanging', { mountpoint: '/mnt' }, '0x20', '1x20'],
  RunnelBrokerCertificate: ['runnel_kafka_certificate_days_left', { broker: 'k:9093' }, '90x20', '13x20'],
};

test('Prometheus takes the rules', { skip }, () => {
  const { status, stdout, stderr } = spawnSync('promtool', ['check', 'rules', FILE], { encoding: 'utf8' });
  assert.equal(status, 0, stdout + stderr);
});

test('each rule fires when it should, and only then', { skip }, (t) => {
  assert.deepEqual(Object.keys(CASES).sort(), ALERTS.toSorted());
  const dir = mkdtempSync(join(tmpdir(), 'runnel-prometheus-'));
  t.after(() => rmSync(dir, { recursive: true }));
  const asked = (fires: boolean) =>
    Object.entries(CASES).map(([alertname, [series, labels, well, ill]]) => {
      const of = (all: Record<string, string>) =>
        Object.entries({ instance: 'web-1', ...all })
          .map(([name, value]) => `${name}="${value}"`)
          .join(',');
      // What some rules compare it with.
      const most = { series: `runnel_spool_max_bytes{${of({ log: 'common' })}}`, values: '1000x20' };
      const connected = { series: `runnel_kafka_connected{${of({})}}`, values: '1x20' };
      const one = { series: `${series}{${of(labels)}}`, values: fires ? ill : well };
      return {
        interval: '1m',
        input_series: [
          one,
          ...(alertname === 'RunnelSpoolOld' ? [connected] : []),
          ...(alertname === 'RunnelSpoolFilling' ? [most] : []),
        ],
        // How many fire, whatever they say.
        promql_expr_test: [
          {
            expr: `count(ALERTS{alertname="${alertname}",alertstate="firing"})`,
            eval_time: '15m',
            exp_samples: fires ? [{ value: 1 }] : [],
          },
        ],
      };
    });
  const file = join(dir, 'test.yml');
  for (const fires of [true, false]) {
    writeFileSync(file, JSON.stringify({ rule_files: [FILE], evaluation_interval: '1m', tests: asked(fires) }));
    const { status, stdout, stderr } = spawnSync('promtool', ['test', 'rules', file], { encoding: 'utf8' });
    assert.equal(status, 0, `fires: ${fires}\n${stdout}${stderr}`);
  }
});

test('each series is a figure of the agent, with these labels', () => {
  const known = new Map(figuresOf(statusOf()).map(({ name, labels }) => [`runnel_${name}`, labels]));
  for (const [alert, [series, labels]] of Object.entries(CASES)) {
    assert.deepEqual(known.get(series)?.toSorted(), Object.keys(labels).sort(), `${alert}: ${series}`);
  }
  const text = readFileSync(FILE, 'utf8');
  for (const [, alert, rule] of text.matchAll(/- alert: (\w+)(.*?)(?=- alert:|$)/gs)) {
    const [, labels] = CASES[alert!]!;
    for (const [, name] of rule!.matchAll(/\$labels\.(\w+)/g)) {
      assert.ok(name === 'instance' || name! in labels, `${alert}: ${name}`);
    }
  }
});
