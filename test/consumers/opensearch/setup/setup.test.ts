/**
 * Templates and streams on a real OpenSearch: what is made, what is left alone, and that records of each kind go in and are
 * found by what they have.
 */
// Slow: an OpenSearch of its own, where the run has none
import assert from 'node:assert/strict';
import { after, before, type TestContext, test } from 'node:test';
import { ensure, prepare } from '../../../../src/consumers/opensearch/setup/setup.ts';
import { Transport } from '../../../../src/consumers/opensearch/transport.ts';
import { ask, expectOk, freshPrefix, noOpenSearch, sharedOpenSearch } from '../../../support/opensearch.ts';
import { sinkOptions } from '../../../support/sink-options.ts';

let server: Awaited<ReturnType<typeof sharedOpenSearch>>;
before(async () => {
  if (!noOpenSearch) server = await sharedOpenSearch();
});
after(() => server?.[Symbol.asyncDispose]());

const it = (name: string, run: (t: TestContext) => Promise<void>) => test(name, { skip: noOpenSearch }, run);

function opened(t: TestContext, written: Record<string, unknown> = {}) {
  const prefix = (written.stream_prefix as string | undefined) ?? freshPrefix('set');
  const options = sinkOptions(server.url, { stream_prefix: prefix, streams: '2', ...written });
  const transport = new Transport(options);
  t.after(async () => {
    transport.close();
    await ask(server.url, 'DELETE', `/_data_stream/${prefix}-*`);
    await ask(server.url, 'DELETE', `/_index_template/runnel-${prefix}`);
    await ask(server.url, 'DELETE', `/_component_template/runnel-${prefix}-*`);
  });
  return { prefix, options, transport, set: () => ensure(transport, options) };
}

/** Writes documents and makes them visible; gives what was refused. */
async function write(stream: string, documents: readonly object[]): Promise<string[]> {
  const body = documents.map((one) => `{"create":{}}\n${JSON.stringify(one)}\n`).join('');
  const response = await fetch(`${server.url}/${stream}/_bulk?refresh=true`, {
    method: 'POST',
    headers: { 'content-type': 'application/x-ndjson' },
    body,
  });
  const { items } = (await response.json()) as {
    items: { create: { error?: { reason: string; caused_by?: { reason: string } } } }[];
  };
  return items.flatMap(({ create: { error } }) => (error ? `${error.reason}: ${error.caused_by?.reason}` : []));
}

/** The counts by the values of each field. */
async function terms(stream: string, ...fields: string[]): Promise<Record<string, Record<string, number>>> {
  const aggs = Object.fromEntries(fields.map((field) => [field, { terms: { field } }]));
  const { aggregations } = await expectOk(ask(server.url, 'POST', `/${stream}/_search`, { size: 0, aggs }));
  return Object.fromEntries(
    fields.map((field) => [
      field,
      Object.fromEntries(
        aggregations[field].buckets.map(({ key, doc_count }: { key: string; doc_count: number }) => [key, doc_count]),
      ),
    ]),
  );
}

it('templates and streams are made, and once more nothing is done', async (t) => {
  const { prefix, set, transport, options } = opened(t);
  assert.deepEqual(await set(), [
    `component template runnel-${prefix}-settings is made`,
    `component template runnel-${prefix}-mappings is made`,
    `index template runnel-${prefix} is made`,
    `stream ${prefix}-1 is made`,
    `stream ${prefix}-2 is made`,
  ]);
  assert.deepEqual(await set(), []);
  const { body } = await ask(server.url, 'GET', `/_data_stream/${prefix}-*`);
  assert.deepEqual(
    body.data_streams.map(({ name, template }: { name: string; template: string }) => [name, template]),
    [
      [`${prefix}-1`, `runnel-${prefix}`],
      [`${prefix}-2`, `runnel-${prefix}`],
    ],
  );
  // One more stream is all that is made.
  assert.deepEqual(await ensure(transport, { ...options, streams: 3 }), [`stream ${prefix}-3 is made`]);
});

it('several at once make the same', async (t) => {
  const { set } = opened(t, { streams: '4' });
  await Promise.all([set(), set(), set()]);
  assert.deepEqual(await set(), []);
});

it('other options renew what nobody has changed; what somebody has changed is left as it is, and said', async (t) => {
  const { prefix, set, options, transport } = opened(t);
  await set();
  const template = { ...options.template, refresh_interval: 30_000 };
  const renewed = { ...options, template };
  assert.deepEqual(await ensure(transport, renewed), [
    `component template runnel-${prefix}-settings is renewed: streams have it from their next rollover on`,
  ]);
  const path = `/_component_template/runnel-${prefix}-settings`;
  const settingsOf = async () =>
    (await ask(server.url, 'GET', path)).body.component_templates[0].component_template.template.settings.index;
  assert.equal((await settingsOf()).refresh_interval, '30000ms');

  const { component_template: mine } = (await ask(server.url, 'GET', path)).body.component_templates[0];
  mine.template.settings.index.codec = 'default';
  await expectOk(ask(server.url, 'PUT', path, mine));
  const left = `component template runnel-${prefix}-settings was changed by somebody: it is left as it is; delete it to have it made anew`;
  assert.deepEqual(await set(), [left]);
  assert.equal((await settingsOf()).codec, 'default');
  // And where the hash says nothing, because it was made by hand.
  delete mine._meta;
  await expectOk(ask(server.url, 'PUT', path, mine));
  assert.deepEqual(await set(), [left]);
  mine._meta = { by: 'runnel', version: 99, hash: 'x' };
  await expectOk(ask(server.url, 'PUT', path, mine));
  assert.match((await set())[0]!, /was made by a newer runnel: it is left/);
});

