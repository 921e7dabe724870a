import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { test } from 'node:test';
import { ask } from '../../src/admin/client.ts';
import { startAdmin } from '../../src/admin/server.ts';
import { matcher, Tap } from '../../src/admin/tap.ts';
import { Account } from '../../src/core/account.ts';
import { Batch, MULTILINE, type Stream } from '../../src/core/batch.ts';
import { Pool } from '../../src/core/pool.ts';
import { type Envelope, jsonEnvelope, rawEnvelope, valueEnvelope } from '../../src/records/envelope.ts';
import { History } from '../../src/report/history.ts';
import { statusOf } from '../support/status.ts';

const origin = {
  host: 'web-1',
  path: '/var/log/a.log',
  id: '7',
  dataset: 'nginx',
  labels: { env: 'prod' },
  key: 'web-1',
};
const pool = new Pool(32 << 20);

async function batchOf(envelope: Envelope, lines: string[], from = 0): Promise<Batch> {
  const stream: Stream = {
    name: origin.path,
    topic: 'runnel.logs',
    key: 'web-1',
    account: new Account('logs.nginx'),
    replayable: true,
    envelope: () => envelope,
  };
  const share = pool.share('runnel.logs');
  const batch = new Batch(await pool.take(share, 'batch'), share, stream);
  const { slot } = batch;
  let at = 0;
  for (const line of lines) {
    const length = slot.bytes.write(`${line}\n`, at);
    slot.starts[batch.count] = slot.bytesAt + at;
    slot.ends[batch.count] = slot.bytesAt + at + length - 1;
    slot.source[batch.count] = at;
    slot.length[batch.count] = length;
    slot.flags[batch.count] = 0;
    at += length;
    batch.count++;
  }
  batch.from = from;
  batch.time = Date.UTC(2026, 10, 22, 14);
  return batch;
}

const tapped = (topic: string, name: string, input: string) => ({ topic, name, account: { input } });

class Sink {
  texts: string[] = [];
  writableLength = 0;
  destroyed = false;
  write(text: string): void {
    this.texts.push(text);
  }
  destroy(): void {
    this.destroyed = true;
  }
  get lines(): unknown[] {
    return this.texts
      .join('')
      .split('\n')
      .slice(0, -1)
      .map((line) => JSON.parse(line));
  }
}

/** What a listener is shown of a batch. */
function shown(batch: Batch, pattern: string | null = null): unknown[] {
  const tap = new Tap();
  const sink = new Sink();
  const stop = tap.listen(sink, pattern);
  tap.offer(batch);
  stop();
  pool.give(batch.share, 'batch', batch.slot);
  return sink.lines;
}

test('a log record is shown as it leaves, with its place in the file', async () => {
  const batch = await batchOf(jsonEnvelope(origin), ['say "hi"', 'two'], 1000);
  batch.slot.flags[1] = MULTILINE;
  batch.slot.source[1] = 20;
  const [first, second] = shown(batch);
  assert.deepEqual(first, {
    topic: 'runnel.logs',
    source: '/var/log/a.log',
    key: 'web-1',
    value: {
      '@timestamp': '2026-11-22T14:00:00.000Z',
      message: 'say "hi"',
      log: { file: { path: '/var/log/a.log', id: '7' }, offset: 1000, length: 9 },
      host: { name: 'web-1' },
      event: { dataset: 'nginx' },
      labels: { env: 'prod' },
    },
  });
  const { log } = (second as { value: { log: object } }).value;
  assert.deepEqual(log, {
    file: { path: '/var/log/a.log', id: '7' },
    offset: 1020,
    length: 4,
    skipped: 11,
    flags: ['multiline'],
  });
});

test('a raw record is shown as its line and its headers', async () => {
  const [record] = shown(await batchOf(rawEnvelope({ ...origin, path: `/${'p'.repeat(200)}` }), ['a\tb'], 5));
  assert.deepEqual(record, {
    topic: 'runnel.logs',
    source: '/var/log/a.log',
    key: 'web-1',
    value: 'a\tb',
    headers: { host: 'web-1', path: `/${'p'.repeat(200)}`, file: '7', env: 'prod', offset: '5', length: '4' },
  });
});

