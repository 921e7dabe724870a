/**
 * A block: the records section of one Kafka record batch, packed once and compressed. It is held in memory, written to
 * the spool, and sent on the wire as it is; only the 61-byte header is made at send time.
 */
import type { Codec } from '../records/record-batch.ts';
import type { Stream } from './batch.ts';
import type { Ticket } from './ledger.ts';

/** What of a stream a block carries: when the block is safe, the stream's position moves to `end`. */
export interface Mark {
  stream: Stream;
  end: number;
  /** Bytes directly before `end` that are in no record, because they were filtered. */
  skipped: number;
  /** Input items of the stream in this block. */
  weight: number;
  /** Null: nobody asks how far the stream is safe. */
  ticket: Ticket | null;
}

/** How far something is when a block is safe, for whoever keeps that beside the blocks (see kafka/transactions/positions-topic.ts). */
export interface Checkpoint {
  /** `file/<id>`, `spool/<topic>`. */
  key: string;
  /** What is needed to go on from there; null: the key is no longer of interest. */
  value: Record<string, unknown> | null;
}

export interface Block {
  readonly topic: string;
  /** Null: its records have many, each its own. */
  readonly key: string | null;
  /** Records in the block. */
  readonly count: number;
  /** Bytes before compression. */
  readonly rawBytes: number;
  readonly codec: Codec;
  /** The records section as it goes out. */
  readonly body: Buffer;
  /** When it was opened, milliseconds since the epoch: base and max timestamp of the batch. */
  readonly time: number;
  readonly marks: readonly Mark[];
  /**
   * Its last records count together with the next block's first: only with that one does the position move past them. Where
   * it is chained, both are on the medium after a kill, or neither.
   */
  readonly continues?: boolean;
  /** An earlier process may have sent it. */
  readonly sentBefore?: boolean;
  /** Beside what its streams say. */
  readonly checkpoint?: Checkpoint;
}

/**
 * Where a block is safe: where its outlet leads to (`there`, the default), or on disk, from where the next process brings it there
 * (`kept`).
 */
export type Settled = (where?: 'there' | 'kept', refused?: number) => void;

/** Where a lane's blocks go: Kafka, or the spool. */
export interface Outlet {
  /**
   * Takes a block; resolves when it has been accepted (there is room in the window, or it is written).
   * `settled` is called once, in the order of the puts, when the block is safe; `refused` are records of it that were
   * not taken, and never will be.
   */
  put(block: Block, settled: Settled): Promise<void>;
  /** Resolves when every block that was put is settled; rejects with the signal's reason when that comes first. */
  drained(signal: AbortSignal): Promise<void>;
}
