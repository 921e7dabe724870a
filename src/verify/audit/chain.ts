/**
 * The records of one audit stream, as they come: runs of records that follow each other, by number and by hash. A stream
 * that is complete, unchanged and in order is one run, however long it is; what is wrong breaks runs, and is judged when
 * all are known (verdict.ts).
 *
 *   records  1 2 3 4 | 6 7 | 5 | 8 ...       runs  [1 4] [6 7] [5 5] [8 ...
 */
import { HASH_BYTES } from '../../audit/record.ts';
import type { RecordScan } from '../../audit/scan.ts';
import { Ranges } from '../ranges.ts';

export interface Run {
  partition: number;
  from: number;
  /** Inclusive. */
  to: number;
  /** What its first record names as the hash of the one before, and the hash of its last one. */
  previous: string;
  hash: string;
  /** Its first, its last record is not what its hash says. */
  firstChanged: boolean;
  lastChanged: boolean;
  /** A single record that was changed, and follows none: its number may be made up. */
  stray: boolean;
}

/** Hashes of so many records before the last one are kept: a seal comes shortly behind what it seals. */
const KEPT = 256;
const HASH_DIGITS = 2 * HASH_BYTES;

export class Chain {
  readonly runs: Run[] = [];
  /** Numbers whose records are not what their hashes say. */
  readonly changed = new Ranges();
  records = 0;
  #hashes: string[] = [];
  /** What the last record holds, where that is not what it says: the next one may name either. */
  #computed = '';

  get last(): Run | undefined {
    return this.runs.at(-1);
  }

  /** The next record. */
  take(scan: RecordScan, partition: number): void {
    const { intact, previous } = scan;
    const last = this.last;
    const behind = last?.partition === partition ? last : null;
    this.records++;
    let number = scan.sequence;
    const linked = behind !== null && (previous === behind.hash || previous === this.#computed);
    // Of a record that was changed, what it follows says more than its number.
    if (!intact && linked) number = behind!.to + 1;
    if (!intact) this.changed.add(number, number + 1);
    if (behind && number === behind.to + 1 && (linked || !intact || behind.lastChanged)) {
      behind.to = number;
      behind.hash = scan.claimed;
      behind.lastChanged = !intact;
    } else {
      this.#hashes = [];
      this.runs.push({
        partition,
        from: number,
        to: number,
        previous,
        hash: scan.claimed,
        firstChanged: !intact,
        lastChanged: !intact,
        stray: !intact,
      });
    }
    if (intact && this.last!.stray) this.last!.stray = false;
    this.#computed = intact ? '' : scan.computed;
    this.#hashes[number % KEPT] = scan.claimed;
  }

  /** So many records that follow the last one, all intact: their hashes, 64 digits each. */
  follow(count: number, hashes: string): void {
    const last = this.last!;
    this.records += count;
    const first = last.to + 1;
    last.to += count;
    for (let i = Math.max(0, count - KEPT); i < count; i++) {
      this.#hashes[(first + i) % KEPT] = hashes.substring(i * HASH_DIGITS, (i + 1) * HASH_DIGITS);
    }
    last.hash = this.#hashes[last.to % KEPT]!;
    last.lastChanged = false;
    last.stray = false;
    this.#computed = '';
  }

  /** A record of which nothing but the number is known. */
  unreadable(number: number, partition: number): void {
    this.changed.add(number, number + 1);
    const last = this.last;
    this.#computed = '';
    this.#hashes = [];
    if (last?.partition === partition && last.to + 1 === number) {
      last.to = number;
      last.hash = '';
      last.lastChanged = true;
    } else {
      const of = { partition, from: number, to: number, previous: '', hash: '' };
      this.runs.push({ ...of, firstChanged: true, lastChanged: true, stray: true });
    }
  }

  /** The hash of a record of the last run; undefined: it is not kept. */
  hashOf(number: number): string | undefined {
    const last = this.last;
    if (!last || number < last.from || number > last.to || number <= last.to - KEPT) return undefined;
    return this.#hashes[number % KEPT];
  }
}
