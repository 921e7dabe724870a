/** Metric records into batches and on into the pipeline. */
import assert from 'node:assert';
import type { Stream } from '../core/batch.ts';
import type { Output } from '../core/pipeline.ts';
import { MAX_RECORDS, SLOT_CAPACITY } from '../core/pool.ts';

/**
 * Writes JSON documents as the records of one stream. `weights[i]` input items stand behind `records[i]`: they count as
 * received already, and become forwarded when the record is acknowledged.
 */
export async function emit(
  output: Output,
  stream: Stream,
  records: readonly string[],
  weights: ArrayLike<number>,
  signal?: AbortSignal,
): Promise<void> {
  let i = 0;
  while (i < records.length) {
    const batch = await output.take(stream, signal);
    const { bytes, bytesAt, starts, ends } = batch.slot;
    let at = 0;
    while (i < records.length && batch.count < MAX_RECORDS && fits(records[i]!, SLOT_CAPACITY - at)) {
      starts[batch.count] = bytesAt + at;
      at += bytes.write(records[i]!, at);
      ends[batch.count] = bytesAt + at;
      batch.slot.flags[batch.count] = 0;
      batch.slot.source[batch.count] = 0;
      batch.slot.length[batch.count] = 0;
      batch.count++;
      batch.weight += weights[i]!;
      i++;
    }
    // A datagram's name and tags are at most 64 KiB, and six times that as JSON.
    assert(batch.count > 0, 'a metric record is larger than a slot');
    batch.used = at;
    batch.time = Date.now();
    await output.push(batch);
  }
}

/** Three bytes a character at most; the long ones are looked at more closely. */
function fits(record: string, room: number): boolean {
  return record.length * 3 <= room || (record.length <= room && Buffer.byteLength(record) <= room);
}
