// Slow: waits for windows to end.
import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { StatsD } from 'hot-shots';
import { Account } from '../../../src/core/account.ts';
import { datagramsAvailable } from '../../../src/native/sockets.ts';
import { type StatsdOptions, statsdSource } from '../../../src/sources/statsd/statsd.ts';
import { collect } from '../../support/output.ts';
import { DEFAULTS, listenOn } from '../../support/statsd.ts';

interface Record {
  '@timestamp': string;
  start: string;
  interval: number;
  name: string;
  type: string;
  value?: number;
  [field: string]: unknown;
}

type Config = StatsdOptions['config'];

async function start(config: Partial<Config> = {}, options: Partial<StatsdOptions> = {}, hold?: () => Promise<void>) {
  const collected = collect(hold);
  const account = new Account('statsd');
  const stop = new AbortController();
  let windows = 0;
  const source = statsdSource({
    config: {
      listen: listenOn('udp://127.0.0.1:0'),
      ...DEFAULTS,
      receive_buffer: 1 << 20,
      flush_interval: 3_600_000,
      percentiles: [0.5, 0.999],
      max_contexts: 1000,
      memory: 64 << 20,
      ...config,
    },
    host: 'web-1',
    tags: { env: 'test' },
    topic: 'runnel.metrics',
    events: 'runnel.events',
    unbound: 'refused',
    account,
    nextWindowId: () => `agent-${++windows}`,
    onError: (error) => assert.fail(error),
    ...options,
  });
  const running = source.run(collected.output, stop.signal);
  await source.ready;
  const port = Number(source.status().listeners[0]?.address.split(':').at(-1) ?? 0);
  const socket = createSocket('udp4');
  let datagrams = 0;
  /** The sum holds at any time, with what has arrived. */
  const balanced = () => {
    const inFlight = source.inFlight();
    assert.equal(account.received, inFlight + collected.weight() + account.dropped);
  };
  return {
    source,
    account,
    port,
    collected,
    balanced,
    records: () => collected.records.map((r) => JSON.parse(r.value) as Record),
    async send(...lines: string[]) {
      for (const line of lines) {
        socket.send(line, port, '127.0.0.1');
        datagrams++;
      }
      await until(() => source.status().listeners[0]!.packets >= datagrams);
    },
    async stop(): Promise<Record[]> {
      stop.abort();
      await running;
      socket.close();
      balanced();
      assert.equal(source.inFlight(), 0);
      return collected.records.map((r) => JSON.parse(r.value) as Record);
    },
  };
}

async function until(fact: () => boolean): Promise<void> {
  const deadline = performance.now() + 10_000;
  while (!fact()) {
    if (performance.now() > deadline) throw new Error(`did not come true: ${fact}`);
    await sleep(5);
  }
}

for (const native of datagramsAvailable() ? [true, false] : [false]) {
  const by = native ? 'recvmmsg' : 'node:dgram';

  test(`counters, gauges, sets and timers come out at shutdown, with the window's true end (${by})`, async () => {
    const before = Date.now();
    const statsd = await start({}, { native });
    await statsd.send('hits:2|c|#b:2,a:1,flag', 'hits:3|c|@0.5|#a:1,flag,b:2\nhits:1|c', 'load:4|g\nload:+2.5|g');
    await statsd.send('users:ann|s\nusers:bob|s\nusers:ann|s', 'took:10:20|ms|@0.1\ntook:30|ms', 'size:-1e3|h');
    const records = await statsd.stop();
    const by = (name: string) => records.filter((r) => r.name === name);
    assert.deepEqual(
      by('hits').map((r) => [r.type, r.value, r.unit, r.attributes]),
      [
        ['sum', 8, '1', { a: '1', b: '2', flag: '' }],
        ['sum', 1, '1', {}],
      ],
    );
    assert.deepEqual([by('load')[0]!.type, by('load')[0]!.value], ['gauge', 2.5]);
    assert.deepEqual([by('users')[0]!.type, by('users')[0]!.value], ['set', 2]);
    const took = by('took')[0]!;
    assert.deepEqual(
      [took.type, took.unit, took.count, took.sum, took.min, took.max],
      ['histogram', 'ms', 21, 330, 10, 30],
    );
    assert.ok(
      Math.abs((took.p50 as number) - 20) < 0.2 && 'p99_9' in took && Buffer.from(took.sketch as string, 'base64'),
    );
    assert.equal(by('size')[0]!.sum, -1000);
    for (const r of records) {
      assert.ok(Date.parse(r.start) >= before && Date.parse(r['@timestamp']) <= Date.now());
      assert.deepEqual([r.labels, r.host], [{ env: 'test' }, { name: 'web-1' }]);
    }
    assert.equal(new Set(records.map((r) => (r.event as { id: string }).id)).size, records.length);
    assert.equal(statsd.account.received, 12);
  });

  test(`windows end at multiples of the interval and follow each other without a gap (${by})`, async () => {
    const statsd = await start({ flush_interval: 200 }, { native });
    let sent = 0;
    while (statsd.records().length < 4) {
      await statsd.send('hits:1|c');
      sent++;
      statsd.balanced();
    }
    const records = await statsd.stop();
    assert.equal(
      records.reduce((sum, r) => sum + r.value!, 0),
      sent,
    );
    const full = records.slice(1, -1);
    for (const [i, r] of full.entries()) {
      assert.equal(Date.parse(r['@timestamp']) % 200, 0);
      assert.equal(Date.parse(r['@timestamp']) - Date.parse(r.start), r.interval * 1000);
      assert.equal(r.start, records[i]!['@timestamp']);
    }
  });

  test(`a port that is taken says so (${by})`, async () => {
    const taken = createSocket('udp4');
    taken.bind(0, '127.0.0.1');
    await once(taken, 'listening');
    const address = `udp://127.0.0.1:${taken.address().port}`;
    const message = `cannot listen on ${address}: address already in use`;
    await assert.rejects(start({ listen: listenOn(address) }, { native }), { message });
    // The default listener only warns.
    const statsd = await start({ listen: listenOn(address) }, { native, unbound: 'warned' });
    assert.equal(statsd.source.status().listeners[0]!.error, message);
    await statsd.stop();
    taken.close();
  });
}

