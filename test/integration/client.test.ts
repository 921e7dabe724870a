/** The client against a real Kafka: rights, encryption, passwords, and what it costs while nothing happens. */
import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { KafkaClient, type KafkaClientOptions } from '../../src/kafka/connect/client.ts';
import type { SaslConfig } from '../../src/kafka/connect/tokens.ts';
import { Sender } from '../../src/kafka/send/sender.ts';
import { sealedHeader } from '../../src/records/record-batch.ts';
import { makeBlock } from '../support/blocks.ts';
import {
  createTopic,
  freshTopic,
  type Kafka,
  noKafka,
  startKafka,
  USERS,
  unsecuredToken,
  withAdmin,
} from '../support/kafka.ts';
import { readValues } from '../support/kcat.ts';
import { startTokenServer } from '../support/token-server.ts';

const skip = noKafka;
let kafka: Kafka;

before(async () => {
  if (!skip) {
    // Sessions of SCRAM-SHA-256 last a second, those of tokens as long as these.
    const reauth = (mechanism: string) => `listener.name.sasl.${mechanism}.connections.max.reauth.ms`;
    const properties = { [reauth('scram-sha-256')]: 1000, [reauth('oauthbearer')]: 60_000 };
    kafka = await startKafka({ sasl: true, tls: true, acls: true, properties });
  }
});
after(async () => {
  await kafka?.stop();
});

function open(brokers: string, options: Partial<KafkaClientOptions> = {}): KafkaClient {
  return new KafkaClient({
    brokers: [brokers],
    client_id: 'test',
    create_topics: false,
    longest_pause: 300,
    ...options,
  });
}

/** A client and a sender to partition 0 of the topic; both end with the test. */
function laneOn(topic: string, brokers: string, options: Partial<KafkaClientOptions> = {}) {
  const client = open(brokers, options);
  const sender = new Sender(client, { topic, partition: 0 });
  return {
    client,
    sender,
    async [Symbol.asyncDispose]() {
      await sender.stop();
      client.close();
    },
  };
}

/** Connects, and sends one record to a topic of its own. */
async function checkSends(brokers: string, options: Partial<KafkaClientOptions>): Promise<void> {
  const topic = await freshTopic(kafka.brokers, 'one');
  const client = open(brokers, options);
  const sender = new Sender(client, { topic, partition: 0 });
  try {
    await sender.put(await makeBlock(topic, ['hello']), () => undefined);
    await sender.drained(AbortSignal.timeout(15_000));
    assert.deepEqual((await readValues(kafka.brokers, topic)).map(String), ['hello']);
    assert.equal(client.state, 'connected');
    const days = Object.values(client.certificateDays);
    assert.ok(options.tls ? days.length > 0 && days.every((left) => left > 0) : days.length === 0, String(days));
  } finally {
    await sender.stop();
    client.close();
  }
}

/** Tries to connect, and gives what the client says of it. */
async function checkFails(brokers: string, options: Partial<KafkaClientOptions>): Promise<string> {
  const client = open(brokers, options);
  try {
    await assert.rejects(client.connect(AbortSignal.timeout(1500)), { name: 'TimeoutError' });
    assert.equal(client.state, 'connecting');
    return client.error ?? '';
  } finally {
    client.close();
  }
}

const admin = (mechanism: SaslConfig['mechanism']): SaslConfig => ({
  mechanism,
  username: 'admin',
  password: USERS.admin,
});

for (const mechanism of ['plain', 'scram-sha-256', 'scram-sha-512'] as const) {
  test(`it sends with ${mechanism}`, { skip }, () => checkSends(kafka.saslBrokers, { sasl: admin(mechanism) }));
  test(`it sends with ${mechanism} over TLS`, { skip }, () =>
    checkSends(kafka.saslTlsBrokers, { sasl: admin(mechanism), tls: { ca_file: kafka.ca } }),
  );
}

