/**
 * The instructions of a program, as a graph: each knows what comes next, and with which first bytes it may go on. Those
 * that are the same, with the same behind them, are one: so alternatives that end alike share their end.
 */
import { AT_END, FIRST_COUNT } from './sets.ts';

/** The numbers that as/process/regex.as.ts knows them by. */
export const OPS = {
  match: 0,
  text: 1,
  class: 2,
  span: 3,
  branch: 4,
  split: 5,
  save: 6,
  clear: 7,
  greedy: 8,
  lazy: 9,
  begin: 10,
  end: 11,
  word: 12,
  ahead: 13,
  behind: 14,
} as const;

/** A bit for each first byte, and for the end of the line. */
export type First = Uint32Array;

export interface PatternNode {
  readonly op: keyof typeof OPS;
  readonly id: number;
  next: PatternNode | null;
  other: PatternNode | null;
  set: CharacterSet | null;
  second: CharacterSet | null;
  text: readonly number[];
  least: number;
  most: number;
  /** A span that is all of a captured group: its number, from 1; 0: it is not. */
  group: number;
  /** With what it may go on. */
  first: First;
  /** It matches whatever follows. */
  readonly always: boolean;
}

/** A set as the kernel has it: one of characters, or one of first bytes. */
export interface CharacterSet {
  readonly key: string;
  readonly known: Uint8Array;
  readonly ranges: readonly number[];
  readonly first: First;
  /** Each of its characters is one byte. */
  readonly plain: boolean;
}

export function firstOf(known: Uint8Array): First {
  const bits = new Uint32Array(9);
  for (let i = 0; i < FIRST_COUNT; i++) if (known[i]) bits[i >> 5]! |= 1 << (i & 31);
  return bits;
}

export const NO_FIRST: First = new Uint32Array(9);
export const ANY_FIRST: First = firstOf(new Uint8Array(FIRST_COUNT).fill(1));
export const END_FIRST: First = firstOf(Uint8Array.from({ length: FIRST_COUNT }, (_, i) => (i === AT_END ? 1 : 0)));

export function eitherFirst(a: First, b: First): First {
  return a.map((bits, i) => bits | b[i]!);
}

export function apart(a: First, b: First): boolean {
  return a.every((bits, i) => (bits & b[i]!) === 0);
}

export function characterSet(known: Uint8Array, ranges: readonly number[]): CharacterSet {
  const needed = known.some((of) => of & 4) ? ranges : [];
  const plain = known.every((of) => of <= 1);
  return {
    key: `${Buffer.from(known).toString('latin1')}${needed}`,
    known,
    ranges: needed,
    first: firstOf(known),
    plain,
  };
}

/** A set of first bytes. */
export function firstSet(first: First): CharacterSet {
  const known = Uint8Array.from({ length: FIRST_COUNT }, (_, i) => (first[i >> 5]! >>> (i & 31)) & 1);
  return { key: `first ${first}`, known, ranges: [], first, plain: true };
}

interface Made {
  next?: PatternNode | null;
  other?: PatternNode | null;
  set?: CharacterSet | null;
  second?: CharacterSet | null;
  text?: readonly number[];
  least?: number;
  most?: number;
  group?: number;
  first: First;
  always?: boolean;
}

export class PatternGraph {
  readonly #known = new Map<string, PatternNode>();
  readonly #firstSets = new Map<string, CharacterSet>();
  readonly #limit: number;
  readonly #tooMany: () => never;
  #count = 0;

  /** `tooMany` is called when more than so many nodes are asked for. */
  constructor(limit: number, tooMany: () => never) {
    this.#limit = limit;
    this.#tooMany = tooMany;
  }

  /** A set of first bytes. */
  firstSet(first: First): CharacterSet {
    const key = first.join();
    let set = this.#firstSets.get(key);
    if (!set) {
      set = firstSet(first);
      this.#firstSets.set(key, set);
    }
    return set;
  }

  /** The node that is like this, or a new one. */
  node(op: keyof typeof OPS, made: Made): PatternNode {
    const { next, other, set, second, text, least, most, group } = made;
    const key = [op, next?.id, other?.id, set?.key, second?.key, text, least, most, group].join('|');
    const known = this.#known.get(key);
    if (++this.#count > this.#limit) this.#tooMany();
    if (known) return known;
    const node = this.own(op, made);
    this.#known.set(key, node);
    return node;
  }

  /** A node of its own: what comes next may be told later. */
  own(op: keyof typeof OPS, made: Made): PatternNode {
    const { next = null, other = null, set = null, second = null, text = [], first, always = false } = made;
    const { least = 0, most = 0, group = 0 } = made;
    const id = ++this.#count;
    return { op, id, next, other, set, second, text, least, most, group, first, always };
  }
}
