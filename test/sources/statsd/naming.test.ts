/** What series are called: mappings, prefix, normalize, drop_tags, allow, deny; and the limits to what they may be. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { matchesWildcard } from '../../../src/config/wildcards.ts';
import { Aggregator } from '../../../src/sources/statsd/aggregator.ts';
import { Naming } from '../../../src/sources/statsd/naming.ts';
import { checkNaming, type NamingConfig } from '../../../src/sources/statsd/naming-options.ts';
import type { Tag } from '../../../src/sources/statsd/tags.ts';
import { FOUR, NO_NAMING, startStatsd, unpacked } from '../../support/statsd.ts';

type Mapping = NamingConfig['mappings'][number];
const mapping = (match: string, name: string, rest: Partial<Mapping> = {}): Mapping => ({
  match,
  match_type: 'wildcard',
  name,
  tags: {},
  ...rest,
});
const named = (options: Partial<NamingConfig>, name: string, tags: Tag[] = []) =>
  new Naming({ ...NO_NAMING, ...options }).apply({ name, tags });
const faults = (mapping: Mapping) => {
  const found: string[] = [];
  checkNaming({ ...NO_NAMING, mappings: [mapping] }, (path, message) => found.push(`${path.join('.')} ${message}`));
  return found;
};

test('the first mapping that matches the whole name', () => {
  const mappings = [
    mapping('test.job.duration.*.*', 'test.job.duration', { tags: { job_type: '${1}_x', job_name: '$2_y' } }),
    mapping('test\\.([a-z]+)\\.(\\d+)', 'test.$1.n', { match_type: 'regex', tags: { n: '$2' } }),
    mapping('test.*', 'never.after.the.one.before'),
  ];
  assert.deepEqual(named({ mappings }, 'test.job.duration.a.b', [['k', 'v']]), {
    name: 'test.job.duration',
    tags: [
      ['k', 'v'],
      ['job_type', 'a_x'],
      ['job_name', 'b_y'],
    ],
  });
  assert.deepEqual(named({ mappings }, 'test.size.17'), { name: 'test.size.n', tags: [['n', '17']] });
  assert.deepEqual(named({ mappings }, 'test.job.duration.a.b.c'), { name: 'test.job.duration.a.b.c', tags: [] });
  assert.deepEqual(named({ mappings }, 'my.test.size.17'), { name: 'my.test.size.17', tags: [] });
});

test('the mapper’s cases of the Datadog agent', () => {
  const cases = readFileSync(new URL('../../conformance/statsd.jsonl', import.meta.url), 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line))
    .filter(({ set, opts }) => set === 'mapper' && opts);
  assert.ok(cases.length >= 3);
  for (const { id, in: name, out, opts } of cases) {
    const of = mapping(opts.match, out.name ?? 'other', {
      match_type: opts.match_type ?? 'wildcard',
      tags: opts.tags ?? {},
    });
    assert.deepEqual(faults(of), [], id);
    const tags = (out.tags ?? []).map((tag: string) => tag.split(':'));
    assert.deepEqual(named({ mappings: [of] }, name), { name: out.unmapped ? name : out.name, tags }, id);
  }
});

test('what can never work is refused, with what would', () => {
  assert.deepEqual(faults(mapping('^test.invalid.*', 'x')), [
    'mappings.0.match may hold letters, digits, _ - . and *; with match_type: regex it is a regular expression',
  ]);
  assert.match(faults(mapping('test.**', 'x'))[0]!, /has \*\*/);
  assert.match(faults(mapping('a(', 'x', { match_type: 'regex' }))[0]!, /is no regular expression: Unterminated group/);
  assert.match(faults(mapping('(a)(?=b)(.*)*x', 'x', { match_type: 'regex' }))[0] ?? '', /may take very long/);
  assert.deepEqual(faults(mapping('a.*', '$2')), ['mappings.0.name has $2, and match has 1 groups']);
  assert.deepEqual(faults(mapping('a.*', 'x', { tags: { t: '${3}' } })), [
    'mappings.0.tags.t has ${3}, and match has 1 groups',
  ]);
});