const native = { skip: datagramsAvailable() ? false : 'libc cannot be called here' };
const threads = () => new Set(readdirSync('/proc/self/task'));
const wakes = (thread: string) =>
  Number(/^voluntary_ctxt_switches:\s+(\d+)$/m.exec(readFileSync(`/proc/self/task/${thread}/status`, 'utf8'))![1]);

test('there is no thread before something comes, and none that wakes while nothing comes', native, async () => {
  const idle = await start();
  // A name that was looked up, a file that was read: libuv's own threads are there now.
  const before = threads();
  await idle.stop();
  const statsd = await start();
  assert.deepEqual([...threads().difference(before)], []);
  await statsd.send('hits:1|c');
  const [worker] = threads().difference(before);
  assert.ok(worker);
  await sleep(300);
  const woken = wakes(worker);
  await sleep(1500);
  assert.ok(wakes(worker) - woken < 8, `${wakes(worker) - woken} wakes`);
  assert.equal((await statsd.stop())[0]!.value, 1);
});

test('what comes while the worker starts is counted, in its order', native, async () => {
  const statsd = await start({ receive_buffer: 8 << 20 });
  const sender = createSocket('udp4');
  const many = 5000;
  for (let i = 1; i <= many; i++) {
    const sent = new Promise((done) => sender.send(`hits:1|c\nlast:${i}|g`, statsd.port, '127.0.0.1', done));
    if (i % 50 === 0) await sent;
  }
  const { source } = statsd;
  await until(() => source.status().listeners[0]!.packets + source.status().listeners[0]!.kernel_drops >= many);
  sender.close();
  const records = await statsd.stop();
  assert.equal(source.status().listeners[0]!.kernel_drops, 0);
  assert.deepEqual(
    records.map((r) => [r.name, r.value]),
    [
      ['hits', many],
      ['last', many],
    ],
  );
});

test('nothing is lost where rare datagrams become many and rare again', native, async () => {
  const statsd = await start({ receive_buffer: 8 << 20, flush_interval: 300 });
  let sent = 0;
  for (let round = 0; round < 3; round++) {
    for (let i = 0; i < 3; i++) {
      await statsd.send('hits:1|c');
      sent++;
      await sleep(120);
    }
    for (let i = 0; i < 20; i++) {
      await statsd.send(...Array<string>(50).fill('hits:1|c'));
      sent += 50;
      statsd.balanced();
    }
  }
  const records = await statsd.stop();
  assert.equal(
    records.reduce((sum, r) => sum + r.value!, 0),
    sent,
  );
});

test('what was sent just before the stop is counted, also when it is the first', native, async () => {
  for (const before of [0, 1]) {
    const statsd = await start();
    if (before > 0) await statsd.send('hits:1|c');
    const sender = createSocket('udp4');
    await new Promise((done) => sender.send('hits:1|c', statsd.port, '127.0.0.1', done));
    const [record] = await statsd.stop();
    sender.close();
    assert.equal(record!.value, before + 1);
  }
});

test('rejected lines are counted by reason and take nothing else with them', async () => {
  const statsd = await start();
  await statsd.send('a:1|c\nbroken\nb:x|c\nc:1|q\nd:1|c|@7\na:1|c', '_e{5,4}:title|text\n_sc|up|0\n_sc|up|9', '\n\r\n');
  const records = await statsd.stop();
  assert.deepEqual(
    records.filter((r) => r.name).map((r) => [r.name, r.value]),
    [
      ['a', 2],
      ['check.status', 0],
    ],
  );
  assert.deepEqual(Object.fromEntries([...statsd.account.losses].map(([reason, loss]) => [reason, loss.records])), {
    'malformed:value': 2,
    'malformed:type': 1,
    'malformed:rate': 1,
    'malformed:service_check': 1,
  });
  assert.equal(statsd.account.received, 9);
  const [listener] = statsd.source.status().listeners;
  assert.deepEqual([listener!.packets, listener!.lines, listener!.rejected, listener!.error], [3, 9, 5, null]);
});

