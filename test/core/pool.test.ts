import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Pool, SHARE_MINIMUM, SLOT_CAPACITY } from '../../src/core/pool.ts';

const MiB = 1 << 20;

/** Whether a promise is settled already. */
async function settled(promise: Promise<unknown>): Promise<boolean> {
  return Promise.race([promise.then(() => true), new Promise<boolean>((r) => setImmediate(() => r(false)))]);
}

test('slots lie in the pool, apart from each other', async () => {
  const pool = new Pool(16 * MiB);
  const share = pool.share('a');
  const one = await pool.take(share, 'batch');
  const two = await pool.take(share, 'block');
  assert.ok(Math.abs(one.bytesAt - two.bytesAt) >= SLOT_CAPACITY);
  one.bytes.fill(7);
  assert.equal(two.bytes.includes(7), false);
  assert.equal(Buffer.from(pool.memory.buffer)[one.bytesAt], 7);
});

test('a slot given back is the next one out', async () => {
  const pool = new Pool(16 * MiB);
  const share = pool.share('a');
  const slot = await pool.take(share, 'batch');
  pool.give(share, 'batch', slot);
  assert.equal(await pool.take(share, 'batch'), slot);
});

test('the minimums of shares that are not reserved any more are free for others', async () => {
  const pool = new Pool(16 * MiB);
  const share = pool.share('a');
  for (const name of ['b', 'c', 'd', 'e']) pool.share(name);
  const given = Array.from({ length: pool.limit }, () => pool.take(share, 'block'));
  assert.equal(await settled(given.at(-1)!), false);
  pool.reserve(['a', 'b'].map((name) => ({ name, fields: false })));
  assert.equal(await settled(given.at(-1)!), true);
});

test('a share that takes all it may leaves the others their minimum', async () => {
  const pool = new Pool(32 * MiB);
  const greedy = pool.share('greedy');
  const modest = pool.share('modest');
  const third = pool.share('third');
  for (let i = 0; i < pool.limit; i++) await pool.take(greedy, 'block');
  assert.equal(await settled(pool.take(greedy, 'block')), false);
  for (let i = 0; i < SHARE_MINIMUM; i++) {
    assert.equal(await settled(pool.take(modest, 'block')), true);
    assert.equal(await settled(pool.take(third, 'block')), true);
  }
});

test('batches leave the last two slots of a share to blocks', async () => {
  const pool = new Pool(32 * MiB);
  const share = pool.share('a');
  for (let i = 0; i < pool.limit - 2; i++) await pool.take(share, 'batch');
  assert.equal(await settled(pool.take(share, 'batch')), false);
  assert.equal(await settled(pool.take(share, 'block')), true);
  assert.equal(await settled(pool.take(share, 'block')), true);
});

test('where shares have their minimum and no more, batches leave two of that to blocks', async () => {
  for (const fields of [false, true]) {
    const pool = new Pool(Pool.minimumFor({ plain: fields ? 0 : 8, fields: fields ? 6 : 0, arenas: 0 }));
    const names = Array.from({ length: fields ? 6 : 8 }, (_, i) => `${i}`);
    pool.reserve(names.map((name) => ({ name, fields })));
    const shares = names.map((name) => pool.share(name));
    const batches = shares.flatMap((share) => {
      return Array.from({ length: 5 }, () => pool.takeAll(share, 'batch', fields ? 2 : 1));
    });
    const given = await Promise.all(batches.map(settled));
    assert.equal(given.filter((is) => is).length, shares.length, 'one batch each');
    for (const share of shares) {
      for (const block of [pool.take(share, 'block'), pool.take(share, 'block')]) assert.ok(await settled(block));
    }
  }
});

test('batches of many busy topics never take what their blocks need', async () => {
  const pool = new Pool(32 * MiB);
  const shares = Array.from({ length: 6 }, (_, i) => pool.share(`${i}`));
  for (let round = 0; round < 5; round++) for (const share of shares) pool.take(share, 'batch');
  for (const share of shares) assert.ok(await settled(pool.take(share, 'block')), share.name);
});

