/** What `exclude` names. */
import assert from 'node:assert/strict';
import { statSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { Bench, said, until } from '../collect.ts';

test('excluded files are not read, also where a link that is not excluded stands beside them', async (t) => {
  const bench = new Bench(t);
  if (!bench.mount(bench.logs, '1m')) return t.skip('NOT TESTED: needs the right to mount what keeps times of access');
  const long = new Date(1000);
  for (const name of ['a.log', 'b.log', 'c.log.1']) {
    writeFileSync(bench.path(name), `${name}\n`);
    utimesSync(bench.path(name), long, new Date());
  }
  symlinkSync('a.log', bench.path('l.log'));
  const out = await bench.start({ include: [`${bench.logs}/*`], exclude: ['b.log', '*.1'] });
  await until('read', () => out.lines.length === 1);
  assert.deepEqual(out.texts(), ['a.log']);
  assert.notEqual(statSync(bench.path('a.log')).atimeMs, 1000);
  assert.equal(statSync(bench.path('b.log')).atimeMs, 1000);
  assert.equal(statSync(bench.path('c.log.1')).atimeMs, 1000);
});

test('patterns that name nothing are said at the start, and known until they do', async (t) => {
  const bench = new Bench(t);
  writeFileSync(bench.path('a.log'), 'a\n');
  const include = ['a.log', 'b.log', '*.txt'].map((name) => bench.path(name));
  const lines = await said(async () => {
    await bench.start({ include, exclude: ['*.gz', 'debug\\.log$'] }, true, { round: 2 });
    await until('started', () => bench.positions.started('test'));
  });
  assert.equal(lines.filter((line) => /no file yet is named by \S+b\.log, \S+\*\.txt$/.test(line)).length, 1);
  assert.equal(
    lines.filter((line) => /left out by exclude: \*\.gz, debug\S+ \(it looks like a regular/.test(line)).length,
    1,
  );
  assert.deepEqual(bench.source.idle, { include: include.slice(1), exclude: ['*.gz', 'debug\\.log$'] });
  writeFileSync(bench.path('b.log'), 'b\n');
  writeFileSync(bench.path('c.txt'), 'c\n');
  writeFileSync(bench.path('c.txt.gz'), 'c\n');
  await bench.output.count(3);
  await until('seen', () => bench.source.idle.include.length === 0);
});
