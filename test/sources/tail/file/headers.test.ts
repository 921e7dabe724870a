/** Files of one program that begin with the same header: none is taken for another, a copy is where that can be told. */
import assert from 'node:assert/strict';
import { appendFileSync, copyFileSync, renameSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { type TestContext, test } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { Bench, openPaths } from '../../../support/tail.ts';
import { until } from '../../../support/until.ts';

/** Longer than the first bytes by which a file is known. */
const HEADER = `${'#'.padEnd(299, 'version ')}\n`;

/** Puts a file with the inode that another one had there; false where the file system gives it to nobody soon. */
function reuse(bench: Bench, path: string, inode: number, content: string): boolean {
  for (let i = 0; i < 100; i++) {
    const candidate = bench.path(`${i}.tmp`);
    writeFileSync(candidate, content);
    if (statSync(candidate).ino !== inode) continue;
    renameSync(candidate, path);
    return true;
  }
  return false;
}

const TEXT = HEADER.trimEnd();

for (const when of ['while the agent is down', 'while it runs and the file is closed'] as const) {
  test(`a file that was read up to its header is replaced by one of the same inode and header ${when}`, async (t) => {
    const bench = new Bench(t);
    const down = when === 'while the agent is down';
    writeFileSync(bench.path('a.log'), HEADER);
    const { ino } = statSync(bench.path('a.log'));
    const before = await bench.start({}, true, { close_after: 0 });
    await before.count(1);
    if (down) await bench.stop();
    // Its inode is free only when nobody has it open.
    else await until('it is closed', () => !openPaths().includes(bench.path('a.log')));
    rmSync(bench.path('a.log'));
    if (!reuse(bench, bench.path('a.log'), ino, `${HEADER}of the new file\n`)) {
      t.skip('this file system gives an inode to no other file soon');
      return;
    }
    const out = down ? await bench.start() : before;
    const all = down ? [TEXT, 'of the new file'] : [TEXT, TEXT, 'of the new file'];
    await out.count(all.length);
    assert.deepEqual(out.texts(), all);
    assert.notEqual(out.lines.at(-1)!.id, before.lines[0]!.id);
  });
}

test('a file that was read up to its header is deleted and made anew while down: the new one is read from 0', async (t) => {
  const bench = new Bench(t);
  writeFileSync(bench.path('a.log'), HEADER);
  const before = await bench.start();
  await before.count(1);
  await bench.stop();
  writeFileSync(bench.path('new'), `${HEADER}of the new file\n`);
  renameSync(bench.path('new'), bench.path('a.log'));
  const out = await bench.start();
  await out.count(2);
  assert.deepEqual(out.texts(), [TEXT, 'of the new file']);
  assert.notEqual(out.lines[0]!.id, before.lines[0]!.id);
});

/** A file with a header and 50 lines that was read, and the rest of which is in a copy. */
async function copied(t: TestContext, name: string): Promise<{ bench: Bench; id: string }> {
  const bench = new Bench(t);
  writeFileSync(bench.path('a.log'), `${HEADER}${'a line\n'.repeat(50)}`);
  const out = await bench.start();
  await out.count(51);
  await bench.stop();
  appendFileSync(bench.path('a.log'), 'the rest\n');
  copyFileSync(bench.path('a.log'), bench.path(name));
  truncateSync(bench.path('a.log'));
  return { bench, id: out.lines[0]!.id };
}

test('a small file is copied and truncated while down: the rest comes from the copy', async (t) => {
  const { bench, id } = await copied(t, 'a.log.1');
  const out = await bench.start();
  await out.count(1);
  assert.deepEqual([out.texts(), out.lines[0]!.id], [['the rest'], id]);
  assert.equal(bench.source.reread_bytes, 0);
});

test('the same, and then deleted: the copy is the only file that holds what was read', async (t) => {
  const { bench, id } = await copied(t, 'a.log.1');
  rmSync(bench.path('a.log'));
  const out = await bench.start();
  await out.count(1);
  assert.deepEqual([out.texts(), out.lines[0]!.id], [['the rest'], id]);
});

test('where a second file holds what was read, the copy is read again, and that is counted', async (t) => {
  const { bench, id } = await copied(t, 'a.1.log');
  rmSync(bench.path('a.log'));
  const read = `${HEADER}${'a line\n'.repeat(50)}`;
  writeFileSync(bench.path('b.log'), `${read}of another file\n`);
  const out = await bench.start();
  await out.count(104);
  assert.deepEqual(out.texts(bench.path('a.1.log')).slice(-2), ['a line', 'the rest']);
  assert.deepEqual(out.texts(bench.path('b.log')).slice(-2), ['a line', 'of another file']);
  assert.ok(out.lines.every((line) => line.id !== id));
  // Of either it may have been read before.
  assert.equal(bench.source.reread_bytes, 2 * read.length);
});

test('a file that was shortened and written on while it was read comes from 0, once, after a kill too', async (t) => {
  const bench = new Bench(t);
  const kept = 'a line that is kept\n'.repeat(20);
  writeFileSync(bench.path('a.log'), kept);
  const first = await bench.start();
  await first.count(20);
  // What follows is sent and never acknowledged: the old generation is still waited for when the file begins anew.
  first.settling = false;
  appendFileSync(bench.path('a.log'), 'gone\n'.repeat(100));
  await first.count(120);
  truncateSync(bench.path('a.log'), kept.length);
  await first.count(140);
  await bench.stop();
  const out = await bench.start();
  appendFileSync(bench.path('a.log'), 'the end\n');
  await out.count(21);
  await setTimeout(50);
  assert.equal(out.lines.at(-1)!.text, 'the end');
  assert.deepEqual([...new Set(out.lines.map((line) => line.id))], [first.lines[120]!.id]);
  assert.equal(out.lines.length, 21);
});

test('a closed file that is renamed to a name that is looked for keeps its unfinished line', async (t) => {
  const bench = new Bench(t);
  writeFileSync(bench.path('a.log'), '1\n');
  const input = { include: [`${bench.logs}/*.log*`], rotate_wait: 60_000 };
  const out = await bench.start(input, true, { close_after: 0 });
  await out.count(1);
  await until('it is closed', () => !openPaths().includes(bench.path('a.log')));
  renameSync(bench.path('a.log'), bench.path('a.log.1'));
  appendFileSync(bench.path('a.log.1'), 'unfin');
  await until('it was seen', () => bench.source.lag.lag_bytes === 5);
  await setTimeout(500);
  appendFileSync(bench.path('a.log.1'), 'ished\n');
  await out.count(2);
  assert.deepEqual(out.texts(), ['1', 'unfinished']);
});
