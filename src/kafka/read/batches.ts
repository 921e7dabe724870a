/**
 * Record batches as they come in the answer to a Fetch: taken apart, their checksums looked at, and those of aborted
 * transactions told from the others.
 */
import { type BatchHeader, checkCrc, HEADER_BYTES, readHeader, records } from '../../records/record-batch.ts';
import type { FetchedPartition } from '../wire/fetch.ts';

const MAGIC_AT = 16;
const LENGTH_AT = 8;
const BEFORE_LENGTH = 12;

/** What was read cannot be judged: the sentence says why. */
export class UnreadableError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'UnreadableError';
  }
}

export interface FetchedBatch {
  header: BatchHeader;
  baseOffset: number;
  /** The offset behind it. */
  next: number;
  /** The records section as it came. */
  body: Buffer;
  /** Its records are nobody's: a control batch, or of a transaction that was aborted. */
  hidden: 'control' | 'aborted' | null;
}

type Fetched = Pick<FetchedPartition, 'asked' | 'aborted' | 'batches'>;

/**
 * The whole batches of an answer that begin before `end`. The first may begin before the offset that was asked for, and
 * the last that is cut short is left out. Throws UnreadableError where one is damaged.
 */
export function splitBatches(fetched: Fetched, end = Number.POSITIVE_INFINITY): FetchedBatch[] {
  const { asked, batches: bytes } = fetched;
  const found: FetchedBatch[] = [];
  let expected = asked.offset;
  for (let at = 0; bytes.length - at >= HEADER_BYTES && expected < end; ) {
    const baseOffset = Number(bytes.readBigInt64BE(at));
    const fault = (what: string) => unreadable(asked, baseOffset, what);
    const magic = bytes[at + MAGIC_AT]!;
    if (magic < 2) throw fault(`has message format ${magic}: only 2 (Kafka 0.11) is read`);
    const size = bytes.readInt32BE(at + LENGTH_AT) + BEFORE_LENGTH;
    if (size < HEADER_BYTES) throw fault('is damaged: its length is impossible');
    if (size > bytes.length - at) break;
    const header = readHeader(bytes, at);
    if (!header) throw fault('is damaged, or in a format or codec that is not known');
    if (!checkCrc(bytes, at, header)) throw fault('is damaged: its checksum does not hold');
    const next = baseOffset + header.lastOffsetDelta + 1;
    // The first batch may begin before the offset that was asked for; not end before it.
    if (next <= expected) throw fault(`ends before offset ${expected}, which was asked for`);
    found.push({ header, baseOffset, next, body: bytes.subarray(at + HEADER_BYTES, at + size), hidden: null });
    at += size;
    expected = next;
  }
  if (found.length === 0 && bytes.length > 0 && asked.offset < end) {
    throw unreadable(asked, asked.offset, 'is damaged: it is cut short');
  }
  hide(found, fetched);
  return found;
}

/** Says of each batch whether it is hidden from readers of what is committed. */
function hide(batches: readonly FetchedBatch[], { asked, aborted }: Fetched): void {
  const begins = [...aborted].sort((a, b) => a.firstOffset - b.firstOffset);
  const open = new Set<bigint>();
  let begun = 0;
  for (const batch of batches) {
    const { producerId, control, transactional } = batch.header;
    while (begun < begins.length && begins[begun]!.firstOffset < batch.next) open.add(begins[begun++]!.producerId);
    if (control) {
      batch.hidden = 'control';
      if (isAbort(batch, asked)) open.delete(producerId);
    } else if (transactional && open.has(producerId)) batch.hidden = 'aborted';
  }
}

type Place = Pick<FetchedPartition['asked'], 'topic' | 'partition'>;

/** A control record's key: version i16, type i16; type 0 ends a transaction that is aborted. */
function isAbort({ body, baseOffset }: FetchedBatch, where: Place): boolean {
  try {
    for (const { key } of records(body)) return key?.readInt16BE(2) === 0;
  } catch (error) {
    throw unreadable(where, baseOffset, `is damaged: ${(error as Error).message}`);
  }
  return false;
}

export function unreadable({ topic, partition }: Place, offset: number, what: string): UnreadableError {
  return new UnreadableError(`the batch at offset ${offset} of ${topic}/${partition} ${what}`);
}
