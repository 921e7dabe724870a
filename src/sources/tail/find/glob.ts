/**
 * Patterns as rows of names (their syntax: config/glob.ts), and how far a path has come in them.
 *
 * A directory stands at those places in the rows that its path has reached; the places say whether to look into it at
 * all. So nothing is listed that no pattern can match.
 */
import { ANYWHERE, alternatives, type GlobSegment, namesOf, segmentOf } from '../../../config/glob.ts';
import { lstatSync, realpathSync } from '../../../mounts/fs.ts';
import { compression } from '../compressed/archive.ts';

/** True if compressed files are read. */
export function packs(patterns: readonly string[]): boolean {
  return patterns.some((pattern) => alternatives(pattern).some((one) => compression(one) !== null));
}

/** How far a path has come: segments that may come next, in ascending order. */
export type GlobState = readonly number[];

const NOWHERE: GlobState = [];
const NO_ROWS: readonly number[] = [];

export class Glob {
  /** Of all rows, one after the other, each with its end. */
  readonly #segments: (GlobSegment | null)[] = [];
  readonly #first: GlobState;
  /** By the end of a row: its number. */
  readonly #ends = new Map<number, number>();
  readonly #packed = new Set<number>();
  /** By segment: the turn in which it was added last. */
  readonly #added: Uint32Array;
  #turn = 0;
  readonly #hidden: boolean;

  /** Of each row, its names. `hidden`: wildcards also stand for a dot at the beginning. */
  constructor(rows: readonly (readonly string[])[], hidden = false) {
    const first: number[] = [];
    for (const [row, names] of rows.entries()) {
      first.push(this.#segments.length);
      this.#segments.push(...names.map((name) => segmentOf(name, hidden)), null);
      const end = this.#segments.length - 1;
      this.#ends.set(end, row);
      if (compression(names.at(-1) ?? '')) this.#packed.add(end);
    }
    this.#hidden = hidden;
    this.#added = new Uint32Array(this.#segments.length);
    const turn = ++this.#turn;
    this.#first = first.reduce<number[]>((all, place) => this.#reach(place, turn, all), []);
  }

  /** The places of `/`. */
  root(): GlobState {
    return this.#first;
  }

  /** Where a child of a directory at these places stands. Empty: nothing below it can match. */
  into(places: GlobState, name: string): GlobState {
    const turn = ++this.#turn;
    let next: number[] | null = null;
    for (const at of places) {
      const want = this.#segments[at]!;
      const to = want === ANYWHERE ? (this.#mayBeAnywhere(name) ? at : null) : fits(want, name) ? at + 1 : null;
      if (to !== null) next = this.#reach(to, turn, next ?? []);
    }
    return next ?? NOWHERE;
  }

  /** The rows by which a path at these places is matched completely. */
  matched(places: GlobState): readonly number[] {
    const ends = places.filter((at) => this.#segments[at] === null);
    return ends.length === 0 ? NO_ROWS : ends.map((at) => this.#ends.get(at)!);
  }

  /** The rows that a path at these places, or what is below it, may be matched by. */
  open(places: GlobState): number[] {
    return places.map((at) => this.rowAt(at));
  }

  /** The row that a place is in. */
  rowAt(place: number): number {
    return this.#ends.get(this.#segments.indexOf(null, place))!;
  }

  /** True if a path at these places is matched by a pattern that itself ends in .gz or .zst. */
  packed(places: GlobState): boolean {
    return places.some((at) => this.#packed.has(at));
  }

  /** True if a path at these places may have more below it. */
  opens(places: GlobState): boolean {
    return places.some((at) => this.#segments[at] !== null);
  }

  /** The names that are looked for below a directory at these places; null: names have to be listed. */
  names(places: GlobState): string[] | null {
    const names = new Set<string>();
    for (const at of places) {
      const want = this.#segments[at]!;
      if (want === null) continue;
      if (typeof want !== 'string') return null;
      names.add(want);
    }
    return [...names];
  }

  /** True if this name is spelled out. */
  spells(places: GlobState, name: string): boolean {
    return places.some((at) => this.#segments[at] === name);
  }

  #mayBeAnywhere(name: string): boolean {
    return !name.startsWith('.') || (this.#hidden && name !== '..');
  }

  /** Adds a place to others. `**` may also stand for nothing: a place before it is a place behind it, too. */
  #reach(place: number, turn: number, others: number[]): number[] {
    for (let at = place; this.#added[at] !== turn; at++) {
      this.#added[at] = turn;
      others.push(at);
      if (this.#segments[at] !== ANYWHERE) break;
    }
    return others;
  }
}

export function fits(want: Exclude<GlobSegment, typeof ANYWHERE> | null, name: string): boolean {
  if (want === null || typeof want === 'string') return want === name;
  return name !== '..' && want.test(name);
}

/** True: it stands for itself alone. */
function isPlain(name: string): boolean {
  return typeof segmentOf(name) === 'string';
}

/**
 * The names of a pattern. `x/..` is where it was before if x is no link; else, and behind a wildcard, it stays: then it
 * is what the system makes of it.
 */
export function rowOf(pattern: string): string[] {
  const row: string[] = [];
  for (const name of namesOf(pattern)) {
    const before = row.at(-1);
    if (name !== '..') row.push(name);
    else if (before === undefined) continue;
    else if (before !== '..' && row.every(isPlain) && !isLink(`/${row.join('/')}`)) row.pop();
    else row.push(name);
  }
  return row;
}

/** The same row by where the directory really lies that it begins with; null: that is where it says. */
export function reallyAt(row: readonly string[]): string[] | null {
  const wild = row.findIndex((name) => !isPlain(name) || name === '..');
  const plain = row.slice(0, wild < 0 ? -1 : wild);
  try {
    const dir = `/${plain.join('/')}`;
    const real = realpathSync(dir);
    if (real === dir) return null;
    // Names are no patterns.
    const names = real.split('/').filter((name) => name !== '');
    return [...names.map((name) => name.replace(/[*?[\]\\]/g, '\\$&')), ...row.slice(plain.length)];
  } catch {
    // It is not there, or may not be looked at.
    return null;
  }
}

function isLink(path: string): boolean {
  try {
    return lstatSync(path, { throwIfNoEntry: false })?.isSymbolicLink() === true;
  } catch {
    // It may not be looked at: whoever reads there says so.
    return false;
  }
}
