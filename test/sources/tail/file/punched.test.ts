/** Files of which a part was given back to the system, or set to NUL, while they are written. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { appendFileSync, closeSync, ftruncateSync, openSync, statSync, writeFileSync, writeSync } from 'node:fs';
import { test } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { nativeAvailable } from '../../../../src/native/libc.ts';
import { Bench, numbered, rows } from '../../../support/tail.ts';
import { until } from '../../../support/until.ts';

/** Bytes [from, from + length) are NUL afterwards; false: that cannot be done here. */
function punch(path: string, from: number, length: number, how = '--punch-hole'): boolean {
  return spawnSync('fallocate', [how, '-o', String(from), '-l', String(length), path]).status === 0;
}

const LINES = numbered(0, 3000);
const cannot = 'NOT TESTED: fallocate cannot be used here';

for (const how of ['--punch-hole', '--zero-range']) {
  for (const [what, from, length] of [
    ['the beginning', 0, 8192],
    ['a few of the first bytes', 0, 1000],
    ['all but the last lines', 0, LINES.length - 100],
    ['what lies in the middle', 8192, 8192],
    ['the last lines', LINES.length - 5000, 5000],
    ['all between the first and the last lines', 4096, LINES.length - 4096 - 30],
  ] as const) {
    test(`${what} of what was read is gone (${how}): nothing comes twice, also after a restart`, async (t) => {
      const bench = new Bench(t);
      const path = bench.path('a.log');
      writeFileSync(path, LINES);
      let out = await bench.start();
      await out.count(3000);
      if (!punch(path, from, length, how)) return t.skip(cannot);
      appendFileSync(path, 'while it runs\n');
      await out.count(3001);
      for (const when of ['after a restart', 'after another one']) {
        await bench.stop();
        appendFileSync(path, `${when}\n`);
        out = await bench.start({}, false);
        await out.count(out.lines.length + 1);
      }
      appendFileSync(path, 'the end\n');
      await out.count(3004);
      await setTimeout(50);
      assert.deepEqual(out.texts(), [
        ...rows(LINES),
        'while it runs',
        'after a restart',
        'after another one',
        'the end',
      ]);
      assert.equal(new Set(out.lines.map(({ id }) => id)).size, 1);
      assert.deepEqual([...bench.account.losses], []);
    });
  }
}

for (const when of ['while the agent runs', 'while it is down'] as const) {
  for (const [what, to] of [
    ['within the last line that was read', 20_000 - 10],
    ['behind it', 24_001],
  ] as const) {
    test(`a hole goes on to a place ${what} (${when}): the lines behind it come, once`, async (t) => {
      if (!nativeAvailable()) return t.skip('NOT TESTED: holes cannot be asked for here');
      const bench = new Bench(t);
      const path = bench.path('a.log');
      const lines = Array.from({ length: 400 }, (_, i) => String(i).padStart(98, 'x'));
      writeFileSync(path, `${lines.slice(0, 202).join('\n')}\n`);
      let out = await bench.start();
      out.gaps = true;
      await out.count(202);
      const read = 202 * 99;
      const full = Promise.withResolvers<void>();
      if (when === 'while the agent runs') {
        out.blocked = full.promise;
        // Nothing more is taken from here on.
        writeFileSync(bench.path('b.log'), 'b\n');
        await until('it waits', () => bench.source.files_total === 2);
      }
      appendFileSync(path, `${lines.slice(202).join('\n')}\n`);
      if (when === 'while the agent runs') {
        await until('seen', () => bench.source.files().some(({ size }) => size === 400 * 99));
      } else await bench.stop();
      const hole = to < 20_000 ? read - 10 : to;
      if (!punch(path, 0, hole)) return t.skip(cannot);
      if (when === 'while the agent runs') {
        out.blocked = null;
        full.resolve();
      } else {
        out = await bench.start({}, false);
        out.gaps = true;
      }
      appendFileSync(path, 'the end\n');
      await until('the end', () => out.texts(path).includes('the end'));
      const left = Math.ceil(Math.max(read, hole) / 99);
      // Of the first line behind it a part may be gone, too.
      const rest = out.texts(path).slice(202);
      assert.deepEqual(rest.slice(-(400 - left) - 1), [...lines.slice(left), 'the end']);
      assert.ok(rest.length <= 400 - left + 2, `${rest.length} lines`);
      assert.equal(new Set(out.lines.filter((one) => one.path === path).map(({ id }) => id)).size, 1);
      assert.equal(bench.account.losses.get('truncated'), undefined);
      assert.equal(bench.account.losses.get('vanished'), undefined);
    });
  }
}

test('a hole at the beginning of a file that was truncated is no reason to take it for what it was', async (t) => {
  const bench = new Bench(t);
  const path = bench.path('a.log');
  const fd = openSync(path, 'w');
  t.after(() => closeSync(fd));
  writeSync(fd, LINES);
  const out = await bench.start();
  out.gaps = true;
  await out.count(3000);
  ftruncateSync(fd, 0);
  writeSync(fd, 'anew\n');
  if (statSync(path).blocks * 512 > LINES.length / 2) return t.skip('NOT TESTED: this file system keeps no holes');
  await out.count(3001);
  assert.equal(out.texts()[3000], 'anew');
  assert.notEqual(out.lines[3000]!.id, out.lines[0]!.id);
});
