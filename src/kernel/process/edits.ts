/** The loops of `time` and `level` (as/process/edits.as.ts), and the records that a step is for. */
import { MAX_RECORDS } from '../../core/pool.ts';
import type { ProgramArena } from '../arena.ts';
import type { TimeExports } from './time.ts';

export interface EditExports extends TimeExports {
  times(program: number, count: number, from: number, only: number): number;
  levels(table: number, count: number, from: number, to: number, only: number): number;
}

/** By arena. What is placed is read by the call of the kernel that follows: so all steps of a program share the place. */
const places = new WeakMap<ProgramArena, number>();

/** A byte a record where the kernel sees it. */
export class Marks {
  readonly #arena: ProgramArena;
  readonly #at: number;

  constructor(arena: ProgramArena) {
    this.#arena = arena;
    this.#at = places.get(arena) ?? arena.reserve(MAX_RECORDS);
    places.set(arena, this.#at);
  }

  /** The address; 0: it is for all. */
  place(only: Uint8Array | null): number {
    if (only === null) return 0;
    this.#arena.bytes.set(only, this.#at);
    return this.#at;
  }
}
