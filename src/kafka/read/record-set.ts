/**
 * Records of one batch, as they are handed out: the decompressed section, and a table of where the parts of each record
 * lie (records/record-table.ts). No record is an object.
 *
 *   bytes   | record | record | record | record | ...
 *   table        row 0    row 1    row 2            rows of COLUMNS numbers; the rows [0, count) are of this set
 *
 * Sets of one batch share its bytes and its table, where a batch was cut at a partition's limit.
 */
import { COLUMNS, FAR, farTime, RECORD_END, TIME } from '../../records/record-table.ts';
import type { GroupPartition } from './partition.ts';

/** A batch that was decompressed and walked through; shared by its sets. */
export interface OpenedBatch {
  base: number;
  bytes: Buffer;
  table: Int32Array;
  count: number;
  /** Milliseconds since the epoch, to which the records' deltas are added; `appended`: the time of all, given by the broker. */
  time: number;
  appended: boolean;
  /** What it takes of the budget. */
  charge: number;
  /** Sets that are not released, and the lane while it may hand out more. */
  users: number;
}

export class RecordSet {
  readonly partition: GroupPartition;
  /** The offset of row r is `base + table[r * COLUMNS + OFFSET]`. */
  readonly base: number;
  readonly bytes: Buffer;
  readonly table: Int32Array;
  readonly count: number;
  /** Milliseconds since the epoch: see `timeOf`. */
  readonly time: number;
  readonly #batch: OpenedBatch;
  readonly #first: number;
  readonly #released: (batch: OpenedBatch) => void;
  #open = true;

  constructor(
    partition: GroupPartition,
    batch: OpenedBatch,
    first: number,
    end: number,
    released: (batch: OpenedBatch) => void,
  ) {
    this.partition = partition;
    this.base = batch.base;
    this.bytes = batch.bytes;
    this.table = batch.table.subarray(first * COLUMNS, end * COLUMNS);
    this.count = end - first;
    this.time = batch.time;
    this.#batch = batch;
    this.#first = first;
    this.#released = released;
  }

  /** The timestamp of a row's record, milliseconds since the epoch. */
  timeOf(row: number): number {
    if (this.#batch.appended) return this.time;
    const delta = this.table[row * COLUMNS + TIME]!;
    if (delta !== FAR) return this.time + delta;
    const before = this.#first + row - 1;
    return this.time + farTime(this.bytes, before < 0 ? 0 : this.#batch.table[before * COLUMNS + RECORD_END]!);
  }

  /** Bytes and table may be used anew from now on. Later calls do nothing. */
  release(): void {
    if (!this.#open) return;
    this.#open = false;
    this.#released(this.#batch);
  }
}
