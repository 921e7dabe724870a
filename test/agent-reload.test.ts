/** The configuration is read again while the agent runs: what changed is changed, what did not goes on, nothing is lost or twice. */
// Slow: fifty reloads under load, and agents in processes of their own.
import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import { appendFile, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { type TestContext, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { ask, bodyOf } from '../src/admin/client.ts';
import type { Reloaded } from '../src/reload.ts';
import { Spool } from '../src/spool/spool.ts';
import { type AgentConfig, type Home, makeHome, type RunningAgent, runnel } from './support/agent.ts';
import { FakeBroker } from './support/fake-broker.ts';
import { numbered, Writer } from './support/lines.ts';
import { freePort } from './support/ports.ts';
import { readAll } from './support/spool-blocks.ts';

const MOST_MS = 3000;

/** Over the unix socket, as `runnel reload` does it. */
async function reload(home: Home, dataDir = home.dataDir): Promise<Reloaded & { took: number }> {
  const began = performance.now();
  const answer = await ask({ socketPath: `${dataDir}/runnel.sock` }, '/reload', 'POST');
  const told = JSON.parse(await bodyOf(answer)) as Reloaded;
  assert.equal(answer.statusCode, told.reloaded ? 200 : 409);
  return { ...told, took: performance.now() - began };
}

/** Where the agent serves stays the same over all configurations of a test. */
async function setUp(t: TestContext) {
  const home = await makeHome();
  t.after(() => home[Symbol.asyncDispose]());
  const admin = { listen: `127.0.0.1:${await freePort()}` };
  const log = (name: string, more: object = {}) => {
    return { name, include: home.path(`${name}.log`), topic: name, encoding: 'raw', ...more };
  };
  return { home, admin, log };
}

/** What the local log of an agent that has stopped holds of a topic. */
async function spooled(home: Home, topic: string): Promise<string[]> {
  const options = { max_size: 1 << 30, when_full: 'block', sync: 1000 } as const;
  const spool = await Spool.open(`${home.dataDir}/spool`, options, assert.fail);
  const { values } = await readAll(spool.partition(topic));
  await spool.close();
  return values;
}

const allRead = (agent: RunningAgent, lines: number) =>
  agent.until(
    ({ conservation, logs }) =>
      Object.entries(conservation.inputs).reduce((n, [id, b]) => n + (id === 'statsd' ? 0 : b.received), 0) === lines &&
      logs.every(({ lag_bytes }) => lag_bytes === 0),
    `${lines} lines are read`,
  );

test('fifty reloads under load: lines and samples once, and what did not change is not touched', async (t) => {
  const { home, admin, log } = await setUp(t);
  const port = await freePort();
  const configured = (n: number): AgentConfig => ({
    admin,
    statsd: { listen: [`udp://127.0.0.1:${port}`], flush_interval: '1s' },
    logs: [log('kept'), log('tagged', { tags: { n: `${n}` } }), ...(n % 2 === 0 ? [log('now-and-then')] : [])],
  });
  const agent = await home.start(configured(0));
  const writers = ['kept', 'tagged', 'now-and-then'].map((name) => new Writer(home.path(`${name}.log`), name, 2000));
  t.after(() => Promise.all(writers.map((writer) => writer.stop())));
  const socket = createSocket('udp4');
  t.after(() => socket.close());
  let sent = 0;
  const sender = setInterval(() => {
    for (let i = 0; i < 10; i++) socket.send('hits:1|c', port, '127.0.0.1');
    sent += 10;
  }, 10);
  t.after(() => clearInterval(sender));
  let slowest = 0;
  for (let n = 1; n <= 50; n++) {
    await home.configure(configured(n));
    const { reloaded, changed, errors, took } = await reload(home);
    assert.deepEqual([reloaded, errors], [true, []]);
    assert.deepEqual(changed.toSorted(), ['logs now-and-then', 'logs tagged']);
    slowest = Math.max(slowest, took);
    await sleep(20);
  }
  t.diagnostic(`the slowest reload took ${Math.round(slowest)} ms`);
  assert.ok(slowest < MOST_MS, `${slowest} ms`);
  clearInterval(sender);
  const lines = await Promise.all(writers.map((writer) => writer.stop()));
  const total = lines.reduce((n, { length }) => n + length, 0);
  const { statsd, pid, conservation } = await allRead(agent, total);
  // One socket for all of them: its counters began once.
  assert.deepEqual([pid, statsd.listeners[0]!.packets, statsd.listeners[0]!.kernel_drops], [agent.pid, sent, 0]);
  assert.equal(conservation.total.dropped, 0);
  await agent.stop();
  for (const [i, name] of ['kept', 'tagged', 'now-and-then'].entries()) {
    assert.deepEqual(await spooled(home, name), lines[i], name);
  }
  const hits = (await spooled(home, 'runnel.metrics')).map((text) => JSON.parse(text) as { value: number });
  assert.equal(
    hits.reduce((sum, { value }) => sum + value, 0),
    sent,
  );
});

test('with Kafka away reloads are as quick, and other brokers take over what is on its way', async (t) => {
  const { home, admin, log } = await setUp(t);
  await using broker = await FakeBroker.start();
  const configured = (n: number, brokers: string): AgentConfig => ({
    admin,
    kafka: { brokers: [brokers], compression: 'none', linger: `${10 + n}ms` },
    logs: [log('app'), ...(n % 2 === 0 ? [log('other')] : [])],
  });
  const agent = await home.start(configured(0, '127.0.0.1:1'));
  await using writer = new Writer(home.path('app.log'), 'app', 2000);
  for (let n = 1; n <= 10; n++) {
    await home.configure(configured(n, '127.0.0.1:1'));
    const { reloaded, changed, took } = await reload(home);
    assert.deepEqual([reloaded, changed], [true, ['logs other', 'kafka']]);
    assert.ok(took < MOST_MS, `${took} ms`);
  }
  await agent.until(({ reasons }) => reasons.some((reason) => reason.startsWith('kafka: ')), 'Kafka is missed');
  await home.configure(configured(10, broker.address));
  assert.deepEqual((await reload(home)).changed, ['kafka']);
  await agent.until(({ kafka }) => kafka.state === 'connected', 'the other broker is reached', 10_000);
  const lines = await writer.stop();
  await agent.settled(lines.length);
  await agent.stop();
  assert.deepEqual(broker.stored, lines);
});

test('an input that changes while Kafka is away is open again when what it had sent is safe', async (t) => {
  const { home, admin, log } = await setUp(t);
  await using silent = await FakeBroker.start(() => 'ignore');
  await using broker = await FakeBroker.start();
  const configured = (brokers: string, tags: object): AgentConfig => ({
    admin,
    kafka: { brokers: [brokers], compression: 'none' },
    logs: [log('app', { tags })],
  });
  const agent = await home.start(configured(silent.address, {}));
  await using writer = new Writer(home.path('app.log'), 'app', 1000);
  await agent.until(({ topics }) => topics.some(({ in_flight }) => in_flight > 0), 'something is in flight');
  await home.configure(configured(silent.address, { n: '1' }));
  const { changed, waiting, took } = await reload(home);
  assert.deepEqual([changed, waiting], [['logs app'], ['logs app']]);
  assert.ok(took < MOST_MS, `${took} ms`);
  const says = 'logs app has changed, and is opened when what was sent of it before is safe';
  await agent.until(({ reasons }) => reasons.includes(says), 'it says that it waits');
  // One that waits may change again.
  await home.configure(configured(silent.address, { n: '2' }));
  assert.deepEqual((await reload(home)).waiting, ['logs app']);
  await home.configure(configured(broker.address, { n: '2' }));
  assert.deepEqual((await reload(home)).changed, ['kafka']);
  await agent.until(({ reasons }) => reasons.length === 0, 'it is open');
  const lines = await writer.stop();
  await agent.settled(lines.length);
  await agent.stop();
  assert.deepEqual(broker.stored, lines);
});

test('an agent without brokers is given some: the local log goes first, then what is read since', async (t) => {
  const { home, admin, log } = await setUp(t);
  await using broker = await FakeBroker.start();
  const logs = [log('app')];
  const kafka = { compression: 'none' };
  const agent = await home.start({ admin, logs, kafka });
  await using writer = new Writer(home.path('app.log'), 'app', 2000);
  await agent.until(({ spool }) => spool.records > 500, 'lines are in the local log');
  await home.configure({ admin, logs, kafka: { ...kafka, brokers: [broker.address] } });
  assert.deepEqual((await reload(home)).changed, ['kafka']);
  await agent.until(({ conservation }) => conservation.total.forwarded > 1000, 'lines arrive');
  const lines = await writer.stop();
  await agent.settled(lines.length);
  // They go straight there now.
  assert.equal((await agent.status()).spool.records, 0);
  await agent.stop();
  assert.deepEqual(broker.stored, lines);
});

test('an input that is renamed, or whose topic changes, goes on where it was', async (t) => {
  const { home, admin, log } = await setUp(t);
  const agent = await home.start({ admin, logs: [log('a')] });
  const lines = numbered('a', 0, 900);
  const write = async (from: number) => {
    await appendFile(home.path('a.log'), `${lines.slice(from, from + 300).join('\n')}\n`);
    await allRead(agent, from + 300);
  };
  await write(0);
  await home.configure({ admin, logs: [{ ...log('a'), name: 'b' }] });
  assert.deepEqual((await reload(home)).changed, ['logs b', 'logs a']);
  await write(300);
  await home.configure({ admin, logs: [{ ...log('a'), name: 'b', topic: 'elsewhere' }] });
  assert.deepEqual((await reload(home)).changed, ['logs b']);
  await write(600);
  const { config, logs } = await agent.status();
  assert.equal(logs[0]!.name, 'b');
  assert.ok(config.loaded_at > new Date(Date.now() - 60_000).toISOString());
  await agent.stop();
  assert.deepEqual(await spooled(home, 'a'), lines.slice(0, 600));
  assert.deepEqual(await spooled(home, 'elsewhere'), lines.slice(600));
});

test('StatsD that changes hands over its window, and listens where it is to', async (t) => {
  const { home, admin } = await setUp(t);
  const [one, two] = [await freePort(), await freePort()];
  const statsd = (port: number) => ({ listen: [`udp://127.0.0.1:${port}`], flush_interval: '1h' });
  const agent = await home.start({ admin, statsd: statsd(one) });
  const socket = createSocket('udp4');
  t.after(() => socket.close());
  const send = async (port: number, received: number) => {
    socket.send('hits:1|c', port, '127.0.0.1');
    await agent.until(({ conservation }) => conservation.total.received === received, `${received} came`);
  };
  await send(one, 1);
  await home.configure({ admin, statsd: statsd(two) });
  assert.deepEqual((await reload(home)).changed, ['statsd']);
  await agent.until(({ spool }) => spool.records === 1, 'its window is in the local log');
  await send(two, 2);
  await agent.stop();
  assert.equal((await spooled(home, 'runnel.metrics')).length, 2);
});

test('where anything is wrong all stays as it was, and the caller is told what and where', async (t) => {
  const { home, admin, log } = await setUp(t);
  const config = { admin, logs: [log('app')] };
  const agent = await home.start(config);
  const file = home.path('runnel.yaml');
  const { hash } = (await agent.status()).config;
  const says = async (text: object | string, wanted: RegExp[], code = 2) => {
    if (typeof text === 'string') await writeFile(file, text);
    else await home.configure({ ...config, ...text });
    const { code: exit, stdout, stderr } = await runnel('reload', '-c', file);
    assert.deepEqual([exit, stdout], [code, '']);
    assert.equal(stderr.trim().split('\n').length, wanted.length, stderr);
    for (const pattern of wanted) assert.match(stderr, pattern);
    assert.equal((await agent.status()).config.hash, hash);
  };
  await says('logs: [{include: var}]\nkafka: {linger: 1}\n', [
    /runnel\.yaml:1:18: logs\[0\]\.include\[0\] must be an absolute path/,
    /runnel\.yaml:2:17: kafka\.linger needs a unit/,
  ]);
  await says({ host: 'web-2', buffer_memory: '64MiB', spool: { sync: 'never' } }, [
    /runnel\.yaml:2:11: host needs a restart: /,
    /buffer_memory needs a restart: /,
    /spool\.sync needs a restart: /,
  ]);
  await says({ kafka: { brokers: ['127.0.0.1:1'], delivery: 'exactly_once' } }, [
    /kafka\.delivery needs a restart: /,
    /kafka\.brokers needs a restart: /,
  ]);
  // Its socket is not where the new one says.
  await says({ data_dir: home.path('elsewhere') }, [/runnel\.yaml:3:15: data_dir needs a restart: /]);
  const taken = new URL(agent.admin).port;
  await using other = await makeHome();
  const neighbour = await other.start({});
  await says({ admin: { listen: new URL(neighbour.admin).host } }, [
    /admin\.listen cannot serve status on .*: address already/,
  ]);
  assert.equal(new URL(agent.admin).port, taken);
  await home.configure(config);
  assert.deepEqual(await runnel('reload', '-c', file), {
    code: 0,
    stdout: 'reloaded: nothing has changed\n',
    stderr: '',
  });
  const { code, stdout } = await runnel('reload', '-c', file, '--json');
  assert.deepEqual(
    [code, JSON.parse(stdout)],
    [0, { reloaded: true, changed: [], waiting: [], warnings: [], errors: [] }],
  );
  await agent.stop();
  const { code: gone, stderr } = await runnel('reload', '-c', file);
  assert.equal(gone, 1);
  assert.match(stderr, /no agent answers/);
});

test('the address changes nothing; where the status is served may change', async (t) => {
  const { home, admin } = await setUp(t);
  const agent = await home.start({ admin });
  const refused = await fetch(`${agent.admin}/reload`, { method: 'POST' });
  assert.deepEqual([refused.status, refused.headers.get('allow')], [405, 'GET, HEAD']);
  const port = await freePort();
  await home.configure({ admin: { listen: `127.0.0.1:${port}`, hosts: ['web-1.example.com'] } });
  assert.deepEqual((await reload(home)).changed, ['admin']);
  const { status } = await fetch(`http://127.0.0.1:${port}/health`);
  assert.equal(status, 200);
  await assert.rejects(
    new Promise((resolve, reject) =>
      connect(Number(admin.listen.split(':')[1]), '127.0.0.1', () => resolve(null)).on('error', reject),
    ),
    /ECONNREFUSED/,
  );
});

test('SIGHUP reloads: several at once one after the other, and none during a stop', async (t) => {
  const { home, admin, log } = await setUp(t);
  const agent = await home.start({ admin, logs: [log('app')] });
  await home.configure({ admin, logs: [log('app'), log('more')] });
  for (let i = 0; i < 20; i++) process.kill(agent.pid, 'SIGHUP');
  await agent.until(({ logs }) => logs.length === 2, 'it has two inputs');
  assert.match(agent.stderr, /info reloaded: logs more/);
  await home.configure({ admin, logs: [{ name: 'app' }] });
  process.kill(agent.pid, 'SIGHUP');
  await agent.until(() => agent.stderr.includes('error the configuration is refused'), 'it is refused');
  assert.match(agent.stderr, /runnel\.yaml:\d+:\d+: logs\[0\] needs include/);
  assert.equal((await agent.status()).logs.length, 2);
  const stopped = agent.stop();
  process.kill(agent.pid, 'SIGHUP');
  await stopped;
});

test('the log goes by its new level and format at once', async (t) => {
  const { home, admin } = await setUp(t);
  const agent = await home.start({ admin });
  const before = agent.stderr;
  await home.configure({ admin, log: { format: 'json' } });
  assert.deepEqual((await reload(home)).changed, ['log']);
  await agent.stop();
  const said = agent.stderr.slice(before.length).trimEnd().split('\n');
  assert.match(JSON.parse(said.at(-1)!).message, /^stopped after/);
});
