import assert from 'node:assert/strict';
import { test } from 'node:test';
import { murmur2, partitionFor } from '../../src/records/murmur2.ts';

// The expected values of Kafka's own UtilsTest.testMurmur2.
const cases: [string, number][] = [
  ['21', -973932308],
  ['foobar', -790332482],
  ['a-little-bit-long-string', -985981536],
  ['a-little-bit-longer-string', -1486304829],
  ['lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8', -58897971],
  ['abc', 479470107],
];

test('murmur2 gives what Java gives', () => {
  for (const [key, expected] of cases) assert.equal(murmur2(Buffer.from(key)), expected, key);
});

test('a key is given a partition within the number of partitions', () => {
  assert.equal(partitionFor('foobar', 1), 0);
  assert.equal(partitionFor('21', 7), (-973932308 & 0x7fffffff) % 7);
  const seen = new Set(Array.from({ length: 200 }, (_, i) => partitionFor(`host-${i}`, 5)));
  assert.deepEqual([...seen].sort(), [0, 1, 2, 3, 4]);
});
