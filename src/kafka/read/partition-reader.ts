/**
 * Reads a partition's records sections in order, decompressed: while one is parsed the next ones are decompressed, and the
 * next fetch is on its way.
 *
 *   fetch -> batches: checksum, aborted transactions left out -> decompress, a few at a time -> one section after the other
 */

import { decompress } from '../../records/codecs.ts';
import { type BatchHeader, checkCrc, HEADER_BYTES, readHeader, records } from '../../records/record-batch.ts';
import type { KafkaClient } from '../connect/client.ts';
import { errorName, OFFSET_OUT_OF_RANGE } from '../wire/errors.ts';
import type { FetchAnswer, Isolation } from '../wire/fetch.ts';
import { fetchFrom, offsetOf } from './reading.ts';

const FETCH_BYTES = 4 << 20;
const WAIT_MS = 500;
/** Decompressed at the same time, or waiting to be parsed. */
const AHEAD = 4;
/** So many answers without a batch, one after the other, where there should be one. */
const EMPTY_ANSWERS = 10;
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

export interface FetchedSection {
  /** The decompressed records section. */
  body: Buffer;
  count: number;
  baseOffset: number;
  /** Only records with these offset deltas were asked for. */
  from: number;
  to: number;
}

export interface PartitionOptions {
  client: KafkaClient;
  topic: string;
  partition: number;
  isolation: Isolation;
  /** Offsets: the first one, and the one behind the last. */
  first: number;
  end: number;
  signal: AbortSignal;
}

interface Batch {
  header: BatchHeader;
  baseOffset: number;
  body: Buffer;
}

export class PartitionReader {
  readonly #o: PartitionOptions;
  /** Offsets that no batch holds, and records that are gone from batches: the topic is compacted. */
  missing = 0;
  /** Records of aborted transactions, which were left out. */
  aborted = 0;
  /** Offsets that were deleted while they were to be read. */
  deleted = 0;
  bytes = 0;

  constructor(options: PartitionOptions) {
    this.#o = options;
  }

  /** Throws UnreadableError where a batch is damaged or does not come. */
  async *sections(): AsyncGenerator<FetchedSection, void> {
    const { first, end } = this.#o;
    let at = first;
    let fetching = at < end ? this.#fetch(at) : null;
    const open: { batch: Batch; body: Promise<Buffer> }[] = [];
    while (fetching) {
      const answer = await fetching;
      if (answer.from > at) this.deleted += answer.from - at;
      at = answer.from;
      const batches = this.#split(answer, at);
      const last = batches.at(-1);
      if (last) at = last.baseOffset + last.header.lastOffsetDelta + 1;
      fetching = at < end ? this.#fetch(at) : null;
      for (const batch of this.#committed(batches, answer.aborted)) {
        const body = decompress(batch.header.codec, batch.body);
        body.catch(() => undefined); // thrown where it is awaited
        open.push({ batch, body });
        if (open.length >= AHEAD) yield await this.#section(open.shift()!);
      }
    }
    for (const next of open) yield await this.#section(next);
  }

