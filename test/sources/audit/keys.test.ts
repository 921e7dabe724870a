/** Keys of seals where the disk does not take what is to be known of them. */
import assert from 'node:assert/strict';
import { mkdir, mkdtemp, readdir, rm, rmdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { SealKeys } from '../../../src/sources/audit/keys.ts';

const AGENT = 'agent-1';

test('a new key is named by no seal before the next process would know it, and one that failed is used later', async () => {
  const dir = await mkdtemp(join(tmpdir(), 'runnel-keys-'));
  try {
    const keys = await SealKeys.open(dir, AGENT);
    const [first] = keys.all;
    const halves = async () => (await readdir(dir)).filter((name) => name.endsWith('.key')).sort();
    // The name under which keys.json is written first.
    const inTheWay = join(dir, 'keys.json.new');
    await mkdir(inTheWay);
    for (let i = 0; i < 3; i++) await assert.rejects(keys.begin());
    assert.deepEqual([keys.next, keys.rotating], [null, false]);
    assert.equal(keys.pairFor(null).nextKey, first!.key);
    assert.equal((await halves()).length, 2, 'no further one is made each time');
    await rmdir(inTheWay);
    await keys.begin();
    const next = keys.next!;
    assert.equal(keys.pairFor(first!.key).nextKey, next);
    assert.deepEqual(await halves(), [`${first!.key}.key`, `${next}.key`].sort());

    await mkdir(inTheWay);
    await assert.rejects(keys.finish());
    assert.deepEqual([keys.next, keys.rotating, keys.all], [next, true, [first]], 'it is to be finished still');
    await rmdir(inTheWay);
    await keys.finish();
    assert.deepEqual(await halves(), [`${next}.key`]);
    const again = await SealKeys.open(dir, AGENT);
    assert.deepEqual(again.all, keys.all);
    assert.equal(again.pairFor(next).pair.key, next);
  } finally {
    await rm(dir, { recursive: true });
  }
});