test('a metric record is shown as it is', async () => {
  const [record] = shown(await batchOf(valueEnvelope('web-1'), ['{"name":"a","value":1}']));
  assert.deepEqual((record as { value: object }).value, { name: 'a', value: 1 });
});

test('a pattern matches a part of topic or source, with a star the whole', () => {
  const cases: [pattern: string | null, matches: boolean][] = [
    [null, true],
    ['logs.nginx', true],
    ['logs.n*x', true],
    ['logs.app', false],
    ['', true],
    ['runnel.logs', true],
    ['a.log', true],
    ['*.log', true],
    ['/var/*/a.log', true],
    ['*', true],
    ['*access*', false],
    ['a.log*', false],
    ['runnelxlogs', false],
    ['runnel.log*', true],
    ['/var*log*/*.log', true],
    ['/var/**/a.log', true],
    ['/var/log/a.l*log', false],
    ['*.log*.log', false],
    ['*log*a*g', true],
    ['/v?r/*', false],
    ['[a-z/]*', false],
  ];
  for (const [pattern, matches] of cases)
    assert.equal(matcher(pattern)(tapped('runnel.logs', '/var/log/a.log', 'logs.nginx')), matches, String(pattern));
});

test('logs, metrics, events and traces stand for all records of a kind, whatever the topics are called', () => {
  const cases: [stream: ReturnType<typeof tapped>, kind: string][] = [
    [tapped('runnel.logs', '/var/log/a.log', 'logs.nginx'), 'logs'],
    [tapped('access', '/srv/metrics/a.log', 'logs.metrics'), 'logs'],
    [tapped('runnel.metrics', 'host', 'host'), 'metrics'],
    [tapped('my-logs', 'statsd', 'statsd'), 'metrics'],
    [tapped('runnel.events', 'statsd', 'statsd'), 'events'],
    [tapped('p.traces', 'otlp', 'otlp'), 'traces'],
  ];
  for (const [stream, kind] of cases) {
    const shown = ['logs', 'metrics', 'events', 'traces'].filter((pattern) => matcher(pattern)(stream));
    assert.deepEqual(shown, [kind], stream.topic);
  }
});

test('a pattern with many stars takes no longer than its length says', () => {
  const matches = matcher(`${'*a'.repeat(100)}*b`);
  const before = performance.now();
  for (let i = 0; i < 100; i++)
    assert.equal(matches(tapped('runnel.logs', `/var/log/${'a'.repeat(4000)}`, 'logs.a')), false);
  assert.ok(performance.now() - before < 1000);
});

test('records of other streams are not shown, and not counted as skipped', async () => {
  assert.deepEqual(shown(await batchOf(valueEnvelope('k'), ['{}']), 'runnel.metrics'), []);
});

test('one that nothing matches for ten seconds is told once what it would have seen', async (t) => {
  t.mock.timers.enable({ apis: ['setInterval'] });
  const tap = new Tap();
  const sinks = [new Sink(), new Sink(), new Sink()];
  const stops = [tap.listen(sinks[0]!, 'nginx.log'), tap.listen(sinks[1]!, 'a.log'), tap.listen(sinks[2]!, null)];
  for (let i = 0; i < 10; i++) t.mock.timers.tick(1000);
  const batch = await batchOf(valueEnvelope('k'), ['{}']);
  for (let i = 0; i < 3; i++) tap.offer(batch);
  for (let i = 0; i < 20; i++) t.mock.timers.tick(1000);
  for (const stop of stops) stop();
  pool.give(batch.share, 'batch', batch.slot);
  const unmatched = { seconds: 10, streams: ['runnel.logs /var/log/a.log'], others: false };
  assert.deepEqual(sinks[0]!.lines, [{ unmatched }]);
  assert.deepEqual(
    sinks.slice(1).map(({ lines }) => lines.length),
    [3, 3],
  );
});

