/** Files that cannot be read for long: they are tried again as seldom as any file is looked at, and counted. */
// Slow: what is tried again has to come round.
import assert from 'node:assert/strict';
import fs, { appendFileSync, existsSync, readdirSync, readlinkSync, renameSync } from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { Bench, said } from '../../support/tail.ts';
import { until } from '../../support/until.ts';

const linux = { skip: process.platform !== 'linux' };

const multiline = { start: '^#', continue: undefined, end: undefined, max_lines: 9, max_bytes: 999, timeout: 500 };

/** From here on reads of the file, which is open, fail with EIO; when they were tried, and `mend`. */
function failing(t: TestContext, path: string): { tried: number[]; mend(): void } {
  const link = (fd: string) => existsSync(`/proc/self/fd/${fd}`) && readlinkSync(`/proc/self/fd/${fd}`);
  const fd = Number(readdirSync('/proc/self/fd').find((fd) => link(fd) === path));
  const tried: number[] = [];
  const error = () => {
    tried.push(performance.now());
    return Object.assign(new Error('EIO: i/o error, read'), { code: 'EIO', errno: -5 });
  };
  const { read, readSync } = fs;
  const mocks = [
    t.mock.method(fs, 'readSync', (...args: unknown[]) => {
      if (args[0] === fd) throw error();
      return (readSync as (...args: unknown[]) => number)(...args);
    }),
    t.mock.method(fs, 'read', (...args: unknown[]) => {
      if (args[0] === fd) (args.at(-1) as (error: Error) => void)(error());
      else (read as (...args: unknown[]) => void)(...args);
    }),
  ];
  syncBuiltinESMExports();
  const mend = () => {
    for (const { mock } of mocks) mock.restore();
    syncBuiltinESMExports();
  };
  t.after(mend);
  return { tried, mend };
}

/** Ten seconds of it. */
async function fails(bench: Bench, tried: readonly number[]): Promise<void> {
  await until('ten seconds of attempts', () => tried.length > 0 && performance.now() - tried[0]! > 10_500);
  // A file with a name is looked at when it is written, in its turn, and with what could not be read.
  // An attempt may read at several places.
  const attempts = tried.filter((at, i) => i === 0 || at - tried[i - 1]! > 1000).length;
  assert.ok(attempts >= 2 && attempts <= 4, `${attempts} attempts`);
  assert.equal(bench.source.unreadable, 1);
  const { error, waiting } = bench.source.files()[0]!;
  assert.match(error!, /EIO/);
  assert.equal(waiting?.reason, 'error');
}

function told(lines: string[]): void {
  const about = lines.filter((line) => line.includes('cannot read'));
  assert.equal(about.length, 1, lines.join('\n'));
  assert.match(about[0]!, /a\.(log|gz): EIO: i\/o error, read; it is tried again every ten seconds/);
}

test('one that has lost its name', linux, async (t) => {
  const bench = new Bench(t);
  const away = join(bench.logs, '../away');
  appendFileSync(bench.path('a.log'), 'one\n');
  const lines = await said(async () => {
    const out = await bench.start({ rotate_wait: 60_000 });
    await out.count(1);
    const { tried, mend } = failing(t, bench.path('a.log'));
    renameSync(bench.path('a.log'), away);
    appendFileSync(away, 'two\n');
    await fails(bench, tried);
    mend();
    await until('read', () => out.lines.length === 2);
    assert.deepEqual(out.texts(), ['one', 'two']);
    await until('no failure', () => bench.source.files()[0]!.error === null && bench.source.unreadable === 0);
  });
  told(lines);
});

test('one with an open record at its end', linux, async (t) => {
  const bench = new Bench(t);
  appendFileSync(bench.path('a.log'), 'one\n');
  const lines = await said(async () => {
    const out = await bench.start({ multiline });
    await out.count(1);
    appendFileSync(bench.path('a.log'), 'two\n');
    await until('it was read, and waits for more', () => bench.source.files()[0]!.size === 8);
    await fails(bench, failing(t, bench.path('a.log')).tried);
  });
  told(lines);
});

test('one that is compressed', linux, async (t) => {
  const bench = new Bench(t);
  appendFileSync(bench.path('a.gz'), gzipSync('one\n'));
  const lines = await said(async () => {
    const out = await bench.start({ include: [`${bench.logs}/*.gz`], rotate_wait: 60_000 });
    await out.count(1);
    const { tried } = failing(t, bench.path('a.gz'));
    appendFileSync(bench.path('a.gz'), gzipSync('two\n'));
    await fails(bench, tried);
  });
  told(lines);
});
