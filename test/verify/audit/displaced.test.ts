/** What is out of its order. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { displaced } from '../../../src/verify/audit/displaced.ts';

/** Positions with weights of 1, or `[position, weight]`. */
function check(placed: (number | [number, number])[], expected: number[]): void {
  const items = placed.map((one) =>
    typeof one === 'number' ? { position: one, weight: 1 } : { position: one[0], weight: one[1] },
  );
  assert.deepEqual(displaced(items), expected, placed.join(' '));
}

test('what is in order is in order', () => {
  check([], []);
  check([7], []);
  check([1, 2, 5, 9], []);
});

test('the least that explains it', () => {
  check([1, 2, 4, 3, 5], [2, 3]);
  check([1, 5, 2, 3, 4, 6], [1]);
  check([2, 3, 4, 1, 5], [3]);
  check([1, 6, 3, 4, 5, 2, 7], [1, 5]);
  check(
    [
      [1, 10],
      [12, 5],
      [11, 1],
      [17, 9],
    ],
    [2],
  );
});

test('whatever comes, what is left is in order, and what is named could stay', () => {
  let seed = 7;
  const random = (n: number) => {
    seed = (seed * 1103515245 + 12345) & 0x7fffffff;
    return seed % n;
  };
  for (let round = 0; round < 500; round++) {
    const positions = Array.from({ length: 1 + random(7) }, (_, i) => i);
    for (let i = positions.length - 1; i > 0; i--) {
      const j = random(i + 1);
      [positions[i], positions[j]] = [positions[j]!, positions[i]!];
    }
    const items = positions.map((position) => ({ position, weight: 1 + random(3) }));
    // All selections that ascend, by trying.
    let best = 0;
    let inAll = new Set<number>();
    for (let set = 0; set < 1 << items.length; set++) {
      const chosen = items.map((_, i) => i).filter((i) => set & (1 << i));
      if (chosen.some((i, k) => k > 0 && items[chosen[k - 1]!]!.position > items[i]!.position)) continue;
      const weight = chosen.reduce((sum, i) => sum + items[i]!.weight, 0);
      if (weight > best) inAll = new Set(chosen);
      else if (weight === best) inAll = inAll.intersection(new Set(chosen));
      best = Math.max(best, weight);
    }
    assert.deepEqual(
      displaced(items),
      items.map((_, i) => i).filter((i) => !inAll.has(i)),
      JSON.stringify(items),
    );
  }
});
