import assert from 'node:assert/strict';
import { test } from 'node:test';
import { queryObjects } from 'node:v8';
import { Link } from '../../../src/kafka/connect/connection.ts';
import { parseAddress } from '../../../src/kafka/connect/connections.ts';
import { FakeBroker } from '../../support/fake-broker.ts';

test('addresses have a default port, and may be IPv6', () => {
  const check = (text: string, host: string, port: number) => assert.deepEqual(parseAddress(text), { host, port });
  check('kafka-1', 'kafka-1', 9092);
  check('kafka-1:9093', 'kafka-1', 9093);
  check('127.0.0.1:1', '127.0.0.1', 1);
  check('[::1]:9093', '::1', 9093);
  check('[::1]', '::1', 9092);
  check('::1', '::1', 9092);
});

test('a link keeps nothing of what it was asked and has answered', async () => {
  await using broker = await FakeBroker.start();
  const [host, port] = broker.address.split(':') as [string, string];
  const options = {
    host,
    port: Number(port),
    clientId: 'test',
    tls: null,
    login: null,
    who: null,
    failed: () => undefined,
  };
  const limits = { connectTimeout: 10_000, requestTimeout: 10_000 };
  const link = await Link.open({ ...options, ...limits }, AbortSignal.timeout(20_000));
  const ask = async () => {
    for (let i = 0; i < 100; i++) await link.request('Metadata', { topics: ['a'], allowAutoTopicCreation: false });
  };
  await ask();
  const before = queryObjects(Function);
  await ask();
  const more = Number(queryObjects(Function)) - Number(before);
  link.fail('closed');
  assert.ok(more < 50, `${more} functions more after 100 requests`);
});
