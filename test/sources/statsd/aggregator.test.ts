import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Aggregator, percentileLabel } from '../../../src/sources/statsd/aggregator.ts';

const ORIGIN = { host: 'web-1', dataset: 'statsd', labels: {} };

function aggregator(maxContexts = 1000): Aggregator {
  return new Aggregator({ maxContexts, percentiles: [0.5], origin: ORIGIN, arenaBytes: 65_536 });
}

function take(a: Aggregator, text: string): void {
  const length = a.kernel.bytes.write(text, a.kernel.arenaAt);
  a.take(a.kernel.arenaAt, a.kernel.arenaAt + length);
}

interface Document {
  name: string;
  value?: number;
  count?: number;
  sum?: number;
  p50?: number;
  attributes: { [key: string]: string };
}

/** One window's documents, and the samples behind them. */
function flush(a: Aggregator, piece = 7): { documents: Document[]; weight: number } {
  const documents: Document[] = [];
  let weight = 0;
  if (!a.close()) return { documents, weight };
  a.begin({ start: 0, end: 10_000, id: 'a-1' });
  for (;;) {
    const { documents: some, weights, last } = a.piece(piece, 1000);
    documents.push(...some.map((document) => JSON.parse(document) as Document));
    weight += weights.reduce((sum, w) => sum + w, 0);
    if (last) return { documents, weight };
  }
}

test('a window holds what came in it, and the next one begins at nothing', () => {
  const a = aggregator();
  take(a, 'c:1|c\ng:1|g\nh:1|h\ns:1|s\nc:2|c');
  assert.equal(flush(a).weight, 5);
  take(a, 'c:5|c\nh:7|h\ns:2|s\ns:3|s');
  const { documents } = flush(a);
  assert.deepEqual(
    documents.map((d) => [d.name, d.value ?? d.sum]),
    [
      ['c', 5],
      ['h', 7],
      ['s', 2],
    ],
  );
  assert.equal(flush(a).documents.length, 0);
});

test('what comes while a window is written out belongs to the next', () => {
  const a = aggregator();
  for (let i = 0; i < 20; i++) take(a, `c.${i}:1|c\nh.${i}:1|h`);
  assert.equal(a.close(), true);
  a.begin({ start: 0, end: 1, id: 'a-1' });
  let first = 0;
  for (let last = false; !last; ) {
    const piece = a.piece(3, 1000);
    last = piece.last;
    for (const d of piece.documents) first += (JSON.parse(d) as Document).value ?? (JSON.parse(d) as Document).sum!;
    for (let i = 0; i < 20; i++) take(a, `c.${i}:10|c\nh.${i}:10|h`);
  }
  assert.equal(first, 40);
  assert.equal(flush(a).weight, a.samples - 40);
});

test('more histogram values than the kernel lists come out whole', () => {
  const a = aggregator();
  const lines = Array.from({ length: 100 }, (_, i) => `t.${i % 10}:${i}:${i}|ms|@0.5`).join('\n');
  for (let i = 0; i < 1000; i++) take(a, lines);
  const { documents, weight } = flush(a);
  assert.equal(weight, 200_000);
  assert.equal(a.samples, 200_000);
  for (const [i, d] of documents.entries()) {
    assert.deepEqual([d.count, d.sum], [40_000, (i + 45) * 40_000]);
    assert.ok(d.p50! > i && d.p50! < 100);
  }
});

test('what JavaScript parses and what the kernel parses are one series', () => {
  const a = aggregator();
  take(a, 'c:1|c|#a:b\nc:1e1|c|#a:b\nc:100|c|x:unknown|#a:b\nc:1000|c|#,a:b,,');
  take(a, 'h:1|h\nh:1|d\nm:é|s|f:1\nm:é|s');
  const { documents } = flush(a);
  assert.deepEqual(
    documents.map((d) => [d.name, d.value ?? d.count]),
    [
      ['c', 1111],
      ['h', 2],
      ['m', 1],
    ],
  );
  assert.equal(a.unknownFields, 2);
});

test('series that are not sent any more make room, and their numbers serve others', () => {
  const a = aggregator(10);
  for (let window = 0; window < 50; window++) {
    take(a, `always:1|c\n${Array.from({ length: 3 }, (_, i) => `w${window}.${i}:1|c`).join('\n')}`);
    const { documents, weight } = flush(a);
    assert.equal(weight, 4);
    assert.deepEqual(
      new Set(documents.map((d) => d.name)),
      new Set(['always', ...[0, 1, 2].map((i) => `w${window}.${i}`)]),
    );
    assert.ok(documents.filter((d) => d.attributes['runnel.overflow']).length <= 3);
  }
  assert.ok(a.contexts < 30, `${a.contexts}`);
});

test('what does not fit into any series is lost by name', () => {
  const a = aggregator(1);
  for (let i = 0; i < 2000; i++) take(a, `m${i}:1|c`);
  assert.equal(a.samples + a.losses.get('max_contexts')!, 2000);
  assert.equal(flush(a).weight, a.samples);
});

test('a percentile is named by its number', () => {
  assert.deepEqual([0.5, 0.95, 0.999, 0.29, 1, 0].map(percentileLabel), ['p50', 'p95', 'p99_9', 'p29', 'p100', 'p0']);
});
