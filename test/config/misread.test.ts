/** Patterns as users of other agents write them. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { misread } from '../../src/config/misread.ts';
import { leavesAllOut, mayLeaveOut } from '../../src/sources/tail/find/overlap.ts';

test('what looks like something else is told, and what was probably meant', () => {
  const check = (pattern: string, what: RegExp | null, instead?: string) => {
    const found = misread(pattern);
    if (what === null) assert.equal(found, null, pattern);
    else assert.match(found?.what ?? 'nothing', what, pattern);
    if (instead !== undefined) assert.equal(found?.instead, instead, pattern);
  };
  // Filebeat: regular expressions.
  check('debug\\.log$', /regular/, '*debug.log');
  check('.gz$', /regular/, '*.gz');
  check('\\.gz$', /regular/, '*.gz');
  check('^debug', /regular/, 'debug*');
  check('^/var/log/.*\\.log$', /regular/, '/var/log/*.log');
  check('/var/log/(app|web)\\.log', /regular/);
  check('(debug|trace)\\.log$', /regular/, '*{debug,trace}.log');
  check('app-\\d+\\.log$', /regular/, '*app-[0-9]*.log');
  check('debug.+', /regular/, '*debug*');
  check('[0-9]+\\.log', /regular/);
  // Lists, as Fluent Bit has them, and other programs.
  check('/a/*.log,/b/*.log', /several/);
  check('*.gz, *.zip', /several/);
  check('*.gz;*.zip', /several/);
  check('*.gz|*.zip', /several/);
  check('/a/*.log /b/*.log', /several/);
  check('~/logs/*.log', /~/, '${HOME}/logs/*.log');
  check('$HOME/logs/*.log', /\$HOME/);
  check('%PROGRAMDATA%/x.log', /%PROGRAMDATA%/);
  check('file:///var/log/a.log', /URL/, '/var/log/a.log');
  check('C:\\logs\\*.log', /Windows/);
  check('logs\\old\\*.log', /backslash|regular/);
  check(' /var/log/a.log', /blank/, '/var/log/a.log');
  check('/var/log/a.log\n', /blank/, '/var/log/a.log');
  check('"/var/log/a.log"', /quotes/, '/var/log/a.log');
  check('!keep.log', /!/);
  check('/var/log/**.log', /\*\*/);
  check('/var/log/app{1..3}.log', /range/);
  check('/var/log/app-%Y-%m-%d.log', /%Y/);
  for (const fine of [
    '/var/log/*.log',
    '/var/log/**/*.log',
    '/var/log/**',
    '/var/log/messages.*',
    '.*',
    '.*.swp',
    '*.[0-9]*',
    '*.[0-9]',
    '/a/{b,c}/*.log',
    '/a/Foo$1.log',
    '/a b/c d.log',
    'a,v',
    '/a/[[:digit:]].log',
    '/a/\\*.log',
    '/a/\\[x\\].log',
    'x~',
  ]) {
    check(fine, null);
  }
});

test('an exclude that can leave nothing out of an include is told', () => {
  const check = (exclude: string, include: string, may: boolean) =>
    assert.equal(mayLeaveOut(exclude, include), may, `${exclude} of ${include}`);
  check('*.gz', '/a/*.log', false);
  check('*.gz', '/a/*', true);
  check('*.log.*', '/a/*.log', true);
  check('debug*', '/a/*.log', true);
  check('debug', '/a/*.log', false);
  check('debug', '/a/**/*.log', true);
  check('debug', '/a/*/x.log', true);
  check('debug', '/debug/x.log', false);
  check('debug\\.log$', '/a/**/*.log', true);
  check('debug\\.log$', '/a/**', true);
  check('.gz$', '/a/**', false);
  check('.*', '/a/**', false);
  check('.*', '/a/.*', true);
  check('?b[x-z]', '/a/[a-c]*y', true);
  check('?b[x-z]', '/a/[a-c]?w', false);
  check('[[:digit:]]*', '/a/[a-z].log', true);
  check('/a/b', '/a/*.log', false);
  check('/a/b', '/a/**/*.log', true);
  check('/a/b/**', '/a/*/*.log', true);
  check('/b/**', '/a/**', false);
  check('old/*.log', '/a/*.log', false);
  check('old/*.log', '/a/old/*.log', true);
  check('old/*.log', '/a/*/*.log', true);
  check('old/', '/a/**/*.log', true);
  check('*/old/*', '/a/**/*.log', true);
  check('{*.gz,old/x}', '/a/{*.log,old/*}', true);
  check('*a*b*c', `/x/${'*'.repeat(40)}c`, true);
  check(`${'*a'.repeat(100)}`, `/x/${'*b'.repeat(100)}`, false);
});

test('of a name, only files may be meant', () => {
  assert.equal(mayLeaveOut('debug\\.log$', '/a/**/*.log', true), false);
  assert.equal(mayLeaveOut('debug*', '/a/**/*.log', true), true);
  assert.equal(mayLeaveOut('debug', '/a/**', true), true);
});

test('an exclude that leaves out all that an include names is told', () => {
  const check = (exclude: string, include: string, all: boolean) =>
    assert.equal(leavesAllOut(exclude, include), all, `${exclude} of ${include}`);
  check('/a', '/a/*.log', true);
  check('/a/', '/a/b/*.log', true);
  check('/a/**', '/a/b/*.log', true);
  check('/a/b', '/a/*.log', false);
  check('/a/*', '/a/*.log', false);
  check('*', '/a/*.log', true);
  check('a', '/a/*.log', false);
  check('/a', '/{a,b}/*.log', false);
  check('/{a,b}', '/{a,b}/*.log', true);
});
