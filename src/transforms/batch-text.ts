/**
 * A text that all records of a batch have, among its side bytes: written once, with the first slice, as there may be no room
 * any more when the last ones pass.
 */
import type { Batch } from '../core/batch.ts';
import type { ProcessKernel } from '../kernel/process.ts';

const LF = 10;

export interface PlacedText {
  readonly at: number;
  readonly bytes: number;
}

export class BatchText {
  readonly #placed = new WeakMap<Batch, PlacedText>();

  /** Of the batch whose rows are in use, or of which that is a slice; null: there is no room. The text is the same each time. */
  of(batch: Batch, process: ProcessKernel, text: string): PlacedText | null {
    const whole = batch.part?.whole ?? batch;
    const had = this.#placed.get(whole);
    if (had) return had;
    const bytes = Buffer.byteLength(text);
    const at = process.sideTake(bytes + 1);
    if (at === 0) return null;
    process.bytes.write(text, at);
    process.bytes[at + bytes] = LF;
    const placed = { at, bytes };
    this.#placed.set(whole, placed);
    return placed;
  }
}