test('prefix, normalize, drop_tags, in this order', () => {
  const tags: Tag[] = [
    ['User-Id', '17'],
    ['env', 'Prod x'],
  ];
  const drop_tags = [{ metric: 'app_http*', tags: ['User*'] }];
  const of = (normalize: NamingConfig['normalize']) =>
    named({ prefix: 'app.', normalize, drop_tags }, '9http.req-s', tags);
  assert.deepEqual(of('prometheus'), {
    name: 'app_9http_req_s',
    tags: [
      ['User_Id', '17'],
      ['env', 'Prod x'],
    ],
  });
  assert.deepEqual(of('datadog'), {
    name: 'app.9http.req_s',
    tags: [
      ['user-id', '17'],
      ['env', 'prod_x'],
    ],
  });
  assert.deepEqual(of('otel'), { name: 'app.9http.req-s', tags });
  assert.deepEqual(named({ normalize: 'otel' }, '..1é'), { name: 'unnamed', tags: [] });
  assert.deepEqual(named({ normalize: 'prometheus' }, '1a', [['1', 'x']]), { name: '_1a', tags: [['_1', 'x']] });
  const dropped = named({ drop_tags: [{ metric: 'http.*', tags: ['User-Id'] }] }, 'http.x', tags);
  assert.deepEqual(dropped, { name: 'http.x', tags: [['env', 'Prod x']] });
});

test('a wildcard takes linear time, and means what a regular expression would', () => {
  for (const pattern of ['*', 'a*', '*a', 'a*b*c', '*a*', 'abc', '', 'a**b', 'aba*aba']) {
    const regex = new RegExp(`^${pattern.replaceAll('*', '.*')}$`);
    for (const text of ['', 'a', 'ab', 'abc', 'aXbXc', 'ba', 'aba', 'abaaba', 'xaby']) {
      assert.equal(matchesWildcard(pattern, text), regex.test(text), `${pattern} ${text}`);
    }
  }
  const began = performance.now();
  matchesWildcard(`${'*a'.repeat(500)}b`, 'a'.repeat(100_000));
  assert.ok(performance.now() - began < 1000);
});

test('what is left out is counted by rule, once its window has ended, whatever type it was', async (t) => {
  const config = { allow: ['app.*'], deny: ['*.debug', 'app.x*'] };
  const statsd = await startStatsd(t, [FOUR], {}, { ...config, flush_interval: 1000 });
  for (let i = 0; i < 10; i++) {
    await statsd.send(
      'app.n:1|c\napp.debug:1:2|c\napp.debug:3|h|@0.5\nother:x|s\nother:1|g\napp.xy:1|ms\napp.debug:1e1|c|T1',
    );
  }
  await statsd.received(80);
  while (statsd.source.status().filtered.reduce((sum, { samples }) => sum + samples, 0) < 60) {
    await new Promise((later) => setTimeout(later, 20));
  }
  assert.deepEqual(statsd.source.status().filtered, [
    { rule: 'deny *.debug', samples: 30 },
    { rule: 'deny app.x*', samples: 10 },
    { rule: 'allow', samples: 20 },
  ]);
  assert.equal(statsd.account.filtered, 60);
  statsd.stop.abort();
  await statsd.running;
  const { received, dropped, filtered } = statsd.account;
  assert.deepEqual([received, dropped, filtered, statsd.weight(), statsd.source.inFlight()], [80, 10, 60, 10, 0]);
});

test('beyond a limit samples count for their name alone: sums stay right', () => {
  const limits = { series: 1000, perName: 5, tags: 3, length: 16 };
  const origin = { host: 'h', dataset: 'statsd', labels: {} };
  const options = { limits, naming: NO_NAMING, memory: 1 << 20, percentiles: [], origin, arenaBytes: 65_536 };
  const aggregator = new Aggregator(options);
  const { kernel } = aggregator;
  const take = (text: string) => {
    const length = kernel.bytes.write(text, kernel.arenaAt);
    aggregator.take(kernel.arenaAt, kernel.arenaAt + length);
  };
  for (let i = 0; i < 12; i++) take(`hits:1|c|#user:${i}`);
  for (let i = 0; i < 4; i++) take(`tags:1|c|#${Array.from({ length: i + 1 }, (_, k) => `k${k}:v`).join()}`);
  take('value:1|c|#k:0123456789abcdefg');
  take(`${'n'.repeat(40)}:1|c`);
  aggregator.close();
  aggregator.begin({ start: 0, end: 10_000, id: 'a' });
  const documents = unpacked(aggregator.piece(100, 1000)).documents.map((text) => JSON.parse(text));
  const over = documents.filter(({ attributes }) => attributes['runnel.overflow'] === 'true');
  assert.deepEqual(
    over.map(({ name, value }) => [name, value]),
    [
      ['hits', 7],
      ['tags', 1],
      ['value', 1],
      ['n'.repeat(16), 1],
    ],
  );
  assert.equal(documents.filter(({ name }) => name === 'hits').length, 6);
  assert.equal(
    documents.reduce((sum, { value }) => sum + value, 0),
    18,
  );
});
