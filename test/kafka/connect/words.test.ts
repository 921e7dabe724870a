/** What is said where no broker can be used: one sentence, and what to do. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { type TestContext, test } from 'node:test';
import { KafkaClient, type KafkaClientOptions } from '../../../src/kafka/connect/client.ts';
import { NoBroker } from '../../../src/kafka/wire/errors.ts';
import { freePort } from '../../support/ports.ts';
import { said } from '../../support/tail.ts';

/** Gives the error once there is one; addresses and the time are taken out. */
async function errorOf(brokers: string[], options: Partial<KafkaClientOptions> = {}): Promise<string> {
  const client = new KafkaClient({
    brokers,
    client_id: 'test',
    create_topics: false,
    longest_pause: 50,
    quiet: true,
    ...options,
  });
  client.connect().catch(() => undefined);
  while (client.error === null) await new Promise((resolve) => setTimeout(resolve, 5));
  const { error } = client;
  client.close();
  return error.replace(/127\.0\.0\.1:\d+/g, 'IT').replace(/ \(since \d\d:\d\d:\d\d\)$/, ' (since)');
}

async function listen(t: TestContext, talk: (socket: Socket) => void): Promise<string> {
  const server = createServer((socket) => talk(socket.on('error', () => undefined))).listen(0, '127.0.0.1');
  t.after(() => server.close());
  await once(server, 'listening');
  return `127.0.0.1:${(server.address() as AddressInfo).port}`;
}

test('nobody listens', async () => {
  const nobody = `127.0.0.1:${await freePort()}`;
  assert.equal(await errorOf([nobody]), 'no broker answers: IT refuses connections (since)');
  assert.equal(
    await errorOf([nobody, 'broker.invalid']).then((text) =>
      text
        .split(/answers: |, | \(/)
        .slice(1, 3)
        .sort()
        .join(', '),
    ),
    'IT refuses connections, no address for broker.invalid: is the name right?',
  );
});

const login = { mechanism: 'plain', username: 'alice', password: 'x' } as const;
const ENDED = 'no broker answers: IT ended the connection';
const cases: [what: string, talk: (socket: Socket) => void, options: Partial<KafkaClientOptions>, expected: string][] =
  [
    [
      'something else',
      (socket) => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n'),
      {},
      "no broker answers: IT does not speak Kafka's protocol: is the port right? (since)",
    ],
    [
      'TLS',
      (socket) => socket.end(Buffer.of(0x15, 3, 3, 0, 2, 2, 80)),
      {},
      'no broker answers: IT speaks TLS at this port: write tls: {} into kafka, or ca_file where the authority is your own (since)',
    ],
    [
      'one that ends at once',
      (socket) => socket.once('data', () => socket.end()),
      {},
      `${ENDED} at the first question: does it want TLS (kafka.tls), or is it no Kafka broker? (since)`,
    ],
    [
      'one that ends at once, where a login is given',
      (socket) => socket.once('data', () => socket.end()),
      { sasl: login },
      `${ENDED} at the first question: is it a Kafka broker? (since)`,
    ],
    [
      'no TLS',
      (socket) => socket.once('data', () => socket.end()),
      { tls: {} },
      `${ENDED} in the TLS handshake: does it speak TLS at this port? Without TLS leave kafka.tls out (since)`,
    ],
    [
      'nothing',
      (socket) => socket.resume(),
      { connect_timeout: 200 },
      'no broker answers: IT: no connection within 0.2 s: it takes one and says nothing (since)',
    ],
  ];
for (const [what, talk, options, expected] of cases) {
  test(`there is ${what}`, async (t) => {
    assert.equal(await errorOf([await listen(t, talk)], options), expected);
  });
}

test('a file that is not there is said once for all brokers', async () => {
  const tls = { ca_file: '/nope/ca.pem' };
  assert.equal(
    await errorOf(['127.0.0.1:1', '127.0.0.1:2'], { tls }),
    'no broker answers: kafka.tls.ca_file /nope/ca.pem: there is no such file (since)',
  );
});

test('of many brokers some are named', () => {
  const reasons = ['a', 'b', 'a', 'c', 'd', 'e'];
  assert.equal(new NoBroker(reasons).message, 'no broker answers: a, b, c and 2 more');
});

test('the log says it once, with what waits', async () => {
  const lines = await said(async () => {
    let attempts = 0;
    const server = createServer((socket) => {
      attempts++;
      socket.destroy();
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const brokers = [`127.0.0.1:${(server.address() as AddressInfo).port}`];
    const options = { client_id: 'test', create_topics: false, longest_pause: 20, waiting: () => 453 };
    const client = new KafkaClient({ brokers, ...options });
    client.connect().catch(() => undefined);
    while (attempts < 5) await new Promise((resolve) => setTimeout(resolve, 5));
    client.close();
    server.close();
  });
  const [line, ...more] = lines.filter((text) => text.includes('no broker answers'));
  assert.match(line!, /no broker answers: 127\.0\.0\.1:\d+ .*; 453 records wait; trying again until one answers$/);
  assert.deepEqual(more, []);
});
