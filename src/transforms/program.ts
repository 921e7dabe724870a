/**
 * What the steps of one input make together of its records' fields: which field has which cell of a row, and how rows are
 * written. Nothing is recorded by name but what a step names; what else a line holds is passed as it stands.
 *
 *   steps are made -> cells are given to the names they ask for -> first batch: sealed, `onSeal` -> batches
 *
 * A name is dotted and is one field, however the line nests it. It has its cell from the first step to the last: `rename`
 * moves what is in it.
 */
import assert from 'node:assert';
import type { Batch, FieldPlan } from '../core/batch.ts';
import type { ProgramArena } from '../kernel/arena.ts';
import type { Kernel, PackJob } from '../kernel/kernel.ts';
import { MAX_CELLS, mostRows, type ProcessKernel } from '../kernel/process.ts';

/** The cell of `@timestamp`: milliseconds. */
export const TIME_CELL = 0;

export class Program implements FieldPlan {
  readonly process: ProcessKernel;
  /** Where tables of its steps go; it lives as long as the program. */
  readonly arena: ProgramArena;
  readonly #kernel: Kernel;
  readonly #cells = new Map<string, number>();
  #next = TIME_CELL + 1;
  #width = 0;
  #most = 0;
  readonly #sealing: (() => void)[] = [];

  constructor(kernel: Kernel) {
    this.#kernel = kernel;
    this.process = kernel.process;
    this.arena = kernel.takeArena();
  }

  /** Nothing of it is on its way any more. */
  close(): void {
    this.#kernel.giveArena(this.arena);
  }

  /** The cell of the field of this dotted name. Only while steps are made. */
  cell(name: string): number {
    let cell = this.#cells.get(name);
    if (cell === undefined) {
      cell = this.#reserve();
      this.#cells.set(name, cell);
    }
    return cell;
  }

  /** All that have a cell. */
  get cells(): ReadonlyMap<string, number> {
    return this.#cells;
  }

  /** What a step does when all names are known: before the first batch. */
  onSeal(task: () => void): void {
    this.#sealing.push(task);
  }

  /** All steps are made. */
  seal(): void {
    assert(this.#width === 0, 'sealed twice');
    this.#width = this.#next + (this.#next % 2);
    this.#most = mostRows(this.#width);
    for (const task of this.#sealing) task();
  }

  get most(): number {
    return this.#most;
  }

  /**
   * Tables and rows of the batch are in use; at the first time all rows are empty. `clear` false: whoever asks empties
   * each row by itself.
   */
  rowsOf(batch: Batch, clear = true): void {
    assert(batch.fields && this.#width > 0, 'a batch without fields');
    const fresh = batch.rows === null;
    batch.rows ??= { slot: batch.fields, width: this.#width, most: this.#most, first: 0, behind: 0 };
    this.process.useSlot(batch.slot);
    this.process.useRows(batch.rows, batch.count, fresh);
    if (fresh && clear) this.process.clearRows(0, batch.count);
  }

  pack(batch: Batch, first: number, count: number, job: PackJob): number {
    return this.#kernel.pack(batch.slot, first, count, job);
  }

  get endAt(): number {
    return this.#kernel.endAt;
  }

  get replaced(): number {
    return this.#kernel.replaced;
  }

  get cut(): number {
    return this.#kernel.cut;
  }

  #reserve(): number {
    if (this.#next === MAX_CELLS) throw new Error(`its steps name more than ${MAX_CELLS} fields: make them fewer`);
    return this.#next++;
  }
}
