/**
 * The records of one audit stream, as they come: runs of records that follow each other, by number and by hash. A stream
 * that is complete, unchanged and in order is one run, however long it is; what is wrong breaks runs, and is judged when
 * all are known (verdict.ts).
 *
 *   records  1 2 3 4 | 6 7 | 5 | 8 ...       runs  [1 4] [6 7] [5 5] [8 ...
 */
import { HASH_BYTES } from '../../audit/record.ts';
import type { RecordScan } from '../../audit/scan.ts';
import { HASHES_KEPT as KEPT } from '../../kernel/chain.ts';
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

/** Tells the hashes of the last `count` records that followed, 64 digits each. */
export interface Followed {
  lastHashes(count: number): string;
}

const HASH_DIGITS = 2 * HASH_BYTES;

export class Chain {
  readonly runs: Run[] = [];
  /** Numbers whose records are not what their hashes say. */
  readonly changed = new Ranges();
  records = 0;
  /** The record that came first, or first behind the last seal; `time` in milliseconds since the epoch. */
  unsealed: { number: number; time: number } | null = null;
  /** Of the last KEPT records, by number. */
  #hashes: string[] = [];
  /** What the last record holds, where that is not what it says: the next one may name either. */
  #computed = '';
  /** Who tells the hashes of the last records, and of how many they are not kept here. */
  #followed: Followed | null = null;
  #untold = 0;

  get last(): Run | undefined {
    return this.runs.at(-1);
  }

  /** The next record. */
  take(scan: RecordScan, partition: number): void {
    this.settle();
    const { intact, previous } = scan;
    const last = this.last;
    const behind = last?.partition === partition ? last : null;
    this.records++;
    let number = scan.sequence;
    this.unsealed ??= { number, time: Date.parse(scan.time) };
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

  /** So many records that follow the last one, all intact. */
  follow(count: number, followed: Followed): void {
    const last = this.last!;
    this.records += count;
    last.to += count;
    last.hash = followed.lastHashes(1);
    last.lastChanged = false;
    last.stray = false;
    this.#computed = '';
    this.#followed = followed;
    this.#untold = Math.min(KEPT, this.#untold + count);
  }

  /** Keeps the hashes of those that followed: to be called before they cannot be told any more. */
  settle(): void {
    const count = this.#untold;
    if (count === 0) return;
    const first = this.last!.to + 1 - count;
    const hashes = this.#followed!.lastHashes(count);
    for (let i = 0; i < count; i++) {
      this.#hashes[(first + i) % KEPT] = hashes.substring(i * HASH_DIGITS, (i + 1) * HASH_DIGITS);
    }
    this.#untold = 0;
  }

  /** A record of which nothing but the number is known. */
  unreadable(number: number, partition: number): void {
    this.changed.add(number, number + 1);
    const last = this.last;
    this.#computed = '';
    this.#hashes = [];
    this.#untold = 0;
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
    this.settle();
    return this.#hashes[number % KEPT];
  }
}
