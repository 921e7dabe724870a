/**
 * What a window says of random data, beside what is so exactly: sums, gauges, histograms (negative values too), sets; the
 * sketches of ten hosts merged, beside that of all; and more series than there may be, of which every sample is somewhere.
 */
// Slow: adds millions of values. RUNNEL_STATSD_SERIES=5000000 for as many series.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LogCollapsingLowestDenseDDSketch } from '@datadog/sketches-js';
import { ACCURACY } from '../../../src/aggregate/bins.ts';
import { Aggregator } from '../../../src/sources/statsd/aggregator.ts';
import { NO_NAMING, seriesLimits, unpacked } from '../../support/statsd.ts';

const PERCENTILES = [0.5, 0.9, 0.99];

function aggregator(series = 1000, memory = 64 << 20): Aggregator {
  return new Aggregator({
    limits: seriesLimits(series),
    naming: NO_NAMING,
    memory,
    percentiles: PERCENTILES,
    origin: { host: 'web-1', dataset: 'statsd', labels: {} },
    arenaBytes: 131_072,
  });
}

function put(a: Aggregator, text: string): void {
  const { arenaAt, bytes } = a.kernel;
  a.take(arenaAt, arenaAt + bytes.write(text, arenaAt));
}

/** One window's documents; `each` is given them a piece at a time. */
function flush(a: Aggregator, each: (record: Record<string, unknown>, weight: number) => void): void {
  if (!a.close()) return;
  a.begin({ start: 0, end: 10_000, id: 'a-1' });
  for (let last = false; !last; ) {
    const piece = a.piece(1000, 1000);
    last = piece.last;
    const { documents, weights } = unpacked(piece);
    for (const [i, text] of documents.entries()) each(JSON.parse(text), weights[i]!);
  }
}

function random(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state * 48_271) % 2_147_483_647;
    return state / 2_147_483_647;
  };
}

function near(actual: number, expected: number, within: number, what: string): void {
  assert.ok(Math.abs(actual - expected) <= within, `${what}: ${actual}, not ${expected}`);
}

const SHAPES: Record<string, (u: number, v: number) => number> = {
  'both signs': (u) => (u - 0.5) * 2000,
  'negative only': (u) => -(10 ** (u * 5)),
  'latencies, with a tail': (u, v) => (v < 0.99 ? 5 + u * 20 : 1000 * 10 ** u),
  'whole numbers around zero': (u) => Math.round((u - 0.5) * 10),
};

for (const [what, make] of Object.entries(SHAPES)) {
  test(`a window says of random data what is so: ${what}`, () => {
    const a = aggregator();
    const next = random(41);
    const values: number[] = [];
    const members = new Set<number>();
    let sum = 0;
    let sampled = 0;
    for (let n = 0; n < 500; n++) {
      const lines: string[] = [];
      for (let i = 0; i < 20; i++) {
        const value = Number(make(next(), next()).toPrecision(9));
        values.push(value);
        sum += value;
        const half = next() < 0.5;
        if (half) sampled += value * 4;
        else sampled += value;
        const member = Math.floor(next() * 900);
        members.add(member);
        lines.push(
          `h:${value}|h`,
          `c:${value}|c`,
          `g:${value}|g`,
          `r:${value}|c${half ? '|@0.25' : ''}`,
          `s:${member}|s`,
        );
      }
      put(a, lines.join('\n'));
    }
    const got: Record<string, Record<string, unknown>> = {};
    flush(a, (record) => {
      got[record.name as string] = record;
    });
    const scale = values.reduce((all, v) => all + Math.abs(v), 0) * 1e-12 * 4;
    near(got.c!.value as number, sum, scale, 'sum');
    near(got.r!.value as number, sampled, scale, 'sampled sum');
    assert.equal(got.g!.value, values.at(-1));
    assert.deepEqual([got.s!.value, got.s!.approximate], [members.size, undefined]);
    const h = got.h as Record<string, number>;
    assert.deepEqual([h.count, h.min, h.max], [values.length, Math.min(...values), Math.max(...values)]);
    near(h.sum!, sum, scale, 'sum of histogram');
    near(h.avg!, sum / values.length, scale, 'average');
    const sorted = [...values].sort((x, y) => x - y);
    for (const q of PERCENTILES) {
      const rank = q * (sorted.length - 1);
      const [low, high] = [sorted[Math.floor(rank)]!, sorted[Math.ceil(rank)]!];
      const p = h[`p${q * 100}`]!;
      const slack = (v: number) => Math.abs(v) * ACCURACY * 1.001;
      assert.ok(p >= low - slack(low) && p <= high + slack(high), `p${q * 100}: ${p}, not ${low} to ${high}`);
    }
  });
}

