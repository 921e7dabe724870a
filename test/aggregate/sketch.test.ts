import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DDSketch, LogCollapsingLowestDenseDDSketch } from '@datadog/sketches-js';
import { ACCURACY, Sketch } from '../../src/aggregate/sketch.ts';

const QUANTILES = [0, 0.01, 0.25, 0.5, 0.75, 0.95, 0.99, 1];

function fill(values: Iterable<number>, weight = 1) {
  const sketch = new Sketch();
  const reference = new LogCollapsingLowestDenseDDSketch({ relativeAccuracy: ACCURACY, binLimit: 2048 });
  for (const value of values) {
    sketch.add(value, weight);
    reference.accept(value, weight);
  }
  return { sketch, reference };
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
  const sketch = new Sketch();
  sketch.add(1, 1 / 0.3);
  sketch.add(100, 10);
  near(sketch.count, 13.3333333, 1e-6);
  near(sketch.sum, 1003.33333, 1e-6);
  near(sketch.quantile(0.1), 1, 0.01);
  near(sketch.quantile(0.5), 100, 0.01);
});

test('more bins than there may be: the lowest are joined, the high quantiles stay', () => {
  const values = sample(20_000, (u) => 10 ** (u * 100 - 50));
  const { sketch } = fill(values);
  // Not the reference: it counts one value twice when it joins bins.
  values.sort((a, b) => a - b);
  for (const q of [0.9, 0.95, 0.99]) {
    near(sketch.quantile(q), values[Math.floor(q * (values.length - 1))]!, ACCURACY * 1.01);
  }
  assert.equal(sketch.count, values.length);
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
