/** Agents that take audit events, killed at any moment. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { killIntake } from '../support/audit-intake-kills.ts';
import { noKafka, sharedKafka } from '../support/kafka.ts';

test('what an agent answered is in Kafka once, in whole chains, killed at any moment', { skip: noKafka }, async () => {
  await using kafka = await sharedKafka();
  const prefix = `audit-${randomBytes(4).toString('hex')}`;
  const { answered } = await killIntake(kafka.brokers, prefix, 4, (round) => 600 + 500 * round);
  assert.ok(answered > 200, `${answered} were answered`);
});
