import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Excludes, Glob } from '../../../src/sources/tail/glob.ts';

function check(pattern: string, yes: string[], no: string[]): void {
  const glob = new Glob([pattern]);
  for (const path of yes) assert.ok(glob.matches(path), `${pattern} should match ${path}`);
  for (const path of no) assert.ok(!glob.matches(path), `${pattern} should not match ${path}`);
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
  const glob = new Glob([`/var/log/${'*a'.repeat(50)}*b`]);
  const excludes = new Excludes([`${'*[a-c]?'.repeat(50)}x`]);
  const name = 'a'.repeat(255);
  const before = performance.now();
  for (let i = 0; i < 100; i++) {
    assert.ok(!glob.matches(`/var/log/${name}`));
    assert.ok(!excludes.has(`/var/log/${name}`));
  }
  assert.ok(performance.now() - before < 1000);
});

test('only what a pattern can match is looked into', () => {
  const glob = new Glob(['/var/log/*/app.log', '/srv/x']);
  assert.deepEqual(glob.names(glob.root()), ['var', 'srv']);
  const log = glob.into(glob.into(glob.root(), 'var'), 'log');
  assert.equal(glob.names(log), null);
  assert.deepEqual(glob.names(glob.into(log, 'web')), ['app.log']);
  assert.deepEqual(glob.into(glob.root(), 'home'), []);
});

test('an exclude without a slash is matched against the name', () => {
  const excludes = new Excludes(['*.gz', '/a/b/**', '*.{bak,old}']);
  for (const path of ['/x/y.gz', '/a/b/c', '/x/y.old']) assert.ok(excludes.has(path), path);
  for (const path of ['/x/gz', '/a/c']) assert.ok(!excludes.has(path), path);
});
