/** `otlp` and `traces` in the configuration. */
import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import { ConfigError } from '../../../src/config/errors.ts';
import { loadWith } from '../../../src/config/load.ts';
import type { InputKind } from '../../../src/core/input.ts';
import { optionsOf } from '../../../src/options.ts';
import { checkOptions } from '../../../src/sources/otlp/check.ts';
import { type Endpoint, parseEndpoint } from '../../../src/sources/otlp/endpoint.ts';
import {
  completeTraces,
  type DatadogOptions,
  datadogOption,
  type OtlpOptions,
  otlpOption,
  type TracesOptions,
  topicsOf,
  tracesOption,
} from '../../../src/sources/otlp/options.ts';
import { directory } from '../../support/directory.ts';

type Sections = { otlp: OtlpOptions | undefined; traces: TracesOptions; datadog: DatadogOptions | undefined };

const kind = {
  name: 'otlp',
  options: otlpOption,
  beside: { traces: tracesOption, datadog: datadogOption },
  complete: (raw: unknown) => raw,
  check: (config: unknown, refuse: Parameters<typeof checkOptions>[3]) => {
    const { otlp, traces, datadog } = config as Sections;
    checkOptions(otlp, completeTraces(traces, 'runnel'), datadog?.listen ?? [], refuse);
  },
  topics: () => [],
} as unknown as InputKind<'otlp', unknown, unknown, object>;

async function loaded(t: TestContext, text: string): Promise<Sections> {
  const path = join(directory(t), 'runnel.yaml');
  await writeFile(path, text);
  const { config } = await loadWith(path, optionsOf([kind]), { env: {} });
  return config as unknown as Sections;
}

function check(text: string, ...expected: string[]): void {
  test(text.trim().replaceAll('\n', ' / '), async (t) => {
    const error = await loaded(t, text).then(
      () => null,
      (reason: unknown) => reason,
    );
    if (error === null) return assert.deepEqual(expected, []);
    assert.ok(error instanceof ConfigError, String(error));
    assert.deepEqual(
      error.message.split('\n').map((line) => line.replace(/^.*runnel\.yaml:/, '')),
      expected,
    );
  });
}

test('nothing listens until it is in the configuration', async (t) => {
  const { otlp, traces } = await loaded(t, 'host: web-1\n');
  assert.equal(otlp, undefined);
  assert.deepEqual(traces.sampling.rules, []);
});

test('an empty map has all defaults', async (t) => {
  const { otlp, traces } = await loaded(t, 'otlp: {}\n');
  assert.deepEqual(otlp, {
    http: ['127.0.0.1:4318'],
    grpc: ['127.0.0.1:4317'],
    signals: ['traces', 'metrics', 'logs'],
    hosts: [],
    cors_origins: [],
    max_request: 8 << 20,
    hold: 5000,
    spool: { max_size: 1 << 30 },
  });
  assert.deepEqual(traces, {
    encoding: 'otlp_proto',
    key: 'trace_id',
    metrics: { enabled: true, operations_per_service: 200, attributes: [], server_and_consumer_only: false },
    sampling: { probability: 1, rules: [], write_threshold: true },
  });
  assert.equal(completeTraces(traces, 'prod').topic, 'prod.traces');
  assert.deepEqual(topicsOf(otlp, 'prod'), { metrics: 'prod.otlp-metrics', logs: 'prod.otlp-logs' });
});

test('one of the two listeners can be off, by an empty list or by nothing', async (t) => {
  assert.deepEqual((await loaded(t, 'otlp: {http: []}\n')).otlp?.http, []);
  assert.deepEqual((await loaded(t, 'otlp: {grpc: null, http: unix:///run/otlp.sock}\n')).otlp?.grpc, []);
});

test('addresses are host and port, or a path', () => {
  const cases: [string, Endpoint][] = [
    ['127.0.0.1:4318', { host: '127.0.0.1', port: 4318 }],
    ['[::1]:1', { host: '::1', port: 1 }],
    ['unix:///run/otlp.sock', { path: '/run/otlp.sock' }],
  ];
  for (const [address, expected] of cases) assert.deepEqual(parseEndpoint(address), expected);
});

test('rules as they are written', async (t) => {
  const rules = [
    '{status: error, keep: true}',
    '{slower_than: 2s, keep: true, limit: 100/s}',
    "{service: 'health*', probability: 0.01}",
    '{attributes: {http.route: /api/*}, keep: false}',
  ];
  const { traces } = await loaded(t, `traces: {sampling: {probability: 0.1, limit: 1000/s, rules: [${rules}]}}\n`);
  assert.deepEqual(traces.sampling, {
    probability: 0.1,
    limit: 1000,
    write_threshold: true,
    rules: [
      { status: 'error', keep: true },
      { slower_than: 2000, keep: true, limit: 100 },
      { service: 'health*', probability: 0.01 },
      { attributes: { 'http.route': '/api/*' }, keep: false },
    ],
  });
});

describe('what is wrong is said where it stands', () => {
  check(
    'otlp: {http: [], grpc: []}\n',
    '1:7: otlp listens nowhere: name an address for http or grpc, or leave otlp out',
  );
  check('otlp: {http: [h:1, h:1]}\n', '1:20: otlp.http[1] is listed twice');
  check('otlp: {http: h:1, grpc: h:1}\n', '1:25: otlp.grpc[0] is listed twice');
  check('otlp: {http: h:1}\ndatadog: {listen: [h:2, h:1]}\n', '2:25: datadog.listen[1] is listed twice');
  check('datadog: {}\n', '1:10: datadog needs otlp beside it: what becomes of spans is said there; add otlp: {}');
  check('otlp: {signals: [logs]}\ndatadog: {}\n', '2:10: datadog needs traces in otlp.signals');
  check('otlp: {http: unix:otlp.sock}\n', '1:14: otlp.http[0] must be host:port, not "unix:otlp.sock"');
  check('otlp: {http: 4318}\n', '1:14: otlp.http[0] is a port without a host: write 127.0.0.1:4318');
  check('otlp: {tls: {cert_file: /c.pem}}\n', '1:25: otlp.tls.cert_file needs otlp.tls.key_file beside it');
  check('otlp: {max_request: 1GiB}\n', '1:21: otlp.max_request must be at most 64MiB, not "1GiB"');
  check(
    'otlp: {signals: [trace]}\n',
    '1:18: otlp.signals[0] must be traces, metrics or logs, not "trace"; did you mean traces?',
  );
  check(
    'traces: {sampling: {probability: 10%}}\n',
    '1:34: traces.sampling.probability must be a number from 0 to 1, for example 0.1, not "10%": write 0.1',
  );
  check(
    'traces: {sampling: {limit: 5}}\n',
    '1:28: traces.sampling.limit must be spans a second, from 1/s to 10000000/s, for example 1000/s, not "5"',
  );
  check(
    'traces: {sampling: {rules: [{keep: true}]}}\n',
    '1:29: traces.sampling.rules[0] needs what it is for: status, slower_than, service, operation or attributes',
  );
  check(
    'traces: {sampling: {rules: [{status: error}]}}\n',
    '1:29: traces.sampling.rules[0] needs keep: true or probability',
  );
  check('traces: {metrics: {attributes: [a, b, a]}}\n', '1:39: traces.metrics.attributes[2] is there twice');
});
