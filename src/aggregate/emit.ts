/** Metric records into batches and on into the pipeline. */
import assert from 'node:assert';
import type { Stream } from '../core/batch.ts';
import { copyInto } from '../core/copy.ts';
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
  /** The position of the first in the stream, where each is one further: so the stream learns how many are safe. */
  from?: number,
): Promise<void> {
  let i = 0;
  while (i < records.length) {
    const batch = await output.take(stream, signal);
    const { bytes, bytesAt, starts, ends } = batch.slot;
    let at = 0;
    if (from !== undefined) batch.from = from + i;
    while (i < records.length && batch.count < MAX_RECORDS && fits(records[i]!, SLOT_CAPACITY - at)) {
      starts[batch.count] = bytesAt + at;
      at += bytes.write(records[i]!, at);
      ends[batch.count] = bytesAt + at;
      batch.slot.flags[batch.count] = 0;
      batch.slot.source[batch.count] = from === undefined ? 0 : batch.count;
      batch.slot.length[batch.count] = from === undefined ? 0 : 1;
      batch.count++;
      batch.weight += weights[i]!;
      i++;
    }
    if (from !== undefined) batch.end = from + i;
    // A datagram's name and tags are at most 64 KiB, and six times that as JSON.
    assert(batch.count > 0, 'a metric record is larger than a slot');
    batch.used = at;
    batch.time = Date.now();
    await output.push(batch);
  }
}

/**
 * The same of records that count as received when they are handed over: until then nobody counts them. What could not be
 * before the signal aborts is lost, and counted as that: false.
 */
export async function emitReceived(
  output: Output,
  stream: Stream,
  records: readonly string[],
  weights: ArrayLike<number>,
  signal: AbortSignal,
): Promise<boolean> {
  const { account } = stream;
  let pushed = 0;
  const counted: Output = {
    take: (s, abort) => output.take(s, abort),
    discard: (batch) => output.discard(batch),
    push(batch) {
      pushed += batch.weight;
      account.received += batch.weight;
      return output.push(batch);
    },
  };
  try {
    await emit(counted, stream, records, weights, signal);
    return true;
  } catch (error) {
    let lost = -pushed;
    for (let i = 0; i < records.length; i++) lost += weights[i]!;
    account.received += lost;
    if (lost > 0) account.drop('shutdown', lost);
    if (!signal.aborted) throw error;
    return false;
  }
}

/** Records as bytes, one after the other: record i ends where `ends[i]` says, and `weights[i]` input items stand behind it. */
export interface PackedRecords {
  bytes: Uint8Array;
  ends: Uint32Array;
  weights: Float64Array;
  count: number;
}

/** The same of these; each has room in a slot. */
export async function emitPacked(output: Output, stream: Stream, records: PackedRecords): Promise<void> {
  const { bytes, ends, weights, count } = records;
  for (let i = 0; i < count; ) {
    const batch = await output.take(stream);
    const { bytesAt, starts, ends: slotEnds, flags, source, length } = batch.slot;
    const from = i === 0 ? 0 : ends[i - 1]!;
    for (; i < count && batch.count < MAX_RECORDS && ends[i]! - from <= SLOT_CAPACITY; i++) {
      starts[batch.count] = bytesAt + batch.used;
      batch.used = ends[i]! - from;
      slotEnds[batch.count] = bytesAt + batch.used;
      flags[batch.count] = 0;
      source[batch.count] = 0;
      length[batch.count] = 0;
      batch.count++;
      batch.weight += weights[i]!;
    }
    copyInto(batch.slot.bytes, 0, bytes.subarray(from, from + batch.used));
    batch.time = Date.now();
    await output.push(batch);
  }
}

/** Three bytes a character at most; the long ones are looked at more closely. */
function fits(record: string, room: number): boolean {
  return record.length * 3 <= room || (record.length <= room && Buffer.byteLength(record) <= room);
}
