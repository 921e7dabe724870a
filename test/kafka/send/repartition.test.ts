import assert from 'node:assert/strict';
import { test } from 'node:test';
import { spread } from '../../../src/kafka/send/repartition.ts';
import { compress, decompress } from '../../../src/records/codecs.ts';
import { partitionFor } from '../../../src/records/murmur2.ts';
import { CODECS, frameRecord, records } from '../../../src/records/record-batch.ts';

async function section(codec: (typeof CODECS)[number], keys: readonly string[]) {
  const framed = keys.map((key, i) =>
    frameRecord({ offsetDelta: i, key, value: i % 5 === 4 ? null : `v${i}`, headers: [['path', `/${key}`]] }),
  );
  const raw = Buffer.concat(framed);
  return { codec, body: await compress(codec, 1, raw), count: keys.length, rawBytes: raw.length };
}

for (const codec of CODECS) {
  test(`records go to the partitions of their keys, in order, with all that they have (${codec})`, async () => {
    const keys = Array.from({ length: 200 }, (_, i) => `web-1:/var/log/${(i * 7) % 20}.log`);
    const whole = await section(codec, keys);
    const pieces = await spread(whole, 3);
    assert.deepEqual(
      pieces.map(({ partition }) => partition),
      [0, 1, 2],
    );
    for (const { partition, codec: its, body, count } of pieces) {
      assert.equal(its, codec);
      const found = [...records(await decompress(its, body))];
      const expected = keys.map((key, i) => ({ key, i })).filter(({ key }) => partitionFor(key, 3) === partition);
      assert.equal(count, expected.length);
      assert.deepEqual(
        found.map((r) => [String(r.key), r.value && String(r.value), String(r.headers[0]![1]), r.offsetDelta]),
        expected.map(({ key, i }, delta) => [key, i % 5 === 4 ? null : `v${i}`, `/${key}`, delta]),
      );
    }
  });
}

test('what goes to one partition only is not packed anew', async () => {
  const one = await section('zstd', ['web-1', 'web-1']);
  const [piece, ...others] = await spread(one, 7);
  assert.equal(piece!.body, one.body);
  assert.deepEqual([piece!.partition, piece!.count, others.length], [partitionFor('web-1', 7), 2, 0]);
});
