/**
 * A local log whose records follow from each other, as those of a chain: what is written together is on the medium together
 * or was never there, and goes to Kafka in this order, in transactions. Nothing of it is dropped.
 */
import type { Stream } from './batch.ts';

/** Records of one key, framed, that are written as one block. */
export interface LogSection {
  /** Whose key it has, and in whose books it is. */
  stream: Stream;
  count: number;
  /** Input items among them. */
  items: number;
  /** At most MAX_BLOCK_BYTES; nobody's any more once it is written. */
  records: Buffer;
  /** The next section belongs to it: after a kill both are there, or neither. */
  continues: boolean;
}

/** Blocks as they are read back. */
export interface LoggedBlock {
  /** Of its first record in the log. */
  offset: number;
  /** The records section, not compressed. */
  records: Buffer;
}

export interface DurableLog {
  readonly topic: string;
  /** Everything before this offset is on the medium; what is written next gets it. */
  readonly next: number;
  /** Kafka has everything before this offset. */
  readonly acknowledged: number;
  /** Sets so many bytes aside; resolves with what gives them back. Rejects with the signal's reason when that aborts first. */
  reserve(bytes: number, signal: AbortSignal): Promise<() => void>;
  /** The same where there is room now; null: there is none. */
  reserveNow(bytes: number): (() => void) | null;
  /**
   * Resolves with the offset after these sections when all are on the medium. Rejects when the disk does not take them, or the
   * signal aborts before it has: then none of them is there. One call at a time.
   */
  write(sections: readonly LogSection[], signal: AbortSignal): Promise<number>;
  /** Resolves when Kafka has everything before the offset, and has it hurry. Rejects with the signal's reason. */
  passed(offset: number, signal: AbortSignal): Promise<void>;
  /** What is there from this offset on, on the medium. */
  read(from: number): AsyncIterable<LoggedBlock>;
  /** What is before this offset is not needed any more once Kafka has it. Until this is called all is kept. */
  keepFrom(offset: number): Promise<void>;
  /** What earlier configurations have written under other topics. */
  others(): DurableLog[];
}
