/** Of many files, those that were read to their end are not opened at the next start; they are compared soon afterwards. */
// Slow: what is tried again has to come round.
import assert from 'node:assert/strict';
import { appendFileSync, copyFileSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { Bench, openPaths } from '../../../support/tail.ts';
import { until } from '../../../support/until.ts';

/** How many descriptors of this process are on files of this directory. */
function openIn(directory: string): number {
  return openPaths().filter((path) => path.startsWith(directory)).length;
}

const linux = { skip: process.platform === 'linux' ? false : 'needs /proc' };

test('what was read to its end is not opened at the next start, and goes on where it was', linux, async (t) => {
  const bench = new Bench(t);
  const paths = Array.from({ length: 50 }, (_, i) => bench.path(`${i}.log`));
  for (const path of paths) writeFileSync(path, 'first\n');
  await (await bench.start({}, true, { round: 2 })).count(50);
  assert.equal(openIn(bench.logs), 50);
  // What was written to a moment ago is compared at the next start.
  await until('all are seen to stand still', () => bench.positions.all().every(({ sum }) => sum?.modified));
  const ids = new Map(bench.output.lines.map(({ path, id }) => [path, id]));
  await bench.stop();
  const output = await bench.start({}, true, { open_at_start: 0 });
  await until('they are found', () => bench.source.files_total === 50);
  assert.ok(openIn(bench.logs) <= 1, 'they are open');
  for (const path of paths) appendFileSync(path, 'second\n');
  await output.count(50);
  for (const { path, id, text, offset } of output.lines) {
    assert.deepEqual([text, offset, id], ['second', 6, ids.get(path)]);
  }
});

for (const [how, open_at_start] of [
  ['opened', 1000],
  ['not opened', 0],
] as const) {
  test(`a file of the same inode and size that holds something else is read from 0, also when only its beginning differs (${how})`, async (t) => {
    const bench = new Bench(t);
    const long = (start: string) => `${start}\n${'the same line over and over\n'.repeat(20)}`;
    writeFileSync(bench.path('short.log'), 'aaaa\n');
    writeFileSync(bench.path('long.log'), long('aaaa'));
    await (await bench.start()).count(22);
    await bench.stop();
    // Written in place: the inodes stay.
    writeFileSync(bench.path('short.log'), 'bbbb\n');
    writeFileSync(bench.path('long.log'), long('bbbb'));
    const output = await bench.start({}, true, { open_at_start });
    await output.count(22);
    assert.deepEqual(output.texts(bench.path('short.log')), ['bbbb']);
    assert.equal(output.texts(bench.path('long.log'))[0], 'bbbb');
  });

  test(`the same, when it is written to before it was compared (${how})`, async (t) => {
    const bench = new Bench(t);
    writeFileSync(bench.path('x.log'), 'aaaa\n');
    await (await bench.start()).count(1);
    await bench.stop();
    writeFileSync(bench.path('x.log'), 'bbbb\n');
    const output = await bench.start({}, true, { open_at_start });
    await until('it is found', () => bench.source.files_total === 1);
    appendFileSync(bench.path('x.log'), 'cccc\n');
    await output.count(2);
    assert.deepEqual(output.texts(), ['bbbb', 'cccc']);
  });

  test(`copied, truncated and grown to the size that it had, while the agent is down: the rest is read from the copy (${how})`, async (t) => {
    const bench = new Bench(t);
    writeFileSync(bench.path('x.log'), `${'a'.repeat(299)}\n`);
    await (await bench.start()).count(1);
    await bench.stop();
    appendFileSync(bench.path('x.log'), 'the rest\n');
    copyFileSync(bench.path('x.log'), bench.path('x.log.1'));
    writeFileSync(bench.path('x.log'), `${'b'.repeat(299)}\n`);
    const output = await bench.start({}, true, { open_at_start });
    await output.count(2);
    assert.deepEqual(output.texts().sort(), ['b'.repeat(299), 'the rest']);
  });
}

test('a quiet file is closed after a while, and opened again when it is written to', linux, async (t) => {
  const bench = new Bench(t);
  for (let i = 0; i < 40; i++) writeFileSync(bench.path(`${i}.log`), `${i}\n`);
  const output = await bench.start({}, true, { close_after: 1000 });
  await output.count(40);
  assert.equal(openIn(bench.logs), 40);
  await until('they are closed', () => openIn(bench.logs) === 0, 40_000);
  for (let round = 0; round < 3; round++) {
    for (let i = 0; i < 40; i++) appendFileSync(bench.path(`${i}.log`), `${i} ${round}\n`);
  }
  await output.count(160);
  for (let i = 0; i < 40; i++)
    assert.deepEqual(output.texts(bench.path(`${i}.log`)), [`${i}`, `${i} 0`, `${i} 1`, `${i} 2`]);
});