test('of the streams that are told there are at most twenty', async (t) => {
  t.mock.timers.enable({ apis: ['setInterval'] });
  const tap = new Tap();
  const sink = new Sink();
  const stop = tap.listen(sink, 'nginx');
  const batch = await batchOf(valueEnvelope('k'), ['{}']);
  for (let i = 0; i < 50; i++) {
    const stream = { ...batch.stream, name: `/${i}`, account: new Account('logs.app') };
    tap.offer(Object.assign(Object.create(batch), { stream }));
  }
  for (let i = 0; i < 11; i++) t.mock.timers.tick(1000);
  stop();
  pool.give(batch.share, 'batch', batch.slot);
  const [{ unmatched }] = sink.lines as [{ unmatched: { streams: string[]; others: boolean } }];
  assert.deepEqual([unmatched.streams.length, unmatched.others], [20, true]);
});

test('a flood is cut to what can be shown, and the rest is counted', async (t) => {
  t.mock.timers.enable({ apis: ['setInterval'] });
  const tap = new Tap();
  const sink = new Sink();
  const stop = tap.listen(sink, null);
  const batch = await batchOf(
    rawEnvelope(origin),
    Array.from({ length: 2000 }, (_, i) => `line ${i}`),
  );
  tap.offer(batch);
  tap.offer(batch);
  assert.equal(sink.lines.length, 500);
  t.mock.timers.tick(1000);
  assert.deepEqual(sink.lines.at(-1), { skipped: 3500 });
  // A reader that does not read gets nothing more, not even the number.
  sink.writableLength = 2 << 20;
  tap.offer(batch);
  t.mock.timers.tick(1000);
  assert.equal(sink.lines.length, 501);
  sink.writableLength = 0;
  t.mock.timers.tick(1000);
  assert.deepEqual(sink.lines.at(-1), { skipped: 2000 });
  stop();
  assert.equal(tap.active, false);
  pool.give(batch.share, 'batch', batch.slot);
});

test('over the socket records arrive live, and a listener that leaves is forgotten', async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'runnel-tap-'));
  t.after(() => rmSync(directory, { recursive: true }));
  const socket = join(directory, 'runnel.sock');
  const tap = new Tap();
  const options = {
    listen: '127.0.0.1:0',
    socket,
    hosts: [],
    healthy: () => true,
    reasons: () => [],
    status: () => statusOf(),
    history: new History(() => statusOf()),
    tap,
  };
  const server = await startAdmin(options);
  t.after(() => server.close());

  assert.equal(tap.active, false);
  const response = await ask({ socketPath: socket }, '/tap?match=runnel.logs');
  assert.equal(response.headers['content-type'], 'application/x-ndjson');
  assert.equal(tap.active, true);
  const batch = await batchOf(valueEnvelope('web-1'), ['{"a":1}', '{"a":2}']);
  tap.offer(batch);
  pool.give(batch.share, 'batch', batch.slot);
  const got: unknown[] = [];
  for await (const line of createInterface({ input: response })) {
    got.push(JSON.parse(line).value);
    if (got.length === 2) break;
  }
  assert.deepEqual(got, [{ a: 1 }, { a: 2 }]);
  response.destroy();
  while (tap.active) await new Promise((resolve) => setTimeout(resolve, 5));

  // One that listens when the agent stops is told so by the end of the stream.
  const last = await ask({ socketPath: socket }, '/tap');
  const ended = new Promise((resolve) => last.on('end', resolve));
  last.resume();
  await server.close();
  await ended;
});

test('at most eight listen at once; one that does not take what it is sent makes room for the ninth', (t) => {
  t.mock.timers.enable({ apis: ['setInterval'] });
  const tap = new Tap();
  const sinks = Array.from({ length: 8 }, () => new Sink());
  const stops = sinks.map((sink) => tap.listen(sink, null));
  sinks[3]!.writableLength = 100;
  assert.equal(tap.hasRoom(), false);
  for (let i = 0; i < 5; i++) t.mock.timers.tick(1000);
  assert.equal(tap.hasRoom(), true);
  assert.deepEqual(
    sinks.flatMap(({ destroyed }, i) => (destroyed ? [i] : [])),
    [3],
  );
  stops.push(tap.listen(new Sink(), null));
  assert.equal(tap.hasRoom(), false);
  for (const stop of stops) stop();
  assert.equal(tap.active, false);
});
