/** The whole agent given what it cannot use: one clear sentence, and the right exit code or the right degraded mode. */
import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { chmod, mkdir, rmdir, writeFile } from 'node:fs/promises';
import { after, before, test } from 'node:test';
import { boundRunnel, canBind, type Ended, makeHome, runnel } from '../support/agent.ts';
import { freshTopic, noKafka, sharedKafka } from '../support/kafka.ts';
import { readRecords } from '../support/kcat.ts';

const skip = noKafka;
let kafka: Awaited<ReturnType<typeof sharedKafka>>;

before(async () => {
  if (!skip) kafka = await sharedKafka();
});
after(async () => {
  await kafka?.[Symbol.asyncDispose]();
});

/** One sentence for people on stderr, nothing on stdout. */
function assertFails({ code, stdout, stderr }: Ended, expected: { code: number; says: RegExp }): void {
  assert.match(stderr, expected.says);
  assert.equal(code, expected.code, stderr);
  assert.equal(stdout, '');
  assert.doesNotMatch(stderr, /\n\s+at /, 'no stack trace');
}

test('a configuration that cannot be used: every error with its place, exit 2', async () => {
  await using home = await makeHome();
  const file = home.path('runnel.yaml');
  await writeFile(
    file,
    ['kafka:', '  compresion: zstd', 'logs:', '  - include: [relative.log]', 'statsd: {flush_interval: 10}', ''].join(
      '\n',
    ),
  );
  for (const command of ['run', 'validate']) {
    const ended = await runnel(command, '-c', file);
    assertFails(ended, { code: 2, says: /runnel\.yaml:2:3: .*compresion.*compression/ });
    assert.match(ended.stderr, /runnel\.yaml:4:15: /);
    assert.match(ended.stderr, /runnel\.yaml:5:26: /);
  }
  await writeFile(file, 'kafka: [unclosed\n');
  assertFails(await runnel('run', '-c', file), { code: 2, says: /runnel\.yaml:\d+:\d+: / });
  const none = home.path('none.yaml');
  assertFails(await runnel('run', '-c', none), { code: 2, says: /none\.yaml/ });
  assertFails(await runnel('run'), { code: 2, says: /-c FILE/ });
});

test('a data_dir that another agent has: exit 1, and the other one goes on', async () => {
  await using home = await makeHome();
  const agent = await home.start({});
  const file = await home.configure({});
  const ended = await runnel('run', '-c', file);
  assertFails(ended, { code: 1, says: new RegExp(`^runnel: cannot start: .*${home.dataDir}.*${agent.pid}`) });
  assert.equal(ended.stderr.trim().split('\n').length, 1);
  assert.ok((await agent.status()).ready);
  await agent.stop();
});

test('a data_dir that cannot be written: exit 1', async () => {
  await using home = await makeHome();
  const file = await home.configure({});
  const says = new RegExp(`^runnel: cannot start: cannot use data_dir ${home.dataDir}: `);
  if (canBind) {
    await mkdir(home.dataDir, { mode: 0o500 });
    assertFails(await boundRunnel('run', '-c', file), { code: 1, says });
    await rmdir(home.dataDir);
  }
  await writeFile(home.dataDir, 'a file where the directory should be');
  assertFails(await runnel('run', '-c', file), { code: 1, says });
});

test('a StatsD port in use that was configured: exit 1', async () => {
  await using home = await makeHome();
  const socket = createSocket('udp4').bind(0, '127.0.0.1');
  await once(socket, 'listening');
  try {
    const address = `127.0.0.1:${socket.address().port}`;
    const file = await home.configure({ statsd: { listen: `udp://${address}` } });
    const says = new RegExp(`^runnel: cannot start.* udp://${address}: address already in use`);
    assertFails(await runnel('run', '-c', file), { code: 1, says });
  } finally {
    socket.close();
  }
});

test('an admin port in use that was configured: exit 1', async () => {
  await using home = await makeHome();
  await using other = await makeHome();
  const agent = await other.start({});
  const listen = agent.admin.replace('http://', '');
  const file = await home.configure({ admin: { listen } });
  assertFails(await runnel('run', '-c', file), {
    code: 1,
    says: new RegExp(`^runnel: cannot start: .*${listen}.*in use`),
  });
  await agent.stop();
});

