/** The whole agent while connections are cut, the broker is down, a topic is missing: nothing lost, nothing twice. */
import assert from 'node:assert/strict';
import { appendFile, mkdir, writeFile } from 'node:fs/promises';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { makeHome } from '../support/agent.ts';
import { createTopic, type Kafka, noKafka, startKafka, USERS } from '../support/kafka.ts';
import { assertValues, numbered, Writer } from '../support/lines.ts';

const skip = noKafka;
let kafka: Kafka;

before(async () => {
  if (!skip) kafka = await startKafka({ sasl: true, tls: true });
});
after(async () => {
  await kafka?.stop();
});

test('forty cut connections while lines flow lose nothing, double nothing and keep the order', { skip }, async () => {
  await using home = await makeHome();
  await mkdir(home.path('logs'));
  await createTopic(kafka.brokers, 'cut');
  const agent = await home.start({
    kafka: { brokers: kafka.proxied, linger: '5ms' },
    logs: [{ name: 'app', include: home.path('logs', '*.log'), topic: 'cut', encoding: 'raw' }],
  });
  await using writer = new Writer(home.path('logs', 'app.log'), 'app', 20_000);
  const before = kafka.proxy.cuts;
  for (let i = 0; kafka.proxy.cuts - before < 40; i++) {
    // Some in the middle of a request, some before an answer, some of a connection that is just being made.
    const cut = kafka.proxy.cutAfter(100 + ((i * 3937) % 30_000), i % 3 === 1 ? 'replies' : 'requests');
    await Promise.race([cut, sleep(400)]);
  }
  await sleep(200);
  const lines = await writer.stop();
  const { kafka: said } = await agent.settled(lines.length);
  assert.ok(said.retries > 5, `${said.retries} retries`);
  await agent.stop();
  await assertValues(kafka.brokers, 'cut', lines);
});

test('a broker that is killed, and back after twenty seconds, has all that was written meanwhile, once', {
  skip,
}, async () => {
  await using home = await makeHome();
  await mkdir(home.path('logs'));
  await createTopic(kafka.brokers, 'down');
  const agent = await home.start({
    kafka: { brokers: kafka.brokers },
    logs: [{ name: 'app', include: home.path('logs', '*.log'), topic: 'down', encoding: 'raw' }],
  });
  await using writer = new Writer(home.path('logs', 'app.log'), 'app', 10_000);
  await agent.until((s) => s.conservation.total.forwarded > 5000, 'lines flow');
  await kafka.kill();
  await agent.until((s) => s.kafka.state === 'connecting', 'the broker is missed', 20_000);
  await sleep(20_000);
  const away = await agent.status();
  assert.ok(
    away.reasons.some((reason) => /^kafka: /.test(reason)),
    `reasons: ${away.reasons}`,
  );
  assert.equal(away.ready, false);
  const [file] = away.logs[0]!.files;
  assert.ok(file!.lag_bytes > 0 && file!.lag_seconds > 15, `lag: ${file!.lag_bytes} bytes, ${file!.lag_seconds} s`);
  for (const name of ['health', 'ready']) assert.equal((await fetch(`${agent.admin}/${name}`)).status, 200);
  assert.equal((await fetch(`${agent.admin}/ready?strict`)).status, 503);
  await kafka.start();
  await sleep(1000);
  const lines = await writer.stop();
  const status = await agent.settled(lines.length);
  assert.deepEqual(status.reasons, []);
  await agent.stop();
  await assertValues(kafka.brokers, 'down', lines);
});

