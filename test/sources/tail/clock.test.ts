/** The clock is set, by an hour, again and again: nothing comes of it. Only the clock is set; real files go on. */
import assert from 'node:assert/strict';
import { appendFileSync, copyFileSync, existsSync, renameSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { Bench } from '../../support/tail.ts';
import { until } from '../../support/until.ts';

const HOUR = 3_600_000;

test('whatever a clock does that is set, every line comes once, nothing is let go, forgotten or deleted too early', async (t) => {
  const bench = new Bench(t);
  const real = Date.now;
  let off = 0;
  t.mock.method(Date, 'now', () => real() + off);
  const include = [`${bench.logs}/*.log*`];
  const input = { include, forget_after: HOUR, rotate_wait: HOUR, delete_after: HOUR, ignore_older: 30 * 24 * HOUR };
  let out = await bench.start(input);
  const got: string[] = [];
  let number = 0;
  const write = (name: string) => appendFileSync(bench.path(name), `${number++}\n`);
  for (const step of [0, 1, -1, -1, 1, 24, -24]) {
    off += step * HOUR;
    for (const name of ['a.log', 'b.log', 'c.log']) write(name);
    await until('all lines', () => got.length + out.lines.length === number);
    renameSync(bench.path('a.log'), bench.path(`a.log.${number}`));
    write(`a.log.${number}`);
    copyFileSync(bench.path('b.log'), bench.path(`b.log.${number}`));
    truncateSync(bench.path('b.log'));
    rmSync(bench.path('c.log'));
    await until('all lines', () => got.length + out.lines.length === number);
    if (step === -1) {
      await bench.stop();
      got.push(...out.texts());
      off -= step * 2 * HOUR;
      write('b.log');
      out = await bench.start(input);
    }
  }
  write('a.log');
  await until('all lines', () => got.length + out.lines.length === number);
  await until('what may be a copy is decided', () => bench.source.files().every((f) => f.lag_bytes === 0));
  got.push(...out.texts());
  assert.deepEqual(
    got.map(Number).sort((x, y) => x - y),
    Array.from({ length: number }, (_, i) => i),
  );
  assert.equal(bench.source.deleted, 0);
  assert.ok(existsSync(bench.path('b.log')));
  assert.deepEqual([...bench.account.losses], []);
});

test('a clock that is far off at the start of the agent does not make it forget what is there', async (t) => {
  const bench = new Bench(t);
  writeFileSync(bench.path('a.log'), '1\n');
  await (await bench.start({ forget_after: HOUR })).count(1);
  await bench.stop();
  const origin = performance.timeOrigin;
  for (const off of [24 * HOUR, -24 * HOUR]) {
    Object.defineProperty(performance, 'timeOrigin', { value: origin + off, configurable: true });
    t.after(() => Object.defineProperty(performance, 'timeOrigin', { value: origin, configurable: true }));
    const out = await bench.start({ forget_after: HOUR });
    appendFileSync(bench.path('a.log'), `${off}\n`);
    await out.count(1);
    assert.deepEqual(out.texts(), [`${off}`]);
    await bench.stop();
  }
});
