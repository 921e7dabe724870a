import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Ages } from '../../../../src/sources/tail/positions/ages.ts';

/** The same numbers for the same seed, from 0 to 1. */
function randomly(seed: number): () => number {
  let state = seed * 7919 + 1;
  return () => {
    state = (state * 1103515245 + 12345) & 0x7fffffff;
    return state / 0x7fffffff;
  };
}

test('no age is too small, and none larger by more than an eighth of the longest wait, or a tenth of a second', () => {
  for (let seed = 0; seed < 60; seed++) {
    const random = randomly(seed);
    const ages = new Ages(0, 1, 0);
    const all = [{ at: 0, time: 0 }];
    const length = 10 ** (1 + random() * 6);
    let [now, end, safe] = [0, 1, 0];
    const check = () => {
      const time = all.findLast(({ at }) => at <= safe)!.time;
      const oldest = all[0]!.time;
      const error = time - ages.of(safe);
      assert.ok(error >= 0 && error <= Math.max(101, (now - oldest) / 8), `seed ${seed}: ${error} of ${now - oldest}`);
    };
    const settleMs = random() < 0.5 ? 0 : length / 5;
    while (now < length) {
      now += (random() * length) / 500;
      const to = end + 1 + Math.floor(random() * 100);
      ages.add(to, now, safe);
      all.push({ at: end, time: now });
      end = to;
      // Some is acknowledged while more comes.
      if (settleMs > 0) safe = Math.max(safe, all.findLast(({ time }) => time <= now - settleMs)?.at ?? 0);
      check();
    }
    for (; safe < end; safe += Math.ceil(end / 200)) check();
  }
});

test('what is cut off does not age', () => {
  const ages = new Ages(0, 10, 0);
  ages.add(20, 1000, 0);
  ages.add(30, 2000, 0);
  ages.cut(15);
  ages.add(40, 3000, 0);
  assert.deepEqual(
    [0, 10, 15, 39].map((position) => ages.of(position)),
    [0, 1000, 3000, 3000],
  );
});
