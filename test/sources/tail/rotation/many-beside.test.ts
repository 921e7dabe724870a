/** A start in a directory with very many other files: the main thread is never held up for long. */
// Slow: makes thousands of files.
import assert from 'node:assert/strict';
import { appendFileSync, copyFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { type TestContext, test } from 'node:test';
import { Bench } from '../../../support/tail.ts';

const FILES = 30_000;
const LONGEST_MS = 50;

/** The longest turn of the loop, of what this thread has worked in it: others may have the processor meanwhile. */
function longestTurn(t: TestContext): () => number {
  let longest = 0;
  let before = process.threadCpuUsage();
  let going = true;
  const turn = () => {
    const now = process.threadCpuUsage();
    longest = Math.max(longest, (now.user + now.system - before.user - before.system) / 1000);
    before = now;
    if (going) setImmediate(turn);
  };
  setImmediate(turn);
  t.after(() => {
    going = false;
  });
  return () => longest;
}

test('what was rotated, copied, or is gone is looked for among very many files in short turns', async (t) => {
  const bench = new Bench(t);
  const include = [bench.path('*.log')];
  // What was read of the last one may be but a header.
  const heads = { renamed: 100, copied: 600, gone: 600, short: 40 };
  const headOf = (name: keyof typeof heads) => `${'header '.repeat(heads[name])}\n`;
  const names = Object.keys(heads) as (keyof typeof heads)[];
  for (const name of names) writeFileSync(bench.path(`${name}.log`), `${headOf(name)}${name}\n`);
  await (await bench.start({ include })).count(2 * names.length);
  await bench.stop();

  // They begin as the known ones do, and are called as their copies may be.
  for (let i = 0; i < FILES; i++) {
    const name = names[i % names.length]!;
    writeFileSync(bench.path(`${name}.${i}`), `${headOf(name)}other ${i}\n`);
  }
  renameSync(bench.path('renamed.log'), bench.path('renamed.log.1'));
  copyFileSync(bench.path('copied.log'), bench.path('copied.old'));
  appendFileSync(bench.path('copied.old'), 'more\n');
  for (const name of names.slice(1)) rmSync(bench.path(`${name}.log`));
  for (const name of names) writeFileSync(bench.path(`${name}.log`), `${name} anew\n`);

  const longest = longestTurn(t);
  const out = await bench.start({ include });
  await out.count(names.length + 1);
  const took = longest();
  assert.deepEqual(out.texts().sort(), ['copied anew', 'gone anew', 'more', 'renamed anew', 'short anew']);
  assert.equal(bench.account.notFound, 2);
  assert.ok(took < LONGEST_MS, `a turn took ${took} ms`);
});