test('what was measured while the sender was offline comes under its own time, and the books balance', async () => {
  const statsd = await start();
  const first = Math.floor(Date.now() / 60_000) * 60 - 3540;
  const minutes = Array.from({ length: 60 }, (_, i) => first + 60 * i);
  await statsd.send(...minutes.map((t, i) => `temp:${20 + i}|g|T${t}\nhits:${i + 1}|c|T${t}`));
  await statsd.send(`hits:1|c|T${first - 3600}`, `took:1|ms|T${first}`);
  const records = await statsd.stop();
  for (const [name, from] of [
    ['temp', 20],
    ['hits', 1],
  ] as const) {
    assert.deepEqual(
      records.filter((r) => r.name === name).map((r) => [r['@timestamp'], r.interval, r.value]),
      minutes.map((t, i) => [new Date(t * 1000).toISOString(), 0, from + i]),
    );
  }
  assert.equal(new Set(records.map((r) => (r.event as { id: string }).id)).size, 120);
  assert.equal(statsd.account.losses.get('bad_timestamp')?.records, 1);
  assert.equal(statsd.account.losses.get('unsupported_timestamp')?.records, 1);
  assert.equal(statsd.account.received, 122);
});

test('series past max_contexts still count, in one series a name', async () => {
  const statsd = await start({ max_contexts: 10 });
  for (let i = 0; i < 100; i++) await statsd.send(`hits:1|c|#user:${i}`);
  assert.equal(statsd.source.status().contexts, 11);
  const records = await statsd.stop();
  assert.equal(records.length, 11);
  const overflow = records.filter((r) => (r.attributes as { [key: string]: string })['runnel.overflow'] === 'true');
  assert.deepEqual(
    overflow.map((r) => r.value),
    [90],
  );
  assert.equal(statsd.source.status().overflowed, 90);
});

test('a flush of many series goes out in pieces and loses nothing that comes meanwhile', async () => {
  const series = 5000;
  const statsd = await start({ max_contexts: 10_000, flush_interval: 500 }, {}, () => sleep(20));
  let sent = 0;
  for (let round = 0; round < 4; round++) {
    for (let i = 0; i < series; i += 50) {
      await statsd.send(Array.from({ length: 50 }, (_, j) => `hits.${i + j}:1|c`).join('\n'));
      sent += 50;
      statsd.balanced();
    }
  }
  const records = await statsd.stop();
  assert.equal(
    records.reduce((sum, r) => sum + r.value!, 0),
    sent,
  );
  assert.equal(statsd.account.received, sent);
});

test('a name that is six times as long in JSON arrives whole', async () => {
  const statsd = await start({ memory: 64 << 20, max_length: 60_000 });
  const name = '\x01'.repeat(60_000);
  await statsd.send(`${name}:1|c|#a:b`, `${name}:1|c|#a:b`, 'hits:1|c');
  const records = await statsd.stop();
  assert.deepEqual(
    records.map((r) => [r.name.length, r.value]),
    [
      [60_000, 2],
      [4, 1],
    ],
  );
});

test('what hot-shots sends arrives', async () => {
  const statsd = await start();
  const client = new StatsD({ host: '127.0.0.1', port: statsd.port, globalTags: { app: 'shop' }, maxBufferSize: 0 });
  client.increment('orders', 3, { kind: 'web' });
  client.gauge('queue', 7);
  client.timing('took', 12.5);
  client.distribution('bytes', 512, 0.999999);
  client.set('user', 'ann');
  client.event('deploy', 'größer');
  await until(() => statsd.source.status().listeners[0]!.packets >= 6);
  await new Promise((resolve) => client.close(resolve));
  const records = await statsd.stop();
  assert.deepEqual(
    records.filter((r) => r.name).map((r) => [r.name, r.type, r.value ?? r.count]),
    [
      ['orders', 'sum', 3],
      ['queue', 'gauge', 7],
      ['took', 'histogram', 1],
      ['bytes', 'histogram', records[3]!.count],
      ['user', 'set', 1],
    ],
  );
  assert.deepEqual(records[0]!.attributes, { app: 'shop', kind: 'web' });
  const event = records.find((r) => r.title !== undefined);
  assert.deepEqual([event?.title, event?.message, event?.tags], ['deploy', 'größer', { app: 'shop' }]);
});

test('it listens on a name and on IPv6', async () => {
  for (const address of ['udp://localhost:0', 'udp://[::1]:0']) {
    const statsd = await start({ listen: listenOn(address) });
    assert.match(statsd.source.status().listeners[0]!.address, /^udp:\/\/(localhost|\[::1\]):\d{4,5}$/);
    await statsd.stop();
  }
});

test('without listeners there is nothing to do', async () => {
  const statsd = await start({ listen: [] });
  assert.deepEqual(await statsd.stop(), []);
  assert.deepEqual(statsd.source.status(), {
    listeners: [],
    forward: [],
    contexts: 0,
    overflowed: 0,
    coarser: 0,
    unknown_fields: 0,
    clients: {},
    filtered: [],
  });
});
