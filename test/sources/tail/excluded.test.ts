/** What `exclude` names. */
import assert from 'node:assert/strict';
import { statSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { Bench, until } from './collect.ts';

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
