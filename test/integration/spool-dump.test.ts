/** Apache Kafka's own DumpLogSegments reads the spool's segments. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { CODECS } from '../../src/records/record-batch.ts';
import { directory } from '../support/directory.ts';
import { noKafka, runJava } from '../support/kafka-jars.ts';
import { block, openSpool, TOPIC } from '../support/spool-blocks.ts';

const CODEC_NAMES = { none: 'none', gzip: 'gzip', snappy: 'snappy', lz4: 'lz4', zstd: 'zstd' } as const;

test('Apache Kafka reads a segment with batches of every codec', { skip: noKafka }, async (t) => {
  const dir = directory(t);
  const { spool } = await openSpool(dir);
  const partition = spool.partition(TOPIC);
  const written: string[] = [];
  for (const codec of CODECS) {
    for (let i = 0; i < 3; i++) {
      const values = Array.from({ length: 100 }, (_, n) => `{"codec":"${codec}","block":${i},"n":${n},"text":"ä→😀"}`);
      await partition.append(await block(values, { codec, time: 1_700_000_000_000 }));
      written.push(...values);
    }
  }
  await spool.close();

  const file = join(dir, `${TOPIC}-0`, '00000000000000000000.log');
  const { stdout } = await runJava('org.apache.kafka.tools.DumpLogSegments', '--print-data-log', '--files', file);
  const lines = stdout.split('\n');
  const batches = lines.filter((line) => line.startsWith('baseOffset:'));
  assert.equal(batches.length, CODECS.length * 3);
  for (const [i, line] of batches.entries()) {
    const codec = CODECS[Math.floor(i / 3)]!;
    assert.match(line, new RegExp(`^baseOffset: ${i * 100} lastOffset: ${i * 100 + 99} count: 100 `));
    assert.match(line, new RegExp(`compresscodec: ${CODEC_NAMES[codec]} .*isvalid: true`));
    assert.match(line, /CreateTime: 1700000000000/);
  }
  const records = lines.filter((line) => line.startsWith('| offset:'));
  assert.deepEqual(
    records.map((line) => line.slice(line.indexOf('payload: ') + 'payload: '.length)),
    written,
  );
  assert.ok(records.every((line, i) => line.startsWith(`| offset: ${i} `) && line.includes(' key: web-1 ')));
});
