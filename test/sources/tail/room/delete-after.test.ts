/** `delete_after`: files are deleted when they are read and acknowledged, and never before. */
// Slow: files have to be silent for as long as options say.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import {
  appendFileSync,
  closeSync,
  existsSync,
  linkSync,
  openSync,
  readdirSync,
  symlinkSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { Bench } from '../../../support/tail.ts';
import { until } from '../../../support/until.ts';

test('a file that is read and acknowledged is deleted and forgotten; its name can be used again', async (t) => {
  const bench = new Bench(t);
  const out = await bench.start({ delete_after: 300, rotate_wait: 100 });
  for (let i = 1; i <= 3; i++) {
    writeFileSync(bench.path('a.log'), `${i}\n`);
    await out.count(i);
    await until('it is deleted', () => readdirSync(bench.logs).length === 0);
    await until('it is let go', () => bench.source.files_total === 0);
    assert.equal(bench.source.deleted, i);
    assert.deepEqual(bench.positions.unclaimed.of('test'), []);
  }
  assert.deepEqual(out.texts(), ['1', '2', '3']);
});

test('what is not read, not acknowledged, not finished, skipped, empty or elsewhere too is not deleted', async (t) => {
  const bench = new Bench(t);
  writeFileSync(bench.path('skipped.log'), 'was there\n');
  await bench.start({ start_at: 'end' });
  await until('it is seen', () => bench.source.files_total === 1);
  await bench.stop();

  const out = await bench.start({ start_at: 'end', delete_after: 300 });
  out.settling = false;
  writeFileSync(bench.path('unacknowledged.log'), 'line\n');
  await out.count(1);
  out.settling = true;
  writeFileSync(bench.path('unfinished.log'), 'line\nno end');
  writeFileSync(bench.path('empty.log'), '');
  writeFileSync(bench.path('linked.log'), 'line\n');
  linkSync(bench.path('linked.log'), join(bench.data, 'other-name'));
  writeFileSync(join(bench.data, 'target'), 'line\n');
  symlinkSync(join(bench.data, 'target'), bench.path('symbolic.log'));
  await out.count(4);
  writeFileSync(bench.path('last.log'), 'line\n');
  await until('it is deleted', () => !existsSync(bench.path('last.log')));
  await setTimeout(600);
  const kept = ['empty', 'linked', 'skipped', 'symbolic', 'unacknowledged', 'unfinished'];
  assert.deepEqual(
    readdirSync(bench.logs).sort(),
    kept.map((name) => `${name}.log`),
  );
  assert.ok(existsSync(join(bench.data, 'target')));
  assert.equal(bench.source.deleted, 1);
});

test('what a writer that has the file open writes after it was deleted is read all the same', async (t) => {
  const bench = new Bench(t);
  const fd = openSync(bench.path('a.log'), 'a');
  writeSync(fd, '1\n');
  const out = await bench.start({ delete_after: 300, rotate_wait: 2000 });
  await out.count(1);
  await until('it is deleted', () => !existsSync(bench.path('a.log')));
  writeSync(fd, '2\n');
  await out.count(2);
  closeSync(fd);
  await until('it is let go', () => bench.source.files_total === 0);
  assert.deepEqual(out.texts(), ['1', '2']);
});

test('a write begins the time anew', async (t) => {
  const bench = new Bench(t);
  writeFileSync(bench.path('a.log'), '0\n');
  const out = await bench.start({ delete_after: 3000 });
  const start = performance.now();
  let last = start;
  for (let i = 1; performance.now() - start < 4500; i++) {
    await setTimeout(100);
    if (performance.now() - last > 2500) return t.skip('the machine is too busy for this test');
    last = performance.now();
    assert.ok(existsSync(bench.path('a.log')));
    appendFileSync(bench.path('a.log'), `${i}\n`);
    await out.count(i + 1);
  }
  await until('it is deleted', () => !existsSync(bench.path('a.log')));
});

test('a file that cannot be deleted stays, is followed, and is deleted when it can be', async (t) => {
  const bench = new Bench(t);
  if (!bench.mount(bench.logs, '4m')) return t.skip('needs the right to mount');
  writeFileSync(bench.path('a.log'), '1\n');
  assert.equal(spawnSync('mount', ['-o', 'remount,ro', bench.logs]).status, 0);
  const out = await bench.start({ delete_after: 300 });
  await out.count(1);
  await setTimeout(1000);
  assert.ok(existsSync(bench.path('a.log')));
  assert.equal(bench.source.deleted, 0);
  assert.equal(spawnSync('mount', ['-o', 'remount,rw', bench.logs]).status, 0);
  await until('it is deleted', () => !existsSync(bench.path('a.log')));
  assert.equal(bench.source.deleted, 1);
});
