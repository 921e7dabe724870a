import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Accounts } from '../../src/core/account.ts';
import type { Pipeline } from '../../src/core/pipeline.ts';
import type { Delivery } from '../../src/delivery/delivery.ts';
import { books, imbalances } from '../../src/report/status.ts';

/** The books of one input with this many items in batches, in blocks and in a StatsD window. */
function booksOf(accounts: Accounts, batches: number, blocks: number, window = 0, spooled = 0) {
  const stream = { account: accounts.of('logs.app') };
  return books({
    accounts,
    pipeline: { pending: () => [{ stream, weight: batches }] } as unknown as Pipeline,
    delivery: {
      pending: () => [{ input: 'logs.app', weight: blocks }],
      spooled: () => new Map([['logs.app', spooled]]),
    } as unknown as Delivery,
    inputs: { problems: () => [], status: () => ({}), inFlight: () => [{ input: 'statsd', weight: window }] },
  });
}

test('books that add up say nothing', () => {
  const accounts = new Accounts();
  const app = accounts.of('logs.app');
  app.received = 10;
  app.recovered = 2;
  app.forwarded = 6;
  app.filtered = 1;
  app.drop('refused', 2);
  accounts.of('statsd').received = 4;
  const all = booksOf(accounts, 1, 1, 4, 1);
  assert.equal(all.inputs['logs.app']!.unaccounted, 0);
  assert.equal(all.total.unaccounted, 0);
  assert.deepEqual([all.total.in_flight, all.total.in_local_log], [7, 1]);
  assert.deepEqual(imbalances(all), []);
});

test('what is lost without a reason, and what is counted twice, is said with its input and number', () => {
  const accounts = new Accounts();
  accounts.of('logs.app').received = 10;
  accounts.of('logs.app').forwarded = 5;
  accounts.of('statsd').received = 4;
  const all = booksOf(accounts, 1, 2, 5);
  assert.equal(all.inputs['logs.app']!.unaccounted, 2);
  assert.equal(all.inputs.statsd!.unaccounted, -1);
  assert.deepEqual(imbalances(all), [
    'books of logs.app: 2 items are neither forwarded, dropped nor on their way; please report this',
    'books of statsd: 1 items are counted twice; please report this',
  ]);
});
