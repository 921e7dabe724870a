import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ByInode } from '../../../../src/sources/tail/positions/by-inode.ts';

test('inodes that are one number in 53 bits are told apart, and one inode may have several', () => {
  const files = new ByInode<{ inode: bigint }>();
  const [a, b, again] = [{ inode: 2n ** 60n }, { inode: 2n ** 60n + 1n }, { inode: 2n ** 60n }];
  for (const file of [a, b, again]) files.add(file);
  assert.deepEqual([files.of(a.inode), files.of(b.inode), files.of(7n)], [[a, again], [b], []]);
  assert.deepEqual([files.size, [...files].length], [3, 3]);
  for (const file of [a, a, b]) files.remove(file);
  assert.deepEqual([files.of(a.inode), files.of(b.inode), files.size], [[again], [], 1]);
});
