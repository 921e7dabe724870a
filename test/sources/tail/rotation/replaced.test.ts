/** Files that are replaced by a copy of themselves, as rsync, `sed -i` and editors do: nothing comes twice without a number. */
import assert from 'node:assert/strict';
import { appendFileSync, closeSync, openSync, renameSync, rmSync, writeFileSync, writeSync } from 'node:fs';
import { test } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { Bench, numbered, openPaths, rows } from '../../../support/tail.ts';
import { until } from '../../../support/until.ts';

/** Writes it under another name first. Times of files are as coarse as a timer tick. */
async function replace(bench: Bench, text: string): Promise<void> {
  writeFileSync(bench.path('.a.log.x'), text);
  await setTimeout(20);
  renameSync(bench.path('.a.log.x'), bench.path('a.log'));
}

for (const [size, lines] of Object.entries({ 'a few bytes': 3, 'many of them': 3000 })) {
  test(`a copy with more at its end, ${size}, again and again: each line once, under one id`, async (t) => {
    const bench = new Bench(t);
    await replace(bench, numbered(0, lines));
    const out = await bench.start();
    for (let i = 1; i <= 3; i++) {
      await out.count(i * lines);
      await replace(bench, numbered(0, (i + 1) * lines));
    }
    await out.count(4 * lines);
    await setTimeout(100);
    assert.deepEqual(out.texts(), rows(numbered(0, 4 * lines)));
    assert.deepEqual(new Set(out.lines.map(({ id }) => id)).size, 1);
    assert.equal(bench.source.reread_bytes, 0);
    await bench.stop();
    appendFileSync(bench.path('a.log'), 'end\n');
    const again = await bench.start();
    await again.count(1);
    assert.deepEqual(again.texts(), ['end']);
  });
}

test('a copy that is changed in the middle, or shorter, comes from its beginning, and what came before is counted', async (t) => {
  const bench = new Bench(t);
  const text = numbered(0, 1000);
  await replace(bench, text);
  const out = await bench.start();
  await out.count(1000);
  const changed = text.replace('line 900\n', 'LINE 900\n');
  await replace(bench, changed);
  await out.count(2000);
  assert.deepEqual(out.texts().slice(1000), rows(changed));
  assert.equal(bench.source.reread_bytes, text.indexOf('line 900'));
  const shorter = numbered(0, 800);
  await replace(bench, shorter);
  await out.count(2800);
  assert.equal(bench.source.reread_bytes, text.indexOf('line 900') + shorter.length);
});

test('a file that is deleted and begun anew with the same line, or rotated with the same header, is a new file', async (t) => {
  const bench = new Bench(t);
  writeFileSync(bench.path('a.log'), '# started\n');
  const out = await bench.start();
  await out.count(1);
  rmSync(bench.path('a.log'));
  await setTimeout(30);
  writeFileSync(bench.path('a.log'), '# started\n1\n');
  await out.count(3);
  renameSync(bench.path('a.log'), bench.path('a.old'));
  writeFileSync(bench.path('a.log'), '# started\n1\n2\n');
  await out.count(6);
  assert.deepEqual(out.texts(), ['# started', '# started', '1', '# started', '1', '2']);
  // It may be that the first one was put there twice.
  assert.equal(bench.source.reread_bytes, '# started\n'.length);
});

test('who goes on writing to the file that was replaced is read, too', async (t) => {
  const bench = new Bench(t);
  const fd = openSync(bench.path('a.log'), 'a');
  writeSync(fd, numbered(0, 1000));
  const out = await bench.start({ rotate_wait: 60_000 });
  await out.count(1000);
  await replace(bench, numbered(0, 1001));
  await out.count(1001);
  writeSync(fd, 'late\n');
  await out.count(1002);
  closeSync(fd);
  assert.deepEqual(out.texts().slice(1000), ['line 1000', 'late']);
  assert.notEqual(out.lines[1001]!.id, out.lines[1000]!.id);
});

test('where the old one was closed it cannot be compared: it comes again, and is counted', async (t) => {
  const bench = new Bench(t);
  const text = numbered(0, 1000);
  await replace(bench, text);
  const out = await bench.start({}, true, { close_after: 1 });
  await out.count(1000);
  await until('it is closed', () => !openPaths().includes(bench.path('a.log')));
  await replace(bench, `${text}more\n`);
  await out.count(2001);
  assert.equal(bench.source.reread_bytes, text.length);
});
