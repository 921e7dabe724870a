import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Selection } from '../../../../src/sources/tail/find/selection.ts';

function check(pattern: string, yes: string[], no: string[]): void {
  const selection = new Selection({ include: [pattern], exclude: [] });
  for (const path of yes) assert.ok(selection.has(path), `${pattern} should match ${path}`);
  for (const path of no) assert.ok(!selection.has(path), `${pattern} should not match ${path}`);
}

/** What `exclude` leaves out of what `include` names, and what not. */
function checkExclude(exclude: string, out: string[], left: string[], include = ['/x/**', '/x/.*']): void {
  const selection = new Selection({ include, exclude: [exclude] });
  for (const path of [...out, ...left]) assert.ok(selection.isIncluded(path), `${path} should be included`);
  for (const path of out) assert.ok(!selection.has(path), `${exclude} should leave out ${path}`);
  for (const path of left) assert.ok(selection.has(path), `${exclude} should leave ${path}`);
}

test('a star stays within a name and takes no hidden file', () => {
  check('/a/*.log', ['/a/x.log', '/a/ä b.log'], ['/a/.x.log', '/a/b/x.log', '/a/x.log.1', '/b/x.log']);
  check('/a/.*', ['/a/.x'], ['/a/x']);
  check('/a/.x.log', ['/a/.x.log'], []);
});

test('a double star stands for any directories, none and hidden ones apart', () => {
  check('/a/**/*.log', ['/a/x.log', '/a/b/c/x.log'], ['/a/.h/x.log', '/b/x.log']);
  check('/a/**', ['/a/x', '/a/b/c'], ['/a/.x', '/b']);
  check('/a/**/c/**/x', ['/a/c/x', '/a/b/c/d/x'], ['/a/b/x']);
});

test('question marks, classes, braces and escapes', () => {
  check('/a/?.log', ['/a/b.log', '/a/ä.log'], ['/a/bb.log', '/a/.log']);
  check('/a/[a-c]x', ['/a/bx'], ['/a/dx']);
  check('/a/[!a-c]x', ['/a/dx'], ['/a/bx', '/a/.x']);
  check('/{a,b/{c,d}}/x.{log,txt}', ['/a/x.log', '/b/c/x.txt', '/b/d/x.log'], ['/b/x.log']);
  check('/a/\\*.log', ['/a/*.log'], ['/a/x.log']);
  check('/a/{x}.log', ['/a/{x}.log'], ['/a/x.log']);
  check('/a/(x)+$.log', ['/a/(x)+$.log'], []);
});

test('a name with several stars fits as it would by trying all places', () => {
  check('/*a*b', ['/ab', '/xaxb', '/abab', '/aabb'], ['/ba', '/abx', '/b']);
  check('/a*?c*[0-9]*.log', ['/axc1.log', '/abcc22x.log', '/axccc9.9.log'], ['/ac1.log', '/axc.log', '/axc1.log.1']);
  check('/**x**y', ['/xy', '/axbxyy'], ['/yx', '/.xy']);
  check('/*a.b*a.b', ['/a.ba.b', '/xa.bxa.b'], ['/a.b', '/axb.a.b']);
  check('/*ä?*ä', ['/ääxä', '/äüä'], ['/ää']);
});

test('a pattern with many stars takes no longer than its length says', () => {
  const include = [`/var/log/${'*a'.repeat(50)}*b`, '/var/log/**'];
  const selection = new Selection({ include, exclude: [`${'*[a-c]?'.repeat(50)}x`] });
  const name = 'a'.repeat(255);
  const before = performance.now();
  for (let i = 0; i < 100; i++) assert.ok(selection.has(`/var/log/${name}`));
  assert.ok(performance.now() - before < 1000);
});

test('a pattern with many double stars takes no longer on a deep path', () => {
  const selection = new Selection({ include: [`/${'**/a/'.repeat(20)}*.log`], exclude: [] });
  const before = performance.now();
  assert.ok(selection.has(`/${'a/'.repeat(2000)}x.log`));
  assert.ok(!selection.has(`/${'a/'.repeat(2000)}x.txt`));
  assert.ok(performance.now() - before < 1000);
});

test('classes of POSIX, and brackets in brackets', () => {
  check('/a/[[:digit:]]*.log', ['/a/1.log', '/a/2x.log'], ['/a/x.log', '/a/d].log', '/a/:.log']);
  check('/a/[![:alpha:]_-]x', ['/a/1x'], ['/a/bx', '/a/_x', '/a/-x']);
  check('/a/[[:punct:][:space:]]x', ['/a/!x', '/a/[x', '/a/`x', '/a/ x'], ['/a/ax']);
  check('/a/[]x]', ['/a/]', '/a/x'], ['/a/[']);
  check('/a/[!]x]', ['/a/y'], ['/a/]', '/a/x']);
  check('/a/[[]x', ['/a/[x'], ['/a/]x']);
  check('/a/[[:nothing:]]x', ['/a/n]x'], ['/a/nx']);
});

