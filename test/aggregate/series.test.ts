import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Arena } from '../../src/aggregate/arena.ts';
import { SeriesTable } from '../../src/aggregate/series.ts';
import { seriesLimits } from '../support/statsd.ts';

test('a series is its kind, name and attributes, whatever their order', () => {
  const table = new SeriesTable(seriesLimits(10), new Arena(1 << 20));
  const number = table.number(0, 'a"b', [
    ['k', 'v'],
    ['a', ''],
    ['k', 'w'],
  ]);
  assert.equal(
    table.number(0, 'a"b', [
      ['k', 'w'],
      ['k', 'v'],
      ['a', ''],
      ['a', ''],
    ]),
    number,
  );
  assert.notEqual(table.number(1, 'a"b', [['k', 'v']]), number);
  assert.deepEqual([table.kind(number), table.name(number)], [0, '"a\\"b"']);
  assert.equal(table.attributes(number), '"a":"","k":["v","w"]');
});

test('names and attributes are JSON, whatever stands in them', () => {
  const table = new SeriesTable(seriesLimits(100), new Arena(1 << 20));
  for (const text of ['', 'a.b', 'é😀', '"', '\\', '\0', '\n', '\x1f', ' ', '\x7f', '\ud800', 'a\udc00b', '\u2028']) {
    const number = table.number(0, text, [[text, text]]);
    const [name, attributes] = [table.name(number), table.attributes(number)];
    assert.deepEqual([name, attributes], [JSON.stringify(text), `${JSON.stringify(text)}:${JSON.stringify(text)}`]);
  }
});

test('past the limit there is one overflow series a name, and past those nothing', () => {
  const table = new SeriesTable(seriesLimits(2), new Arena(1 << 20));
  table.number(0, 'a', [['u', '1']]);
  table.number(0, 'a', [['u', '2']]);
  const overflow = table.number(0, 'a', [['u', '3']]);
  assert.equal(table.number(0, 'a', [['u', '4']]), overflow);
  assert.equal(table.attributes(overflow), '"runnel.overflow":"true"');
  for (let i = 0; i < 2000; i++) table.number(0, `name-${i}`, []);
  assert.equal(table.number(0, 'one.more', []), -1);
  assert.equal(table.live, table.capacity);
});

test('idle series go, and their numbers are given out again', () => {
  const table = new SeriesTable(seriesLimits(4), new Arena(1 << 20));
  const numbers = ['a', 'b', 'c', 'd'].map((name) => table.number(0, name, []));
  for (let window = 0; window < 3; window++) {
    table.used(numbers[0]!);
    for (const number of numbers.slice(1)) table.unused(number);
  }
  assert.equal(table.evict(4), 0);
  assert.equal(table.evict(3), 3);
  assert.equal(table.live, 1);
  assert.equal(table.number(0, 'a', []), numbers[0]);
  for (const name of ['e', 'f', 'g']) assert.ok(table.number(0, name, []) < 4);
  assert.equal(table.size, 4);
});

test('long keys take of the budget, half of it at most, and give it back when their series go', () => {
  const budget = new Arena(1 << 20);
  const table = new SeriesTable(seriesLimits(1000), budget);
  for (let i = 0; i < 100; i++) table.number(0, 'short', [['user', String(i)]]);
  assert.equal(budget.used, 0);
  const long = (i: number) => table.number(0, 'long', [['text', String(i).padEnd(60_000, 'x')]]);
  const numbers = Array.from({ length: 20 }, (_, i) => long(i));
  // 512 KiB have room for eight of them; the others count for the name alone.
  assert.equal(new Set(numbers).size, 9);
  assert.ok(table.isOverflow(numbers[19]!));
  assert.ok(budget.used <= 512 * 1024);
  // A character of another alphabet makes a key twice as large.
  assert.ok(table.isOverflow(table.number(0, 'wide', [['text', 'щ'.repeat(30_000)]])));
  for (let number = 0; number < table.size; number++) table.unused(number);
  table.evict(1);
  assert.equal(budget.used, 0);
  assert.equal(table.live, 0);
  assert.equal(table.isOverflow(long(0)), false);
});

test('the overflow series of a series has its kind and its name', () => {
  const table = new SeriesTable(seriesLimits(2), new Arena(1 << 20));
  const number = table.number(2, 'a', [['u', '1']]);
  const overflow = table.overflow(number);
  assert.deepEqual([table.kind(overflow), table.name(overflow)], [2, '"a"']);
  assert.equal(table.attributes(overflow), '"runnel.overflow":"true"');
  assert.equal(table.overflow(overflow), overflow);
});
