/** Events and service checks: from a client's datagrams to records, and never more than there is room for. */
// Slow: fills memory.
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { StatsD } from 'hot-shots';
import { Aggregator } from '../../../src/sources/statsd/aggregator.ts';
import { MOST_EVENTS } from '../../../src/sources/statsd/events.ts';
import { FOUR, NO_NAMING, type SentRecord, seriesLimits, startStatsd, unpacked } from '../../support/statsd.ts';

/** The records of one window, by topic. */
async function recordsOf(t: TestContext, ...lines: string[]) {
  const statsd = await startStatsd(t, [FOUR], { tags: { env: 'test' } });
  for (const line of lines) await statsd.send(line);
  await statsd.received(lines.join('\n').split('\n').length);
  const sent = await statsd.end();
  const of = (topic: string) => sent.filter((one) => one.topic === topic).map(({ record }) => record);
  return { account: statsd.account, events: of('runnel.events'), metrics: of('runnel.metrics') };
}

test('an event is a record of the events, with what was sent of it', async (t) => {
  const before = Date.now();
  const { events, metrics, account } = await recordsOf(
    t,
    'hits:1|c',
    '_e{6,11}:deploy|first\\nline|d:1796083200|h:db-2|k:deploys|p:low|s:ci|t:warning|#env:prod,flag,team:a,team:b,__proto__:x',
    '_e{5,4}:title|text',
  );
  assert.deepEqual(
    metrics.map(({ name, value }) => [name, value]),
    [['hits', 1]],
  );
  const [full, bare] = events as [SentRecord, SentRecord];
  assert.deepEqual(
    full,
    JSON.parse(`{"@timestamp":"2026-12-01T00:00:00.000Z","message":"first\\nline",
    "event":{"id":"agent-1-1","kind":"event","dataset":"statsd","provider":"ci","severity":"warning"},
    "title":"deploy","aggregation_key":"deploys","priority":"low",
    "tags":{"env":"prod","flag":"","team":["a","b"],"__proto__":"x","host":"db-2"},
    "host":{"name":"web-1"},"labels":{"env":"test"}}`),
  );
  const { '@timestamp': time, ...rest } = bare;
  assert.ok(Date.parse(time) >= before && Date.parse(time) <= Date.now());
  assert.deepEqual(rest, {
    message: 'text',
    event: { id: 'agent-1-2', kind: 'event', dataset: 'statsd' },
    title: 'title',
    tags: {},
    host: { name: 'web-1' },
    labels: { env: 'test' },
  } as unknown as SentRecord);
  assert.deepEqual([account.received, account.dropped], [3, 0]);
});

test('a service check is the gauge check.status: the last of a window, or one a time of its own', async (t) => {
  const { events, metrics, account } = await recordsOf(
    t,
    '_sc|db.up|2|#db:a|m:no route|to host',
    '_sc|db.up|1|#db:a|m:slow\n_sc|db.up|0|#db:b|h:db-2',
    '_sc|db.up|3|d:1796083200|m:then\n_sc|db.up|0|d:1796083260',
  );
  assert.deepEqual(events, []);
  assert.deepEqual(
    metrics.map(({ name, type, value, message, attributes }) => [name, type, value, message, attributes]),
    [
      ['check.status', 'gauge', 1, 'slow', { check: 'db.up', db: 'a' }],
      ['check.status', 'gauge', 0, undefined, { check: 'db.up', db: 'b', host: 'db-2' }],
      ['check.status', 'gauge', 3, 'then', { check: 'db.up' }],
      ['check.status', 'gauge', 0, undefined, { check: 'db.up' }],
    ],
  );
  assert.deepEqual(
    metrics.slice(2).map((record) => [record['@timestamp'], record.interval]),
    [
      ['2026-12-01T00:00:00.000Z', 0],
      ['2026-12-01T00:01:00.000Z', 0],
    ],
  );
  assert.equal(new Set(metrics.map(({ event }) => event.id)).size, 4);
  assert.deepEqual([account.received, account.dropped], [5, 0]);
});

test('a time that is none is left out, the event stays', async (t) => {
  const { events, metrics } = await recordsOf(
    t,
    '_e{1,1}:a|b|d:999999999999999',
    '_e{1,1}:a|b|d:x',
    '_sc|a|0|d:9999999999',
  );
  assert.equal(events.length, 2);
  for (const record of [...events, ...metrics]) assert.ok(Date.now() - Date.parse(record['@timestamp']) < 60_000);
});