test('slashes, dots and two dots are those of the system', () => {
  check('//a///./b//*.log', ['/a/b/x.log'], []);
  check('/a/b/*.log/', ['/a/b/x.log'], []);
  check('/nothing/../a/*.log', ['/a/x.log'], ['/nothing/../a/x.log']);
  check('/../a/x.log', ['/a/x.log'], []);
  check('/a/*/../x.log', ['/a/b/../x.log'], ['/a/x.log', '/a/b/x.log']);
  check('/a/.*/x', ['/a/.b/x'], ['/a/../x']);
});

test('only what a pattern can match is looked into', () => {
  const selection = new Selection({ include: ['/var/log/*/app.log', '/srv/x'], exclude: [] });
  const names = (path: string) => {
    let spot = selection.root();
    for (const name of path.split('/').filter(Boolean)) spot = selection.into(spot, name)!;
    return selection.names(spot);
  };
  assert.deepEqual(names('/'), ['var', 'srv']);
  assert.equal(names('/var/log'), null);
  assert.deepEqual(names('/var/log/web'), ['app.log']);
  assert.equal(selection.into(selection.root(), 'home'), null);
});

test('an exclude without a slash is a name, of a file or of a directory that is not spelled out', () => {
  checkExclude('*.gz', ['/x/y.gz', '/x/a/y.gz', '/x/.y.gz'], ['/x/gz']);
  checkExclude('*.{bak,old}', ['/x/y.old', '/x/a.bak/y'], ['/x/y']);
  checkExclude('old', ['/x/old', '/x/old/y', '/x/a/old/b/y'], ['/x/olds/y', '/x/a/y.old']);
  checkExclude('old/', ['/x/old/y', '/x/a/old/b/y'], ['/x/olds/y']);
  checkExclude('./old', ['/x/old/y'], ['/x/olds/y']);
  checkExclude('debug*', ['/x/debug.log', '/x/debug/a.log'], ['/x/a.log']);
  checkExclude('x', ['/x/a/x', '/x/a/x/b'], ['/x/y']);
  checkExclude('n*', ['/n/a/n.log', '/n/a/nn/x.log'], ['/n/a/x.log'], ['/n/**']);
  checkExclude('a', ['/x/a/a'], ['/x/a/b'], ['/x/a/*']);
});

test('an exclude that begins with a slash is a path, another one the end of a path', () => {
  checkExclude('/x/b/**', ['/x/b/c', '/x/b/c/d'], ['/x/c', '/x/a/b/c']);
  checkExclude('/x/b', ['/x/b', '/x/b/c/d'], ['/x/bb/c']);
  checkExclude('/x/b/', ['/x/b/c'], ['/x/bb/c']);
  checkExclude('//x/./c/../b', ['/x/b/c'], ['/x/c/b']);
  checkExclude('/x/b*', ['/x/b', '/x/bb', '/x/b1/c'], ['/x/a/b']);
  checkExclude('/x/*', ['/x/a', '/x/.a'], ['/x/a/b']);
  checkExclude('/x/*/', ['/x/a/b', '/x/a/b/c'], []);
  checkExclude(
    'old/*.log',
    ['/x/old/a.log', '/x/a/old/a.log', '/x/.old/old/a.log'],
    ['/x/old/a.txt', '/x/a.log'],
    ['/x/**', '/x/.old/**'],
  );
  checkExclude('./old/*.log', ['/x/old/a.log'], ['/x/a.log']);
  checkExclude('../old/*.log', ['/x/old/a.log'], ['/x/a.log']);
  checkExclude('*/old/*', ['/x/old/a.log', '/x/a/old/b.log'], ['/x/a.log', '/x/old']);
  checkExclude('**/old/**', ['/x/old/a.log', '/x/a/old/b/c.log'], ['/x/a.log']);
  checkExclude('a/old', ['/x/a/old/b', '/x/b/a/old'], ['/x/old/a']);
  checkExclude('x/old', ['/x/old/b'], ['/x/b']);
});

test('what has named nothing is known, of include and exclude', () => {
  const selection = new Selection({ include: ['/a/*.log', '/b/{c,d}.log'], exclude: ['*.gz', 'x/y', '/a/{z,b}.log'] });
  for (const path of ['/b/d.log', '/a/b.log', '/a/x']) selection.has(path);
  const spot = ['b', 'd.log'].reduce((at, name) => selection.into(at, name)!, selection.root());
  selection.use(spot);
  assert.deepEqual(selection.idle, { include: ['/a/*.log'], exclude: ['*.gz', 'x/y'] });
});
