import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LOOKED_AT, linear, obstacle, quickUpTo } from '../../src/config/backtracking.ts';

test('what may take long and has no linear form is refused, and the part is named', () => {
  const check = (source: string, part: string | null) => assert.equal(obstacle(source), part, source);
  check('^\\d{4}-', null);
  check('ERROR', null);
  check('^(a+)+$', null);
  check('(x+x+)+y', null);
  check('.*error.*', null);
  check('(?<!x)(a*)*b', null);
  // Not linear, but there are few ways.
  check('^(?!\\s)', null);
  check('^(?!\\s+at |Caused by:)', null);
  check('^[0-9a-f]{32} ', null);
  check('^\\p{Lu}\\p{Ll}+ ', null);
  check('(?i:error|warning)', null);
  check('^(?i:.*error.*)', '(?i:');
  check('^.*(?i:error).*', null);
  check('^(a|b)\\1', null);
  check('^\\S+ (?!INFO)', null);
  check('^x{0,40}y', null);
  check('^[\\u{1F600}-\\u{1F64F}]', null);
  // Many.
  check('(?=a)(a+)+$', '(?=');
  check('^(?!(a*)*b)', '(?!');
  check('x(?![)]*b+)', '(?!');
  check('(\\w+) \\1', '\\1');
  check('(?<word>\\w+) \\k<word>', '\\k<word>');
  check('(\\p{L}+)+$', '\\p{L}');
  check('(?:[^\\P{Lu}]+x?)+$', '\\P{Lu}');
  check('(?:\\u{1F600}|.)+y', '\\u{1F600}');
  check('(?:😀|.)+y', '😀');
  check('(a+){1,40}$', '{1,40}');
  check('(?:a|aa){20}b', '{20}');
  check('(?:(?:a?){10}){10}b', '{10}');
  check('(?i:a*)*b', '(?i:');
});

test('the bound holds for what is slow: it is left to the linear engine', () => {
  for (const source of ['^(a+)+$', '^(a|aa)+$', '(x+x+)+y', '^(\\w+\\s?)*$', 'a*a*b', '^a*a*a*b', '(?:a?){16}a{16}$']) {
    assert.ok(quickUpTo(source) < 200, `${source} ${quickUpTo(source)}`);
    assert.ok(linear(source), source);
  }
  for (const source of [
    '^\\d{4}-',
    '^\\s+at .*',
    'Exception',
    '^(?!\\s)',
    '^[^,]*,ERROR,',
    '^',
    '',
    '^(\\s|Caused by:)',
  ]) {
    assert.equal(quickUpTo(source), LOOKED_AT, source);
  }
});

test('what is let through takes no long time, on whatever line', () => {
  const letters = [
    'a',
    'aa',
    'a?',
    'a*',
    '(a|aa)',
    '(?:a|b)',
    '[ab]*',
    '(?=a)',
    '(?!b)',
    '\\1?',
    'a{0,20}',
    '.*',
    'b',
    '(?:a*b?)',
  ];
  let seed = 1;
  const random = (limit: number) => {
    seed = (Math.imul(seed, 1103515245) + 12345) & 0x7fffffff;
    return (seed >> 8) % limit;
  };
  let [refused, slow] = [0, 0];
  const lines = [`${'a'.repeat(4095)}!`, `${'ab'.repeat(2047)}!`, 'a'.repeat(4096)];
  for (let i = 0; i < 400; i++) {
    let source = random(2) ? '^(a*?)' : '(a)';
    for (let n = random(4); n >= 0; n--) source += letters[random(letters.length)];
    if (random(3) === 0) source = `(?:${source})${random(2) ? '*' : '+'}`;
    source += random(2) ? '$' : 'c';
    if (obstacle(source) !== null) {
      refused++;
      continue;
    }
    const quick = quickUpTo(source);
    const [usual, other] = [new RegExp(source), quick < LOOKED_AT ? linear(source)! : null];
    for (const line of lines) {
      const start = performance.now();
      const short = line.slice(-Math.max(1, quick));
      const matches = usual.test(short);
      other?.test(line);
      if (performance.now() - start > 1000) slow++;
      if (other) assert.equal(other.test(short), matches, `${source} on ${short}`);
    }
  }
  assert.ok(refused > 40 && refused < 360, `${refused} are refused`);
  assert.ok(slow < 5, `${slow} were slow`); // the machine may be busy
});
