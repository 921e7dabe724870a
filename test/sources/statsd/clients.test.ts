/** Clients that people use, over each transport: what they were told is what is counted. */
// Slow: starts programs.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { promisify } from 'node:util';
import { type ClientOptions, StatsD } from 'hot-shots';
import { datagramsAvailable } from '../../../src/native/sockets.ts';
import { datadogPython } from '../../support/datadog-python.ts';
import { FOUR, startStatsd } from '../../support/statsd.ts';
import { sendDatagrams } from '../../support/unix-datagrams.ts';

const linux = { skip: datagramsAvailable() ? false : 'NOT TESTED: libc cannot be called here' };

async function directory(t: TestContext): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'runnel-clients-'));
  t.after(() => rm(path, { recursive: true }));
  return path;
}

type Ended = Awaited<ReturnType<Awaited<ReturnType<typeof startStatsd>>['end']>>;

/** Type, name, tags, and what is counted. */
const brief = (ended: Ended) =>
  ended
    .filter(({ topic, record }) => topic === 'runnel.metrics' && !record.name.startsWith('datadog.'))
    .map(({ record: r }) => [r.type, r.name, r.attributes, r.value ?? [r.count, r.min, r.max]])
    .sort((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1));

for (const how of ['udp', 'tcp', 'unix stream'] as const) {
  test(`hot-shots over ${how}`, linux, async (t) => {
    const path = join(await directory(t), 's');
    const address = { udp: FOUR, tcp: 'tcp://127.0.0.1:0', 'unix stream': `unixstream://${path}` }[how];
    const statsd = await startStatsd(t, [address]);
    const options: ClientOptions = {
      prefix: 'app.',
      globalTags: { env: 'prod' },
      maxBufferSize: 1000,
      errorHandler: (e) => assert.fail(e),
    };
    if (how === 'unix stream') {
      const stream = connect(path);
      await once(stream, 'connect');
      Object.assign(options, { protocol: 'stream', stream });
    } else Object.assign(options, { protocol: how, host: '127.0.0.1', port: statsd.portOf(0) });
    const client = new StatsD(options);
    for (let i = 0; i < 200; i++) {
      client.increment('hits', 1, { code: '200' });
      client.timing('latency', i);
      client.set('users', `user ${i % 50}`);
    }
    client.decrement('hits', 5, { code: '200' });
    client.gauge('queue', -3.5);
    client.histogram('sizes', 1e21);
    client.distribution('sizes', 0.001);
    client.check('db', client.CHECKS.CRITICAL, { message: 'it is away' });
    // It sends text over TCP as Latin-1.
    const [title, text] = how === 'tcp' ? ['deploy', 'of web\nis done'] : ['déploiement', 'of “web”\nis done'];
    client.event(title!, text, { priority: 'low' }, ['a:b']);
    await new Promise((closed) => client.close(closed));
    await statsd.received(606);
    const ended = await statsd.end();
    const env = { env: 'prod' };
    assert.deepEqual(brief(ended), [
      ['gauge', 'app.queue', env, -3.5],
      ['gauge', 'check.status', { check: 'app.db', env: 'prod' }, 2],
      ['histogram', 'app.latency', env, [200, 0, 199]],
      ['histogram', 'app.sizes', env, [2, 0.001, 1e21]],
      ['set', 'app.users', env, 50],
      ['sum', 'app.hits', { code: '200', env: 'prod' }, 195],
    ]);
    const event = ended.find(({ topic }) => topic === 'runnel.events')!.record;
    assert.deepEqual([event.title, event.message, event.tags], [`app.${title}`, text, { a: 'b', env: 'prod' }]);
    assert.equal(statsd.source.status().listeners[0]!.rejected, 0);
  });
}

const PROGRAM = `
import sys
from datadog.dogstatsd import DogStatsd
where = sys.argv[1]
how = dict(socket_path=where) if where.startswith('/') else dict(host='127.0.0.1', port=int(where))
with DogStatsd(constant_tags=['env:prod'], telemetry_min_flush_interval=0, **how) as c:
    for i in range(200):
        c.increment('hits', tags=['code:200'])
        c.timing('latency', i)
        c.set('users', 'user %d' % (i % 50))
    c.decrement('hits', 5, tags=['code:200'])
    c.gauge('queue', -3.5)
    c.gauge_with_timestamp('queue', 7, int(sys.argv[2]))
    c.distribution('sizes', 0.001)
    c.histogram('sizes', 1e21)
    c.service_check('db', 2, message='it is away')
    c.event('d\\u00e9ploiement', 'is\\ndone', priority='low', tags=['a:b'])
`;

for (const how of ['udp', 'unix datagrams'] as const) {
  test(`Datadog's client for Python over ${how}`, linux, async (t) => {
    const packages = datadogPython();
    if (packages === null) return t.skip('NOT TESTED: datadog cannot be installed from PyPI here');
    const path = join(await directory(t), 's');
    const statsd = await startStatsd(t, [how === 'udp' ? FOUR : `unixgram://${path}`]);
    const second = Math.floor(Date.now() / 1000) - 60;
    const where = how === 'udp' ? String(statsd.portOf(0)) : path;
    const env = { ...process.env, PYTHONPATH: packages };
    await promisify(execFile)('python3', ['-c', PROGRAM, where, String(second)], { env });
    await statsd.received(607);
    const ended = await statsd.end();
    const prod = { env: 'prod' };
    assert.deepEqual(brief(ended), [
      ['gauge', 'check.status', { check: 'db', env: 'prod' }, 2],
      ['gauge', 'queue', prod, -3.5],
      ['gauge', 'queue', prod, 7],
      ['histogram', 'latency', prod, [200, 0, 199]],
      ['histogram', 'sizes', prod, [2, 0.001, 1e21]],
      ['set', 'users', prod, 50],
      ['sum', 'hits', { code: '200', env: 'prod' }, 195],
    ]);
    const timed = ended.find(({ record }) => record.name === 'queue' && record.value === 7)!.record;
    assert.equal(Date.parse(timed['@timestamp']), second * 1000);
    const event = ended.find(({ topic }) => topic === 'runnel.events')!.record;
    assert.deepEqual([event.title, event.message, event.tags], ['déploiement', 'is\ndone', { a: 'b', env: 'prod' }]);
    const { clients, listeners } = statsd.source.status();
    assert.equal(listeners[0]!.rejected, 0);
    assert.ok(clients.packets_sent! > 0, JSON.stringify(clients));
  });
}

