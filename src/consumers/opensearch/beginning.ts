/**
 * Where a partition that was assigned begins, and what of it may be in the streams already.
 *
 *   committed with a note of this topic     from the offset; records below the note's bound are suspects
 *   committed, and no note, or another's    from the offset; whoever moved it, all that there is now may have been written,
 *                                           by whatever settings: suspects, looked for in all streams
 *   no offset, or one of a topic that is    from the log's first record. Where a sample of it is in the streams, an offset
 *   no more                                 has expired (offsets.retention.minutes): suspects, as above
 */

import type { KafkaClient } from '../../kafka/connect/client.ts';
import type { GroupPartition } from '../../kafka/read/partition.ts';
import { offsetOf } from '../../kafka/read/reading.ts';
import { log } from '../../log.ts';
import { documentId, MOST_PARTITIONS } from './document-id.ts';
import type { Lookup } from './lookup.ts';
import { isOf, type Note, nextNote, parseNote } from './note.ts';
import type { StreamTurns } from './placement.ts';
import { PartitionProgress } from './progress.ts';

/** Offsets looked for where nothing is known. */
const SAMPLE = 5000;

export interface BeginningOptions {
  client: KafkaClient;
  lookup: Lookup;
  /** `ds-*` */
  allStreams: string;
  turns: StreamTurns;
  window: number;
}

/** Rejects with ChangedAgain, and where Kafka or the streams cannot be asked now. */
export async function beginningOf(partition: GroupPartition, o: BeginningOptions): Promise<PartitionProgress> {
  const { topic, topicId, signal, startOffset, startMetadata } = partition;
  if (partition.partition >= MOST_PARTITIONS) throw new Error(`${topic} has more than ${MOST_PARTITIONS} partitions`);
  const edge = (which: 'first' | 'end') =>
    offsetOf(o.client, topic, partition.partition, which, 'read_committed', signal);
  const note = startOffset === null ? null : parseNote(startMetadata);
  const { turns, window } = o;
  if (startOffset !== null && note !== null && isOf(note, topicId)) {
    const next = nextNote(note, { topic, topicId, offset: startOffset, turns, window });
    return new PartitionProgress(partition, next, startOffset, note.bound, false);
  }
  if (note !== null)
    log.warn(
      `${topic}/${partition.partition} is of another topic than what was committed: it was made anew, and is read from its beginning`,
    );
  const [offset, end] = [note === null && startOffset !== null ? startOffset : await edge('first'), await edge('end')];
  const next = nextNote(null, { topic, topicId, offset, turns, window });
  const known = startOffset !== null && note === null;
  const suspect = known || (await isThere(next, partition.partition, offset, end, o, signal));
  if (suspect && end > offset) {
    const why = known ? 'its offset was set by another program' : 'it has no offset any more, and was written before';
    log.warn(`${topic}/${partition.partition}: ${why}; records up to ${end} are looked for before they are written`);
  }
  return new PartitionProgress(partition, next, offset, suspect ? end : offset, suspect);
}

/** Whether any of a sample of the offsets [first, end) is in the streams. */
async function isThere(
  { number }: Note,
  partition: number,
  first: number,
  end: number,
  { lookup, allStreams }: BeginningOptions,
  signal: AbortSignal,
): Promise<boolean> {
  if (end <= first) return false;
  const step = Math.max(1, Math.floor((end - first) / SAMPLE));
  const ids: string[] = [];
  for (let offset = first; offset < end && ids.length < SAMPLE; offset += step) {
    ids.push(documentId({ number, partition, offset }));
  }
  return (await lookup.find(allStreams, ids, signal)).size > 0;
}
