/** Answers of a broker that means harm: longer than what was asked for can be, or with lengths that cannot be. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createRequire } from 'node:module';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { type TestContext, test } from 'node:test';
import { Cluster } from '../../../src/kafka/connect/cluster.ts';
import { Link } from '../../../src/kafka/connect/connection.ts';
import { kafkajs } from '../../../src/kafka/connect/kafkajs.ts';
import { fetchOne } from '../../../src/kafka/read/reading.ts';
import { fetchAnswer } from '../../../src/kafka/wire/fetch.ts';
import { metadataAnswer } from '../../../src/kafka/wire/metadata.ts';
import { produceAnswer } from '../../../src/kafka/wire/produce.ts';

const [PRODUCE, FETCH, METADATA, API_VERSIONS, INIT_PRODUCER_ID] = [0, 1, 3, 18, 22];
const MIB = 1 << 20;

/** Version 12: no brokers, no cluster id, no controller, no topics. */
const NO_TOPICS = Buffer.from('00000000000100ffffffff0100', 'hex');

/** Answers as a broker does, with its versions, unless `answer` has something: the bytes behind the correlation id. */
async function brokerThat(t: TestContext, answer: (api: number) => Buffer | null, behind = Buffer.alloc(0)) {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
    socket.on('data', (request: Buffer) => {
      const api = request.readInt16BE(4);
      const body = answer(api) ?? (api === METADATA ? NO_TOPICS : versions());
      const head = Buffer.alloc(8);
      head.writeInt32BE(body.length + 4);
      request.copy(head, 4, 8, 12);
      socket.write(head);
      socket.write(Buffer.concat([body, behind]));
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  const options = {
    host: '127.0.0.1',
    port,
    clientId: 'test',
    tls: null,
    login: null,
    who: null,
    failed: () => undefined,
  };
  return {
    open: () => Link.open({ ...options, connectTimeout: 20_000, requestTimeout: 20_000 }, AbortSignal.timeout(60_000)),
    /** Bytes that the other side has taken. */
    taken: () => [...sockets].reduce((sum, socket) => sum + socket.bytesWritten - socket.writableLength, 0),
  };
}

function versions(): Buffer {
  const apis = [PRODUCE, FETCH, METADATA, API_VERSIONS, INIT_PRODUCER_ID];
  const body = Buffer.alloc(2 + 4 + apis.length * 6 + 4);
  body.writeInt32BE(apis.length, 2);
  for (const [i, api] of apis.entries()) {
    body.writeInt16BE(api, 6 + i * 6);
    body.writeInt16BE(12, 6 + i * 6 + 4);
  }
  return body;
}

test('an answer that is longer than what was asked for can be is not taken in', async (t) => {
  const check = async (api: number, bytes: number, ask: (link: Link) => Promise<unknown>) => {
    const broker = await brokerThat(t, (asked) => (asked === api ? Buffer.alloc(bytes) : null));
    await assert.rejects(broker.open().then(ask), /does not speak Kafka's protocol/, `api ${api}`);
    assert.ok(broker.taken() < bytes, `${broker.taken()} bytes were taken`);
  };
  const partition = { topic: 't', partition: 0 };
  const batch = { header: Buffer.alloc(61), body: Buffer.alloc(1), transactionalId: null, timeout: 1000 };
  await check(API_VERSIONS, 60 * MIB, async () => undefined);
  await check(INIT_PRODUCER_ID, 20 * MIB, (link) => link.request('InitProducerId', { transactionTimeout: 1 }));
  await check(PRODUCE, 20 * MIB, (link) => link.produce({ ...partition, ...batch }));
  await check(METADATA, 40 * MIB, (link) => link.metadata(['t']));
  await check(FETCH, 100 * MIB, (link) =>
    fetchOne(link, { ...partition, offset: 0, isolation: 'read_committed', maxBytes: 1000, maxWait: 0 }),
  );
});

test('an answer to nothing that was asked ends the connection', async (t) => {
  const unasked = Buffer.from([0, 0, 0, 8, 0, 1, 2, 3, 4, 5, 6, 7]);
  const broker = await brokerThat(t, () => null, unasked);
  await assert.rejects(
    broker.open().then((link) => link.metadata([])),
    /does not speak Kafka's protocol/,
  );
});

test('no room is made for elements that an answer claims to have and has not', async (t) => {
  const claims = Buffer.alloc(2 + 4 + 6);
  claims.writeInt32BE(33_000_000, 2);
  const broker = await brokerThat(t, () => claims);
  await assert.rejects(broker.open(), /a length of 33000000 is impossible/);

  kafkajs();
  const Decoder = createRequire(import.meta.url)('kafkajs/src/protocol/decoder');
  const never = () => assert.fail('an element was read');
  const many = Buffer.from([0x7f, 0xff, 0xff, 0xff, 0x0f]);
  assert.throws(() => new Decoder(many).readArray(never), RangeError);
  assert.throws(() => new Decoder(many).readString(), RangeError);
  assert.throws(() => new Decoder(many).readBytes(), RangeError);
  const varint = Buffer.from([0xfe, 0xff, 0xff, 0xff, 0x07]);
  assert.throws(() => new Decoder(varint).readVarIntArray(never), RangeError);
  assert.throws(() => new Decoder(varint).readUVarIntArray(never), RangeError);
  assert.throws(() => new Decoder(many).readArrayAsync(never), RangeError);
});

test('counts that are above the bytes that are left are refused before anything is read', () => {
  const asked = { topic: '', topicId: null, partition: 0, offset: 0, maxBytes: 0 };
  const fetch = Buffer.alloc(60);
  for (const at of [4, 10]) fetch.writeInt32BE(1, at);
  fetch.writeInt32BE(2 ** 31 - 1, 36);
  assert.throws(() => fetchAnswer(fetch, 4, [asked]), /cut short/);
  const produce = Buffer.alloc(60);
  for (const at of [0, 6]) produce.writeInt32BE(1, at);
  produce.writeInt32BE(2 ** 31 - 1, 40);
  assert.throws(() => produceAnswer(produce, 8), /cut short/);
  for (const tags of [0, 1]) {
    const metadata = Buffer.concat([Buffer.alloc(5), Buffer.from([0xff, 0xff, 0xff, 0xff, 0x0f]), Buffer.alloc(30)]);
    assert.throws(() => metadataAnswer(metadata.subarray(5 * tags)), /cut short/);
  }
});

test('a cluster of more brokers than any has is not believed', () => {
  const cluster = new Cluster(true);
  const answer = (count: number) => ({
    brokers: Array.from({ length: count }, (_, nodeId) => ({ nodeId, host: 'kafka', port: 9092 })),
    clusterId: null,
    controllerId: 0,
    topicMetadata: [],
  });
  cluster.learn(answer(10_000));
  assert.throws(() => cluster.learn(answer(10_001)), /a cluster of 10001 brokers is impossible/);
  assert.equal(cluster.nodes.size, 10_000);
});

test('a broker cannot ask for so many rounds of SCRAM that a thread is gone for good', async () => {
  kafkajs();
  const { SCRAM, DIGESTS } = createRequire(import.meta.url)('kafkajs/src/broker/saslAuthenticator/scram');
  await assert.rejects(SCRAM.hi('password', Buffer.from('salt'), 2 ** 31 - 1, DIGESTS.SHA512), /2147483647 iterations/);
  assert.equal((await SCRAM.hi('password', Buffer.from('salt'), 4096, DIGESTS.SHA512)).length, 64);
});
