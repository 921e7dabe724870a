/** Records written to Kafka by the agent's own client, a batch at a time. */
import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import type { KafkaClient } from '../../src/kafka/connect/client.ts';
import { compress } from '../../src/records/codecs.ts';
import { type Codec, frameRecord, sealedHeader } from '../../src/records/record-batch.ts';

/** Sends values as one batch; resolves when it is stored, with the offset of the first. */
export async function sendValues(
  client: KafkaClient,
  topic: string,
  partition: number,
  values: readonly (string | Buffer | null)[],
  { codec = 'none' as Codec, time = Date.now(), key = null as string | null } = {},
): Promise<number> {
  const body = Buffer.concat(values.map((value, offsetDelta) => frameRecord({ offsetDelta, key, value })));
  const packed = await compress(codec, 1, body);
  const header = sealedHeader(packed, { count: values.length, codec, time });
  for (const deadline = Date.now() + 60_000; ; await sleep(50)) {
    const link = await client.leader(topic, partition);
    const answer = await client
      .produceOn(link, topic, partition, { header, body: packed })
      .catch(() => ({ errorCode: 6, baseOffset: -1n }));
    if (answer.errorCode === 0) return Number(answer.baseOffset);
    // The leader of a new topic may not know yet that it is; one that is started anew is away.
    assert.ok([3, 6, 7].includes(answer.errorCode) && Date.now() < deadline, `error ${answer.errorCode}`);
    client.topics.invalidate(topic);
  }
}