  async #section({ batch, body }: { batch: Batch; body: Promise<Buffer> }): Promise<FetchedSection> {
    const { first, end } = this.#o;
    const { baseOffset, header } = batch;
    try {
      const section = { body: await body, count: header.count, baseOffset };
      return { ...section, from: first - baseOffset, to: end - 1 - baseOffset };
    } catch (error) {
      throw this.#unreadable(baseOffset, `cannot be decompressed (${header.codec}): ${(error as Error).message}`);
    }
  }

  /** The answer that begins at `offset`, or at the first offset that is there still. */
  async #fetch(offset: number): Promise<FetchAnswer & { from: number }> {
    const { client, topic, partition, isolation, signal, end } = this.#o;
    const job = { topic, partition, isolation, maxBytes: FETCH_BYTES, maxWait: WAIT_MS };
    for (let empty = 0; empty < EMPTY_ANSWERS; ) {
      const answer = await fetchFrom(client, { ...job, offset }, signal);
      if (answer.errorCode === OFFSET_OUT_OF_RANGE) {
        const first = await offsetOf(client, topic, partition, 'first', isolation, signal);
        if (first <= offset) throw this.#unreadable(offset, 'is not there any more');
        if (first >= end) return { ...answer, aborted: [], batches: Buffer.alloc(0), from: end };
        offset = first;
      } else if (answer.errorCode !== 0) {
        throw new UnreadableError(`cannot read ${topic}/${partition}: ${errorName(answer.errorCode)}`);
      } else if (answer.batches.length > 0) {
        this.bytes += answer.batches.length;
        return { ...answer, from: offset };
      } else empty++;
    }
    throw this.#unreadable(offset, `does not come, though the partition ends at ${end}`);
  }

  /** The whole batches of an answer, as far as they were asked for. */
  #split({ batches: bytes }: FetchAnswer, from: number): Batch[] {
    const found: Batch[] = [];
    let expected = from;
    for (let at = 0; bytes.length - at >= HEADER_BYTES && expected < this.#o.end; ) {
      const baseOffset = Number(bytes.readBigInt64BE(at));
      const magic = bytes[at + MAGIC_AT]!;
      if (magic < 2) throw this.#unreadable(baseOffset, `has message format ${magic}: only 2 (Kafka 0.11) is read`);
      const size = bytes.readInt32BE(at + LENGTH_AT) + BEFORE_LENGTH;
      if (size < HEADER_BYTES) throw this.#unreadable(baseOffset, 'is damaged: its length is impossible');
      if (size > bytes.length - at) break;
      const header = readHeader(bytes, at);
      if (!header) throw this.#unreadable(baseOffset, 'is damaged, or in a format or codec that is not known');
      if (!checkCrc(bytes, at)) throw this.#unreadable(baseOffset, 'is damaged: its checksum does not hold');
      const next = baseOffset + header.lastOffsetDelta + 1;
      if (next <= expected) {
        // The first batch may begin before the offset that was asked for; not end before it.
        throw this.#unreadable(baseOffset, `ends before offset ${expected}, which was asked for`);
      }
      this.missing += Math.max(0, baseOffset - expected);
      this.missing += Math.max(0, header.lastOffsetDelta + 1 - header.count);
      found.push({ header, baseOffset, body: bytes.subarray(at + HEADER_BYTES, at + size) });
      at += size;
      expected = next;
    }
    if (found.length === 0 && from < this.#o.end) throw this.#unreadable(from, 'is damaged: it is cut short');
    return found;
  }

  /** Without control batches and, of transactional ones, those of aborted transactions. */
  *#committed(batches: readonly Batch[], aborted: FetchAnswer['aborted']): Generator<Batch, void> {
    const begins = [...aborted].sort((a, b) => a.firstOffset - b.firstOffset);
    const ended = new Set<bigint>();
    for (const batch of batches) {
      const { header, baseOffset, body } = batch;
      while (begins.length > 0 && begins[0]!.firstOffset <= baseOffset + header.lastOffsetDelta) {
        ended.add(begins.shift()!.producerId);
      }
      if (header.control) {
        if (this.#isAbort(body, baseOffset)) ended.delete(header.producerId);
      } else if (header.transactional && ended.has(header.producerId)) this.aborted += header.count;
      else if (header.count > 0) yield batch;
    }
  }

  /** A control record's key: version i16, type i16; type 0 ends a transaction that is aborted. */
  #isAbort(body: Buffer, baseOffset: number): boolean {
    try {
      for (const { key } of records(body)) return key?.readInt16BE(2) === 0;
    } catch (error) {
      throw this.#unreadable(baseOffset, `is damaged: ${(error as Error).message}`);
    }
    return false;
  }

  #unreadable(offset: number, what: string): UnreadableError {
    return new UnreadableError(`the batch at offset ${offset} of ${this.#o.topic}/${this.#o.partition} ${what}`);
  }
}
