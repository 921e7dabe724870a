/**
 * Where the records of a section go when its partition is gone: to the partitions that their keys hash to now, in the order
 * that they have. All of a key stays together, and most sections have one key only: then nothing is packed anew.
 */
import { compress, decompress } from '../../records/codecs.ts';
import { partitionFor } from '../../records/murmur2.ts';
import { frameRecord, records } from '../../records/record-batch.ts';
import type { KafkaClient } from '../connect/client.ts';
import { LEVEL, type RecordsSection } from './split.ts';

export interface Piece extends RecordsSection {
  partition: number;
}

/**
 * Over how many partitions the keys of all that waits were spread, where what an earlier process left was spread over
 * `before`; 0: not known, or not over as many all the time.
 */
export function spreadOver(client: KafkaClient, topic: string, before: number | null): number {
  const known = client.topics.known(topic);
  if (known === 0) return before ?? 0;
  return (before ?? known) === known && client.topics.steady(topic) ? known : 0;
}

/** Pieces with the same records, one for each partition, in ascending order of the partitions. */
export async function spread(section: RecordsSection, partitions: number): Promise<Piece[]> {
  const { codec, body, count, rawBytes, cut = false } = section;
  const parts = new Map<number, Buffer[]>();
  const known = new Map<string, number>();
  for (const { key, value, headers } of records(await decompress(codec, body))) {
    const name = key?.toString() ?? '';
    const partition = known.get(name) ?? partitionFor(name, partitions);
    known.set(name, partition);
    const part = parts.get(partition) ?? [];
    part.push(frameRecord({ offsetDelta: part.length, key, value, headers }));
    parts.set(partition, part);
  }
  const only = parts.size === 1 ? [...parts.keys()] : [];
  if (only[0] !== undefined) return [{ partition: only[0], codec, body, count, rawBytes, cut }];
  const ordered = [...parts].sort(([a], [b]) => a - b);
  return Promise.all(
    ordered.map(async ([partition, part]) => {
      const raw = Buffer.concat(part);
      const body = await compress(codec, LEVEL, raw);
      return { partition, codec, body, count: part.length, rawBytes: raw.length };
    }),
  );
}
