import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SeriesTable } from '../../src/aggregate/series.ts';

test('a series is its kind, name and attributes, whatever their order', () => {
  const table = new SeriesTable(10);
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

test('past the limit there is one overflow series a name, and past those nothing', () => {
  const table = new SeriesTable(2);
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
  const table = new SeriesTable(4);
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
