/** What `exclude` names. */
import assert from 'node:assert/strict';
import { mkdirSync, renameSync, statSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { Bench, said } from '../../../support/tail.ts';
import { until } from '../../../support/until.ts';

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

/** `secret/x.log` and `secret/deep/x.log`, and `open/x.log`; links to each that have names of their own. */
function linked(bench: Bench): void {
  for (const dir of ['secret', 'secret/deep', 'open']) {
    mkdirSync(bench.path(dir));
    writeFileSync(bench.path(`${dir}/x.log`), `${dir}\n`);
  }
  symlinkSync('secret', bench.path('alias'));
  symlinkSync('secret/deep', bench.path('deeper'));
  symlinkSync('secret/x.log', bench.path('file.log'));
  symlinkSync('open', bench.path('way'));
  symlinkSync('open/x.log', bench.path('way.log'));
}

/** `later`: what is made in `secret` while the agent runs is read. */
const HIDDEN: { exclude: string; left: string[]; later: boolean }[] = [
  { exclude: '/secret', left: ['open'], later: false },
  { exclude: '/secret/**', left: ['open'], later: false },
  { exclude: '/sec*t', left: ['open'], later: false },
  { exclude: '/secret/x.log', left: ['open', 'secret/deep'], later: true },
  { exclude: '/secret/*', left: ['open', 'secret/deep'], later: false },
  { exclude: '/secret/*/x.log', left: ['open', 'secret'], later: true },
];

for (const { exclude, left, later } of HIDDEN) {
  test(`what ${exclude} leaves out is not read through a link either, and everything else is`, async (t) => {
    const bench = new Bench(t);
    linked(bench);
    const include = [`${bench.logs}/**/*.log`];
    const out = await bench.start({ include, exclude: [bench.logs + exclude] }, true, { round: 2 });
    await until('started', () => bench.positions.started('test'));
    await out.count(left.length);
    // Told of by inotify, in directories that are known; and links that are made, and pointed elsewhere.
    writeFileSync(bench.path('way/y.log'), 'new\n');
    writeFileSync(bench.path('secret/x2.log'), 'x\n');
    symlinkSync('secret/x.log', bench.path('next'));
    renameSync(bench.path('next'), bench.path('way.log'));
    symlinkSync('secret/x.log', bench.path('late.log'));
    await until('read', () => out.texts().includes('new'));
    writeFileSync(bench.path('open/z.log'), 'end\n');
    const all = [...left, 'new', 'end', ...(later ? ['x'] : [])];
    await until('read', () => out.lines.length >= all.length && out.texts().includes('end'));
    assert.deepEqual(out.texts().sort(), all.sort());
    assert.deepEqual(bench.source.idle.exclude, []);
  });
}

test("of a path that begins with a link, too; where include spells the link out; and under its directory's links", async (t) => {
  const bench = new Bench(t);
  mkdirSync(bench.path('disk'));
  mkdirSync(bench.path('disk/secret'));
  mkdirSync(bench.path('disk/secret/in'));
  writeFileSync(bench.path('disk/secret/x.log'), 'secret\n');
  writeFileSync(bench.path('disk/secret/in/x.log'), 'within\n');
  writeFileSync(bench.path('disk/x.log'), 'open\n');
  symlinkSync('disk', bench.path('log'));
  symlinkSync('secret', bench.path('disk/alias'));
  symlinkSync('secret/x.log', bench.path('disk/file.log'));
  const include = ['log/*.log', 'log/alias/*.log', 'log/alias/in/x.log'].map((name) => bench.path(name));
  const out = await bench.start({ include, exclude: [bench.path('log/secret')] });
  await until('started', () => bench.positions.started('test'));
  writeFileSync(bench.path('disk/y.log'), 'end\n');
  await until('read', () => out.texts().includes('end'));
  assert.deepEqual(out.texts(), ['open', 'end']);
});

test('a name that is excluded says nothing of links with other names', async (t) => {
  const bench = new Bench(t);
  writeFileSync(bench.path('app-20261130.log'), 'today\n');
  symlinkSync('app-20261130.log', bench.path('current.log'));
  const out = await bench.start({ exclude: ['app-*.log'] });
  await out.count(1);
  assert.deepEqual(
    out.lines.map(({ path }) => path),
    [bench.path('current.log')],
  );
});
