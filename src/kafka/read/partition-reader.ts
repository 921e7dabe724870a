/**
 * Reads a partition's records sections in order, decompressed: while one is parsed the next ones are decompressed, and the
 * next fetch is on its way.
 *
 *   fetch -> batches: checksum, aborted transactions left out -> decompress, a few at a time -> one section after the other
 */

import type { KafkaClient } from '../connect/client.ts';
import { letGoOfAnswer } from '../connect/gather.ts';
import { errorName, OFFSET_OUT_OF_RANGE } from '../wire/errors.ts';
import type { FetchedPartition, Isolation } from '../wire/fetch.ts';
import { type FetchedBatch, splitBatches, UnreadableError, unreadable } from './batches.ts';
import { discard, openBatch, Tables } from './opening.ts';
import { fetchFrom, offsetOf } from './reading.ts';
import type { OpenedBatch } from './record-set.ts';

const FETCH_BYTES = 4 << 20;
const WAIT_MS = 500;
/** Decompressed at the same time, or waiting to be parsed. */
const AHEAD = 4;
/** So many answers without a batch, one after the other, where there should be one. */
const EMPTY_ANSWERS = 10;

/** A batch, and the part of it that was asked for; good until the next one is asked for. */
export interface FetchedSection extends Pick<OpenedBatch, 'base' | 'bytes' | 'table' | 'count'> {
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
  /** What one batch at a time is decompressed into, by this thread, where that takes the least CPU time. Null: several are, beside it. */
  room?: Buffer | null;
}

type Fetched = Pick<FetchedPartition, 'asked' | 'aborted' | 'batches'>;

export class PartitionReader {
  readonly #o: PartitionOptions;
  readonly #tables = new Tables();
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
    const { first, end, room = null } = this.#o;
    const ahead = room ? 1 : AHEAD;
    let at = first;
    let fetching = at < end ? this.#fetch(at) : null;
    const open: Promise<OpenedBatch>[] = [];
    while (fetching) {
      const answer = await fetching;
      const { offset: from } = answer.asked;
      if (from > at) this.deleted += from - at;
      const { batches, fault } = splitBatches(answer, end);
      if (fault) throw fault;
      this.#count(batches, from);
      at = batches.at(-1)?.next ?? from;
      fetching = at < end ? this.#fetch(at) : null;
      const wanted = batches.filter(({ hidden, header }) => !hidden && header.count > 0);
      let unopened = wanted.length;
      const opened = () => {
        // What is not compressed is handed out as a part of the answer.
        if (--unopened === 0 && wanted.every(({ header }) => header.codec !== 'none')) letGoOfAnswer(answer.batches);
      };
      for (const batch of wanted) {
        const opening = openBatch(batch, this.#o, this.#tables, room);
        opening.then(opened, opened); // what is wrong is thrown where it is awaited
        open.push(opening);
        if (open.length >= ahead) yield* this.#section(await open.shift()!);
      }
    }
    for (const next of open) yield* this.#section(await next);
  }

  *#section(batch: OpenedBatch): Generator<FetchedSection, void> {
    const { first, end } = this.#o;
    yield { ...batch, from: first - batch.base, to: end - 1 - batch.base };
    discard(batch, this.#tables);
  }

  /** The answer that begins at `offset`, or at the first offset that is there still. */
  async #fetch(from: number): Promise<Fetched> {
    let offset = from;
    const { client, topic, partition, isolation, signal, end } = this.#o;
    const job = { topic, partition, isolation, maxBytes: FETCH_BYTES, maxWait: WAIT_MS };
    for (let empty = 0; empty < EMPTY_ANSWERS; ) {
      const answer = await fetchFrom(client, { ...job, offset }, signal);
      if (answer.errorCode === OFFSET_OUT_OF_RANGE) {
        const first = await offsetOf(client, topic, partition, 'first', isolation, signal);
        if (first <= offset) throw this.#unreadable(offset, 'is not there any more');
        if (first >= end) return { asked: { ...answer.asked, offset: end }, aborted: [], batches: Buffer.alloc(0) };
        offset = first;
      } else if (answer.errorCode !== 0) {
        throw new UnreadableError(`cannot read ${topic}/${partition}: ${errorName(answer.errorCode)}`);
      } else if (answer.batches.length > 0) {
        this.bytes += answer.batches.length;
        return answer;
      } else empty++;
    }
    throw this.#unreadable(offset, `does not come, though the partition ends at ${end}`);
  }

  #count(batches: readonly FetchedBatch[], from: number): void {
    let expected = from;
    for (const { baseOffset, next, header, hidden } of batches) {
      this.missing += Math.max(0, baseOffset - expected);
      this.missing += Math.max(0, header.lastOffsetDelta + 1 - header.count);
      if (hidden === 'aborted') this.aborted += header.count;
      expected = next;
    }
  }

  #unreadable(offset: number, what: string): UnreadableError {
    return unreadable(this.#o, offset, what);
  }
}