test(
  'packets as datadog-go 5 makes them: aggregated counts, packed distributions, fields of protocol 1.2 to 1.6',
  linux,
  async (t) => {
    const folder = await directory(t);
    const [gram, stream] = [join(folder, 'g'), join(folder, 's')];
    const statsd = await startStatsd(t, [`unixgram://${gram}`, `unixstream://${stream}`]);
    const now = Math.floor(Date.now() / 1000);
    const origin =
      '|c:ci-0123456789abcdef,in-4026531835|e:it-false,cn-web,pu-75a2b6d5-3949-4afb-ad0d-92ff0674e759|card:low';
    const packets = [
      `page.views:1234|c|#env:prod,version:1.2${origin}\nqueue.size:-7.25|g|#env:prod${origin}\n`,
      `latency:21.5:3.25:1e+06|d|@0.5|#env:prod${origin}\nwait:12.5:13.5|ms|#env:prod${origin}\nusers:alice|s|#env:prod${origin}\nusers:bob|s|#env:prod${origin}\n`,
      `page.views:6|c|#env:prod,version:1.2|T${now - 30}${origin}\nqueue.size:3|g|#env:prod${origin}|T${now - 30}\n`,
      `datadog.dogstatsd.client.packets_dropped_queue:3|c|#client:go,client_version:5.6.0,client_transport:uds${origin}\n`,
      `_sc|db|1|d:${now}|#env:prod|m:slow${origin}`,
      `_e{6,12}:deploy|web\\nis done|p:low|t:success|#env:prod${origin}`,
    ];
    await sendDatagrams(gram, packets);
    const client = connect(stream);
    for (const packet of packets) {
      const length = Buffer.alloc(4);
      length.writeUInt32LE(Buffer.byteLength(packet));
      client.write(Buffer.concat([length, Buffer.from(packet)]));
    }
    client.end();
    await statsd.received(2 * 14);
    const ended = await statsd.end();
    const prod = { env: 'prod' };
    const version = { env: 'prod', version: '1.2' };
    assert.deepEqual(brief(ended), [
      ['gauge', 'check.status', { check: 'db', env: 'prod' }, 1],
      ['gauge', 'queue.size', prod, -7.25],
      ['gauge', 'queue.size', prod, 3],
      ['histogram', 'latency', prod, [12, 3.25, 1e6]],
      ['histogram', 'wait', prod, [4, 12.5, 13.5]],
      ['set', 'users', prod, 2],
      ['sum', 'page.views', version, 12],
      ['sum', 'page.views', version, 2468],
    ]);
    assert.deepEqual(statsd.source.status().clients, { packets_dropped_queue: 6 });
    assert.deepEqual(
      statsd.source.status().listeners.map(({ rejected }) => rejected),
      [0, 0],
    );
  },
);

test('packets that datadog-go 5.8 has sent', linux, async (t) => {
  const path = join(await directory(t), 's');
  const statsd = await startStatsd(t, [`unixgram://${path}`]);
  const second = Math.floor(Date.now() / 1000) - 60;
  // Captured at a Unix socket, as Go quotes them: client-side aggregation, timestamps, the container and external data.
  const captured = readFileSync(new URL('./datadog-go.txt', import.meta.url), 'utf8')
    .trim()
    .split('\n');
  const packets = captured.map((line) => (JSON.parse(line) as string).replaceAll('|T1700000000', `|T${second}`));
  await sendDatagrams(path, packets);
  await statsd.received(21);
  const ended = await statsd.end();
  const prod = { env: 'prod' };
  const version = { env: 'prod', version: '1.2' };
  assert.deepEqual(brief(ended), [
    ['gauge', 'check.status', { a: 'b', check: 'db', env: 'prod', host: 'db-1' }, 1],
    ['gauge', 'queue.size', prod, -7.25],
    ['gauge', 'queue.size', prod, 3],
    ['histogram', 'latency', prod, [3, 3.25, 1e6]],
    ['histogram', 'sampled', prod, [10, 0, 7]],
    ['histogram', 'sizes', prod, [3, 3.25, 1e6]],
    ['histogram', 'wait', prod, [2, 12.5, 13.5]],
    ['set', 'users', prod, 2],
    ['sum', 'page.views', version, 1233],
    ['sum', 'page.views', version, 6],
  ]);
  const event = ended.find(({ topic }) => topic === 'runnel.events')!.record;
  assert.deepEqual(
    [event.title, event.message, event.tags],
    ['déploiement', 'web\nis done', { a: 'b', env: 'prod', host: 'web-1' }],
  );
  assert.equal(statsd.source.status().listeners[0]!.rejected, 0);
});
