/** The engine for regular expressions: beside V8, on hostile lines, and what it refuses. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { globSource, Pattern, type PatternOptions } from '../../../src/kernel/process/regex.ts';
import { fuzzRegex, hostileRegex, regexBench } from '../../support/regex-fuzz.ts';

const { regex, room, bytes, at } = regexBench();

/** The match, then the groups; null: there is none. */
function run(source: string, line: string | Buffer, options: PatternOptions = { search: true, captures: 'all' }) {
  room.clear();
  const pattern = new Pattern(source, options);
  const program = pattern.place(room);
  const text = Buffer.from(line as string);
  bytes.set(text, at);
  const found = regex.match(program, pattern.groups.length, at, at + text.length);
  return found?.map((span) => (span ? bytes.toString('utf8', ...span) : null)) ?? null;
}

test('random patterns find what V8 finds', () => {
  const { compared, matched, gaveUp, differences } = fuzzRegex(20261130, 400, 20);
  assert.deepEqual(differences, []);
  assert.ok(compared > 3000 && matched > 200 && gaveUp === 0);
});

test('no pattern takes long on a line that is made for that', () => {
  const { slowest, patterns } = hostileRegex(7, 40);
  assert.equal(patterns, 40);
  assert.ok(slowest.ms < 10, JSON.stringify(slowest));
});

test('what takes too many steps counts as not matching, and is counted', () => {
  const line = `${'x'.repeat(8000)}!`;
  regex.takeGaveUp();
  assert.equal(run('^(?:x|xx|xxx|xxxx)*(?:x+x+)+(?:x|xx)*y', line), null);
  assert.equal(run('^(\\w+\\s?)*$', 'x'.repeat(65536)) !== null || regex.takeGaveUp() > 0, true);
});

test('groups are those of ECMAScript', () => {
  const groups = (source: string, line: string, expected: unknown) =>
    assert.deepEqual(run(source, line), expected, source);
  groups('(?:(a)|b)*', 'ab', ['ab', null]);
  groups('(a)|(b)', 'xb', ['b', null, 'b']);
  groups('(?:(a)|(b)|(c))+', 'abc', ['abc', null, null, 'c']);
  groups('(.*)(\\d+)', 'ab123', ['ab123', 'ab12', '3']);
  groups('(.*?)(\\d+)', 'ab123', ['ab123', 'ab', '123']);
  groups('^(.{2})', '漢é!', ['漢é', '漢é']);
  groups('[^x]$', 'é', ['é']);
  groups('.', '\r\n\u2028\u2029😀', ['😀']);
  groups('(?i)straßE|ÄRGER', 'aa ärger', ['ärger']);
  groups('(?i)[^Ω]', 'ωΩa', ['a']);
  groups('(?<=^|,)([^,]*)(?=,|$)', 'a,b', ['a', 'a']);
});

test('a group that is a run is one instruction', () => {
  const opsOf = (source: string) => new Pattern(source, { captures: 'named' }).plan.nodes.map(({ op }) => op);
  assert.deepEqual(opsOf('(?<a>\\S+) \\[(?<b>[^\\]]*)\\]'), ['span', 'text', 'span', 'text', 'match']);
  assert.deepEqual(opsOf('(?<a>\\S+|-) x').slice(0, 2), ['save', 'split']);
  const captured = (source: string, line: string, ...groups: (string | null)[]) =>
    assert.deepEqual(run(source, line)?.slice(1) ?? null, groups.length > 0 ? groups : null, source);
  captured('^(\\S+) (\\d*)([^x]*)x(y+)$', '漢é aßxyy', '漢é', '', 'aß', 'yy');
  captured('^(\\S+) x', ' x');
  captured('^(?:(a+)-|(\\w+)-)+$', 'aa-bb-', null, 'bb');
  captured('^(?:(\\d+)\\.)?(\\d+)x', '12x', null, '12');
});

test('names of groups may have dots, and signs of which no name is made elsewhere', () => {
  const { groups } = new Pattern('(?<http.request.method>\\w+) \\[(?<a>[(?<x.y>]*)(?<@timestamp>.)(?<user.id>.)', {
    captures: 'named',
  });
  assert.deepEqual(groups, ['http.request.method', 'a', '@timestamp', 'user.id']);
});

test('what is no UTF-8 is taken byte by byte, and matches stay in the line', () => {
  assert.deepEqual(run('^(.)(.)b', Buffer.from('e9ff62', 'hex'))?.length, 3);
  assert.notEqual(run('^[^"]*b$', Buffer.from('80b0e962', 'hex')), null);
  assert.equal(run('^\\w+$', Buffer.from('61e9', 'hex')), null);
  // The last character is not complete; what lies behind the line would complete it.
  bytes.set(Buffer.from('a漢'), at);
  room.clear();
  const program = new Pattern('漢|a漢|漢$', { search: true }).place(room);
  assert.equal(regex.test(program, at, at + 3), false);
});

test('all matches of a line, or of its group', () => {
  const all = (source: string, line: string) => {
    room.clear();
    const pattern = new Pattern(source, { search: true, captures: 'all' });
    const program = pattern.place(room);
    const to = at + bytes.write(line, at);
    return [...regex.all(program, pattern.groups.length, at, to)].map((span) => bytes.toString('utf8', ...span));
  };
  assert.deepEqual(all('ssn=(\\d{3}-\\d\\d-\\d{4})', 'ssn=123-45-6789, ssn=1, ssn=999-99-9999'), [
    '123-45-6789',
    '999-99-9999',
  ]);
  assert.deepEqual(all('\\b\\w', 'ab cd'), ['a', 'c']);
  assert.deepEqual(all('x*', 'axxbx'), ['xx', 'x']);
  assert.equal(all('é', 'é'.repeat(1000)).length, 1000);
  assert.deepEqual(all('^a', 'aaa'), ['a']);
});

test('a glob is of the whole text', () => {
  for (const [glob, yes, no] of [
    ['/api/*/items', '/api/v1/x/items', '/api/v1/items/2'],
    ['*.go:?', 'a/b.go:1', 'a/b.go:12'],
    ['a[1].b', 'a[1].b', 'a1xb'],
    ['漢?', '漢字', '漢'],
  ] as const) {
    assert.ok(run(globSource(glob), yes));
    assert.equal(run(globSource(glob), no), null);
  }
});

test('a pattern that cannot be is refused at its place', () => {
  const refused = (source: string, index: number, why: RegExp) =>
    assert.throws(
      () => new Pattern(source, { captures: 'named' }),
      (error: Error & { index: number }) => {
        assert.match(error.message, why, source);
        assert.equal(error.index, index, source);
        return true;
      },
    );
  refused('a(b*)*c', 1, /repeats what may match nothing/);
  refused('x(?:a?|b)+', 1, /nothing/);
  refused('(a)b\\1', 4, /refers back/);
  refused('^(?!ab)c', 1, /more than one character/);
  refused('a(?i:b)', 1, /very beginning/);
  refused('ab(', 3, /unterminated group/);
  refused('a(?P<x>b)', 1, /write \(\?<name>/);
  refused('a(?>b)', 1, /\(\?:/);
  refused('a++', 2, /without/);
  refused('a\\Z', 1, /write \$/);
  refused('a[[:alpha:]]', 2, /\[:alpha:\]/);
  refused('[z-a]', 4, /out of order/);
  refused('(?:(?:a{1,90}b){90}){90}', 0, /too large/);
  refused('a'.repeat(100_000), 0, /100000 characters/);
  refused(`${'('.repeat(10_000)}${')'.repeat(10_000)}`, 200, /deep/);
});