it('an ordinary index of such a name is refused with what to do', async (t) => {
  const { prefix, set } = opened(t);
  await expectOk(ask(server.url, 'PUT', `/${prefix}-2`, {}));
  t.after(() => ask(server.url, 'DELETE', `/${prefix}-2`));
  await assert.rejects(set(), {
    message: `${prefix}-2 is an ordinary index and no data stream: something wrote to it before there was a template. Reindex what it holds, delete it, and start again`,
  });
});

it('without install the streams must be there', async (t) => {
  const { prefix, options, transport } = opened(t);
  const looking = { ...options, template: { ...options.template, install: false } };
  await assert.rejects(ensure(transport, looking), {
    message: `the streams ${prefix}-1, ${prefix}-2 are missing: runnel sink opensearch --setup makes them, or template.install: true`,
  });
  await ensure(transport, options);
  assert.deepEqual(await ensure(transport, looking), []);
});

it('it waits for a server that is away, and says why', async (t) => {
  const { options } = opened(t);
  const away = new Transport({ urls: ['http://127.0.0.1:1'] });
  t.after(() => away.close());
  const stop = new AbortController();
  const said: (string | null)[] = [];
  const reason = new Error('stopped');
  const waiting = prepare(away, options, {
    signal: stop.signal,
    problem(why) {
      said.push(why);
      if (said.length === 2) stop.abort(reason);
    },
  });
  await assert.rejects(waiting, reason);
  assert.equal(said[0], 'cannot tell what is there: http://127.0.0.1:1 refuses connections');
});

const envelope = { host: { name: 'web-1' }, labels: { env: 'prod', 'team.name': 'a b' } };
const at = (seconds: number) => ({ '@timestamp': new Date(Date.UTC(2026, 10, 30, 0, 0, seconds)).toISOString() });

it('log records, plain and parsed, are counted by their fields; what collides is kept and not indexed', async (t) => {
  const { prefix, set } = opened(t);
  await set();
  const log = { file: { path: '/var/log/a.log', id: 'f25c42e4629308bb' }, offset: 1234, length: 10 };
  const refused = await write(`${prefix}-1`, [
    { ...at(0), message: 'GET / 200', log, event: { dataset: 'nginx' }, ...envelope },
    {
      ...at(1),
      message: 'x',
      log: {
        ...log,
        skipped: 12,
        flags: ['truncated'],
        level: 'error',
        syslog: { priority: 13, structured_data: { a: { b: 'c' } } },
      },
      event: { dataset: 'app', created: at(2)['@timestamp'], original: 'y'.repeat(40_000) },
      http: { request: { method: 'GET' }, response: { status_code: 500, body: { bytes: 12 } } },
      conflict: { host: 'a', log: 3 },
      app: { took: 1.5, ok: true },
      ...envelope,
    },
    {
      ...at(3),
      message: 'z',
      log,
      event: { dataset: 'app' },
      conflict: 'text',
      ...envelope,
      labels: { env: 'dev', n: 5 },
    },
  ]);
  assert.deepEqual(refused, []);
  assert.deepEqual(
    await terms(`${prefix}-1`, 'labels.env', 'event.dataset', 'log.level', 'http.request.method', 'labels.n'),
    {
      'labels.env': { prod: 2, dev: 1 },
      'event.dataset': { app: 2, nginx: 1 },
      'log.level': { error: 1 },
      'http.request.method': { GET: 1 },
      'labels.n': { 5: 1 },
    },
  );
  const query = { query: { range: { 'http.response.status_code': { gte: 500 } } } };
  const { hits } = await expectOk(ask(server.url, 'POST', `/${prefix}-1/_search`, query));
  assert.equal(hits.total.value, 1);
});