test('a session that ends is followed by another one without a failure', { skip }, async () => {
  const topic = await freshTopic(kafka.brokers, 'sessions');
  await using lane = laneOn(topic, kafka.saslBrokers, { sasl: admin('scram-sha-256') });
  const { sender } = lane;
  const sent: string[] = [];
  const until = performance.now() + 4000;
  while (performance.now() < until) {
    sent.push(`${sent.length}`);
    await sender.put(await makeBlock(topic, [sent.at(-1)!]), () => undefined);
    await sleep(5);
  }
  await sender.drained(AbortSignal.timeout(10_000));
  assert.deepEqual((await readValues(kafka.brokers, topic)).map(String), sent);
  assert.equal(sender.status.retries, 0);
});

test('it sends with a token, of a file or of a server that gives them', { skip }, async (t) => {
  const dir = await mkdtemp(path.join(tmpdir(), 'runnel-token-'));
  t.after(() => rm(dir, { recursive: true }));
  const token_file = path.join(dir, 'token');
  await writeFile(token_file, `${unsecuredToken('admin')}\n`);
  await checkSends(kafka.saslBrokers, { sasl: { mechanism: 'oauthbearer', token_file } });
  await using server = await startTokenServer({ id: 'runnel', secret: 's' });
  server.answer.token = () => unsecuredToken('admin');
  const sasl: SaslConfig = { mechanism: 'oauthbearer', token_url: server.url, client_id: 'runnel', client_secret: 's' };
  await checkSends(kafka.saslTlsBrokers, { sasl, tls: { ca_file: kafka.ca } });
  assert.match(await checkFails(kafka.saslBrokers, { sasl: { ...sasl, client_secret: 'x' } }), /401 invalid_client/);
  await writeFile(token_file, unsecuredToken('admin', -60));
  assert.match(
    await checkFails(kafka.saslBrokers, { sasl: { mechanism: 'oauthbearer', token_file } }),
    /refuses the (login by oauthbearer: is the token right|token)/,
  );
});

test('a session that ends with its token is followed by one with the next token', { skip }, async () => {
  await using server = await startTokenServer({ id: 'runnel', secret: 's' });
  server.answer = { seconds: 2, token: () => unsecuredToken('admin', 2) };
  const topic = await freshTopic(kafka.brokers, 'tokens');
  const sasl: SaslConfig = { mechanism: 'oauthbearer', token_url: server.url, client_id: 'runnel', client_secret: 's' };
  await using lane = laneOn(topic, kafka.saslBrokers, { sasl });
  const { sender } = lane;
  const sent: string[] = [];
  while (server.asked.length < 4) {
    sent.push(`${sent.length}`);
    await sender.put(await makeBlock(topic, [sent.at(-1)!]), () => undefined);
    await sleep(5);
  }
  await sender.drained(AbortSignal.timeout(10_000));
  assert.deepEqual((await readValues(kafka.brokers, topic)).map(String), sent);
  assert.equal(sender.status.retries, 0);
});

test('a wrong password is said, and waited out', { skip }, async () => {
  const sasl = { ...admin('scram-sha-512'), password: 'wrong' };
  assert.match(
    await checkFails(kafka.saslBrokers, { sasl }),
    /^no broker answers: 127\.0\.0\.1:\d+ refuses the login of admin \(scram-sha-512\): are name, password and mechanism right\? \(since [\d:]+\)$/,
  );
});

test('it sends over TLS, with and without a certificate of its own', { skip }, async () => {
  const { cert, key } = kafka.clientCertificate;
  // Without a certificate the broker takes it for ANONYMOUS, who may do everything here.
  await checkSends(kafka.tlsBrokers, { tls: { ca_file: kafka.ca } });
  const topic = await freshTopic(kafka.brokers, 'mutual');
  await using lane = laneOn(topic, kafka.tlsBrokers, { tls: { ca_file: kafka.ca, cert_file: cert, key_file: key } });
  const { sender } = lane;
  await sender.put(await makeBlock(topic, ['x']), () => undefined);
  // The certificate makes it CN=runnel-test, who has no rights here.
  while (!/^topic_missing|^topic_forbidden/.test(sender.status.error ?? '')) await sleep(20);
});

