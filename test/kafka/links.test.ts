import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseAddress } from '../../src/kafka/links.ts';

test('addresses have a default port, and may be IPv6', () => {
  const check = (text: string, host: string, port: number) => assert.deepEqual(parseAddress(text), { host, port });
  check('kafka-1', 'kafka-1', 9092);
  check('kafka-1:9093', 'kafka-1', 9093);
  check('127.0.0.1:1', '127.0.0.1', 1);
  check('[::1]:9093', '::1', 9093);
  check('[::1]', '::1', 9092);
  check('::1', '::1', 9092);
});