test('what hot-shots sends of events and checks arrives', async (t) => {
  const statsd = await startStatsd(t, [FOUR]);
  const client = new StatsD({
    host: '127.0.0.1',
    port: statsd.portOf(0),
    globalTags: { app: 'shop' },
    maxBufferSize: 0,
  });
  client.event('größer', 'ja | nein', { alert_type: 'error', aggregation_key: 'k' }, ['team:a']);
  client.check('db.up', client.CHECKS.CRITICAL, { message: 'refused' }, { db: 'orders' });
  await statsd.received(2);
  await new Promise((resolve) => client.close(resolve));
  const sent = await statsd.end();
  const event = sent.find(({ topic }) => topic === 'runnel.events')!.record;
  assert.deepEqual(
    [event.title, event.message, event.event.severity, event.aggregation_key, event.tags],
    ['größer', 'ja | nein', 'error', 'k', { app: 'shop', team: 'a' }],
  );
  const check = sent.find(({ topic }) => topic === 'runnel.metrics')!.record;
  assert.deepEqual([check.name, check.value, check.message], ['check.status', 2, 'refused']);
  assert.deepEqual(check.attributes, { app: 'shop', check: 'db.up', db: 'orders' });
});

test('where there are only events, they go out when the window ends', async (t) => {
  const statsd = await startStatsd(t, [FOUR], {}, { flush_interval: 200 });
  await statsd.send('_e{1,1}:a|b');
  while (statsd.weight() === 0) await sleep(5);
  await statsd.end();
});

function aggregator(memory = 16 << 20): Aggregator {
  const origin = { host: 'web-1', dataset: 'statsd', labels: {} };
  return new Aggregator({
    limits: seriesLimits(1000),
    naming: NO_NAMING,
    memory,
    percentiles: [],
    origin,
    arenaBytes: 131_072,
  });
}

function take(a: Aggregator, text: string): void {
  const { kernel } = a;
  a.take(kernel.arenaAt, kernel.arenaAt + kernel.bytes.write(text, kernel.arenaAt));
}

/** One window's records, all of events. */
function flush(a: Aggregator): { documents: string[]; events: string[] } {
  const all = { documents: [] as string[], events: [] as string[] };
  if (!a.close()) return all;
  a.begin({ start: 0, end: 10_000, id: 'a-1' });
  for (let last = false; !last; ) {
    const piece = a.piece(100, 1000);
    assert.ok(piece.metrics.count + piece.events.length <= 100);
    all.documents.push(...unpacked(piece).documents);
    all.events.push(...piece.events);
    last = piece.last;
  }
  return all;
}

test('of a flood of events so many a window are taken, and the next has room again', () => {
  const a = aggregator(64 << 20);
  for (let window = 0; window < 2; window++) {
    for (let i = 0; i < MOST_EVENTS + 50; i++) take(a, `_e{1,1}:a|b|k:${i}`);
    const { events } = flush(a);
    assert.equal(events.length, MOST_EVENTS);
    assert.equal(new Set(events.map((text) => JSON.parse(text).event.id)).size, MOST_EVENTS);
    assert.deepEqual(Object.fromEntries(a.losses), { event_limit: 50 });
    a.takeLosses();
  }
  assert.equal(a.samples, 2 * MOST_EVENTS);
});

test('a message that takes the place of another takes no more memory', () => {
  const a = aggregator(1 << 20);
  for (let i = 0; i < 5000; i++) take(a, `_sc|up|1|m:${i} ${'x'.repeat(1000)}`);
  const [document] = flush(a).documents;
  assert.match(JSON.parse(document!).message, /^4999 x/);
  assert.equal(a.coarser, 0);
});

test('large events, and messages of checks, take an eighth of the memory each, and none of the series', () => {
  const a = aggregator(8 << 20);
  const text = '\x01'.repeat(40_000);
  for (let window = 0; window < 2; window++) {
    for (let i = 0; i < 20; i++) take(a, `_e{1,${text.length}}:a|${text}`);
    for (let i = 0; i < 60; i++) take(a, `_sc|c${i}|1|m:${text}`);
    take(a, 'lat:5|h\nusers:ann|s');
    const lost = a.losses.get('memory')!;
    const { documents, events } = flush(a);
    assert.ok(events.length > 0 && events.length + lost === 20, `${events.length} events, ${lost} lost`);
    assert.ok(events.every((one) => JSON.parse(one).message === text));
    const messages = documents.filter((one) => JSON.parse(one).message === text).length;
    assert.ok(messages > 0 && messages < 60, `${messages} messages`);
    assert.equal(documents.length, 62);
    assert.equal(a.coarser, (window + 1) * (60 - messages));
    a.takeLosses();
  }
});
