import assert from 'node:assert/strict';
import { test } from 'node:test';
import { digest, NO_PREFIX } from '../../../src/sources/tail/file/inode.ts';
import { ByHead } from '../../../src/sources/tail/rotation/by-head.ts';
import { MostAlike } from '../../../src/sources/tail/rotation/copies.ts';
import { Rounds } from '../../../src/sources/tail/rounds.ts';

test('all have their turn, however long each takes, and those that come and go meanwhile', () => {
  const all = new Set([1, 2, 3, 4, 5]);
  const rounds = new Rounds(() => all.values());
  const visited: number[] = [];
  const slow = (one: number) => {
    visited.push(one);
    for (const start = performance.now(); performance.now() - start < 5; );
  };
  assert.equal(rounds.step(slow), false);
  assert.deepEqual(visited, [1]);
  all.delete(2);
  all.add(6);
  let steps = 1;
  while (!rounds.step(slow)) steps++;
  assert.deepEqual(visited, [1, 3, 4, 5, 6]);
  assert.equal(steps, 5);
  visited.length = 0;
  assert.equal(
    rounds.step((one) => visited.push(one)),
    true,
  );
  assert.deepEqual(visited, [1, 3, 4, 5, 6]);
});

test('of many names those most alike are kept, the most alike first', () => {
  const found = new MostAlike<string>('/logs/app.log.1.gz', 3);
  for (const name of ['zzz', 'app.log', 'app', 'a', 'app.log.1', 'app.log.2', 'b']) found.add(name, `/logs/${name}`);
  assert.deepEqual(found.all, ['app.log.1', 'app.log.2', 'app.log']);
});

test('what begins alike, or may, is found by its first bytes', () => {
  const text = Buffer.from('the first bytes of a file');
  const known = (path: string, length: number, other = false) => {
    const bytes = Buffer.from(text.subarray(0, length));
    if (other) bytes[0] = 0x54;
    return { path, head: length === 0 ? NO_PREFIX : digest(bytes) };
  };
  const all = [known('/a', 5), known('/b', 5, true), known('/c', 25), known('/d', 25, true), known('/e', 0)];
  const byHead = new ByHead(all, (one) => one);
  const paths = (first: Buffer) =>
    byHead
      .alike(first, '/x')
      .map(({ path }) => path)
      .sort();
  assert.equal(byHead.size, 5);
  assert.deepEqual(paths(text), ['/a', '/c', '/e']);
  assert.deepEqual(paths(text.subarray(0, 10)), ['/a', '/c', '/d', '/e']);
  assert.deepEqual(paths(Buffer.from('elsewhere there is something else')), ['/e']);
});
