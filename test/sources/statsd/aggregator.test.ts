// Slow: fills memory.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { percentileLabel } from '../../../src/aggregate/record.ts';
import { Aggregator } from '../../../src/sources/statsd/aggregator.ts';
import { NO_NAMING, seriesLimits, unpacked } from '../../support/statsd.ts';

const ORIGIN = { host: 'web-1', dataset: 'statsd', labels: {} };

function aggregator(maxContexts = 1000, memory = 16 << 20): Aggregator {
  return new Aggregator({
    limits: seriesLimits(maxContexts),
    naming: NO_NAMING,
    memory,
    percentiles: [0.5],
    origin: ORIGIN,
    arenaBytes: 131_072,
  });
}

function take(a: Aggregator, text: string): void {
  const length = a.kernel.bytes.write(text, a.kernel.arenaAt);
  a.take(a.kernel.arenaAt, a.kernel.arenaAt + length);
}

interface Document {
  '@timestamp': string;
  start: string;
  interval: number;
  type: string;
  name: string;
  value?: number;
  count?: number;
  sum?: number;
  min?: number;
  max?: number;
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
    const written = a.piece(piece, 1000);
    const { documents: some, weights } = unpacked(written);
    documents.push(...some.map((document) => JSON.parse(document) as Document));
    weight += weights.reduce((sum, w) => sum + w, 0);
    if (written.last) return { documents, weight };
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
    for (const d of unpacked(piece).documents)
      first += (JSON.parse(d) as Document).value ?? (JSON.parse(d) as Document).sum!;
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

/** By name: what their records count, and what of it for the name alone. */
function byName(documents: Document[]): Record<string, [count: number, overflow: number]> {
  const out: Record<string, [number, number]> = {};
  for (const { name, count, value, attributes } of documents) {
    const [all, overflow] = out[name] ?? [0, 0];
    const many = count ?? value ?? 0;
    out[name] = [all + many, overflow + (attributes['runnel.overflow'] === 'true' ? many : 0)];
  }
  return out;
}

test('timers in more series than there is memory for count for their names, and no sample is missing', () => {
  const a = aggregator(20_000, 1 << 20);
  for (let window = 1; window <= 2; window++) {
    for (let i = 0; i < 5000; i++) {
      take(
        a,
        `far:0.000001:9999999999:-7:1:1|h|#series:${i}\nslow:1e0:2e-6:1e9|ms|#series:${i}\nhits:1|c|#series:${i}`,
      );
    }
    const { documents, weight } = flush(a);
    assert.equal(weight, 45_000);
    const { far, slow, hits } = byName(documents);
    assert.deepEqual([far![0], slow![0], hits], [25_000, 15_000, [5000, 0]]);
    assert.ok(far![1] > 1000 && far![1] < 25_000, `${far}`);
    assert.equal(far![1] + slow![1] > 0, true);
    assert.equal(a.overflowed >= window * 1000, true);
    assert.equal(a.samples, window * 45_000);
  }
  assert.equal(a.losses.size, 0);
});

test('members of 60 KB in many sets need no more than their hashes', () => {
  const a = aggregator(1000, 1 << 20);
  for (let i = 0; i < 50; i++) {
    for (let s = 0; s < 10; s++) take(a, `users:${`${i}`.padEnd(60_000, 'x')}|s|#series:${s}${i % 2 ? '|f:1' : ''}`);
  }
  const { documents, weight } = flush(a);
  assert.equal(weight, 500);
  assert.deepEqual(
    documents.map((d) => d.value),
    Array(10).fill(50),
  );
  assert.equal(a.coarser, 0);
});

test('sets in more series than there is memory for are estimated, or count for their names', () => {
  const a = aggregator(30_000, 1 << 20);
  for (let i = 0; i < 20_000; i++) take(a, `users:u${i}:v|s|#series:${i}`);
  for (let i = 0; i < 200; i++) take(a, `users:more${i}|s|#series:0`);
  const { documents, weight } = flush(a);
  assert.equal(weight, 20_200);
  // That of the name, and the one with 200 more.
  assert.equal(a.coarser, 2);
  const overflow = documents.find((d) => d.attributes['runnel.overflow'])!;
  assert.ok(Math.abs(overflow.value! - a.overflowed) < a.overflowed * 0.3, `${overflow.value} of ${a.overflowed}`);
  const first = documents.find((d) => d.attributes.series === '0')!;
  assert.ok(Math.abs(first.value! - 201) < 100, `${first.value}`);
});

test('where not even the overflow series has room, samples are lost by name', () => {
  const a = aggregator(60_000, 1 << 20);
  for (let i = 0; i < 30_000; i++) take(a, `name.${i}:5|h`);
  const { documents, weight } = flush(a);
  const lost = a.losses.get('memory')!;
  assert.ok(lost > 0);
  assert.equal(weight + lost, 30_000);
  assert.equal(a.samples, weight);
  assert.equal(documents.length, weight);
  // The next window has room again.
  a.takeLosses();
  take(a, 'name.29999:5|h');
  assert.equal(flush(a).weight, 1);
});

test('names and tags of 60 KB in every series take of the memory, and those after them count for their names', () => {
  const a = aggregator(1000, 2 << 20);
  for (let i = 0; i < 200; i++)
    take(a, `hits:1|c|#text:${`${i}`.padEnd(60_000, 'x')}\nc${`${i}`.padEnd(60_000, 'x')}:1|c`);
  take(a, 'hits:1|c|#short:1\nlat:4|ms');
  const { documents, weight } = flush(a);
  assert.equal(weight, a.samples);
  assert.equal(a.samples + a.losses.get('max_contexts')!, 402);
  assert.equal(byName(documents).hits![0], 201);
  assert.equal(byName(documents).lat![0], 1);
  assert.ok(documents.some((d) => d.attributes.short === '1'));
  assert.ok(documents.length < 30, `${documents.length}`);
});

test('a piece is bounded by its characters too', () => {
  const a = aggregator(1000, 64 << 20);
  for (let i = 0; i < 50; i++) take(a, `hits:1|c|#text:${`${i}`.padEnd(60_000, '\x01')}`);
  assert.equal(a.close(), true);
  a.begin({ start: 0, end: 1, id: 'a-1' });
  for (let last = false, documents = 0; !last; ) {
    const piece = a.piece(1000, 10_000);
    last = piece.last;
    documents += piece.metrics.count;
    assert.ok(piece.metrics.count <= 3);
    assert.equal(last, documents === 50);
  }
});

test('counters and gauges with a time of their own have a record for each second, whatever the spelling', () => {
  const a = aggregator();
  const now = Math.floor(Date.now() / 1000);
  const [t, u] = [now - 3000, now + 500];
  take(a, `hits:1|c|T${t}\nhits:2|c|T${u}\nhits:4|c\nhits:8:16|c|@0.5|T${t}|#\nhits:1e1|c|T${t}|c:abc`);
  take(a, `temp:1|g|T${t}\ntemp:2:3|g|T${t}\ntemp:9|g\ntemp:4|g|T${t}|T${u}\ntemp:5e0|g|T${u}`);
  const { documents, weight } = flush(a);
  assert.equal(weight, 12);
  assert.equal(a.samples, 12);
  const time = (second: number) => new Date(second * 1000).toISOString();
  const rows = documents.map((d) => [d.name, d.type, d.value, d['@timestamp'], d.start, d.interval]);
  const [zero, ten] = ['1970-01-01T00:00:00.000Z', '1970-01-01T00:00:10.000Z'];
  assert.deepEqual(rows, [
    ['hits', 'sum', 4, ten, zero, 10],
    ['temp', 'gauge', 9, ten, zero, 10],
    ['hits', 'sum', 59, time(t), time(t), 0],
    ['hits', 'sum', 2, time(u), time(u), 0],
    ['temp', 'gauge', 3, time(t), time(t), 0],
    ['temp', 'gauge', 5, time(u), time(u), 0],
  ]);
  assert.equal(flush(a).documents.length, 0);
});

test('a time that is too old or too far ahead, or of another type, drops the sample by name', () => {
  const a = aggregator();
  const now = Math.floor(Date.now() / 1000);
  take(a, `a:1|c|T${now - 3700}\na:1|g|T${now + 700}\na:1:2|c|T1\na:1e0|c|T1|f:1`);
  take(a, `b:1|h|T${now}\nb:1:2|ms|T${now}\nb:1|d|T1\nb:x|s|T${now}`);
  take(a, `ok:1|c|T${now - 3590}\nok:1|c|T${now + 590}`);
  assert.deepEqual(Object.fromEntries(a.losses), { bad_timestamp: 5, unsupported_timestamp: 5 });
  assert.equal(a.samples, 2);
  assert.equal(a.lines, 10);
  assert.deepEqual(
    flush(a).documents.map((d) => d.name),
    ['ok', 'ok'],
  );
});

test('a series that is sent with times of its own only keeps its number', () => {
  const a = aggregator(10);
  for (let window = 0; window < 20; window++) {
    const now = Math.floor(Date.now() / 1000);
    take(a, `late:${window}|c|T${now - 60}`);
    for (let i = 0; i < 9; i++) take(a, `w${window}.${i}:1|c`);
    assert.equal(a.close(), true);
    // Of the next window already, while this one is written out.
    take(a, `late:0|c|T${now - 120}`);
    a.begin({ start: 0, end: 10_000, id: 'a-1' });
    const documents: Document[] = [];
    for (let last = false; !last; ) {
      const piece = a.piece(3, 1000);
      last = piece.last;
      documents.push(...unpacked(piece).documents.map((text) => JSON.parse(text) as Document));
    }
    const late = documents.filter((d) => d.interval === 0);
    assert.deepEqual(new Set(late.map((d) => d.name)), new Set(['late']));
    assert.equal(
      late.reduce((sum, d) => sum + d.value!, 0),
      window,
    );
  }
});

test('more seconds than there is memory for are lost by name', () => {
  const a = aggregator(1000, 1 << 20);
  const now = Math.floor(Date.now() / 1000);
  for (let i = 0; i < 20; i++) for (let t = 0; t < 2000; t++) take(a, `m${i}:1|c|T${now - t}`);
  const lost = a.losses.get('memory')!;
  assert.ok(lost > 20_000);
  assert.equal(a.samples + lost, 40_000);
  assert.equal(flush(a, 1000).weight, a.samples);
});

test('sums past the range of a double stay at its end, and nothing is null', () => {
  const a = aggregator();
  const now = Math.floor(Date.now() / 1000);
  for (let i = 0; i < 4; i++) {
    take(a, `up:1e308:1e308:7|c\ndown:-1e308|c|@1e-9\nup:3|c\ndown:-2|c`);
    take(a, `both:${i % 2 ? '-' : ''}1e308|c|@1e-300\nnone:0|c|@1e-320\nnone:0|h|@1e-320\nnone:0|c|@1e-320|T${now}`);
    take(a, `up:1e308|h|@1e-10\nup:1e308|h\nboth:${i % 2 ? '-' : ''}1e308|h|@1e-300\nboth:5|h|@1e-308`);
    take(a, `late:1e308:1e308|c|T${now}\nlevel:1e308|g|@1e-300\nlate:-1e308|g|T${now}`);
  }
  const { documents, weight } = flush(a);
  assert.equal(weight, 4 * 18);
  const largest = Number.MAX_VALUE;
  const value = (name: string, type = 'sum') => documents.find((d) => d.name === name && d.type === type)!.value;
  assert.deepEqual([value('up'), value('down'), value('none'), value('late')], [largest, -largest, 0, largest]);
  // What was clamped on its way up comes down from there.
  assert.equal(value('both'), 0);
  assert.deepEqual([value('level', 'gauge'), value('late', 'gauge')], [1e308, -1e308]);
  for (const document of documents) {
    for (const [field, got] of Object.entries(document)) assert.notEqual(got, null, `${document.name} ${field}`);
  }
  const up = documents.find((d) => d.name === 'up' && d.type === 'histogram')!;
  assert.deepEqual([up.sum, up.min, up.max], [largest, 1e308, 1e308]);
});

test('a series with more samples than 32 bits count has them all', () => {
  const a = aggregator();
  take(a, 'hits:1|c');
  a.kernel.columns[0].samples[0] = 2 ** 32 - 1;
  take(a, 'hits:1|c');
  assert.equal(flush(a).weight, 2 ** 32);
});

test('a percentile is named by its number', () => {
  assert.deepEqual([0.5, 0.95, 0.999, 0.29, 1, 0].map(percentileLabel), ['p50', 'p95', 'p99_9', 'p29', 'p100', 'p0']);
});