test('a certificate that nobody vouches for is refused, unless insecure', { skip }, async () => {
  assert.match(
    await checkFails(kafka.tlsBrokers, { tls: {} }),
    /its certificate comes from nobody who is trusted here: name the authority in kafka\.tls\.ca_file/,
  );
  await checkSends(kafka.tlsBrokers, { tls: { insecure: true } });
});

test('a certificate for another name is refused, and server_name says which is meant', { skip }, async () => {
  const tls = { ca_file: kafka.ca, server_name: 'kafka.example.com' };
  assert.match(
    await checkFails(kafka.tlsBrokers, { tls }),
    /its certificate is for localhost, 127\.0\.0\.1, not for kafka\.example\.com: write the name that it has into kafka\.tls\.server_name|its certificate is for 127\.0\.0\.1, localhost, not/,
  );
  await checkSends(kafka.tlsBrokers, { tls: { ca_file: kafka.ca, server_name: 'localhost' } });
});

test('a file that cannot be read is named', { skip }, async () => {
  const tls = { ca_file: path.join(kafka.dir, 'none.pem') };
  assert.match(await checkFails(kafka.tlsBrokers, { tls }), /kafka\.tls\.ca_file .*: there is no such file/);
  await writeFile(path.join(kafka.dir, 'junk.pem'), 'junk');
  await checkFails(kafka.tlsBrokers, { tls: { ca_file: path.join(kafka.dir, 'junk.pem') } });
});

test('a topic without the right to it holds up only itself, until the right is given', { skip }, async () => {
  await createTopic(kafka.brokers, 'closed');
  await createTopic(kafka.brokers, 'opened');
  await withAdmin(kafka.brokers, (a) => a.createAcls({ acl: [allow('opened', 'alice')] }));
  const client = open(kafka.saslBrokers, {
    sasl: { mechanism: 'plain', username: 'alice', password: USERS.alice },
    create_topics: true,
  });
  const closed = new Sender(client, { topic: 'closed', partition: 0, longest_pause: 300 });
  const opened = new Sender(client, { topic: 'opened', partition: 0, longest_pause: 300 });
  try {
    await closed.put(await makeBlock('closed', ['a']), () => undefined);
    await opened.put(await makeBlock('opened', ['b']), () => undefined);
    await opened.drained(AbortSignal.timeout(10_000));
    while (closed.status.error === null) await sleep(10);
    assert.match(closed.status.error, /^topic_forbidden: /);
    await withAdmin(kafka.brokers, (a) => a.createAcls({ acl: [allow('closed', 'alice')] }));
    await closed.drained(AbortSignal.timeout(10_000));
    assert.deepEqual((await readValues(kafka.brokers, 'closed')).map(String), ['a']);
    assert.equal(closed.status.error, null);
  } finally {
    await Promise.all([closed.stop(), opened.stop()]);
    client.close();
  }
});

/** Write, describe and so on for a user. */
function allow(topic: string, user: string) {
  return {
    resourceType: 2,
    resourceName: topic,
    resourcePatternType: 3,
    principal: `User:${user}`,
    host: '*',
    operation: 2,
    permissionType: 3,
  };
}

test('it knows partitions, creates what is missing, and sends to each partition', { skip }, async () => {
  await createTopic(kafka.brokers, 'three', { partitions: 3 });
  const client = open(kafka.brokers, { create_topics: true });
  try {
    assert.equal(await client.partitions('three'), 3);
    assert.equal(await client.partitions('new-one'), 1);
    assert.deepEqual(await client.topicLimit('three'), { bytes: 1_048_588, codec: 'producer' });
    for (const [type, codec] of [
      ['uncompressed', 'none'],
      ['gzip', 'gzip'],
      ['zstd', 'zstd'],
    ] as const) {
      await createTopic(kafka.brokers, type, { 'max.message.bytes': 1000, 'compression.type': type });
      assert.deepEqual(await client.topicLimit(type), { bytes: 1000, codec });
    }
    for (const partition of [2, 0, 1]) {
      const { body, count, codec, time } = await makeBlock('three', [`p${partition}`]);
      const header = sealedHeader(body, { count, codec, time });
      const link = await client.leader('three', partition);
      const answer = await client.produceOn(link, 'three', partition, { header, body });
      assert.deepEqual([answer.errorCode, answer.baseOffset], [0, 0n]);
    }
    assert.deepEqual((await readValues(kafka.brokers, 'three')).map(String), ['p0', 'p1', 'p2']);
    const [one, two] = [await client.initProducerId(), await client.initProducerId()];
    assert.notEqual(one.producerId, two.producerId);
  } finally {
    client.close();
  }
});

