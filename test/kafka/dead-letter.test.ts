import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { DeadLetters } from '../../src/kafka/dead-letter.ts';
import { directory } from '../spool/blocks.ts';

test('a disk that is full leaves no part of a batch behind, however often it is tried', async (t) => {
  const dir = await directory(t);
  if (spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=256k', 'none', dir]).status !== 0) {
    return t.skip('needs the right to mount');
  }
  try {
    const letters = new DeadLetters(dir, 300_000);
    const [header, body] = [Buffer.alloc(61, 1), Buffer.alloc(100_000, 2)];
    await writeFile(join(dir, 'filler'), Buffer.alloc(200_000));
    for (let i = 0; i < 3; i++) assert.equal(await letters.take('t-0', header, body, 'why'), false);
    await rm(join(dir, 'filler'));
    assert.equal(await letters.take('t-0', header, body, 'why'), true);
    const kept = await readFile(join(dir, 'dead-letter', 't-0', '00000000000000000000.log'));
    assert.equal(kept.length, 100_061);
    assert.equal(kept.readBigInt64BE(0), 0n);
  } finally {
    spawnSync('umount', ['-l', dir]);
  }
});
