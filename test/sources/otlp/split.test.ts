/** Metrics that are larger than a record, read back by protobufjs. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { textField } from '../../../src/kernel/otlp/wire.ts';
import { attribute } from '../../support/otlp-batches.ts';
import { type Decoded, decodeRequest, encodeRequest } from '../../support/otlp-decoder.ts';
import { MOST_ROOM, otlpReader, type Taken, take } from '../../support/otlp-records.ts';

const reader = otlpReader();
const RESOURCE = { attributes: [attribute('service.name', 'shop')] };

const requestOf = (...metrics: object[]) => ({
  resourceMetrics: [{ resource: RESOURCE, scopeMetrics: [{ scope: { name: 'meter' }, metrics }] }],
});

/** Metrics with the names of their resource's service and their scope. */
function metricsIn({ records }: Taken): Decoded[] {
  return records.flatMap(({ value }) => {
    assert.ok(value!.length < MOST_ROOM);
    return decodeRequest('metrics', value!).resourceMetrics.flatMap(({ resource, scopeMetrics }: Decoded) => {
      assert.equal(resource.attributes[0].value.stringValue, 'shop');
      return scopeMetrics.flatMap(({ scope, metrics }: Decoded) => {
        assert.equal(scope.name, 'meter');
        return metrics;
      });
    });
  });
}

const pointsOf = (count: number, more: object = {}) =>
  Array.from({ length: count }, (_, i) => ({ attributes: [attribute('n', `${i} ${'x'.repeat(90)}`)], ...more }));
const numberOf = ({ attributes }: Decoded) => Number.parseInt(attributes[0].value.stringValue, 10);

test('a metric that is larger than a record becomes several, with all of its points', async () => {
  for (const [kind, more, point] of [
    ['gauge', {}, { asInt: 7 }],
    ['sum', { aggregationTemporality: 2, isMonotonic: true }, { asDouble: 0.5 }],
    ['histogram', { aggregationTemporality: 1 }, { count: 3, bucketCounts: [1, 2], explicitBounds: [0.5] }],
    ['exponentialHistogram', { aggregationTemporality: 1 }, { count: 3, scale: 2, zeroCount: 3 }],
    ['summary', {}, { count: 3, sum: 4.5 }],
  ] as const) {
    const data = { ...more, dataPoints: pointsOf(20_000, point) };
    const small = { name: 'small', gauge: { dataPoints: [{ asInt: 1 }] } };
    const large = { name: 'large', unit: 's', description: 'some', [kind]: data };
    const taken = await take(reader, 'metrics', encodeRequest('metrics', requestOf(small, large, small)));
    assert.deepEqual([taken.error, taken.message], [null, ''], kind);
    const { received, invalid, cut, split } = taken.counts;
    assert.deepEqual([received, invalid, cut, split, taken.items], [20_002, 0, 0, 1, 20_002], kind);
    const parts = metricsIn(taken).filter(({ name }) => name === 'large');
    assert.ok(parts.length > 2 && parts.length < 6, `${parts.length} parts`);
    for (const { unit, description, [kind]: part } of parts) {
      assert.deepEqual([unit, description], ['s', 'some']);
      const { dataPoints, ...rest } = part;
      assert.deepEqual({ aggregationTemporality: 0, ...rest }, { aggregationTemporality: 0, ...rest, ...more });
      assert.ok(dataPoints.length > 0);
    }
    const points = parts.flatMap((part) => part[kind].dataPoints.map(numberOf)).sort((a, b) => a - b);
    assert.deepEqual(
      points,
      points.map((_, i) => i),
      'each once',
    );
    assert.equal(points.length, 20_000);
  }
});

test('JSON, too: its text is not needed by then', async () => {
  const dataPoints = pointsOf(20_000, { asInt: '7' });
  const text = Buffer.from(JSON.stringify(requestOf({ name: 'large', gauge: { dataPoints } })));
  const taken = await take(reader, 'metrics', text, { content: 'json' });
  assert.deepEqual([taken.error, taken.counts.split, taken.items], [null, 1, 20_000]);
  const points = metricsIn(taken).flatMap(({ gauge }) => gauge.dataPoints.map(numberOf));
  assert.equal(new Set(points).size, 20_000);
});

test('a point that is larger than a record is left out, and the client is told', async () => {
  const dataPoints = [
    ...pointsOf(3, { asInt: 7 }),
    { attributes: [attribute('n', `3 ${'x'.repeat(1_200_000)}`)], asInt: 7 },
    ...pointsOf(5, { asInt: 7 }),
  ];
  const taken = await take(reader, 'metrics', encodeRequest('metrics', requestOf({ gauge: { dataPoints } })));
  const { received, invalid, split } = taken.counts;
  assert.deepEqual([received, invalid, split, taken.items], [9, 1, 1, 8]);
  assert.match(taken.message, /^1 left out: they are larger than a record/);
  const [{ gauge }, ...others] = metricsIn(taken) as [Decoded, ...Decoded[]];
  assert.deepEqual([others.length, gauge.dataPoints.map(numberOf)], [0, [0, 1, 2, 0, 1, 2, 3, 4]]);
});

test('a metric that is too large without any points is left out with them', async () => {
  const large = { name: 'n'.repeat(1_100_000), gauge: { dataPoints: pointsOf(3) } };
  const small = { name: 'small', gauge: { dataPoints: pointsOf(2) } };
  const taken = await take(reader, 'metrics', encodeRequest('metrics', requestOf(large, small)));
  assert.deepEqual([taken.counts.invalid, taken.items], [3, 2]);
  assert.deepEqual(
    metricsIn(taken).map(({ name }) => name),
    ['small'],
  );
});

test('what would become more than a request may have is left out, and counted', async () => {
  // All but a little of each part is a description: as many bytes as the request has are soon too few.
  const large = { description: 'd'.repeat(900_000), gauge: { dataPoints: pointsOf(20_000) } };
  const taken = await take(reader, 'metrics', encodeRequest('metrics', requestOf(large)));
  const { received, invalid } = taken.counts;
  assert.equal(received, 20_000);
  assert.ok(invalid > 1000 && invalid < 19_000, `${invalid} left out`);
  assert.equal(taken.items, received - invalid);
  assert.equal(metricsIn(taken).flatMap(({ gauge }) => gauge.dataPoints).length, taken.items);
});

test('a metric of a million points holds up nobody', async () => {
  const count = 1_000_000;
  const points = Buffer.alloc(count * 2, Buffer.from([0x0a, 0]));
  const metric = Buffer.concat([textField(1, 'many'), textField(5, points)]);
  const body = textField(1, textField(2, textField(2, metric)));
  const turns = new Set<number>();
  const counting = setInterval(() => turns.add(turns.size), 1);
  const taken = await take(reader, 'metrics', body);
  clearInterval(counting);
  assert.deepEqual([taken.error, taken.counts.split, taken.items], [null, 1, count]);
  assert.ok(turns.size > 10, `${turns.size} turns`);
});
