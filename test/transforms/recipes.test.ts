/** The recipes of docs/processing.md do what they say: each is read from there, and run. */
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { difference, matchOf } from '../../src/cli/matching.ts';
import { trial } from '../../src/cli/trial.ts';
import { type Config, loadConfig } from '../../src/options.ts';

const docs = readFileSync(new URL('../../docs/processing.md', import.meta.url), 'utf8');
const recipes = [...docs.matchAll(/^### (\d+)\. ([^\n]+)\n\n```yaml\n([\s\S]*?)```/gm)].map(
  ([, number, title, yaml]) => {
    return { number: Number(number), title: title!, yaml: yaml! };
  },
);

const dir = mkdtempSync(join(tmpdir(), 'runnel-recipes-'));
after(() => rmSync(dir, { recursive: true }));

/** A recipe of an input; `mask` stands beside the inputs. */
async function configOf(yaml: string): Promise<Config> {
  const file = join(dir, 'runnel.yaml');
  const of = yaml.startsWith('mask:') ? '' : yaml.replace(/^/gm, '    ');
  const beside = yaml.startsWith('mask:') ? yaml : '';
  writeFileSync(file, `host: web-1\n${beside}\nlogs:\n  - name: shop\n    include: /var/log/**/*.log\n${of}`);
  return (await loadConfig(file)).config;
}

const json = (value: object) => JSON.stringify(value);
const ACCESS = (path: string, status: number) =>
  `10.0.0.9 - ann [10/Oct/2026:13:55:36 +0200] "GET ${path} HTTP/1.1" ${status} 512 "-" "curl/8.5"`;

/** By the number of the recipe: lines, and what the records that come of them hold. */
interface Recipe {
  lines: string[];
  path?: string;
  /** What the records hold; or what is true of them. */
  expect: object[] | ((records: Record<string, unknown>[]) => void);
  topics?: string[];
}

const CASES: Record<number, Recipe> = {
  1: {
    lines: ['{"msg":"hi","user":{"id":12345678901234567890}}', '{"cut":'],
    expect: [
      { msg: 'hi', message: null },
      { message: '{"cut":', 'error.type': 'parse' },
    ],
  },
  2: {
    lines: [json({ ts: '2026-03-29T01:30:00.5+01:00', m: 1 })],
    expect: [{ '@timestamp': '2026-03-29T00:30:00.500Z', m: 1, ts: null }],
  },
  3: {
    lines: [json({ severity: 'WARNING' }), json({ severity: 'odd!' })],
    expect: [{ 'log.level': 'warning', severity: null }, {}],
  },
  4: { lines: [json({ msg: 'hi' })], expect: [{ message: 'hi', msg: null }] },
  5: {
    lines: [json({ host: 'mine', a: 1 })],
    expect: [{ app: { host: 'mine', a: 1 }, 'host.name': 'web-1', conflict: null }],
  },
  6: { lines: [json({ a: 1 }), 'starting up'], expect: [{ a: 1 }, { message: 'starting up', error: null }] },
  7: { lines: [json({ pod: 'x', log: json({ a: { b: 'c' } }) })], expect: [{ pod: 'x', a: { b: 'c' } }] },
  8: {
    lines: [ACCESS('/a?b=c', 200)],
    expect: [
      {
        '@timestamp': '2026-10-10T11:55:36.000Z',
        'source.address': '10.0.0.9',
        'user.name': 'ann',
        'http.request.method': 'GET',
        'url.original': '/a?b=c',
        'http.response.status_code': 200,
        'http.response.body.bytes': 512,
        'http.request.referrer': null,
        'user_agent.original': 'curl/8.5',
        message: null,
      },
    ],
  },
  9: {
    lines: ['level=info msg="two words" took=5ms ready'],
    expect: [{ level: 'info', msg: 'two words', took: '5ms' }],
  },
  10: { lines: ['user:ann;took:5'], expect: [{ user: 'ann', took: '5' }] },
  11: {
    lines: ['2026-01-01,"Ann ""A.""",', 'too,few'],
    expect: [{ ts: '2026-01-01', user: 'Ann "A."', amount: '' }, { 'error.type': 'parse' }],
  },
  12: {
    lines: ['<34>1 2026-10-11T22:14:15.003Z db su 77 ID47 - it failed'],
    expect: [
      {
        'log.syslog.appname': 'su',
        'log.level': 'critical',
        '@timestamp': '2026-10-11T22:14:15.003Z',
        message: 'it failed',
      },
    ],
  },
  13: {
    lines: ['12:01 [main] started', 'no'],
    expect: [{ ts: '12:01', thread: 'main', message: 'started' }, { 'error.type': 'parse' }],
  },
  14: {
    lines: ['2026-01-02T03:04:05Z ERROR it broke'],
    expect: [{ ts: '2026-01-02T03:04:05Z', 'log.level': 'ERROR', message: 'it broke' }],
  },
  15: { lines: [ACCESS('/healthz', 200), ACCESS('/a', 200)], expect: [{ 'url.original': '/a' }] },
  16: { lines: ['GET / kube-probe/1.29', 'GET / curl', 'ELB-HealthChecker/2.0'], expect: [{ message: 'GET / curl' }] },
  17: {
    lines: [json({ level: 'ERROR' }), json({ level: 'info' }), json({ a: 1 }), 'no JSON'],
    expect: [{ 'log.level': 'error' }, { message: 'no JSON' }],
  },
  18: {
    lines: [
      json({ level: 'info', service: { name: 'chatty' } }),
      json({ level: 'info', 'service.name': 'shop' }),
      json({ level: 'warn', service: { name: 'chatty' } }),
    ],
    expect: [{ 'service.name': 'shop' }, { 'log.level': 'warn' }],
  },
  19: {
    lines: Array.from({ length: 400 }, (_, i) => json({ level: i % 4 === 0 ? 'info' : 'debug', i })),
    expect: (records) => {
      const info = records.filter(({ i }) => Number(i) % 4 === 0).length;
      const debug = records.length - info;
      assert.ok(info === 100 && debug >= 10 && debug <= 60, `${info} info, ${debug} debug`);
    },
  },
  20: {
    lines: Array.from({ length: 600 }, (_, i) => json({ trace_id: `t${i % 200}`, i })),
    expect: (records) => {
      const traces = new Set(records.map(({ trace_id }) => trace_id));
      assert.ok(traces.size >= 2 && traces.size <= 30 && records.length === traces.size * 3, `${traces.size} traces`);
    },
  },
  21: {
    lines: Array.from({ length: 300 }, (_, i) => json({ user: { name: i < 250 ? 'ann' : 'bob' } })),
    expect: (records) => {
      const of = (name: string) => records.filter(({ user }) => (user as { name: string }).name === name).length;
      assert.ok(of('ann') >= 100 && of('ann') < 200 && of('bob') === 50, `ann ${of('ann')}, bob ${of('bob')}`);
    },
  },
  22: {
    lines: [
      json({ http: { response: { status_code: 503 } } }),
      json({ duration_ms: 1000.5 }),
      json({ duration_ms: 1000, http: { response: { status_code: 200 } } }),
    ],
    expect: [{ 'http.response.status_code': 503 }, { duration_ms: 1000.5 }],
  },
  23: {
    lines: [
      'card 4111 1111 1111 1111 of ann@example.com, Authorization: Bearer abcdefghijklmnop0123',
      'id 4111 1111 1111 1112',
    ],
    expect: [
      { message: 'card **** **** **** 1111 of ***@example.com, Authorization: Bearer ********************' },
      { message: 'id 4111 1111 1111 1112' },
    ],
  },
  24: { lines: ['ssn=123-45-6789 ok', 'ssn=12'], expect: [{ message: 'ssn=[ssn] ok' }, { message: 'ssn=12' }] },
  25: {
    lines: [json({ caller: 'a.go:1', debug: { a: 1, b: 2 }, 'debug.c': 3, m: 1 })],
    expect: [{ m: 1, caller: null, debug: null, 'debug.c': null }],
  },
  26: { lines: [json({ m: 1, service: { id: 7 } })], expect: [{ m: 1, service: { id: 7, name: 'shop' } }] },
  27: {
    lines: ['a line'],
    path: '/var/log/pods/shop_web-1_0a1b/web/0.log',
    expect: [{ message: 'a line', 'kubernetes.namespace': 'shop' }],
  },
  28: {
    lines: [json({ level: 'error' }), json({ level: 'info' })],
    expect: [{ 'log.level': 'error' }, { 'log.level': 'info' }],
    topics: ['logs.errors', 'runnel.logs'],
  },
  29: {
    lines: [json({ tenant: 'acme' }), json({ tenant: 'other' }), '{}'],
    expect: [{ tenant: 'acme' }, { tenant: 'other' }, {}],
    topics: ['logs.acme', 'runnel.logs', 'runnel.logs'],
  },
  30: {
    lines: [ACCESS('/a', 200), ACCESS('/b', 503)],
    expect: [{ 'http.response.status_code': 200 }, { 'http.response.status_code': 503 }],
  },
  31: {
    lines: ['03-17 16:13:38.811  1702  2395 D WindowManager: freezing: true'],
    expect: [
      {
        ...{ ts: null, level: null, 'log.level': 'debug', 'log.logger': 'WindowManager', message: 'freezing: true' },
        ...{ 'process.pid': '1702', 'process.thread.id': '2395' },
      },
    ],
  },
  32: {
    lines: ['2016-09-28 04:30:30, Info                  CBS    Loaded Servicing Stack v6.1'],
    expect: [
      {
        ...{ '@timestamp': '2016-09-28T04:30:30.000Z', 'log.level': 'info', 'log.logger': 'CBS' },
        message: 'Loaded Servicing Stack v6.1',
      },
    ],
  },
  33: {
    lines: ['20171224-0:7:2:9|Step_LSC|30002312|onStandStepChanged 3579'],
    expect: [
      {
        ...{ '@timestamp': '2017-12-24T00:07:02.009Z', 'log.logger': 'Step_LSC', 'process.pid': '30002312' },
        message: 'onStandStepChanged 3579',
      },
    ],
  },
  34: {
    lines: ['- 1117838570 2005.06.03 R02-M1 2005-06-03-15.42.50.675872 R02-M1 RAS KERNEL INFO parity error corrected'],
    expect: [
      {
        ...{ '@timestamp': '2005-06-03T15:42:50.675Z', 'log.level': 'info', node: 'R02-M1', type: 'RAS' },
        ...{ component: 'KERNEL', message: 'parity error corrected' },
      },
    ],
  },
  35: {
    lines: ['- 1131566461 2005.11.09 dn228 Nov 9 12:01:01 dn228/dn228 crond(pam_unix)[2915]: session closed'],
    expect: [
      {
        ...{
          'log.syslog.hostname': 'dn228/dn228',
          'log.syslog.appname': 'crond(pam_unix)',
          'log.syslog.procid': '2915',
        },
        ...{ line: null, message: 'session closed' },
      },
    ],
  },
  36: {
    lines: ['[10.30 16:49:06] chrome.exe *64 - proxy.example:5070 open through proxy - done'],
    expect: [{ ts: null, 'process.name': 'chrome.exe *64', message: 'proxy.example:5070 open through proxy - done' }],
  },
};

for (const { number, title, yaml } of recipes) {
  test(`recipe ${number}: ${title}`, async () => {
    const of = CASES[number]!;
    const path = of.path ?? '/var/log/shop/a.log';
    const config = await configOf(yaml);
    const told = await trial(config, config.logs[0]!, path, of.lines);
    assert.ok(typeof told === 'object');
    const records = told.filter(({ value }) => value !== null);
    if (typeof of.expect === 'function') return of.expect(records.map(({ value }) => value as Record<string, unknown>));
    const expected = of.expect;
    const differ = records.map(({ value }, i) => expected[i] && difference(value, expected[i]));
    const { missing, unexpected } = matchOf(
      expected.map((value) => ({ value })),
      records,
    );
    assert.deepEqual([missing, unexpected.map(({ value }) => value)], [[], []], JSON.stringify(differ));
    if (of.topics)
      assert.deepEqual(
        records.map(({ topic }) => topic),
        of.topics,
      );
  });
}

test('each recipe is tried', () => {
  assert.deepEqual(
    Object.keys(CASES).map(Number),
    recipes.map(({ number }) => number),
  );
});
