/** What every consumer process has, tried with a consumer of its own: slots, endpoint, books, a stop. */
import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { loadWith } from '../../src/config/load.ts';
import { listOrOne, optional, required, section } from '../../src/config/option.ts';
import { topic } from '../../src/config/types.ts';
import type { ConsumerHost, ConsumerKind, ConsumerSpec } from '../../src/consumers/kind.ts';
import { ConsumerProcess, type ConsumerProcessOptions } from '../../src/consumers/process/process.ts';
import { instanceId } from '../../src/consumers/process/slot.ts';
import type { SinkStatus } from '../../src/consumers/process/status.ts';
import { aborted } from '../../src/core/abort.ts';
import { optionsOf } from '../../src/options.ts';
import { directory } from '../support/directory.ts';

/** What a consumer of this kind did, driven by the test. */
class Driven {
  readonly host: ConsumerHost;
  inFlight = 0;
  problems: string[] = [];
  settled: string | null = null;
  closed = false;
  readonly failing = Promise.withResolvers<never>();
  /** Settling ends with the deadline. */
  hangs = false;

  constructor(host: ConsumerHost) {
    this.host = host;
  }
}

function driven(): { kind: ConsumerKind<'copy', { from: string }>; opened: Driven[] } {
  const opened: Driven[] = [];
  const fields = { from: required(topic('a'), 'The topic that is read.'), group: required(topic('g'), 'Its group.') };
  const kind: ConsumerKind<'copy', { from: string }> = {
    name: 'copy',
    summary: 'copies',
    options: optional(listOrOne(section(fields)), 'Copies.'),
    consumers: (raw) =>
      ((raw ?? []) as { from: string; group: string }[]).map(({ from, group }, i) => ({
        id: group,
        path: ['sink', 'copy', i],
        group,
        session_timeout: 10_000,
        topics: [from],
        options: { from },
      })),
    setup: async () => [],
    figures: (said, to) =>
      to.gauge(
        'copy_mood',
        'How it is.',
        ['consumer'],
        said.map(({ id, status }) => [status.mood, id]),
      ),
    async open(spec: ConsumerSpec<{ from: string }>, host) {
      const own = new Driven(host);
      opened.push(own);
      return {
        async run(stop, deadline) {
          await Promise.race([aborted(stop), own.failing.promise]);
          if (own.hangs) await aborted(deadline);
          own.settled = own.hangs ? 'not' : 'all';
        },
        inFlight: () => own.inFlight,
        partitions: () => [{ topic: spec.options.from, partition: 0, position: 12, committed: 10, end: 15 }],
        status: () => ({ mood: 3 }),
        problems: () => own.problems,
        answer: ({ path }) => (path === '/copy' ? Promise.resolve({ code: 200, body: 'here' }) : null),
        async close() {
          own.closed = true;
        },
      };
    },
  };
  return { kind, opened };
}

async function start(t: TestContext, dir: string, text: string, stop = new AbortController()) {
  const { kind, opened } = driven();
  const path = join(dir, 'sink.yaml');
  await writeFile(path, `kafka: {brokers: 127.0.0.1:1}\nhost: web 1\n${text}`);
  const located = { ...(await loadWith(path, optionsOf([], [kind]))), path };
  const specs = located.config.sink.copy!;
  const listen = located.isSet('admin.listen') ? located.config.admin.listen : '127.0.0.1:0';
  const options: ConsumerProcessOptions = {
    version: '1',
    kind,
    specs,
    located,
    dataDir: dir,
    listen,
    stop: stop.signal,
  };
  const consumers = await ConsumerProcess.start(options);
  t.after(() => {
    stop.abort();
    return consumers.stop();
  });
  const ask = async (what: string) => {
    const response = await fetch(`http://${consumers.adminAddress}/${what}`);
    return { code: response.status, body: await response.text() };
  };
  const status = async () => JSON.parse((await ask('status')).body) as SinkStatus;
  return { consumers, opened, ask, status, stop };
}

const ONE = 'sink: {copy: {from: t, group: g}}\n';

test('books and partitions are in the status, of each consumer and of all', async (t) => {
  const two = 'sink: {copy: [{from: a, group: one}, {from: b, group: two}]}\n';
  const { opened, ask, status } = await start(t, directory(t), two);
  const [first, second] = opened as [Driven, Driven];
  Object.assign(first.host.account, { read: 100, written: 60, present: 5 });
  first.host.account.deadLetter('mapper_parsing_exception', 3);
  first.host.account.skip('null', 2);
  first.inFlight = 30;
  second.host.account.read = 7;
  second.inFlight = 7;
  const { books, partitions, consumers, dead_letter, skipped, slot, sink } = await status();
  assert.deepEqual(books, {
    read: 107,
    written: 60,
    present: 5,
    dead_letter: 3,
    skipped: 2,
    in_flight: 37,
    unaccounted: 0,
  });
  assert.deepEqual([sink, slot], ['copy', 0]);
  assert.deepEqual(
    partitions.map(({ group, topic, partition, position, committed, end }) => [
      group,
      topic,
      partition,
      position,
      committed,
      end,
    ]),
    [
      ['one', 'a', 0, 12, 10, 15],
      ['two', 'b', 0, 12, 10, 15],
    ],
  );
  assert.deepEqual(
    consumers.map(({ id, books: { read }, mood }) => [id, read, mood]),
    [
      ['one', 100, 3],
      ['two', 7, 3],
    ],
  );
  assert.deepEqual(dead_letter, [{ consumer: 'one', reason: 'mapper_parsing_exception', records: 3 }]);
  assert.deepEqual(skipped, [{ consumer: 'one', reason: 'null', records: 2 }]);
  const figures = (await ask('metrics')).body.split('\n');
  for (const line of [
    'runnel_sink_read_total{consumer="one"} 100',
    'runnel_sink_dead_letter_total{consumer="one",reason="mapper_parsing_exception"} 3',
    'runnel_sink_lag_records{consumer="two",topic="b",partition="0"} 5',
    'runnel_copy_mood{consumer="two"} 3',
    'runnel_kafka_connected 0',
  ]) {
    assert.ok(figures.includes(line), line);
  }
});