test('SIGTERM under load with Kafka away ends in time, and the next start goes on where it was', { skip }, async () => {
  await using home = await makeHome();
  await mkdir(home.path('logs'));
  await createTopic(kafka.brokers, 'away');
  const config = {
    kafka: { brokers: kafka.brokers, compression: 'none' },
    buffer_memory: '16MiB',
    shutdown_timeout: '2s',
    logs: [{ name: 'app', include: home.path('logs', '*.log'), topic: 'away', encoding: 'raw' }],
  };
  const file = home.path('logs', 'app.log');
  const lines = numbered('app', 0, 300_000);
  const text = `${lines.join('\n')}\n`;
  await writeFile(file, text.slice(0, 1000));
  const first = await home.start(config);
  await first.settled(5);
  await kafka.kill();
  await first.until((s) => s.kafka.state === 'connecting', 'the broker is missed', 20_000);
  // More than the memory holds: reading and packing wait too.
  await appendFile(file, text.slice(1000));
  await first.until((s) => s.conservation.total.in_flight > 10_000, 'lines are read');
  await sleep(1000);
  const began = Date.now();
  await first.stop();
  assert.ok(Date.now() - began < 5000, `${Date.now() - began} ms to stop`);
  await kafka.start();
  const last = await home.start(config);
  const { logs } = await last.until((s) => s.logs[0]!.files[0]?.lag_bytes === 0, 'everything is sent');
  assert.equal(logs[0]!.files[0]!.committed, text.length);
  await last.settled(1);
  await last.stop();
  await assertValues(kafka.brokers, 'away', lines);
});

test('a missing topic beside a good one holds up only its own lines, and goes on once it is there', {
  skip,
}, async () => {
  await using home = await makeHome();
  await mkdir(home.path('logs'));
  await createTopic(kafka.brokers, 'good');
  const agent = await home.start({
    kafka: { brokers: kafka.brokers, create_topics: false },
    logs: ['good', 'missing'].map((topic) => ({
      name: topic,
      include: home.path('logs', `${topic}.log`),
      topic,
      encoding: 'raw',
    })),
  });
  await using missingWriter = new Writer(home.path('logs', 'missing.log'), 'missing', 5000);
  await using goodWriter = new Writer(home.path('logs', 'good.log'), 'good', 5000);
  const books = await agent.until(
    (s) => (s.conservation.inputs['logs.good']?.forwarded ?? 0) > 20_000,
    'the good one flows',
  );
  assert.equal(books.conservation.inputs['logs.missing']?.forwarded, 0);
  const { topics, reasons } = await agent.until(
    (s) => s.reasons.some((reason) => reason.includes('topic_missing')),
    'the status names the missing topic',
    10_000,
  );
  assert.match(topics.find(({ topic }) => topic === 'missing')?.error ?? '', /^topic_missing/);
  assert.equal(topics.find(({ topic }) => topic === 'good')?.error, null);
  assert.ok(reasons.every((reason) => !reason.includes('good')));
  await createTopic(kafka.brokers, 'missing');
  const [missing, good] = await Promise.all([missingWriter.stop(), goodWriter.stop()]);
  const settled = await agent.settled(missing.length + good.length);
  assert.deepEqual(settled.reasons, []);
  await agent.stop();
  await assertValues(kafka.brokers, 'missing', missing);
  await assertValues(kafka.brokers, 'good', good);
});

test('SCRAM and TLS from the configuration', { skip }, async () => {
  await using home = await makeHome();
  await mkdir(home.path('logs'));
  await createTopic(kafka.brokers, 'secret');
  const agent = await home.start({
    kafka: {
      brokers: kafka.saslTlsBrokers,
      tls: { ca_file: kafka.ca },
      sasl: { mechanism: 'scram-sha-512', username: 'admin', password: USERS.admin },
    },
    logs: [{ name: 'app', include: home.path('logs', '*.log'), topic: 'secret', encoding: 'raw' }],
  });
  await using writer = new Writer(home.path('logs', 'app.log'), 'app', 5000);
  await sleep(500);
  const lines = await writer.stop();
  await agent.settled(lines.length);
  await agent.stop();
  assert.ok(!agent.stderr.includes(USERS.admin));
  await assertValues(kafka.brokers, 'secret', lines);
});
