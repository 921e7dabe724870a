import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DDSketch, LogCollapsingLowestDenseDDSketch } from '@datadog/sketches-js';
import { Arena, Region } from '../../src/aggregate/arena.ts';
import { ACCURACY } from '../../src/aggregate/bins.ts';
import { Sketches } from '../../src/aggregate/sketch.ts';
import type { SketchView } from '../../src/aggregate/sketch-view.ts';

const QUANTILES = [0, 0.01, 0.25, 0.5, 0.75, 0.95, 0.99, 1];

function sketches(budget = 1 << 20, series = 1): Sketches {
  return new Sketches(new Region(new Arena(budget)), series);
}

function look(all: Sketches, number = 0): SketchView {
  const sketch = all.look(number);
  assert.ok(sketch);
  return sketch;
}

function fill(values: Iterable<number>, weight = 1) {
  const all = sketches();
  const reference = new LogCollapsingLowestDenseDDSketch({ relativeAccuracy: ACCURACY, binLimit: 2048 });
  for (const value of values) {
    assert.ok(all.add(0, value, weight));
    reference.accept(value, weight);
  }
  return { sketch: look(all), reference };
}

function near(actual: number, expected: number, share: number): void {
  assert.ok(Math.abs(actual - expected) <= Math.abs(expected) * share + 1e-9, `${actual} is not near ${expected}`);
}

function sample(count: number, make: (u: number) => number): number[] {
  let seed = 7;
  return Array.from({ length: count }, () => {
    seed = (seed * 48_271) % 2_147_483_647;
    return make(seed / 2_147_483_647);
  });
}

const SAMPLES: Record<string, number[]> = {
  'one value': [42],
  'few values': [3, 1, 2],
  'latencies over six decades': sample(20_000, (u) => 0.01 * 10 ** (u * 6)),
  'both signs and zero': sample(5000, (u) => Math.round((u - 0.5) * 1000)),
  'from large to small': sample(3000, (u) => u).map((u, i) => (3000 - i) * (1 + u)),
};

for (const [what, values] of Object.entries(SAMPLES)) {
  test(`quantiles are within the accuracy of a value that was there: ${what}`, () => {
    const { sketch, reference } = fill(values);
    const sorted = [...values].sort((a, b) => a - b);
    for (const q of QUANTILES) {
      const rank = q * (sorted.length - 1);
      const [low, high] = [sorted[Math.floor(rank)]!, sorted[Math.ceil(rank)]!];
      const got = sketch.quantile(q);
      assert.ok(
        got >= low - Math.abs(low) * ACCURACY * 1.001 && got <= high + Math.abs(high) * ACCURACY * 1.001,
        `q ${q}: ${got} is not between ${low} and ${high}`,
      );
      near(got, reference.getValueAtQuantile(q), 3 * ACCURACY);
    }
    assert.deepEqual([sketch.count, sketch.min, sketch.max], [reference.count, reference.min, reference.max]);
    near(sketch.sum, reference.sum, 1e-9);
  });
}

test('weights count as that many values, fractions too', () => {
  const all = sketches();
  all.add(0, 1, 1 / 0.3);
  all.add(0, 100, 10);
  const sketch = look(all);
  near(sketch.count, 13.3333333, 1e-6);
  near(sketch.sum, 1003.33333, 1e-6);
  near(sketch.quantile(0.1), 1, 0.01);
  near(sketch.quantile(0.5), 100, 0.01);
});

test('more bins than a block has: those that lie closest are joined, no weight is lost', () => {
  const values = sample(20_000, (u) => 10 ** (u * 100 - 50));
  // Not the reference: it counts one value twice when it joins bins.
  const all = sketches();
  for (const value of values) all.add(0, value, 1);
  const sketch = look(all);
  values.sort((a, b) => a - b);
  for (const q of QUANTILES) near(sketch.quantile(q), values[Math.round(q * (values.length - 1))]!, 10 * ACCURACY);
  assert.equal(sketch.count, values.length);
  assert.equal(weightOf(sketch.encode()), values.length);
});

test('values that lie far apart take no more than others', () => {
  const arena = new Arena(64 << 20);
  const all = new Sketches(new Region(arena), 10_000);
  const values = [1e-6, 9_999_999_999, ...Array(15).fill(1), -1e-6, -1e9, 0];
  for (let number = 0; number < 10_000; number++) for (const value of values) all.add(number, value, 1);
  assert.ok(arena.used < 3 << 20, `${arena.used}`);
  const sketch = look(all, 9999);
  near(sketch.quantile(0), -1e9, ACCURACY);
  near(sketch.quantile(0.5), 1, ACCURACY);
  near(sketch.quantile(1), 9_999_999_999, ACCURACY);
});

test('without room sketches become coarser, and new ones are refused', () => {
  const arena = new Arena(1 << 20);
  const region = new Region(arena);
  const all = new Sketches(region, 10_000);
  let opened = 0;
  for (let number = 0; number < 10_000; number++) if (all.add(number, 1, 1)) opened++;
  assert.ok(opened > 7000 && opened < 10_000, `${opened}`);
  const values = sample(2000, (u) => 10 ** (u * 3));
  for (const value of values) for (let number = 0; number < 10; number++) all.add(number, value, 1);
  assert.ok(arena.used <= 1 << 20);
  assert.equal(all.coarser, 10);
  values.push(1);
  values.sort((a, b) => a - b);
  for (let number = 0; number < 10; number++) {
    const sketch = look(all, number);
    assert.equal(sketch.count, values.length);
    assert.deepEqual([sketch.min, sketch.max], [1, values.at(-1)]);
    // Five bins for three decades.
    const middle = sketch.quantile(0.5);
    assert.ok(middle > values[0]! && middle < values.at(-1)! && sketch.quantile(0.9) >= middle);
    assert.equal(weightOf(sketch.encode()), values.length);
  }
  all.clear(10_000);
  region.clear();
  assert.equal(arena.used, 0);
  assert.equal(all.look(0), null);
  assert.ok(all.add(0, 5, 1));
  near(look(all).quantile(0.5), 5, ACCURACY);
});

