/** Records written one after the other, as bytes in memory that another thread sees: a document never crosses as text. */
import assert from 'node:assert';
import { SLOT_CAPACITY } from '../core/pool.ts';
import type { PackedRecords } from './emit.ts';

export class Packing {
  count = 0;
  /** Bytes. */
  used = 0;
  readonly #bytes = Buffer.from(new SharedArrayBuffer(SLOT_CAPACITY));
  readonly #ends: Uint32Array;
  readonly #weights: Float64Array;
  /** Where the record ends that is being written. */
  #at = 0;

  /** Records, at most. */
  constructor(most: number) {
    this.#ends = new Uint32Array(new SharedArrayBuffer(most * 4));
    this.#weights = new Float64Array(new SharedArrayBuffer(most * 8));
  }

  /** What was written is gone: nobody reads it any more. */
  clear(): void {
    this.count = 0;
    this.used = 0;
    this.#at = 0;
  }

  get full(): boolean {
    return this.count === this.#ends.length;
  }

  text(part: string): void {
    this.#at += this.#bytes.write(part, this.#at);
  }

  copy(from: Buffer, start: number, end: number): void {
    this.#at += from.copy(this.#bytes, this.#at, start, end);
  }

  /** There is room for a record of so many bytes. */
  fits(bytes: number): boolean {
    assert(bytes <= this.#bytes.length, 'a metric record is larger than a slot');
    return this.used + bytes <= this.#bytes.length;
  }

  end(weight: number): void {
    this.used = this.#at;
    this.#ends[this.count] = this.#at;
    this.#weights[this.count] = weight;
    this.count++;
  }

  /** What was written since `clear`; it stays until `clear` is called next. */
  get packed(): PackedRecords {
    const bytes = new Uint8Array(this.#bytes.buffer, 0, this.used);
    return { bytes, ends: this.#ends, weights: this.#weights, count: this.count };
  }
}
