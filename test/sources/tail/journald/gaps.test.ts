/** Which entries were removed before they were read, by their numbers and by what is still there. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { entriesBetween, Gaps } from '../../../../src/sources/tail/journald/gaps.ts';

const cursor = (number: number, series = 'a1') => `s=${series};i=${number.toString(16)};b=0;m=1;t=2;x=3`;

test('entries between two are those that were numbered between', () => {
  assert.equal(entriesBetween(cursor(7), cursor(8)), 0);
  assert.equal(entriesBetween(cursor(7), cursor(0x1000)), 0x1000 - 8);
  assert.equal(entriesBetween(cursor(7), cursor(8, 'b2')), null);
  assert.equal(entriesBetween(cursor(8), cursor(7)), null);
  assert.equal(entriesBetween('', cursor(7)), null);
});

async function told(runs: readonly (readonly number[])[], there: (asked: string) => string | null) {
  const asked: string[] = [];
  const removed: number[] = [];
  const gaps = new Gaps({
    async firstAt(one) {
      asked.push(one);
      return there(one);
    },
    removed: (count) => removed.push(count),
  });
  gaps.begin(cursor(1));
  for (const numbers of runs) {
    gaps.read(numbers.map((number) => cursor(number)));
    await gaps.told();
  }
  return { asked, removed };
}

test('what is missing behind an entry that is gone was removed', async () => {
  const gone = () => cursor(99);
  assert.deepEqual(await told([[2, 3], [4]], gone), { asked: [], removed: [] });
  assert.deepEqual(await told([[2, 3], [10, 11], [12]], gone), { asked: [cursor(3)], removed: [6] });
  assert.deepEqual(await told([[2, 10, 11, 20]], gone), { asked: [cursor(2)], removed: [15] });
  assert.deepEqual(await told([[5], [9]], () => null), { asked: [cursor(1), cursor(5)], removed: [3, 3] });
});

test('where it is still there the others are not for us, and that is not asked for each time', async () => {
  const same = (asked: string) => asked;
  assert.deepEqual(await told([[2], [10], [20]], same), { asked: [cursor(2)], removed: [] });
});

test('what follows on nothing is no gap', async () => {
  const gaps = new Gaps({ firstAt: () => assert.fail('asked'), removed: () => assert.fail('told') });
  gaps.read([cursor(7)]);
  gaps.read([cursor(8)]);
  gaps.begin(null);
  gaps.read([cursor(70)]);
  await gaps.told();
});