test('a sketch with half of the room that it wants is half as fine', () => {
  const arena = new Arena(1 << 20);
  const region = new Region(arena);
  const all = new Sketches(region, 1);
  for (let i = 0; i < 200; i++) all.add(0, 1.02 ** i, 1);
  while (region.take(9) !== 0) {}
  for (let i = 0; i < 400; i++) all.add(0, 1.02 ** (i - 200), 1);
  assert.equal(all.coarser, 1);
  const values = [
    ...Array.from({ length: 200 }, (_, i) => 1.02 ** i),
    ...Array.from({ length: 400 }, (_, i) => 1.02 ** (i - 200)),
  ];
  values.sort((a, b) => a - b);
  const sketch = look(all);
  for (const q of QUANTILES) near(sketch.quantile(q), values[Math.round(q * 599)]!, 8 * ACCURACY);
});

test('any mixture of values, in any order, keeps count, ends and quantiles', () => {
  let seed = 3;
  const next = () => {
    seed = (seed * 48_271) % 2_147_483_647;
    return seed / 2_147_483_647;
  };
  for (let round = 0; round < 300; round++) {
    const all = sketches(2 << 20);
    const decades = next() * 12;
    const [below, zero] = [next() < 0.5 ? next() : 0, next() < 0.3 ? next() * 0.3 : 0];
    const values: number[] = [];
    const many = Math.ceil(10 ** (next() * 3.3));
    for (let i = 0; i < many; i++) {
      const sign = next() < below ? -1 : 1;
      const value = next() < zero ? 0 : sign * 10 ** ((next() - 0.5) * decades);
      values.push(value);
      all.add(0, value, 2);
    }
    values.sort((a, b) => a - b);
    const sketch = look(all);
    assert.deepEqual([sketch.count, sketch.min, sketch.max], [2 * many, values[0], values.at(-1)]);
    for (const q of QUANTILES) {
      const rank = q * (2 * many - 1);
      const [low, high] = [values[Math.floor(rank / 2)]!, values[Math.min(many - 1, Math.floor(Math.ceil(rank) / 2))]!];
      const got = sketch.quantile(q);
      const fits = (value: number) => Math.abs(got - value) <= Math.abs(value) * ACCURACY * 1.001;
      assert.ok(fits(low) || fits(high), `round ${round}, q ${q}: ${got} is neither ${low} nor ${high}`);
    }
    assert.equal(weightOf(sketch.encode()), 2 * many);
    assert.equal(all.coarser, 0);
  }
});

/** Reads the message as any protobuf reader would: fields by number. */
function fields(bytes: Buffer): Map<number, Buffer | number> {
  const out = new Map<number, Buffer | number>();
  let at = 0;
  const varint = () => {
    let value = 0;
    for (let factor = 1; ; factor *= 128) {
      const byte = bytes[at++]!;
      value += (byte & 0x7f) * factor;
      if (byte < 0x80) return value;
    }
  };
  while (at < bytes.length) {
    const tag = varint();
    if ((tag & 7) === 0) out.set(tag >> 3, varint());
    else if ((tag & 7) === 1) {
      out.set(tag >> 3, bytes.readDoubleLE(at));
      at += 8;
    } else {
      const length = varint();
      out.set(tag >> 3, bytes.subarray(at, at + length));
      at += length;
    }
  }
  return out;
}

/** All weights of a message: both stores and the zeros. */
function weightOf(bytes: Buffer): number {
  const message = fields(bytes);
  let sum = (message.get(4) as number | undefined) ?? 0;
  for (const field of [2, 3]) {
    const counts = fields(message.get(field) as Buffer).get(2) as Buffer | undefined;
    for (let at = 0; counts && at < counts.length; at += 8) sum += counts.readDoubleLE(at);
  }
  return sum;
}

test('the wire form is the message DDSketch, bins where the reference has them', () => {
  const { sketch, reference } = fill([-5, -5, 0, 1, 2, 3, 1000, 0.001], 2);
  const message = fields(sketch.encode());
  assert.equal(fields(message.get(1) as Buffer).get(1), reference.mapping.gamma);
  assert.equal(message.get(4), 2);
  for (const [field, theirs] of [
    [2, reference.store],
    [3, reference.negativeStore],
  ] as const) {
    const store = fields(message.get(field) as Buffer);
    const counts = store.get(2) as Buffer;
    const zigzag = store.get(3) as number;
    const offset = zigzag % 2 === 0 ? zigzag / 2 : -(zigzag + 1) / 2;
    for (let key = theirs.minKey; key <= theirs.maxKey; key++) {
      assert.equal(counts.readDoubleLE((key - offset) * 8), theirs.bins[key - theirs.offset]);
    }
    assert.equal(counts.length / 8, theirs.maxKey - theirs.minKey + 1);
  }
  assert.ok(new DDSketch({ relativeAccuracy: ACCURACY }).mergeable(reference));
});