it('metrics are added up by their attributes; names of percentiles are numbers', async (t) => {
  const { prefix, set } = opened(t, { records: 'metrics' });
  await set();
  const metric = { start: at(0)['@timestamp'], interval: 10, ...envelope };
  const event = { id: 'a-1-0', dataset: 'statsd' };
  const refused = await write(`${prefix}-1`, [
    { ...at(10), ...metric, name: 'hits', type: 'sum', value: 3, attributes: { code: '200' }, event },
    {
      ...at(20),
      ...metric,
      name: 'hits',
      type: 'sum',
      value: 4.5,
      attributes: { code: '200', tags: ['x', 'y'] },
      event,
    },
    {
      ...at(20),
      ...metric,
      name: 'lat',
      type: 'histogram',
      ...{ count: 3, sum: 1.5, min: 0.1, max: 1, avg: 0.5, p50: 0.4, p99_9: 1, sketch: 'AAAA' },
      buckets: [
        [0.1, 1],
        [1, 3],
      ],
      attributes: { code: '500' },
      event,
    },
  ]);
  assert.deepEqual(refused, []);
  const aggs = {
    codes: { terms: { field: 'attributes.code' }, aggs: { all: { sum: { field: 'value' } } } },
    worst: { max: { field: 'p99_9' } },
  };
  const { aggregations } = await expectOk(ask(server.url, 'POST', `/${prefix}-1/_search`, { size: 0, aggs }));
  assert.deepEqual(
    aggregations.codes.buckets.map((b: { key: string; all: { value: number } }) => [b.key, b.all.value]),
    [
      ['200', 7.5],
      ['500', 0],
    ],
  );
  assert.equal(aggregations.worst.value, 1);
});

it('attributes that clash go in where they are flat, and are refused where each is a field', async (t) => {
  const clash = [
    { ...at(0), name: 'a', attributes: { a: '1' } },
    { ...at(1), name: 'b', attributes: { 'a.b': '2' } },
  ];
  const flat = opened(t, { records: 'metrics', template: { attributes: 'flat' } });
  await flat.set();
  assert.deepEqual(await write(`${flat.prefix}-1`, clash), []);
  const query = { query: { term: { 'attributes.a.b': '2' } } };
  const { hits } = await expectOk(ask(server.url, 'POST', `/${flat.prefix}-1/_search`, query));
  assert.equal(hits.total.value, 1);
  const fields = opened(t, { records: 'metrics' });
  await fields.set();
  assert.equal((await write(`${fields.prefix}-1`, clash)).length, 1);
});

it('events, spans, alerts and audit records are found by what they are', async (t) => {
  const hash = 'ab'.repeat(32);
  const kinds: Record<string, { documents: object[]; found: Record<string, Record<string, number>> }> = {
    events: {
      documents: [
        {
          message: 'first\nline',
          event: { id: 'x-2-1', kind: 'event', dataset: 'statsd', provider: 'ci', severity: 'warning' },
          title: 'deploy',
          tags: { team: 'a' },
        },
      ],
      found: { 'event.severity': { warning: 1 }, 'tags.team': { a: 1 }, 'title.keyword': { deploy: 1 } },
    },
    traces: {
      documents: [
        {
          trace: { id: 'a'.repeat(32) },
          span: { id: 'b'.repeat(16), name: 'GET /', kind: 'SPAN_KIND_SERVER' },
          parent: { id: 'c'.repeat(16) },
          event: { duration: 1_500_000, outcome: 'success', dataset: 'traces' },
          service: { name: 'shop', version: '1', instance: { id: 'i' } },
          resource: { attributes: { 'service.name': 'shop', 'k8s.pod': 'p' } },
          attributes: { 'http.route': '/', 'http.status': 200 },
          events: [{ name: 'x', time: 1, attributes: { a: 1 } }],
          links: [{ trace: { id: 'd' } }],
        },
      ],
      found: {
        'service.name': { shop: 1 },
        'attributes.http.route': { '/': 1 },
        'resource.attributes.k8s.pod': { p: 1 },
      },
    },
    alerts: {
      documents: [
        {
          event: {
            kind: 'alert',
            action: 'firing',
            id: 'e',
            dataset: 'alerts',
            start: at(0)['@timestamp'],
            severity: 'critical',
          },
          rule: { name: 'disk', ruleset: 'r' },
          alert: {
            fingerprint: 'f',
            state: 'firing',
            previous: 'pending',
            value: 0.97,
            threshold: 0.9,
            for_seconds: 60,
            silenced: false,
            summary: 's',
            change: 7,
          },
        },
      ],
      found: { 'rule.name': { disk: 1 }, 'event.action': { firing: 1 } },
    },
    audit: {
      documents: [
        {
          event: { id: '1', action: 'login' },
          user: { name: 'ann' },
          audit: {
            stream: 'ab'.repeat(8),
            sequence: '1'.padStart(20, '0'),
            time: at(0)['@timestamp'],
            previous: hash,
            hash,
          },
        },
        {
          event: { id: '2', action: 'seal' },
          seal: {
            stream: 'ab'.repeat(8),
            from: '1'.padStart(20, '0'),
            to: '1'.padStart(20, '0'),
            count: 1,
            head: hash,
            previous_seal: hash,
            key: hash,
            next_key: hash,
            signature: hash + hash,
          },
        },
      ],
      found: {
        'event.action': { login: 1, seal: 1 },
        'user.name': { ann: 1 },
        'audit.sequence': { '00000000000000000001': 1 },
      },
    },
  };
  for (const [records, { documents, found }] of Object.entries(kinds)) {
    const { prefix, set } = opened(t, { records, streams: '1' });
    await set();
    assert.deepEqual(
      await write(
        `${prefix}-1`,
        documents.map((one) => ({ ...at(0), ...envelope, ...one })),
      ),
      [],
      records,
    );
    assert.deepEqual(await terms(`${prefix}-1`, ...Object.keys(found)), found, records);
  }
});
