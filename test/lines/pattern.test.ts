import assert from 'node:assert/strict';
import { test } from 'node:test';
import { beginningBytes, LinePattern } from '../../src/lines/pattern.ts';

const SOURCES = [
  '^\\d{4}-',
  '^\\s',
  '^(\\s|Caused by:)',
  '^\\S',
  '^(?!\\s)',
  '^(?!\\s+at |Caused)',
  '^[A-Z][a-z]+',
  '^[^\\s#]',
  '^\\[',
  'ERROR',
  'a|^b',
  '^a|^b',
  '^(?:a|b)?c',
  '^a*b?',
  '^',
  '^$',
  '^a+',
  '^a{2}',
  '^a{0,3}b',
  '^(?:x|)y',
  '^é',
  '^[é-ü]x',
  '^[a-é]',
  '^\\u0041',
  '^\\x41b',
  '^\\t+at',
  '^\\w',
  '^\\W',
  '^\\D',
  '^.',
  '^.a',
  '^\\bfoo',
  '^(?=a)b',
  '^(?=a)\\w',
  '^(?!a)\\w',
  '^(?!a)a',
  '^a(?!b)',
  '^(?<year>\\d+)',
  '^(a)\\1',
  '^\\p{L}',
  '^[\\d-]',
  '^[]',
  '^[^]',
  '^(?i:a)',
  '^a|',
  '^(?:^a|b)',
  '^Traceback|^\\s|^\\w+Error',
  '^\\}',
  '^panic:|^goroutine ',
  '^a??b',
  '^(?:a|bc)d*',
  '^(?:a|bc)',
  '^(?!(?!a))',
  '^x(?:)$',
  '^[\\b]',
  '^a*(?!b)',
  '^(?:(?!a))b*',
  '^\\r',
  '^\\cA',
];
const TAILS = [
  '',
  'a',
  'b',
  'x',
  ' ',
  'bc',
  'aa',
  '\x80',
  '\xa9',
  '\xa9x',
  'at ',
  'aused by:',
  '026-',
  'oo',
  'Error',
  'y',
  '\xbf\xbd',
];

test('what the first byte says is what the expression says, for every byte and many ends', () => {
  let known = 0;
  for (const source of SOURCES) {
    const table = beginningBytes(source);
    const pattern = new LinePattern(source);
    const unicode = new RegExp(source, 'u');
    for (let byte = 0; byte < 256; byte++) {
      if (byte === 10) continue;
      if (table[byte] !== 1) known++;
      for (const tail of TAILS) {
        const line = Buffer.from(String.fromCharCode(byte) + tail, 'latin1');
        const matches = unicode.test(line.toString());
        if (pattern.test(line, 0, line.length) !== matches) assert.fail(`${source} on ${line.toString('latin1')}`);
      }
    }
    assert.equal(pattern.test(Buffer.alloc(0), 0, 0), unicode.test(''), source);
  }
  assert.ok(known > 5000, `${known} first bytes say something`);
});

test('usual patterns are known by the first byte for all of ASCII that matters', () => {
  const check = (source: string, never: string, always: string) => {
    const table = beginningBytes(source);
    for (const c of never) assert.equal(table[c.charCodeAt(0)], 0, `${source} ${c}`);
    for (const c of always) assert.equal(table[c.charCodeAt(0)], 2, `${source} ${c}`);
  };
  check('^\\d{4}-\\d{2}', 'abc \t[', '');
  check('^\\s', 'abc[0', ' \t');
  check('^(\\s|Caused by:)', 'abX', ' \t');
  check('^(?!\\s)', ' \t', 'a0[');
  check('^\\[', 'a ', '[');
  check('^[^\\s]', ' ', 'a');
});

test('a pattern that explodes takes no long time, and a very long line is looked at in part', () => {
  const start = performance.now();
  for (const source of ['^(a+)+$', '^(a|aa)+$', '(x+x+)+y', '^(\\w+\\s?)*$', 'a*a*a*b']) {
    const line = Buffer.from(`${'a'.repeat(4000)}!${'x'.repeat(40)}`);
    const pattern = new LinePattern(source);
    for (let i = 0; i < 20; i++) assert.equal(pattern.test(line, 0, line.length), false, source);
  }
  assert.ok(performance.now() - start < 5000);
  const long = Buffer.from(`${'b'.repeat(5000)}ERROR`);
  assert.equal(new LinePattern('ERROR').test(long, 0, long.length), false);
  assert.equal(new LinePattern('ERROR').test(long, 4990, long.length), true);
});

test('a character is one, also beyond U+FFFF', () => {
  const check = (source: string, text: string, expected: boolean) => {
    const line = Buffer.from(text);
    assert.equal(new LinePattern(source).test(line, 0, line.length), expected, `${source} on ${text}`);
  };
  check('^.x', '😀x', true);
  check('^[^ ]{2} ', '😀a ', true);
  check('^..$', '😀', false);
  check('^😀x', '😀x', true);
  check('^\\p{L}x', '𝒳x', true);
});

test('a pattern that may explode and has no linear form is none', () => {
  assert.throws(() => new LinePattern('(?!x)(a*)*b'), /with \(\?!, .* cannot be matched in linear time/);
});
