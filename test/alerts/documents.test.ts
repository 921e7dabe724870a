/** Points out of metric records: the same whether their series is new or known, whatever stands in names and attributes. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { attributesJson, MetricRecords } from '../../src/aggregate/record.ts';
import { PointReader } from '../../src/alerts/documents.ts';

const WILD = {
  plain: 'a',
  quoted: '},"host":{"name":"x',
  'attributes":{': '"attributes":{',
  ü: '\u2028é{}',
  empty: '',
};

function documents(window: number): string[] {
  const records = new MetricRecords(
    { host: 'web-1', dataset: 'statsd', labels: { env: 'x' } },
    { start: window * 10_000, end: (window + 1) * 10_000, id: `a-${window}` },
  );
  const wild = attributesJson(Object.entries(WILD));
  const many = attributesJson([
    ['tag', 'one'],
    ['tag', 'two'],
  ]);
  return [
    records.make('"m.gauge"', 'gauge', { value: window + 0.5 }, '1', wild),
    records.make('"m.sum"', 'sum', { value: window }, '', ''),
    records.make('"m.\\"odd\\" ü"', 'gauge', { value: 1 }, '', many),
    records.make('"m.histogram"', 'histogram', { count: 4, sum: 10, min: 1, max: 4 }, 'ms', wild),
    records.make('"m.none"', 'gauge', { value: Number.NaN }, '', ''),
    records.make('"other"', 'gauge', { value: 1 }, '', wild),
    records.make('"m.timed"', 'gauge', { value: 1 }, '', wild, 1700000000),
  ];
}

test('what rules look at, of the records of windows one after the other', () => {
  const reader = new PointReader();
  const wants = (name: string) => name.startsWith('m.');
  for (let window = 0; window < 3; window++) {
    const texts = documents(window);
    const bytes = Buffer.from(texts.join(''));
    const ends = new Uint32Array(texts.length);
    for (let i = 0, end = 0; i < texts.length; i++) ends[i] = end += Buffer.byteLength(texts[i]!);
    for (const form of [texts, { bytes, ends, count: texts.length }]) {
      const points = reader.points(form, wants).map(({ series: _, bins, ...point }) => ({ ...point, bins }));
      const one = (value: number) => ({ value, count: 1, min: value, max: value, bins: null });
      assert.deepEqual(points, [
        { name: 'm.gauge', type: 'gauge', attributes: WILD, ...one(window + 0.5) },
        { name: 'm.sum', type: 'sum', attributes: {}, ...one(window) },
        { name: 'm."odd" ü', type: 'gauge', attributes: { tag: 'one,two' }, ...one(1) },
        { name: 'm.histogram', type: 'histogram', attributes: WILD, value: 10, count: 4, min: 1, max: 4, bins: null },
      ]);
    }
  }
  const [a, b] = [reader.points(documents(8), wants), reader.points(documents(9), wants)];
  assert.deepEqual(
    a.map(({ series }) => series),
    b.map(({ series }) => series),
  );
  assert.equal(new Set(a.map(({ series }) => series)).size, 3);
});
