/**
 * Tests of one cell of each record, or of its line: a byte a record, 1 where it holds. The loops are
 * as/process/conditions.as.ts. What takes too many steps to match counts as not matching.
 */
import { MAX_RECORDS, SCRATCH_BYTES, type Slot } from '../../core/pool.ts';
import type { ProgramArena } from '../arena.ts';
import { Needles } from '../needles.ts';
import type { ProcessKernel } from '../process.ts';
import { Pattern, RegexKernel } from './regex.ts';

interface TestExports {
  cellHolds(cell: number, table: number, where: number, empty: boolean, count: number, out: number): void;
  cellMatches(cell: number, program: number, count: number, out: number): void;
  cellIsThere(cell: number, count: number, out: number): void;
  cellCompares(cell: number, orders: number, from: number, to: number, count: number, out: number): void;
}

/** For a batch of so many records whose rows are in use; what it gives holds until the next call of any. */
export type CellTest = (count: number) => Uint8Array;

/** As as/search.as.ts has them. */
const WHERE = { contains: 0, starts: 1, ends: 2, is: 3 } as const;
/** Bits of what a number may be to another: less, equal, more. */
const ORDERS = { lt: 1, lte: 3, gt: 4, gte: 6 } as const;
/** Where the kernel, too, leaves what it has found (kernel.ts). */
const FOUND_AT = SCRATCH_BYTES - MAX_RECORDS;

export class CellTests {
  readonly #arena: ProgramArena;
  readonly #exports: TestExports;
  readonly #bytes: Buffer;

  constructor(kernel: ProcessKernel, arena: ProgramArena) {
    this.#arena = arena;
    this.#exports = kernel.exports<TestExports>();
    this.#bytes = kernel.bytes;
    // It gives the engine its memory.
    RegexKernel.of(kernel);
  }

  /** The cell holds one of these texts, begins or ends with one, or is one. */
  text(cell: number, where: keyof typeof WHERE, literals: readonly string[]): CellTest {
    const texts = literals.filter((text) => text !== '').map((text) => Buffer.from(text));
    const empty = texts.length < literals.length;
    const table = texts.length > 0 ? this.#tableOf(new Needles(texts)) : 0;
    return (count) => {
      this.#exports.cellHolds(cell, table, WHERE[where], empty, count, FOUND_AT);
      return this.#found(count);
    };
  }

  /** The cell is a number, and that to this one. */
  number(cell: number, order: keyof typeof ORDERS, number: string): CellTest {
    const from = this.#arena.place(Buffer.from(number));
    return (count) => {
      this.#exports.cellCompares(cell, ORDERS[order], from, from + number.length, count, FOUND_AT);
      return this.#found(count);
    };
  }

  /** The pattern is found in the cell. */
  pattern(cell: number, source: string): CellTest {
    const program = new Pattern(source, { search: true }).place(this.#arena);
    return (count) => {
      this.#exports.cellMatches(cell, program, count, FOUND_AT);
      return this.#found(count);
    };
  }

  there(cell: number): CellTest {
    return (count) => {
      this.#exports.cellIsThere(cell, count, FOUND_AT);
      return this.#found(count);
    };
  }

  #tableOf(needles: Needles): number {
    const at = this.#arena.reserve(needles.bytes);
    needles.tables(at).copy(this.#bytes, at);
    return at;
  }

  #found(count: number): Uint8Array {
    return this.#bytes.subarray(FOUND_AT, FOUND_AT + count);
  }
}

/** Of a batch whose slot is given. */
export type LineTest = (slot: Slot, count: number) => Uint8Array;

export class LineTests {
  readonly #kernel: ProcessKernel;
  readonly #arena: ProgramArena;

  constructor(kernel: ProcessKernel, arena: ProgramArena) {
    this.#kernel = kernel;
    this.#arena = arena;
  }

  /** The pattern is found in the line. */
  pattern(source: string): LineTest {
    const program = new Pattern(source, { search: true }).place(this.#arena);
    const regex = RegexKernel.of(this.#kernel);
    return (slot, count) => {
      this.#kernel.useSlot(slot);
      regex.testLines(program, count, FOUND_AT);
      return this.#kernel.bytes.subarray(FOUND_AT, FOUND_AT + count);
    };
  }
}