test('a start with Kafka away ends nothing: files wait, StatsD is kept, SIGTERM ends it cleanly', async () => {
  await using home = await makeHome();
  await mkdir(home.path('logs'));
  await writeFile(home.path('logs', 'app.log'), 'a\nb\n');
  const agent = await home.start({
    kafka: { brokers: '127.0.0.1:1' },
    logs: [{ name: 'app', include: home.path('logs', '*.log') }],
    statsd: { listen: 'udp://127.0.0.1:0', flush_interval: '1s' },
    shutdown_timeout: '2s',
  });
  const socket = createSocket('udp4');
  socket.send('hits:1|c', await agent.statsdPort(), '127.0.0.1', () => socket.close());
  const { reasons, ready, kafka, lost } = await agent.until(
    (s) => s.spool.records > 0,
    'the window is in the local log',
  );
  assert.equal(ready, false);
  assert.match(reasons.join(), /kafka: no broker answers: 127\.0\.0\.1:\d+ refuses connections \(since [\d:]+\)/);
  assert.equal(kafka.state, 'connecting');
  assert.deepEqual(lost, []);
  const began = Date.now();
  await agent.stop();
  assert.ok(Date.now() - began < 6000, `${Date.now() - began} ms to stop`);
  const { stdout } = await runnel('spool', 'cat', 'runnel.metrics', '-c', home.path('runnel.yaml'));
  assert.match(stdout, /"name":"hits"/);
});

for (const encoding of ['raw', 'json']) {
  test(`a line longer than max_line is cut, marked and counted (${encoding})`, { skip }, async () => {
    await using home = await makeHome();
    const topic = await freshTopic(kafka.brokers, 'long');
    await mkdir(home.path('logs'));
    const lines = ['short', 'é'.repeat(3_000_000), 'x'.repeat(4096), 'y'.repeat(4097), 'last'];
    await writeFile(home.path('logs', 'app.log'), `${lines.join('\n')}\n`);
    const agent = await home.start({
      kafka: { brokers: kafka.brokers },
      logs: [{ name: 'app', include: home.path('logs', '*.log'), topic, encoding, max_line: '4KiB' }],
    });
    const status = await agent.settled(lines.length);
    assert.equal(status.logs[0]!.files[0]!.truncated, 2);
    await agent.stop();
    const records = (await readRecords(kafka.brokers, topic)).map(({ value, headers }) => {
      const text = String(value);
      if (encoding === 'raw') return { text, flags: headers.flags, length: Number(headers.length) };
      const { message, log } = JSON.parse(text);
      return { text: message, flags: log.flags?.join(), length: log.length };
    });
    const cut = 'truncated';
    assert.deepEqual(records, [
      { text: 'short', flags: undefined, length: 6 },
      { text: 'é'.repeat(2048), flags: cut, length: 6_000_001 },
      { text: 'x'.repeat(4096), flags: undefined, length: 4097 },
      { text: 'y'.repeat(4096), flags: cut, length: 4098 },
      { text: 'last', flags: undefined, length: 5 },
    ]);
  });
}

test('a file that cannot be read is one warning and a number, is read once it can be, and holds up no other', {
  skip: skip || !canBind,
}, async () => {
  await using home = await makeHome();
  const topic = await freshTopic(kafka.brokers, 'unreadable');
  await mkdir(home.path('logs'));
  await writeFile(home.path('logs', 'good.log'), 'a\nb\n');
  await writeFile(home.path('logs', 'secret.log'), 'c\nd\n', { mode: 0 });
  const config = {
    kafka: { brokers: kafka.brokers },
    logs: [{ name: 'app', include: home.path('logs', '*.log'), topic, encoding: 'raw' }],
  };
  const agent = await home.start(config, { bound: true });
  await agent.settled(2);
  const { logs } = await agent.until((s) => s.logs[0]!.unreadable === 1, 'it is counted');
  assert.equal(logs[0]!.files_total, 1);
  await chmod(home.path('logs', 'secret.log'), 0o600);
  const status = await agent.settled(4);
  assert.equal(status.logs[0]!.unreadable, 0);
  const warnings = agent.stderr.split('\n').filter((line) => line.includes('secret.log'));
  assert.equal(warnings.length, 1, agent.stderr);
  assert.match(warnings[0]!, /warn cannot read .*secret\.log: EACCES: permission denied/);
  await agent.stop();
});