/** Merges a message DDSketch, bin by bin: the reference's own merge forgets values below zero. */
function addSketch(sketch: LogCollapsingLowestDenseDDSketch, base64: string): void {
  const top = fields(Buffer.from(base64, 'base64'));
  for (const [field, sign] of [
    [2, 1],
    [3, -1],
  ] as const) {
    const store = fields((top.get(field) as Buffer | undefined) ?? Buffer.alloc(0));
    const counts = (store.get(2) as Buffer | undefined) ?? Buffer.alloc(0);
    const zigzag = (store.get(3) as number | undefined) ?? 0;
    const offset = zigzag % 2 === 0 ? zigzag / 2 : -(zigzag + 1) / 2;
    for (let i = 0; i < counts.length / 8; i++) {
      const weight = counts.readDoubleLE(i * 8);
      if (weight > 0) sketch.accept(sign * sketch.mapping.value(i + offset), weight);
    }
  }
  const zeros = top.get(4) as number | undefined;
  if (zeros) sketch.accept(0, zeros);
}

function fields(bytes: Buffer): Map<number, Buffer | number> {
  const out = new Map<number, Buffer | number>();
  let at = 0;
  const varint = () => {
    let [value, shift] = [0, 1];
    for (;;) {
      const byte = bytes[at++]!;
      value += (byte & 127) * shift;
      if (byte < 128) return value;
      shift *= 128;
    }
  };
  while (at < bytes.length) {
    const tag = varint();
    const [field, wire] = [tag >> 3, tag & 7];
    if (wire === 0) out.set(field, varint());
    else if (wire === 1) {
      out.set(field, bytes.readDoubleLE(at));
      at += 8;
    } else {
      const length = varint();
      out.set(field, bytes.subarray(at, at + length));
      at += length;
    }
  }
  return out;
}

for (const [what, make] of Object.entries(SHAPES)) {
  test(`the sketches of ten hosts, merged, are the sketch of all: ${what}`, () => {
    const next = random(97);
    const all = new LogCollapsingLowestDenseDDSketch({ relativeAccuracy: ACCURACY, binLimit: 4096 });
    const merged = new LogCollapsingLowestDenseDDSketch({ relativeAccuracy: ACCURACY, binLimit: 4096 });
    for (let host = 0; host < 10; host++) {
      const a = aggregator(10);
      for (let n = 0; n < 50; n++) {
        const values = Array.from({ length: 20 }, () => Number(make(next(), next()).toPrecision(9)));
        put(a, `h:${values.join(':')}|d`);
        for (const value of values) all.accept(value);
      }
      flush(a, (record) => addSketch(merged, record.sketch as string));
    }
    assert.equal(merged.count, all.count);
    for (let q = 0.001; q < 1; q += 0.037) {
      const [one, other] = [merged.getValueAtQuantile(q), all.getValueAtQuantile(q)];
      near(one, other, Math.abs(other) * 1e-9, `q ${q}`);
    }
  });
}

test('of many more series than there may be every sample is somewhere, and memory stays as it is', () => {
  const series = Number(process.env.RUNNEL_STATSD_SERIES ?? 200_000);
  const a = aggregator(50_000, 16 << 20);
  const kinds = ['c', 'g', 'ms', 's'];
  let records = 0;
  let weight = 0;
  let value = 0;
  const count = (record: Record<string, unknown>, of: number) => {
    records++;
    weight += of;
    if (record.type === 'sum') value += record.value as number;
  };
  let [sent, counted] = [0, 0];
  let early = 0;
  const heap = () => process.memoryUsage().rss;
  for (let i = 0; i < series; ) {
    const lines: string[] = [];
    for (let n = 0; n < 20 && i < series; n++, i++) {
      const kind = kinds[i % 4]!;
      if (kind === 'c') counted++;
      lines.push(`name.${i % 100}.${kind}:1|${kind}|#user:${i},host:${i % 7}`);
      sent++;
    }
    put(a, lines.join('\n'));
    if (i % 60_000 === 0) flush(a, count);
    if (early === 0 && i >= 100_000) early = heap();
  }
  const late = heap();
  flush(a, count);
  const lost = [...a.losses.values()].reduce((sum, n) => sum + n, 0);
  assert.equal(a.samples + lost, sent);
  assert.equal(weight, a.samples);
  assert.equal(lost, 0);
  assert.equal(value, counted, 'counters add up, with those that overflowed');
  assert.ok(a.contexts <= 50_000 + 1024 && records < series, `${a.contexts} series, ${records} records`);
  assert.ok(late - early < 100e6, `${Math.round((late - early) / 1e6)} MB more`);
});
