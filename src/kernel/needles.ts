/**
 * Literals that are looked for in lines, as the tables that the kernel looks them up in (as/search.as.ts says what they
 * are). Their bytes are taken as they are: what is UTF-8 is found only at whole characters, as UTF-8 is made so.
 */
import assert from 'node:assert';

/** The states of the automaton have 12 bits, and the kernel so much room for all of it. */
export const NEEDLES_BYTES = 4000;
export const NEEDLES_ROOM = 48 * 1024;
const BUCKETS = 8;
const TABLES = 96;
const HEAD = 148;
/** Literals are compared in steps of 16 bytes. */
const STEP = 16;
const ACCEPTS = 0x8000;

interface State {
  next: Map<number, State>;
  number: number;
  back: State;
  accepts: boolean;
}

export class Needles {
  readonly count: number;
  #tables: Buffer | null = null;
  readonly #literals: readonly Buffer[];

  /** Not empty, each of at least one byte, at most NEEDLES_BYTES together. */
  constructor(literals: readonly Buffer[]) {
    const bytes = literals.reduce((sum, { length }) => sum + length, 0);
    assert(literals.length > 0 && literals.every(({ length }) => length > 0) && bytes <= NEEDLES_BYTES);
    this.count = literals.length;
    this.#literals = literals;
  }

  /** How much room the tables take. */
  get bytes(): number {
    return this.#make(0).length;
  }

  /** The tables as they stand in the kernel's memory at `base`, which is the same each time. */
  tables(base: number): Buffer {
    this.#tables ??= this.#make(base);
    return this.#tables;
  }

  #make(base: number): Buffer {
    const table = Buffer.alloc(NEEDLES_ROOM);
    const lists = this.#buckets(table);
    let at = HEAD;
    const texts = new Map<Buffer, number>();
    for (const literal of this.#literals) {
      texts.set(literal, base + at);
      literal.copy(table, at);
      at += literal.length + STEP;
    }
    at = aligned(at);
    const list = (literals: readonly Buffer[]): number => {
      const here = base + at;
      for (const literal of literals) {
        at = table.writeUInt32LE(texts.get(literal)!, at);
        at = table.writeUInt32LE(literal.length, at);
      }
      at += 8;
      return here;
    };
    for (const [bucket, literals] of lists.entries()) table.writeUInt32LE(list(literals), TABLES + bucket * 4);
    table.writeUInt32LE(this.count, TABLES + 32);
    table.writeUInt32LE(list(this.#literals), TABLES + 36);
    return Buffer.from(table.subarray(0, this.#automaton(table, base, at)));
  }

  /** Fills the tables of halves; literals that begin alike share a bucket, as far as there are enough. */
  #buckets(table: Buffer): Buffer[][] {
    const lists: Buffer[][] = Array.from({ length: BUCKETS }, () => []);
    const sorted = this.#literals.toSorted(Buffer.compare);
    for (const [i, literal] of sorted.entries()) {
      const bucket = Math.floor((i * BUCKETS) / sorted.length);
      lists[bucket]!.push(literal);
      for (let place = 0; place < 3; place++) {
        const byte = literal[place];
        for (let half = 0; half < 16; half++) {
          const low = table[place * 32 + half]!;
          const high = table[place * 32 + 16 + half]!;
          if (byte === undefined || (byte & 15) === half) table[place * 32 + half] = low | (1 << bucket);
          if (byte === undefined || byte >> 4 === half) table[place * 32 + 16 + half] = high | (1 << bucket);
        }
      }
    }
    return lists;
  }

  /** Writes edges and states from `at` on; returns the place behind. */
  #automaton(table: Buffer, base: number, at: number): number {
    const states = automaton(this.#literals);
    const bits = Math.max(4, Math.ceil(Math.log2(states.length * 2)));
    const shift = 32 - bits;
    const [edgesAt, statesAt] = [aligned(at), aligned(at) + 4 * 2 ** bits];
    assert(statesAt + 2 * states.length <= NEEDLES_ROOM, 'the literals are larger than the room for them');
    for (const [i, value] of [base + edgesAt, base + statesAt, shift].entries()) {
      table.writeUInt32LE(value, TABLES + 40 + i * 4);
    }
    for (const { next, number, back, accepts } of states) {
      table.writeUInt16LE(back.number | (accepts ? ACCEPTS : 0), statesAt + number * 2);
      for (const [byte, to] of next) {
        const key = (number << 8) | byte;
        let slot = Math.imul(key, 0x9e3779b1) >>> shift;
        while (table.readUInt32LE(edgesAt + slot * 4) !== 0) slot = (slot + 1) % 2 ** bits;
        table.writeUInt32LE(((key << 12) | to.number) >>> 0, edgesAt + slot * 4);
      }
    }
    return statesAt + 2 * states.length;
  }
}

/** The states of Aho and Corasick's automaton, the root first. */
function automaton(literals: readonly Buffer[]): State[] {
  const states: State[] = [];
  const add = (): State => {
    const state = { next: new Map(), number: states.length, accepts: false } as unknown as State;
    states.push(state);
    return state;
  };
  const root = add();
  root.back = root;
  for (const literal of literals) {
    let state = root;
    for (const byte of literal) {
      const next = state.next.get(byte) ?? add();
      state.next.set(byte, next);
      state = next;
    }
    state.accepts = true;
  }
  const waiting = [root];
  for (const state of waiting) {
    for (const [byte, next] of state.next) {
      let back = state.back;
      while (back !== root && !back.next.has(byte)) back = back.back;
      const found = back.next.get(byte);
      next.back = found && found !== next ? found : root;
      next.accepts ||= next.back.accepts;
      waiting.push(next);
    }
  }
  return states;
}

function aligned(at: number): number {
  return Math.ceil(at / STEP) * STEP;
}
