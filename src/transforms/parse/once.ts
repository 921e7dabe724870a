/** A text that all records of a batch share is parsed for one of them, and the others get the same cells. */
import type { Program } from '../program.ts';

interface SpreadExports {
  spread(from: number, count: number, todo: number, numbers: number, cells: number): void;
}

const TO_DO = 1;

export class ParseOnce {
  readonly #program: Program;
  readonly #kernel: SpreadExports;
  /** Numbers of cells. */
  readonly #numbers: number;

  constructor(program: Program) {
    this.#program = program;
    this.#kernel = program.process.exports<SpreadExports>();
    this.#numbers = program.arena.reserve(program.width);
  }

  /** `parse` does what is to be done for the records at `todo`; what it took out of a row stays there. */
  parse(count: number, parse: () => void): void {
    const { texts, process, width } = this.#program;
    const { todo, todoAt } = texts;
    const chosen = Uint8Array.from(todo.subarray(0, count));
    const first = chosen.indexOf(TO_DO);
    if (first < 0) return;
    const cellsOf = () => Array.from({ length: width }, (_, cell) => process.cellOf(first, cell));
    const before = cellsOf();
    todo.fill(0, 0, count);
    todo[first] = TO_DO;
    parse();
    const parsed = todo[first] === 0;
    todo.set(chosen);
    if (!parsed) return;
    todo[first] = 0;
    let made = 0;
    for (const [cell, { at, meta }] of cellsOf().entries()) {
      const was = before[cell]!;
      if (at === was.at && meta === was.meta) continue;
      if (meta === 0) process.setCell(first, cell, was.at, was.meta);
      else process.bytes[this.#numbers + made++] = cell;
    }
    this.#kernel.spread(first, count, todoAt, this.#numbers, made);
  }
}
