/**
 * Record batches as they come in the answer to a Fetch: taken apart, their checksums looked at, and those of aborted
 * transactions told from the others.
 */
import { type BatchHeader, checkCrc, HEADER_BYTES, readHeader, records } from '../../records/record-batch.ts';
import type { TopicPartition } from '../transactions/coordinator.ts';
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
 * The whole batches of an answer that begin before `end`, and what is wrong with the one behind them; null: nothing. The
 * first may begin before the offset that was asked for, and the last that is cut short is left out.
 */
export function splitBatches(
  fetched: Fetched,
  end = Number.POSITIVE_INFINITY,
): { batches: FetchedBatch[]; fault: UnreadableError | null } {
  const batches: FetchedBatch[] = [];
  try {
    split(fetched, end, batches);
    return { batches, fault: null };
  } catch (error) {
    if (!(error instanceof UnreadableError)) throw error;
    return { batches, fault: error };
  }
}

function split(fetched: Fetched, end: number, found: FetchedBatch[]): void {
  const { asked, batches: bytes } = fetched;
  const hiding = new Hiding(fetched);
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
    const body = bytes.subarray(at + HEADER_BYTES, at + size);
    found.push({ header, baseOffset, next, body, hidden: hiding.of(header, next, body) });
    at += size;
    expected = next;
  }
  if (found.length === 0 && bytes.length > 0 && asked.offset < end) {
    throw unreadable(asked, asked.offset, 'is damaged: it is cut short');
  }
}

/** Says of each batch of an answer, one after the other, whether it is hidden from readers of what is committed. */
class Hiding {
  readonly #asked: TopicPartition;
  readonly #begins: FetchedPartition['aborted'];
  readonly #open = new Set<bigint>();

  constructor({ asked, aborted }: Fetched) {
    this.#asked = asked;
    this.#begins = [...aborted].sort((a, b) => a.firstOffset - b.firstOffset);
  }

  of({ producerId, control, transactional, baseOffset }: BatchHeader, next: number, body: Buffer) {
    while (this.#begins.length > 0 && this.#begins[0]!.firstOffset < next) {
      this.#open.add(this.#begins.shift()!.producerId);
    }
    if (control) {
      if (isAbort(body, Number(baseOffset), this.#asked)) this.#open.delete(producerId);
      return 'control';
    }
    return transactional && this.#open.has(producerId) ? 'aborted' : null;
  }
}

/** A control record's key: version i16, type i16; type 0 ends a transaction that is aborted. */
function isAbort(body: Buffer, baseOffset: number, where: TopicPartition): boolean {
  try {
    for (const { key } of records(body)) return key?.readInt16BE(2) === 0;
  } catch (error) {
    throw unreadable(where, baseOffset, `is damaged: ${(error as Error).message}`);
  }
  return false;
}

export function unreadable({ topic, partition }: TopicPartition, offset: number, what: string): UnreadableError {
  return new UnreadableError(`the batch at offset ${offset} of ${topic}/${partition} ${what}`);
}
