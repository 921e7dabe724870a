/** Business and audit are the same, whatever is killed: five rounds here, two hundred by `npm run proof -- audit`. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { killAudit, VICTIMS } from '../support/audit-kills.ts';
import { noKafka } from '../support/kafka.ts';
import { noPostgres } from '../support/postgres.ts';

test('each transaction has its event in Kafka, once, with every part killed once', {
  skip: noKafka || noPostgres,
}, async () => {
  const { kills, committed } = await killAudit(VICTIMS.length, () => 300 + Math.random() * 500);
  for (const victim of VICTIMS) assert.ok(kills[victim] > 0, victim);
  assert.ok(committed > 200, `${committed} transactions`);
});
