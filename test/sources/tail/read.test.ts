import assert from 'node:assert/strict';
import { appendFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { Bench } from './collect.ts';

test('lines of files that are there and of files that appear come in order', async (t) => {
  const bench = new Bench(t);
  writeFileSync(bench.path('a.log'), 'a1\na2\n');
  const out = await bench.start();
  await out.count(2);
  writeFileSync(bench.path('b.log'), 'b1\n');
  appendFileSync(bench.path('a.log'), 'a3\n');
  appendFileSync(bench.path('b.log'), 'b2\n');
  await out.count(5);
  assert.deepEqual(out.texts(bench.path('a.log')), ['a1', 'a2', 'a3']);
  assert.deepEqual(out.texts(bench.path('b.log')), ['b1', 'b2']);
  assert.equal(bench.account.received, 5);
});
