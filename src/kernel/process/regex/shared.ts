/** Programs of patterns that belong to no input's steps: each is placed once, and for good. */
import { PatternError } from './parse.ts';
import type { PatternRoom } from './place.ts';

const STEP = 16;
const MOST = 1000;

class NoRoom extends Error {}

export class SharedPrograms {
  readonly #room: PatternRoom;
  readonly #programs = new Map<string, number | null>();
  #next: number;

  /** Memory [at, limit). */
  constructor(bytes: Buffer, at: number, limit: number) {
    this.#next = at;
    this.#room = {
      bytes,
      reserve: (size) => {
        const place = this.#next;
        const next = place + Math.ceil(size / STEP) * STEP + STEP;
        if (next > limit) throw new NoRoom();
        this.#next = next;
        bytes.fill(0, place, next);
        return place;
      },
    };
  }

  /** The program that `place` makes; null: the pattern is not for this engine, or there is no room left. */
  of(source: string, place: (room: PatternRoom) => number): number | null {
    let program = this.#programs.get(source);
    if (program === undefined && this.#programs.size < MOST) {
      program = this.#try(place);
      this.#programs.set(source, program);
    }
    return program ?? null;
  }

  #try(place: (room: PatternRoom) => number): number | null {
    const begin = this.#next;
    try {
      return place(this.#room);
    } catch (error) {
      if (!(error instanceof PatternError || error instanceof NoRoom)) throw error;
      this.#next = begin;
      return null;
    }
  }
}
