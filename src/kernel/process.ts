/**
 * The second kernel: the loops that `process` needs beside those of kernel.ts, on the same memory. It is loaded when an
 * input has fields. Each part has its door in process/, which knows the arguments of its exports.
 */
import assert from 'node:assert';
import { readFileSync } from 'node:fs';
import { type Rows, rowsAt } from '../core/batch.ts';
import { MAX_RECORDS, type Slot } from '../core/pool.ts';

/** Rows take so much of their slot at most; the rest is for side bytes: all lines of a batch have room there. */
const ROWS_BYTES = 640 * 1024;
/** Cells of a row at most. */
export const MAX_CELLS = 64;

/** Rows of so many cells that a slot has room for. */
export function mostRows(width: number): number {
  return Math.min(MAX_RECORDS, Math.floor(ROWS_BYTES / (8 * width)));
}

interface RowExports {
  useSlot(startsAt: number, endsAt: number, sourceAt: number, lengthAt: number, flagsAt: number): void;
  useRows(at: number, limit: number, cells: number, ...rows: (number | boolean)[]): void;
  clearRows(first: number, records: number): void;
  sideTake(bytes: number): number;
  noteHiding(): void;
}

/** The kind of a cell whose value is text as it is. */
export const TEXT = 1;
export const RAW = 3;
const STAR = 0x2a;

/** A cell, as as/process/cells.as.ts has it; `meta` 0: the field is absent. */
export interface Cell {
  at: number;
  meta: number;
  bytes: number;
  kind: number;
  flags: number;
}

let compiled: WebAssembly.Module | undefined;

export class ProcessKernel {
  /** All of the pool's memory. */
  readonly bytes: Buffer;
  readonly words: Uint32Array;
  readonly #exports: Record<string, unknown>;
  readonly #rows: RowExports;
  /** Null: the tables in use are not those of their batch. */
  #inUse: Rows | null = null;
  /** Of the rows in use. */
  #rowsAt = 0;
  #width = 0;

  constructor(memory: WebAssembly.Memory) {
    compiled ??= new WebAssembly.Module(readFileSync(new URL('./process.wasm', import.meta.url)));
    this.bytes = Buffer.from(memory.buffer);
    this.words = new Uint32Array(memory.buffer);
    this.#exports = new WebAssembly.Instance(compiled, { env: { memory } }).exports;
    this.#rows = this.exports<RowExports>();
  }

  /** What the module exports, as a part of it knows them. */
  exports<Part>(): Part {
    return this.#exports as Part;
  }

  /** The tables of this slot are in use. */
  useSlot({ startsAt, endsAt, sourceAt, lengthAt, flagsAt }: Slot): void {
    this.#inUse = null;
    this.#rows.useSlot(startsAt, endsAt, sourceAt, lengthAt, flagsAt);
  }

  /** Rows and side bytes of a batch are in use. `fresh`: it has none yet. */
  useRows({ slot, width, most, first, all, ordered }: Rows, fresh: boolean): void {
    this.#inUse = null;
    assert(all <= most, 'more records than there are rows');
    this.#rows.useRows(slot.at, slot.limit, width, first, all, fresh, ordered);
    this.#rowsAt = rowsAt({ slot, width, first });
    this.#width = width;
  }

  /** Tables and rows of this batch are in use, until others are. */
  useBatch(slot: Slot, rows: Rows, fresh: boolean): void {
    if (rows === this.#inUse) return;
    this.useSlot(slot);
    this.useRows(rows, fresh);
    this.#inUse = rows;
  }

  clearRows(first: number, count: number): void {
    this.#rows.clearRows(first, count);
  }

  /** Record i has the row `order[i]`. `rows`: those of all records. */
  placeOrder({ slot, width, all }: Rows, order: Uint16Array): void {
    new Uint16Array(this.bytes.buffer, rowsAt({ slot, width, first: all }), order.length).set(order);
  }

  /** The address of so many side bytes of the batch whose rows are in use; 0: there is no room. */
  sideTake(bytes: number): number {
    return this.#rows.sideTake(bytes) >>> 0;
  }

  /** A string was put into a cell that hides what it says behind escapes of JSON. */
  noteHiding(): void {
    this.#rows.noteHiding();
  }

  textAt(at: number, bytes: number): string {
    return this.bytes.toString('utf8', at, at + bytes);
  }

  /** What is in a cell of the rows in use. */
  cellOf(record: number, cell: number): Cell {
    const at = this.#cellAt(record, cell);
    const meta = this.words[at + 1]!;
    return { at: this.words[at]!, meta, bytes: meta & 0xffffff, kind: (meta >>> 24) & 15, flags: meta >>> 28 };
  }

  setCell(record: number, cell: number, at: number, meta: number): void {
    const word = this.#cellAt(record, cell);
    this.words[word] = at;
    this.words[word + 1] = meta;
  }

  /** Cells by their number among those of all rows in use. */
  readonly cells = {
    cell: (cell: number) => this.cellOf(0, cell),
    setText: (cell: number, at: number, bytes: number) => this.setText(0, cell, at, bytes),
    hide: (cell: number) => {
      const { at, bytes } = this.cellOf(0, cell);
      this.bytes.fill(STAR, at, at + bytes);
      this.setText(0, cell, at, bytes);
    },
    sideTake: (bytes: number) => this.sideTake(bytes),
  };

  setText(record: number, cell: number, at: number, bytes: number): void {
    this.setCell(record, cell, at, bytes | (TEXT << 24));
  }

  #cellAt(record: number, cell: number): number {
    return this.#rowsAt / 4 + (record * this.#width + cell) * 2;
  }
}
