/** What newcomers write, and what they are told: one sentence, its place, what to write. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { ConfigError } from '../../src/config/errors.ts';
import { loadConfig } from '../../src/options.ts';

const root = mkdtempSync(join(tmpdir(), 'runnel-config-'));
after(() => rmSync(root, { recursive: true }));
const file = join(root, 'runnel.yaml');

async function told(yaml: string): Promise<string[]> {
  writeFileSync(file, yaml);
  const error: unknown = await loadConfig(file, { env: {} }).then(
    () => null,
    (thrown) => thrown,
  );
  if (error === null) return [];
  assert(error instanceof ConfigError, String(error));
  return error.message.split('\n').map((line) => line.replace(`${file}:`, ''));
}

function check(yaml: string, ...expected: string[]): void {
  test(yaml.replaceAll('\n', ' '), async () => assert.deepEqual(await told(yaml), expected));
}

describe('what is a list or a map, and how it is written', () => {
  check('logs: /var/log/*.log', '1:7: logs is a list: write logs: [{include: /var/log/*.log}]');
  check('logs: {include: /a}', '1:7: logs is a list: write logs: [{include: ...}]');
  check('logs: {nginx: {include: /a}}', '1:7: logs is a list: write logs: [{name: nginx, ...}]');
  check('logs: [/a]', '1:8: logs[0] is a map: write {include: /a}');
  check('kafka: {brokers: {a: b}}', '1:18: kafka.brokers is a list: write brokers: [kafka-1:9092]');
  check('kafka: {brokers: a, tls: true}', "1:26: kafka.tls is a map: write tls: {} for the system's certificates");
  check('kafka: {brokers: a, sasl: plain}', '1:27: kafka.sasl is a map: write sasl: {username: ..., password: ...}');
  check(
    'statsd: 8125',
    '1:9: statsd is a map: write statsd: {listen: [udp://127.0.0.1:8125]}, or statsd: {listen: []} for none',
  );
  check('metrics: false', '1:10: metrics is a map: write metrics: {interval: 10s}, or metrics: {host: false} for none');
  check('log: debug', '1:6: log is a map: write log: {level: debug}');
  check(
    'logs: [{include: /a, process: {drop: {line: {is: b}}}}]',
    '1:31: logs[0].process is a list: write process: [{drop: {line: {contains: kube-probe}}}]',
  );
  // And not that a receiver needs one of its kinds, too.
  check(
    'alerts: {receivers: [{name: a, exec: {command: [/b]}}]}',
    '1:38: alerts.receivers[0].exec is a list: write exec: [/usr/local/bin/restart-nginx]',
  );
});

describe('keys by their names elsewhere', () => {
  check('brokers: a', '1:1: unknown key brokers: did you mean kafka.brokers?');
  check('include: /a', '1:1: unknown key include: did you mean logs[].include?');
  check('kafka: {bootstrap_servers: a}', '1:9: unknown key bootstrap_servers in kafka: did you mean brokers?');
  check(
    'kafka: {brokers: a, tls: {enabled: true}}',
    '1:27: unknown key enabled in kafka.tls: leave it out: what is written is on',
  );
  check(
    'kafka: {brokers: a, security_protocol: SSL}',
    '1:21: unknown key security_protocol in kafka: did you mean tls?',
  );
  check('logs: [{paths: [/a]}]', '1:9: unknown key paths in logs: did you mean include?');
  check(
    'logs: [{include: /a, multiline: {pattern: a}}]',
    '1:34: unknown key pattern in logs[0].multiline: did you mean start?',
  );
  check('kafka {brokers: a}', '1:1: unknown key kafka {brokers: put a colon after kafka');
  check(
    'log: {level: warning}',
    '1:14: log.level must be debug, info, warn or error, not "warning"; did you mean warn?',
  );
});

describe('more of what is written elsewhere', () => {
  check(
    'statsd: {percentiles: [p99]}',
    '1:24: statsd.percentiles[0] must be a number between 0 and 1: write 0.99 for the 99th percentile',
  );
  check(
    'statsd: {percentiles: [99.9]}',
    '1:24: statsd.percentiles[0] must lie between 0 and 1, both excluded: write 0.999 for the 99.9th percentile',
  );
  check('log_level: debug', '1:1: unknown key log_level: did you mean log.level?');
  check('kafka: {brokers: a, acks: all}', '1:21: unknown key acks in kafka: did you mean delivery?');
  check('kafka: {brokers: a, tls: {verify: false}}', '1:27: unknown key verify in kafka.tls: did you mean insecure?');
  check('kafka: {brokers: a, password: x}', '1:21: unknown key password in kafka: did you mean kafka.sasl.password?');
  check('statsd: {enabled: false}', '1:10: unknown key enabled in statsd: write statsd: {listen: []} for none');
  check('admin: {enabled: false}', '1:9: unknown key enabled in admin: leave all of it out');
  check('inputs: [{include: /a}]', '1:1: unknown key inputs: did you mean logs?');
  check(
    'kafka: {brokers: [{host: a}]}',
    '1:19: kafka.brokers[0] must be a single value (host or host:port), for example kafka-1:9092, not a map',
  );
  check(
    'kafka: {brokers: ["${KAFKA}"]}',
    '1:19: the environment variable KAFKA is not set: set it, or write ${KAFKA:-default}',
  );
  check('kafka: {brokers: [$KAFKA]}', '1:19: kafka.brokers[0] has $KAFKA, which is not replaced: write ${KAFKA}');
  check('metrics: {interval: 10}', '1:21: metrics.interval needs a unit, for example 10s');
  check('logs: [{include: /a, ignore_older: 24}]', '1:36: logs[0].ignore_older needs a unit, for example 24s');
  check(
    'statsd: {listen: ["udp://:8125"]}',
    '1:19: statsd.listen[0] needs an address: write udp://0.0.0.0:8125 for all, udp://127.0.0.1:8125 for this machine',
  );
});

describe('addresses, paths and sizes', () => {
  check('kafka: {brokers: 9092}', '1:18: kafka.brokers[0] is a port without a host: write kafka-1:9092');
  check('kafka: {brokers: [localhost, 9092]}', '1:30: kafka.brokers[1] is a port without a host: write kafka-1:9092');
  check(
    'kafka: {brokers: "9092:9092"}',
    '1:18: kafka.brokers[0] has a number where the host should be, for example kafka-1:9092, not "9092:9092"',
  );
  check(
    'kafka: {brokers: "a:1 b:2"}',
    '1:18: kafka.brokers[0] must be host:port without blanks, not "a:1 b:2"; several are a list: [a:1, b:2]',
  );
  check('admin: {listen: ":8687"}', '1:17: admin.listen is a port without a host: write 127.0.0.1:8687');
  check('statsd: {listen: ":8125"}', '1:18: statsd.listen[0] needs udp:// and an address: write udp://127.0.0.1:8125');
  check('data_dir: ~/x', '1:11: data_dir begins with ~, which is not replaced: write ${HOME} for it');
  check('buffer_memory: 32M', '1:16: buffer_memory has an unknown unit M: did you mean MiB?');
});

describe('syntax', () => {
  check('kafka: {brokers: [a:9092}', '1:25: the [ that begins at 1:18 is not closed');
  check('kafka: {brokers: [a]', '1:21: the { that begins at 1:8 is not closed');
  check('kafka:\n  brokers: [a:9092\n  tls: {}\nlogs: []\n', '3:3: the [ that begins at 2:12 is not closed');
  check('logs: [{include: /a, exclude: b]', '1:32: the { that begins at 1:8 is not closed');
  check('kafka: {brokers: "a:9092}\nlogs: []', '1:18: the " that begins at 1:18 is not closed');
  check('tags:\n  a: |\n    " [\n  b: [x', '4:8: the [ that begins at 4:6 is not closed');
  check('logs: [{include: /a}]]', '1:22: this ] closes nothing');
  check(
    'logs: [{include: /a} {include: /b}]',
    '1:22: a { behind a value: a text with { in it needs quotes, a second value a comma before it',
  );
  check('logs: [{include: /a,, name: b}]', '1:21: a comma too many, or with nothing before it');
  check('logs: [{include: ["/a" "/b"]}]', '1:24: a comma is missing before this');
  check(
    'logs:\n  - include: /a\n    exclude: - b',
    '3:14: a list begins on a new line, with "- " before each item; on one line it is [a, b]',
  );
  check(
    'kafka:\n  brokers: a\n logs: []',
    '3:1: this line begins in another column than the ones it belongs to: what belongs together is indented alike',
  );
  check(
    'kafka: brokers: a',
    '1:8: a second key on this line: begin a new line for it, indented, or take quotes where it is a text with ": " in it',
  );
  check('kafka\n  brokers: a', '1:1: a colon is missing: write key: value');
  check('kafka:brokers: a', '1:1: unknown key kafka:...: put a space after the colon');
  check("host: 'it's'", '1:11: the value has ended before this: a text with quotes in it needs others around it');
  check('host: @x', '1:7: a text that begins with @ needs quotes');
  check(
    'host: "a\\qb"',
    `1:9: \\q means nothing within "...": write \\\\ for a backslash, or take '...' for the quotes`,
  );
});

describe('more syntax', () => {
  const column =
    'this line begins in another column than the ones it belongs to: what belongs together is indented alike';
  const space = 'a space that is none for YAML (no-break, or without width): write a plain one';
  check(
    'logs: [{include: /a, multiline: {start: ^\\d{4}}}]',
    '1:44: a { behind a value: a text with { in it needs quotes, a second value a comma before it',
  );
  check('kafka:\n  brokers:\n  - a\n  -b', '4:3: a space is missing after the -');
  check('logs:\n    - include: /a\n  - include: /b', `3:1: ${column}`);
  check('kafka:\n  brokers: a\n \tlinger: 5ms', '3:1: a tab indents this line: YAML wants spaces');
  check('kafka:\n\u00a0 brokers: a', `2:1: ${space}`);
  check('host:\u00a0a', `1:6: ${space}`);
  check('host: "\u00a0a"');
});

describe('a file for another program', () => {
  const other = (name: string, what: string, place: string, yaml: string) =>
    check(
      yaml,
      `${place}: this is a configuration for ${name} (${what}), not for runnel: write kafka: {brokers: [kafka-1:9092]} and logs: [{include: /var/log/*.log}]${name === 'Filebeat' ? '; runnel migrate filebeat FILE makes one of it' : ''}`,
    );
  other(
    'Vector',
    'sources, sinks',
    '2:1',
    'data_dir: /var/lib/vector\nsources: {a: {type: file}}\nsinks: {b: {type: kafka}}',
  );
  other('Vector', '[sources.', '2:1', '# mine\n[sources.in]\ntype = "file"');
  other('Filebeat', 'filebeat.inputs', '1:1', 'filebeat.inputs:\n- type: filestream\noutput.kafka:\n  hosts: [a]');
  other('Fluent Bit', 'pipeline, service', '2:1', 'service: {flush: 1}\npipeline: {inputs: []}');
  other('Fluent Bit', '[INPUT]', '1:1', '[INPUT]\n    Name tail');
  other('Telegraf', '[[inputs.cpu]]', '1:1', '[[inputs.cpu]]\n  percpu = true');
  other('Logstash', 'input {', '1:1', 'input {\n  file { path => "/a" }\n}');
  other(
    'the OpenTelemetry Collector',
    'receivers, exporters',
    '1:1',
    'receivers: {filelog: {}}\nexporters: {kafka: {}}',
  );
  other('Promtail', 'scrape_configs, clients', '1:1', 'scrape_configs: []\nclients: []');
  check('logs: [{include: /a}]\nsinks: {}', '2:1: unknown key sinks: did you mean kafka?');
});
