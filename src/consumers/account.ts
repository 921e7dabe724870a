/**
 * The books of one consumer. The unit is the record; it is read once, however often it is sent.
 *
 *   read = written + present + dead_letter + skipped + in_flight
 *
 * `in_flight` is not kept here: it is counted where records are, so the sum checks something. Counted from zero at each
 * start. What was never read (beyond retention) is `lost`, which is no part of the sum.
 */

/** Reasons come from servers, too: beyond so many they are counted together. */
const MOST_REASONS = 100;
const OTHER = 'other';

export interface SinkBooks {
  read: number;
  written: number;
  present: number;
  dead_letter: number;
  skipped: number;
  in_flight: number;
  /** 0. Anything else is a fault of the program: more than 0 is lost without a reason, less is counted twice. */
  unaccounted: number;
}

export class ConsumerAccount {
  /** Handed over by the reader, since they were last given back. */
  read = 0;
  /** Stored by this process. */
  written = 0;
  /** Stored already when they came: by this process, or by another one. */
  present = 0;
  readonly deadLetters = new Reasons();
  readonly skipped = new Reasons();
  /** Never read, and not to be read any more. */
  readonly lost = new Reasons();

  /** Refused for good, and kept in the dead-letter topic. */
  deadLetter(reason: string, records: number): void {
    this.deadLetters.add(reason, records);
  }

  /** Of no use to this consumer: null values, records that nobody asked for. */
  skip(reason: string, records: number): void {
    this.skipped.add(reason, records);
  }

  lose(reason: string, records: number): void {
    this.lost.add(reason, records);
  }

  /** Their partition is another process's now, which reads them again. */
  giveBack(records: number): void {
    this.read -= records;
  }

  books(in_flight: number): SinkBooks {
    const { read, written, present } = this;
    const [dead_letter, skipped] = [this.deadLetters.total, this.skipped.total];
    const unaccounted = read - written - present - dead_letter - skipped - in_flight;
    return { read, written, present, dead_letter, skipped, in_flight, unaccounted };
  }
}

/** Numbers by their reason, of which there is a bounded number. */
export class Reasons {
  readonly #counts = new Map<string, number>();
  total = 0;

  add(reason: string, records: number): void {
    if (records === 0) return;
    const known = this.#counts.has(reason) || this.#counts.size < MOST_REASONS;
    const key = known ? reason : OTHER;
    this.#counts.set(key, (this.#counts.get(key) ?? 0) + records);
    this.total += records;
  }

  [Symbol.iterator](): Iterator<[reason: string, records: number]> {
    return this.#counts[Symbol.iterator]();
  }
}
