/**
 * From a set of records to the bulks of the streams: a value that is a JSON object is copied as it is, a line of a `raw`
 * topic becomes a document, a null value is left out, and what is neither is a dead letter.
 */
import type { RecordSet } from '../../kafka/read/record-set.ts';
import { COLUMNS, HEADERS, OFFSET, VALUE, VALUE_END } from '../../records/record-table.ts';
import type { ConsumerAccount } from '../account.ts';
import type { DeadLetter, DeadLetterTopic } from './dead-letter-topic.ts';
import type { PartitionProgress, RecordSpan } from './progress.ts';
import { RawDocuments, rawHeaders } from './raw-document.ts';
import type { StreamWriter } from './stream-writer.ts';

const OPEN_BRACE = 0x7b;
const SPACE = 0x20;
/** Dead letters that wait for Kafka, beyond which nothing more is taken. */
const MOST_LETTERS = 10_000;
const NOT_AN_OBJECT = 'not_an_object';
const WHY_NOT = `${NOT_AN_OBJECT}: the value is no JSON object`;

export interface TakingOptions {
  writers: readonly StreamWriter[];
  deadLetters: DeadLetterTopic;
  account: ConsumerAccount;
  /** Resolves when there may be memory again. */
  room(): Promise<void>;
  settled(): void;
  failed(error: Error): void;
  signal: AbortSignal;
}

interface Letter {
  letter: DeadLetter;
  span: RecordSpan;
}

export class RecordTaker {
  readonly #o: TakingOptions;
  readonly #raw = new RawDocuments();

  constructor(options: TakingOptions) {
    this.#o = options;
  }

  /** Takes all of the set, which is released then; a promise where that has to wait. */
  take(progress: PartitionProgress, set: RecordSet): void | Promise<void> {
    this.#o.account.read += set.count;
    progress.unsettled += set.count;
    progress.taking = true;
    const row = this.#some(progress, set, 0);
    if (row < set.count || this.#o.deadLetters.waiting > MOST_LETTERS) return this.#rest(progress, set, row);
    this.#taken(progress, set);
  }

  async #rest(progress: PartitionProgress, set: RecordSet, from: number): Promise<void> {
    const over = () => progress.lost || this.#o.signal.aborted;
    for (let row = from; row < set.count && !over(); ) {
      await this.#o.room();
      if (!over()) row = this.#some(progress, set, row);
    }
    this.#taken(progress, set);
    while (this.#o.deadLetters.waiting > MOST_LETTERS && !over()) await this.#o.room();
  }

  #taken(progress: PartitionProgress, set: RecordSet): void {
    set.release();
    progress.taking = false;
  }

  /** From a row on; gives the row that there is no memory for, or the set's count. */
  #some(progress: PartitionProgress, set: RecordSet, first: number): number {
    const { table, bytes, base, count } = set;
    const { writers, account, settled } = this.#o;
    const { placement } = progress;
    const letters: Letter[] = [];
    let skipped = 0;
    let row = first;
    for (let at = first * COLUMNS; row < count; row++, at += COLUMNS) {
      const offset = base + table[at + OFFSET]!;
      const [from, to] = [table[at + VALUE]!, table[at + VALUE_END]!];
      if (from < 0) {
        skipped++;
        continue;
      }
      const writer = writers[placement.streamOf(offset)]!;
      // A count of headers that is 0 is a byte 0.
      const headers = bytes[table[at + HEADERS]!] === 0 ? null : rawHeaders(set, row);
      if (headers) {
        const document = this.#raw.document(set, row, headers);
        if (!writer.append(progress, offset, document, 0, document.length)) break;
        continue;
      }
      let brace = from;
      while (brace < to && bytes[brace]! <= SPACE) brace++;
      if (brace < to && bytes[brace] === OPEN_BRACE) {
        if (!writer.append(progress, offset, bytes, from, to)) break;
        continue;
      }
      const value = Buffer.from(bytes.subarray(from, to));
      const { partition } = progress;
      const letter = { partition, offset, value, status: 'invalid', reason: WHY_NOT };
      const span = progress.open(offset, 0);
      progress.seal(span);
      letters.push({ letter, span });
    }
    progress.takenTo(
      base + (row < count ? table[row * COLUMNS + OFFSET]! : table[(count - 1) * COLUMNS + OFFSET]! + 1),
    );
    if (skipped > 0) {
      progress.unsettled -= skipped;
      account.skip('null_value', skipped);
    }
    if (letters.length > 0) this.#refuse(progress, letters).catch(this.#o.failed);
    else if (skipped > 0) settled();
    return row;
  }

  async #refuse(progress: PartitionProgress, letters: Letter[]): Promise<void> {
    const { deadLetters, account, signal, settled } = this.#o;
    try {
      await deadLetters.put(
        letters.map(({ letter }) => letter),
        signal,
      );
    } catch (error) {
      if (!signal.aborted) throw error;
      return;
    }
    for (const { span } of letters) progress.settle(span);
    if (progress.lost) return;
    account.deadLetter(NOT_AN_OBJECT, letters.length);
    progress.unsettled -= letters.length;
    settled();
  }
}
