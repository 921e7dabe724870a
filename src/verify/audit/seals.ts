/**
 * The seals of one audit stream, as they come: runs of seals that follow each other, of one key. What is wrong breaks runs,
 * as with records (chain.ts). Whether the key of a run is to be trusted is known when all seals of the topic are (trusted-keys.ts).
 */
import { type Seal, sealHash } from '../../audit/seal.ts';
import type { ByteRange } from '../origin.ts';
import type { Chain } from './chain.ts';

export interface SealRun {
  partition: number;
  /** Numbers of records; inclusive. Nothing but idle seals: `to` = `from` - 1. */
  from: number;
  to: number;
  key: string;
  /** What its first seal names as the one before, and the hash of its last one. */
  previous: string;
  hash: string;
  /** When its last seal was made, milliseconds since the epoch, and the key that this has named as the next one. */
  time: number;
  next: string;
  /** Seals of the stream that came before it, and how many it has. */
  first: number;
  count: number;
}

/** A seal of which the record was not at hand. */
export interface OpenHead extends ByteRange {
  head: string;
}

export class Seals {
  readonly runs: SealRun[] = [];
  /** To be compared with the record `to` when it is found. */
  readonly heads: OpenHead[] = [];
  /** Ranges of seals that the key that they name has not signed as they are. */
  readonly unsigned: ByteRange[] = [];
  count = 0;

  /** The next seal. `signed`: by the key that it names, as it is. */
  take(seal: Seal, signed: boolean, partition: number, chain: Chain): void {
    const { from, to, head, key, next_key: next } = seal;
    const first = this.count++;
    if (!signed) {
      this.unsigned.push({ from, to });
      return;
    }
    const hash = sealHash(seal);
    const time = Date.parse(seal.time);
    const last = this.runs.at(-1);
    const follows = last?.partition === partition && last.hash === seal.previous_seal && last.to + 1 === from;
    if (follows && last.key === key && last.next === key) {
      Object.assign(last, { to, hash, time, next });
      last.count++;
    } else {
      const of = { partition, from, to, key, hash, time, next };
      this.runs.push({ ...of, previous: seal.previous_seal, first, count: 1 });
    }
    if (to > 0 && chain.hashOf(to) !== head) this.heads.push({ from: Math.min(from, to), to, head });
  }
}
