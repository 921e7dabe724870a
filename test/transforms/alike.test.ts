/** What records of a batch have in common, also with the first of its kind: each is written as it would be by itself. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { brief, made, run } from '../support/processed.ts';

const AGENTS = ['curl/8.5.0', 'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Safari/537.36'];

/** Lines whose records differ in what they hold, and in how many bytes their own lengths take. */
function lineOf(i: number): string {
  const time = `21/Sep/2026:14:${String(Math.floor(i / 60) % 60).padStart(2, '0')}:${String(i % 60).padStart(2, '0')} +0000`;
  const url = `/a${'b'.repeat([0, 7400 + ((i * 7) % 600), 20, 3][i % 4]!)}`;
  const user = i % 3 === 0 ? 'alice' : '-';
  return `10.0.0.${i % 256} - ${user} [${time}] "GET ${url} HTTP/1.1" 200 ${i * 37} "${i % 5 ? '-' : 'https://a/b'}" "${AGENTS[i % 2]}"`;
}

const LINES = Array.from({ length: 700 }, (_, i) => (i % 11 === 10 ? `what else ${i}` : lineOf(i)));

/** Without what tells where the line stands. */
function alone(text: string): string {
  return text.replace(/"offset":\d+/, '"offset":0');
}

const PROGRAMS: Record<string, object[]> = {
  'with a time of its own': [{ parse: 'combined' }],
  'with the time of reading': [{ parse: { regex: String.raw`^(?<ip>\S+) - (?:-|(?<user.name>\S+)) \[` } }],
};

for (const [name, process] of Object.entries(PROGRAMS)) {
  test(`records ${name}: many at once and one by one come to the same`, () => {
    const all = made(process);
    const { texts } = run(all, LINES);
    assert.equal(texts.length, LINES.length);
    let offset = 0;
    for (const [i, line] of LINES.entries()) {
      const { log } = JSON.parse(texts[i]!);
      assert.deepEqual([log.offset, log.length], [offset, line.length + 1]);
      offset += line.length + 1;
      const [single] = run(all, [line]).texts;
      assert.ok(alone(texts[i]!) === alone(single!), `line ${i}: ${texts[i]} is not ${single}`);
    }
    // Both widths of a length, with and without a neighbour of the same.
    assert.ok(
      texts.some((text) => text.length > 8192) && texts.some((text) => text.length < 8192 && text.length > 8000),
    );
    all.close();
  });
}

const VALUES = [
  'short',
  'of more than thirty-two bytes, as is seldom',
  '',
  'a "quote" and a \\',
  '\t, in more than thirty-two bytes of which this is one',
  1,
  1.5e300,
  [1, 'two', { three: 3, four: 'much longer than thirty-two' }],
  {},
  true,
  null,
];

test('values are of another kind than those of the first record with as many', () => {
  for (const first of VALUES) {
    const all = made([{ parse: 'json' }, { drop: { a: 'x', b: 'x', c: 'x' } }]);
    const rows = [first, ...VALUES].flatMap((a) => VALUES.map((b) => ({ a, b, c: first })));
    const { texts } = run(
      all,
      rows.map((row) => JSON.stringify(row)),
    );
    assert.deepEqual(texts.map(brief), rows);
    all.close();
  }
});

test('values of logfmt, which are to be escaped, where others were not', () => {
  const all = made([{ parse: ['json', { logfmt: {} }] }, { drop: { a: 'x', b: 'x' } }]);
  const { texts } = run(all, ['{"a":"s","b":1}', 'a="ü\t" b', 'a=1 b="two words"', '{"a":2,"b":"s"}']);
  assert.deepEqual(texts.map(brief), [
    { a: 's', b: 1 },
    { a: 'ü\t', b: true },
    { a: '1', b: 'two words' },
    { a: 2, b: 's' },
  ]);
  all.close();
});
