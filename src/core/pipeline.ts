/** What a source sees of the rest of the agent. */
import type { Batch, Stream } from './batch.ts';

export interface Output {
  /** A free batch for this stream: waits for memory. Rejects with the signal's reason when that aborts first. */
  take(stream: Stream, signal?: AbortSignal): Promise<Batch>;
  /**
   * Hands a filled batch over; it must not be touched afterwards. Resolves when its records are packed, so a source
   * that awaits this never has more than its own batches in memory. A batch with `count` 0 and `end` > `from` moves
   * the stream's position without a record.
   */
  push(batch: Batch): Promise<void>;
  /** Gives a batch back that holds nothing. */
  discard(batch: Batch): void;
}

export interface Source {
  /** Resolves when it is open to what comes; rejects when it cannot be. Without it: it always is. */
  readonly ready?: Promise<void>;
  /** Brings data in until the signal aborts; resolves when all it took has been pushed. */
  run(output: Output, signal: AbortSignal): Promise<void>;
}
