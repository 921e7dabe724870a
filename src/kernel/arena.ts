/**
 * Arenas: stretches of the pool's memory for what a program of an input needs as long as the input is open: tables of
 * names, templates, literals, automata. Each input that needs one has one of its own, and gives it back as a whole.
 */
import assert from 'node:assert';
import { type ArenaSpace, PROGRAM_BYTES } from '../core/pool.ts';

/** What is reserved begins at multiples of it, and as much behind it may be read and written, too. */
const STEP = 16;

export class ProgramArena {
  /** All of the pool's memory: addresses are offsets into it. */
  readonly bytes: Buffer;
  readonly at: number;
  readonly #memory: WebAssembly.Memory;
  readonly #limit: number;
  readonly #usedBefore: number;
  #next: number;

  /** Memory [at, limit); `at` is a multiple of 16. From `usedBefore` on it was never written: what is reserved there takes no memory. */
  constructor(memory: WebAssembly.Memory, at: number, limit: number, usedBefore = limit) {
    assert(at % STEP === 0 && limit <= memory.buffer.byteLength);
    this.#memory = memory;
    this.bytes = Buffer.from(memory.buffer);
    this.at = at;
    this.#limit = limit;
    this.#usedBefore = usedBefore;
    this.#next = at;
  }

  get used(): number {
    return this.#next - this.at;
  }

  /** Whether there is room for so much: for all of these, each reserved alone. */
  hasRoom(each: readonly number[]): boolean {
    return each.reduce((sum, bytes) => sum + taken(bytes), this.#next) <= this.#limit;
  }

  /** The address of so many bytes, all 0. Throws a sentence when there is no room. */
  reserve(bytes: number): number {
    const at = this.#next;
    const next = at + taken(bytes);
    if (next > this.#limit) {
      const [need, have] = [bytes, this.#limit - at].map((size) => Math.ceil(size / 1024));
      throw new Error(
        `its steps need ${need} KiB of tables more, and ${have} KiB are left: make them fewer or shorter`,
      );
    }
    this.#next = next;
    if (at < this.#usedBefore) this.bytes.fill(0, at, Math.min(next, this.#usedBefore));
    return at;
  }

  /** The address of a copy. */
  place(bytes: Uint8Array): number {
    const at = this.reserve(bytes.length);
    this.bytes.set(bytes, at);
    return at;
  }

  /** Aligned views of what was reserved. */
  words(at: number, count: number): Uint32Array {
    return new Uint32Array(this.#memory.buffer, at, count);
  }
}

function taken(bytes: number): number {
  return Math.ceil(bytes / STEP) * STEP + STEP;
}

/** All arenas of a pool. */
export class ProgramArenas {
  readonly #memory: WebAssembly.Memory;
  readonly #free: number[];
  readonly #out = new Set<ProgramArena>();
  /** By address: up to where it was used. */
  readonly #used = new Map<number, number>();

  constructor(memory: WebAssembly.Memory, { at, count }: ArenaSpace) {
    this.#memory = memory;
    this.#free = Array.from({ length: count }, (_, i) => at + (count - 1 - i) * PROGRAM_BYTES);
  }

  take(): ProgramArena {
    const at = this.#free.pop();
    if (at === undefined) throw new Error('there is no memory for the steps of one more input: restart the agent');
    const arena = new ProgramArena(this.#memory, at, at + PROGRAM_BYTES, this.#used.get(at) ?? at);
    this.#out.add(arena);
    return arena;
  }

  give(arena: ProgramArena): void {
    assert(this.#out.delete(arena), 'an arena given back twice');
    this.#used.set(arena.at, Math.max(this.#used.get(arena.at) ?? 0, arena.at + arena.used + STEP));
    this.#free.push(arena.at);
  }
}
