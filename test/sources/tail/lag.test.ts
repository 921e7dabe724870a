/** How old the oldest byte is that is not acknowledged: while the output is away, over restarts, and of what is gone. */
// Slow: it waits until bytes are old.
import assert from 'node:assert/strict';
import { appendFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { Bench } from '../../support/tail.ts';
import { until } from '../../support/until.ts';

/** The journal has whole seconds. */
const SECOND = 1000;
const OLD_MS = 1200;

/** An age in seconds is that of what was written `since`. */
function isAge(seconds: number | undefined, since: number, coarse = 0): void {
  const exact = performance.now() - since;
  // It is seen some moments after it was written.
  assert.ok(seconds! * 1000 > exact - 500 && seconds! * 1000 < exact + 100 + coarse, `${seconds} s, not ${exact} ms`);
}

class Ageing extends Bench {
  lag(name: string): number | undefined {
    return this.source.files().find(({ path }) => path === this.path(name))?.lag_seconds;
  }

  /** Bytes of now are old. */
  async age(): Promise<void> {
    const from = performance.now();
    await until('they are old', () => performance.now() - from > OLD_MS);
  }
}

test('a byte gets older while nothing is acknowledged, whatever else is written, and over a restart', async (t) => {
  const bench = new Ageing(t);
  const born = performance.now();
  for (const name of ['waits', 'down']) writeFileSync(bench.path(`${name}.log`), '1\n');
  writeFileSync(bench.path('new.log'), 'never read\n');
  let out = await bench.start({ include: [bench.path('waits.log'), bench.path('down.log')] }, true, { round: 2 });
  await until('all is acknowledged', () => out.lines.length === 2 && bench.source.lag.lag_seconds === 0);

  const release = out.block();
  const written = performance.now();
  appendFileSync(bench.path('waits.log'), '2\n');
  await until('it is seen', () => bench.source.lag.lag_bytes === 2);
  await bench.age();
  for (let i = 0; i < 3; i++) {
    appendFileSync(bench.path('waits.log'), 'more\n');
    await until('more is seen', () => bench.source.lag.lag_bytes === 2 + 5 * (i + 1));
  }
  isAge(bench.source.lag.lag_seconds, written);
  await bench.stop();
  release();

  const stopped = performance.now();
  await bench.age();
  for (const name of ['waits', 'down', 'new']) appendFileSync(bench.path(`${name}.log`), 'while it was down\n');
  // Nothing is looked at before it is known what Kafka has.
  await bench.open();
  isAge(bench.source.lag.lag_seconds, written, SECOND);
  assert.equal(bench.source.lag.lag_bytes, 2 + 3 * 5 + 2 * 'while it was down\n'.length);
  await bench.positions.close();
  out = await bench.start({}, true, { round: 2 });
  out.settling = false;
  await out.count(4 + 1 + 1 + 2);
  isAge(bench.lag('waits.log'), written, SECOND);
  isAge(bench.lag('down.log'), stopped, SECOND);
  isAge(bench.lag('new.log'), born);
  isAge(bench.source.lag.lag_seconds, born, SECOND);
});

test('what a file held before, or one that is gone, waits until it is acknowledged', async (t) => {
  const bench = new Ageing(t);
  writeFileSync(bench.path('cut.log'), 'cut 1\ncut 2\n');
  writeFileSync(bench.path('gone.log'), 'gone\n');
  const out = await bench.start({ rotate_wait: 100 }, true, { round: 2 });
  out.settling = false;
  await out.count(3);
  const [cut, gone] = ['cut.log', 'gone.log'].map((name) =>
    bench.source.files().find((f) => f.path === bench.path(name)),
  );
  truncateSync(bench.path('cut.log'), 0);
  rmSync(bench.path('gone.log'));
  const files = () =>
    bench.source.files().map(({ path, id, size, lag_bytes }) => ({ path, anew: id !== cut!.id, size, lag_bytes }));
  await until('one begins anew, and one is let go', () => bench.source.files_total === 1 && files()[0]!.anew);
  assert.deepEqual(files(), [{ path: bench.path('cut.log'), anew: true, size: 0, lag_bytes: 12 }]);
  assert.equal(bench.source.lag.lag_bytes, 12 + 5);
  assert.ok(bench.source.lag.lag_seconds > 0);

  for (const stream of new Set(out.streams)) {
    if (stream.generation.id === gone!.id) stream.settled(5, 0);
  }
  assert.equal(bench.source.lag.lag_bytes, 12);
  for (const stream of new Set(out.streams)) if (stream.generation.id === cut!.id) stream.settled(12, 0);
  assert.deepEqual(bench.source.lag, { lag_bytes: 0, lag_seconds: 0 });
  assert.equal(files()[0]!.lag_bytes, 0);
});