test('produce has a connection of its own', { skip }, async () => {
  const topic = await freshTopic(kafka.brokers, 'two-connections');
  const before = kafka.proxy.connections;
  await using lane = laneOn(topic, kafka.proxied);
  const { sender } = lane;
  await sender.put(await makeBlock(topic, ['a']), () => undefined);
  await sender.drained(AbortSignal.timeout(10_000));
  assert.equal(kafka.proxy.connections - before, 2);
});

test('idle connections keep no timer and cost nothing', { skip }, async () => {
  const topic = await freshTopic(kafka.brokers, 'idle');
  await using lane = laneOn(topic, kafka.proxied);
  const { sender } = lane;
  const timers = () => process.getActiveResourcesInfo().filter((kind) => kind === 'Timeout').length;
  const before = timers();
  for (let i = 0; i < 20; i++) await sender.put(await makeBlock(topic, [`${i}`]), () => undefined);
  await sender.drained(AbortSignal.timeout(10_000));
  // The answer that settles the last block is still being dealt with.
  await sleep(50);
  assert.equal(timers(), before);
  const cpu = process.cpuUsage();
  await sleep(1000);
  const { user, system } = process.cpuUsage(cpu);
  assert.ok(user + system < 50_000, `${(user + system) / 1000} ms of CPU in an idle second`);
});

test('a connection that the broker closes while idle is opened again', { skip }, async () => {
  const topic = await freshTopic(kafka.brokers, 'reopened');
  await using lane = laneOn(topic, kafka.proxied);
  const { client, sender } = lane;
  for (let i = 0; i < 3; i++) {
    await sender.put(await makeBlock(topic, [`${i}`]), () => undefined);
    await sender.drained(AbortSignal.timeout(10_000));
    kafka.proxy.cut();
    await sleep(30);
  }
  while (client.state !== 'connected') await sleep(10);
  assert.deepEqual((await readValues(kafka.brokers, topic)).map(String), ['0', '1', '2']);
});

test('when Kafka is back, a topic that is still to be created does not wait as long as the outage made it', {
  skip,
}, async () => {
  const client = open(kafka.proxied, { create_topics: true, longest_pause: 10_000 });
  kafka.proxy.refuse();
  const partitions = client.partitions(`later-${process.pid}`);
  // By then the pauses are seconds long.
  await sleep(4000);
  kafka.proxy.heal();
  while (client.state !== 'connected') await sleep(10);
  const back = performance.now();
  assert.equal(await partitions, 1);
  assert.ok(performance.now() - back < 1500, `${performance.now() - back} ms`);
  client.close();
});

test('a port that does not speak Kafka is said, and ends nothing', async () => {
  for (const words of ['HTTP/1.1 400 Bad Request\r\n\r\n', '\xff\xff\xff\xff\xff\xff\xff\xff', '\0\0\0\x02ab']) {
    const server = createServer((socket) => {
      socket.on('error', () => socket.destroy()).resume();
      socket.write(Buffer.from(words, 'latin1'));
    }).listen(0, '127.0.0.1');
    await new Promise((resolve) => server.once('listening', resolve));
    const { port } = server.address() as { port: number };
    const said = await checkFails(`127.0.0.1:${port}`, { connect_timeout: 300 });
    assert.match(said, /does not speak Kafka's protocol: is the port right\?|no connection within/);
    await new Promise((resolve) => server.close(resolve));
  }
});