test('records that nobody can account for are said', async (t) => {
  const { opened, status } = await start(t, directory(t), ONE);
  opened[0]!.host.account.read = 4;
  opened[0]!.inFlight = 3;
  const { reasons, ready, books } = await status();
  assert.equal(ready, false);
  assert.equal(books.unaccounted, 1);
  assert.ok(reasons.includes('books: 1 records are neither written nor on their way; please report this'));
});

test('it is healthy once it is open, and ready without Kafka too; strict says why not', async (t) => {
  const { opened, ask } = await start(t, directory(t), ONE);
  opened[0]!.problems = ['opensearch: os-1 refuses connections: is it running?'];
  assert.deepEqual(await ask('health'), { code: 200, body: '{"healthy":true}\n' });
  const { code, body } = await ask('ready');
  assert.equal(code, 200);
  const { ready, reasons } = JSON.parse(body);
  assert.equal(ready, false);
  assert.match(reasons[0], /^kafka: /);
  assert.equal(reasons[1], 'opensearch: os-1 refuses connections: is it running?');
  assert.equal((await ask('ready?strict')).code, 503);
  assert.deepEqual(await ask('copy'), { code: 200, body: 'here' });
  assert.equal((await ask('nothing')).code, 404);
});

test('two processes share a data_dir: each has a slot, a member id and an address of its own', async (t) => {
  const dir = directory(t);
  const first = await start(t, dir, `admin: {listen: 127.0.0.1:0}\n${ONE}`);
  // As with one file for both: the address is in use.
  const second = await start(t, dir, `admin: {listen: '${first.consumers.adminAddress}'}\n${ONE}`);
  assert.deepEqual([first.consumers.slot, second.consumers.slot], [0, 1]);
  assert.deepEqual(
    [first, second].map(({ opened }) => opened[0]!.host.instanceId),
    ['web_1-0', 'web_1-1'],
  );
  assert.equal((await second.status()).slot, 1);
  assert.equal((await first.status()).slot, 0);
  first.stop.abort();
  await first.consumers.stop();
  // The one that comes next has the place of the one that is gone.
  const third = await start(t, dir, ONE);
  assert.equal(third.consumers.slot, 0);
});

test('an address that is set and in use ends the start of the first process', async (t) => {
  const other = await start(t, directory(t), ONE);
  const listen = other.consumers.adminAddress;
  await assert.rejects(start(t, directory(t), `admin: {listen: '${listen}'}\n${ONE}`), {
    message: `cannot serve status on ${listen}: address already in use`,
  });
});

test('a stop settles, and closes; what hangs is left at the deadline', async (t) => {
  const quick = await start(t, directory(t), ONE);
  quick.stop.abort();
  await quick.consumers.stop();
  assert.deepEqual([quick.opened[0]!.settled, quick.opened[0]!.closed], ['all', true]);

  const slow = await start(t, directory(t), `shutdown_timeout: 2s\n${ONE}`);
  Object.assign(slow.opened[0]!, { hangs: true, inFlight: 9 });
  slow.opened[0]!.host.account.read = 9;
  slow.stop.abort();
  await slow.consumers.stop();
  assert.deepEqual([slow.opened[0]!.settled, slow.opened[0]!.closed], ['not', true]);
  assert.equal(slow.consumers.inFlight, 9);
});

test('one that cannot go on ends the process, and lets the others settle', async (t) => {
  const two = 'sink: {copy: [{from: a, group: one}, {from: b, group: two}]}\n';
  const { consumers, opened } = await start(t, directory(t), two);
  opened[0]!.failing.reject(new Error('another process runs as web_1-0'));
  assert.equal((await consumers.failed).message, 'another process runs as web_1-0');
  await consumers.stop();
  assert.equal(opened[1]!.settled, 'all');
});

test('a host that Kafka would not take in a member id is written in characters that it takes', () => {
  assert.equal(instanceId('web-1.example.com', 3), 'web-1.example.com-3');
  assert.equal(instanceId('web/1 ä', 0), 'web_1__-0');
  assert.equal(instanceId('x'.repeat(300), 12).length, 243);
});