test('of more minimums than there is room for batches leave something to blocks', async () => {
  for (const size of [16, 17, 18, 32]) {
    for (const fields of [false, true]) {
      const pool = new Pool(size * MiB);
      const shares = Array.from({ length: 24 }, (_, i) => pool.share(`${i}`));
      pool.reserve(shares.map(({ name }) => ({ name, fields })));
      for (const share of shares) pool.takeAll(share, 'batch', fields ? 2 : 1);
      const busy = shares.filter(({ batches }) => batches > 0);
      assert.ok(busy.length > 1);
      for (const share of busy) {
        const block = pool.take(share, 'block');
        assert.ok(await settled(block), `${share.name} can pack what it has`);
        pool.give(share, 'block', await block);
      }
    }
  }
});

test('who waits for a slot gets it when one comes back, blocks before batches', async () => {
  const pool = new Pool(32 * MiB);
  const share = pool.share('a');
  const held = [];
  for (let i = 0; i < pool.limit; i++) held.push(await pool.take(share, i < 2 ? 'batch' : 'block'));
  const batch = pool.take(share, 'batch');
  const block = pool.take(share, 'block');
  pool.give(share, 'block', held.pop()!);
  assert.equal(await settled(block), true);
  assert.equal(await settled(batch), false);
  pool.give(share, 'block', held.pop()!);
  assert.equal(await settled(batch), true);
});

test('who wants two slots gets them both, however many want one', async () => {
  const pool = new Pool(32 * MiB);
  const share = pool.share('a');
  const held = [];
  for (let i = 0; i < pool.limit - 2; i++) held.push(await pool.take(share, 'batch'));
  const two = pool.takeAll(share, 'batch', 2);
  pool.give(share, 'batch', held.pop()!);
  const one = pool.take(share, 'batch');
  assert.equal(await settled(two), false);
  assert.equal(await settled(one), false);
  pool.give(share, 'batch', held.pop()!);
  assert.equal(new Set(await two).size, 2);
  pool.give(share, 'batch', held.pop()!);
  await one;
});

test('a share with fields can count on one slot more', async () => {
  for (const fields of [false, true]) {
    const pool = new Pool(16 * MiB);
    pool.reserve(['a', 'b', 'c'].map((name) => ({ name, fields: fields && name === 'c' })));
    const given = Array.from({ length: 4 }, () => pool.take(pool.share('a'), 'block'));
    assert.equal(await settled(given[3]!), !fields);
    assert.equal(await settled(pool.takeAll(pool.share('c'), 'batch', fields ? 2 : 1)), true);
  }
});

test('an input with fields needs at most 2 MiB more than another', () => {
  const memory = (fields: number) => {
    const demand = { plain: 6 - fields, fields, arenas: fields };
    return new Pool(Pool.minimumFor(demand), demand.arenas).memory.buffer.byteLength;
  };
  for (const fields of [1, 2, 6]) {
    const more = (memory(fields) - memory(0)) / fields;
    assert.ok(more > MiB && more <= 2 * MiB, `${fields}: ${more}`);
  }
});

test('a wait for a slot ends when its signal aborts', async () => {
  const pool = new Pool(16 * MiB);
  const share = pool.share('a');
  for (let i = 0; i < pool.limit; i++) await pool.take(share, 'block');
  const stop = new AbortController();
  const waiting = pool.take(share, 'batch', stop.signal);
  stop.abort(new Error('stopped'));
  await assert.rejects(waiting, /stopped/);
});

test('compressed bytes of one share do not use up the budget of another', async () => {
  const pool = new Pool(32 * MiB);
  const greedy = pool.share('greedy');
  const modest = pool.share('modest');
  let admitted = 0;
  while (await settled(pool.admit(greedy, MiB))) admitted++;
  assert.ok(admitted >= 2 && admitted < 8, `${admitted} MiB admitted`);
  assert.equal(await settled(pool.admit(modest, MiB)), true);
  pool.release(greedy, MiB);
});
