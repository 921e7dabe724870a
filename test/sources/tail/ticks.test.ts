import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { Ticks } from '../../../src/sources/tail/ticks.ts';

test('where nothing happens a tick stands for four, and a stir ends that at once', async (t) => {
  const ticked: { at: number; ticks: number }[] = [];
  let few = false;
  const ticks = new Ticks({
    onTick: (count) => ticked.push({ at: performance.now(), ticks: count }),
    onStep: () => false,
    mayBeCalm: () => few,
    still_ms: 300,
  });
  t.after(() => ticks.stop());
  const next = async () => {
    const seen = ticked.length;
    while (ticked.length === seen) await sleep(5);
    return ticked[seen]!;
  };

  ticks.start();
  for (let i = 0; i < 3; i++) assert.equal((await next()).ticks, 1);

  few = true;
  let last = await next();
  while (last.ticks === 1) last = await next();
  assert.equal(last.ticks, 4);
  assert.equal((await next()).ticks, 4);

  const stirred = performance.now();
  ticks.stir();
  last = await next();
  assert.equal(last.ticks, 1);
  assert.ok(last.at > stirred);

  ticks.stop();
  const count = ticked.length;
  await sleep(400);
  assert.equal(ticked.length, count);
});

test('what is hurried goes on in short steps until it is done, before the first tick and in a calm one', async (t) => {
  let steps = 0;
  let enough = 3;
  let ticked = 0;
  const ticks = new Ticks({
    onTick: (count) => {
      ticked = count;
    },
    onStep: () => ++steps < enough,
    mayBeCalm: () => true,
    still_ms: 0,
  });
  t.after(() => ticks.stop());
  const stepped = async () => {
    while (steps < enough) await sleep(5);
  };

  ticks.hurry();
  ticks.start();
  await stepped();

  while (ticked !== 4) await sleep(5);
  enough = 6;
  const hurried = performance.now();
  ticks.hurry();
  await stepped();
  assert.ok(performance.now() - hurried > 3 * 40, 'not all at once');
  await sleep(300);
  assert.equal(steps, 6);
});

test('what is hurried where the loop was held up past the next tick is no reason to warn', async (t) => {
  const warnings: Error[] = [];
  const warned = (warning: Error) => warnings.push(warning);
  process.on('warning', warned);
  let ticked = 0;
  const ticks = new Ticks({ onTick: () => ticked++, onStep: () => false, mayBeCalm: () => false });
  t.after(() => {
    ticks.stop();
    process.off('warning', warned);
  });

  ticks.start();
  const blocked = performance.now();
  while (performance.now() - blocked < 400);
  ticks.hurry();
  while (ticked === 0) await sleep(5);
  assert.deepEqual(warnings, []);
});
