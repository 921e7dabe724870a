/** Blocks for tests, framed record by record. */
import type { Block } from '../../src/core/block.ts';
import { compress } from '../../src/records/codecs.ts';
import type { Codec } from '../../src/records/record-batch.ts';
import { frameRecord } from '../../src/records/record-batch.ts';

export async function makeBlock(
  topic: string,
  values: readonly (string | Buffer)[],
  { codec = 'none' as Codec, key = 'host', time = Date.now() } = {},
): Promise<Block> {
  const raw = Buffer.concat(values.map((value, offsetDelta) => frameRecord({ offsetDelta, key, value })));
  const body = await compress(codec, 1, raw);
  return { topic, key, count: values.length, rawBytes: raw.length, codec, body, time, marks: [] };
}
