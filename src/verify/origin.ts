/** What arrived of one file: one identity (`log.file.id`) of one host. */
import { Ranges } from './ranges.ts';
import type { Recent } from './recent.ts';

/** So many overlaps are named; all are counted. */
const NAMED = 100;

export interface ByteRange {
  from: number;
  to: number;
}

/** Compares records with the file itself. */
export interface Comparison {
  /**
   * The value is body[start..end); it came from the file's bytes [offset, offset + length). It is a JSON document, or a
   * line with these flags.
   */
  check(body: Buffer, start: number, end: number, offset: number, length: number, kind: 'json' | number): void;
}

export class Origin {
  readonly number: number;
  readonly host: string;
  readonly path: string;
  readonly id: string;
  /** False: it was not asked for. */
  readonly wanted: boolean;
  comparison: Comparison | null = null;
  readonly ranges = new Ranges();
  records = 0;
  /** Of the file, that records came from; those that came again included. */
  bytes = 0;
  /** Left out on purpose: `log.skipped`. */
  skipped = 0;
  /** Records that came again: the same offset and length. */
  duplicates = 0;
  duplicateBytes = 0;
  /** Records of bytes that were there already, and the first ones were too long ago to tell whether they are the same. */
  unproven = 0;
  /** Records that share bytes with others and are not the same. */
  overlaps = 0;
  readonly overlapping: ByteRange[] = [];

  constructor(facts: { number: number; host: string; path: string; id: string; wanted: boolean }) {
    this.number = facts.number;
    this.host = facts.host;
    this.path = facts.path;
    this.id = facts.id;
    this.wanted = facts.wanted;
  }

  /** A record of the file's bytes [offset, offset + length), before which `skipped` bytes were left out. */
  arrived(offset: number, length: number, skipped: number, recent: Recent): void {
    this.records++;
    this.bytes += length;
    this.skipped += skipped;
    const known = this.ranges.add(offset - skipped, offset + length);
    if (known > 0) this.#again(offset, length, skipped, known, recent);
    recent.add(this.number, offset, length);
  }

  #again(offset: number, length: number, skipped: number, known: number, recent: Recent): void {
    if (recent.has(this.number, offset, length)) {
      this.duplicates++;
      this.duplicateBytes += length;
    } else if (this.skipped > 0) {
      // Bytes that were left out before may come all the same: steps have changed, or go by the time of reading.
      if (recent.overlaps(this.number, offset, length)) this.#overlaps(offset, skipped, length);
    } else if (known === skipped + length && recent.forgot) this.unproven++;
    else this.#overlaps(offset, skipped, length);
  }

  #overlaps(offset: number, skipped: number, length: number): void {
    this.overlaps++;
    if (this.overlapping.length < NAMED) this.overlapping.push({ from: offset - skipped, to: offset + length });
  }
}
