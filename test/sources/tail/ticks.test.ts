import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { Ticks } from '../../../src/sources/tail/ticks.ts';

test('where nothing happens a tick stands for four, and a stir ends that at once', async () => {
  const ticked: [at: number, ticks: number][] = [];
  let few = false;
  const began = performance.now();
  const ticks = new Ticks(
    (count) => ticked.push([performance.now() - began, count]),
    () => few,
    300,
  );
  ticks.start();
  while (ticked.length < 3) await sleep(10);
  assert.ok(ticked.every(([, count]) => count === 1));
  few = true;
  while (ticked.at(-1)![1] === 1) await sleep(10);
  const calm = ticked.length;
  while (ticked.length < calm + 1) await sleep(10);
  const [[before], [after, count]] = ticked.slice(-2) as [[number, number], [number, number]];
  assert.equal(count, 4);
  // At the next multiple of a second, and the one before may have been late.
  assert.ok(after - before > 240, `${after - before}`);
  ticks.stir();
  while (ticked.length < calm + 2) await sleep(10);
  assert.equal(ticked.at(-1)![1], 1);
  ticks.stop();
  const stopped = ticked.length;
  await sleep(400);
  assert.equal(ticked.length, stopped);
});
