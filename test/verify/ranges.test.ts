import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Origin } from '../../src/verify/origin.ts';
import { Ranges } from '../../src/verify/ranges.ts';
import { Recent } from '../../src/verify/recent.ts';
import { seeded } from '../support/packed.ts';

function pairs(ranges: Ranges): [number, number][] {
  return ranges.starts.map((start, i) => [start, ranges.ends[i]!]);
}

function check(added: [number, number][], expected: [number, number][], known: number[]): void {
  const ranges = new Ranges();
  assert.deepEqual(
    added.map(([from, to]) => ranges.add(from, to)),
    known,
  );
  assert.deepEqual(pairs(ranges), expected);
}

test('ranges merge where they touch and say what they knew', () => {
  check(
    [
      [0, 5],
      [5, 9],
    ],
    [[0, 9]],
    [0, 0],
  );
  check(
    [
      [5, 9],
      [0, 5],
    ],
    [[0, 9]],
    [0, 0],
  );
  check(
    [
      [0, 5],
      [6, 9],
    ],
    [
      [0, 5],
      [6, 9],
    ],
    [0, 0],
  );
  check(
    [
      [0, 5],
      [6, 9],
      [5, 6],
    ],
    [[0, 9]],
    [0, 0, 0],
  );
  check(
    [
      [0, 5],
      [6, 9],
      [0, 9],
    ],
    [[0, 9]],
    [0, 0, 8],
  );
  check(
    [
      [0, 5],
      [0, 5],
    ],
    [[0, 5]],
    [0, 5],
  );
  check(
    [
      [0, 5],
      [3, 7],
    ],
    [[0, 7]],
    [0, 2],
  );
  check(
    [
      [10, 20],
      [30, 40],
      [50, 60],
      [15, 55],
    ],
    [[10, 60]],
    [0, 0, 0, 20],
  );
  check(
    [
      [10, 20],
      [30, 40],
      [10, 12],
      [20, 30],
    ],
    [[10, 40]],
    [0, 0, 2, 0],
  );
});

test('a file of any length that comes in order is one range', () => {
  const ranges = new Ranges();
  for (let at = 0; at < 2 ** 45; at += 2 ** 28) ranges.add(at, at + 2 ** 28);
  assert.deepEqual(pairs(ranges), [[0, 2 ** 45]]);
});

test('ranges are what a map of the bytes says, in any order', () => {
  for (let seed = 0; seed < 300; seed++) {
    const random = seeded(seed);
    const size = 1 + random(200);
    const bytes = new Uint8Array(size);
    const ranges = new Ranges();
    for (let i = 0; i < 100; i++) {
      const from = random(size);
      const to = Math.min(size, from + 1 + random(12));
      let known = 0;
      for (let at = from; at < to; at++) known += bytes[at]!;
      bytes.fill(1, from, to);
      assert.equal(ranges.add(from, to), known, `seed ${seed}`);
      const expected: [number, number][] = [];
      for (let at = 0; at < size; at++) {
        if (bytes[at] && !bytes[at - 1]) expected.push([at, at]);
        if (bytes[at]) expected.at(-1)![1] = at + 1;
      }
      assert.deepEqual(pairs(ranges), expected, `seed ${seed}`);
    }
  }
});

test('the last records are remembered, the others forgotten, in fixed memory', () => {
  for (const askedFrom of [0, 1000, 5000]) {
    const recent = new Recent(1000);
    for (let i = 0; i < 10_000; i++) {
      recent.add(1, i * 10, 10);
      assert.equal(recent.forgot, i >= 1000);
      if (i < askedFrom) continue;
      for (const back of [0, 1, 500, 999]) if (back <= i) assert.ok(recent.has(1, (i - back) * 10, 10));
      for (const back of [1000, 1001, 3000]) if (back <= i) assert.ok(!recent.has(1, (i - back) * 10, 10));
    }
  }
});

test('a ring of any size finds what it holds and nothing else', () => {
  for (let capacity = 1; capacity < 40; capacity++) {
    const recent = new Recent(capacity);
    for (let i = 0; i < 500; i++) {
      recent.add(i % 3, i * 7, 7);
      assert.ok(recent.has(i % 3, i * 7, 7));
      const last = i - capacity + 1;
      if (last >= 0) assert.ok(recent.has(last % 3, last * 7, 7));
      if (last >= 1) assert.ok(!recent.has((last - 1) % 3, (last - 1) * 7, 7));
    }
  }
});

test('records that differ in one thing are not taken for each other', () => {
  const recent = new Recent(200_000);
  const random = seeded(1);
  const seen = new Set<string>();
  for (let i = 0; i < 100_000; i++) {
    const record = [random(50), random(2 ** 20) * 2 ** random(30), 1 + random(300)] as const;
    assert.equal(recent.has(...record), seen.has(record.join()), record.join());
    seen.add(record.join());
    recent.add(...record);
  }
  recent.add(7, 123, 45);
  assert.ok(!recent.has(8, 123, 45) && !recent.has(7, 124, 45) && !recent.has(7, 123, 46));
  assert.ok(!recent.has(7, 123 + 2 ** 32, 45));
});

test('what shares bytes with a record that is remembered is found, whatever came in between', () => {
  const random = seeded(7);
  const recent = new Recent(200);
  const held: [file: number, offset: number, length: number][] = [];
  for (let i = 0; i < 3000; i++) {
    const one = [random(3), random(5000) * 10, 10] as [number, number, number];
    const asked = [random(3), random(50_000), 1 + random(9)] as const;
    const expected = held.some(([file, offset, length]) => {
      return file === asked[0] && offset < asked[1] + asked[2] && offset + length > asked[1];
    });
    assert.equal(recent.overlaps(...asked), expected, `${asked}`);
    recent.add(...one);
    held.push(one);
    if (held.length > 200) held.shift();
  }
});

test('a record of bytes that were said to be left out is no overlap: steps have changed', () => {
  const recent = new Recent(100);
  const origin = new Origin({ number: 0, host: 'h', path: '/a', id: 'a', wanted: true });
  origin.arrived(0, 10, 0, recent);
  origin.arrived(50, 10, 40, recent);
  origin.arrived(20, 10, 10, recent);
  origin.arrived(50, 10, 20, recent);
  assert.deepEqual([origin.overlaps, origin.unproven, origin.duplicates], [0, 0, 1]);
  assert.deepEqual(pairs(origin.ranges), [[0, 60]]);
  origin.arrived(25, 10, 0, recent);
  assert.equal(origin.overlaps, 1, 'of a record it is one');
});
