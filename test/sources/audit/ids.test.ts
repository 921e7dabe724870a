import assert from 'node:assert/strict';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { idKey, RecentIds } from '../../../src/sources/audit/ids.ts';
import { directory } from '../../support/directory.ts';

const eventOf = (n: number) => {
  const digest = Buffer.alloc(16, n).toString('latin1');
  return { digest, sequence: n, hash: Buffer.alloc(32, n + 1).toString('hex') };
};
const NOTHING = { count: 0, capacity: 1 };

/** Ids that are known, by a list. */
function known(ids: RecentIds, from: number, to: number): number[] {
  return Array.from({ length: to - from }, (_, i) => from + i).filter((n) => {
    const found = ids.get(idKey('s', `id-${n}`));
    if (found) assert.deepEqual(found, eventOf(n % 250));
    return found !== null;
  });
}

test('the last ids are known, and no others', () => {
  const ids = RecentIds.load(100, Buffer.alloc(0), NOTHING);
  for (let n = 0; n < 1000; n++) {
    ids.add(idKey('s', `id-${n}`), eventOf(n % 250));
    if (n % 37 === 0 || n < 5) {
      const from = Math.max(0, n - 99);
      assert.deepEqual(
        known(ids, 0, 1000),
        Array.from({ length: n + 1 - from }, (_, i) => from + i),
        `after ${n}`,
      );
    }
  }
  assert.equal(ids.get(idKey('other', 'id-999')), null);
});

test('what was stored is known to the next process, also with room for more or fewer', async (t) => {
  const dir = directory(t);
  const path = join(dir, 'ids');
  let ids = RecentIds.load(100, Buffer.alloc(0), NOTHING);
  let next = 0;
  for (const [more, capacity] of [
    [30, 100],
    [50, 100],
    [150, 100],
    [10, 40],
    [5, 300],
    [400, 300],
  ] as const) {
    for (let i = 0; i < more; i++, next++) ids.add(idKey('s', `id-${next}`), eventOf(next % 250));
    const before = known(ids, 0, next);
    const saved = await ids.store(path);
    ids = RecentIds.load(capacity, await readFile(path), saved);
    assert.deepEqual(known(ids, 0, next), before.slice(-capacity), `${next}`);
    if (capacity !== saved.capacity) await rm(path);
  }
});

test('entries that are damaged, or newer than what is asked for, are none', async (t) => {
  const dir = directory(t);
  const path = join(dir, 'ids');
  const ids = RecentIds.load(50, Buffer.alloc(0), NOTHING);
  for (let n = 0; n < 50; n++) ids.add(idKey('s', `id-${n}`), eventOf(n));
  const saved = await ids.store(path);
  for (let n = 50; n < 60; n++) ids.add(idKey('s', `id-${n}`), eventOf(n));
  await ids.store(path);
  const bytes = await readFile(path);
  bytes[84 * 20 + 50]! ^= 1;
  await writeFile(path, bytes);
  const loaded = RecentIds.load(50, await readFile(path), saved);
  assert.deepEqual(
    known(loaded, 0, 60),
    Array.from({ length: 40 }, (_, i) => i + 10).filter((n) => n !== 20),
  );
  // They go on as if nothing had been: what was forgotten of the ring is not looked for.
  for (let n = 60; n < 200; n++) loaded.add(idKey('s', `id-${n}`), eventOf(n % 250));
  assert.deepEqual(
    known(loaded, 0, 200),
    Array.from({ length: 50 }, (_, i) => i + 150),
  );
  assert.deepEqual(known(RecentIds.load(50, Buffer.alloc(0), saved), 0, 200), []);
});
