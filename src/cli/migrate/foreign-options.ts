/**
 * A map of another program's configuration, of which options are taken one by one. What nobody took at the end is what
 * cannot be mapped: it is said by name and place, so that an option that this code has never heard of is said, too.
 */
import type { FilePlace } from '../../config/errors.ts';
import { type MapTree, plainValue, type Tree } from '../../config/tree.ts';

export interface MigrationReport {
  /** It is lost, or means something else: somebody has to look. */
  unmapped(name: string, place: FilePlace, why: string): void;
  /** It needs no counterpart, or becomes something that is called otherwise. */
  note(name: string, place: FilePlace, why: string): void;
}

export class ForeignOptions {
  readonly place: FilePlace;
  readonly #name: string;
  readonly #left: Map<string, { place: FilePlace; value: Tree }>;
  readonly #inner: ForeignOptions[] = [];
  readonly #report: MigrationReport;

  /** `tree`: what is no map has no options. */
  constructor(tree: Tree, name: string, report: MigrationReport) {
    this.place = tree.place;
    this.#name = name;
    this.#report = report;
    this.#left = new Map(tree.kind === 'map' ? tree.entries : []);
    if (tree.kind === 'scalar' || tree.kind === 'list') report.unmapped(name, tree.place, 'must be a map here');
  }

  name(key: string): string {
    return this.#name === '' ? key : `${this.#name}.${key}`;
  }

  keys(): string[] {
    return [...this.#left.keys()];
  }

  /** A map in it, empty where there is none. It is at its end when this is. */
  map(key: string): ForeignOptions {
    const value = this.tree(key) ?? ({ kind: 'map', place: this.place, entries: new Map() } satisfies MapTree);
    const inner = new ForeignOptions(value, this.name(key), this.#report);
    this.#inner.push(inner);
    return inner;
  }

  /** Each item of a list; a map in its place is one. */
  maps(key: string): ForeignOptions[] {
    const value = this.tree(key);
    const items = value?.kind === 'list' ? value.items : value ? [value] : [];
    const all = items.map((item, i) => new ForeignOptions(item, `${this.name(key)}[${i}]`, this.#report));
    this.#inner.push(...all);
    return all;
  }

  /** Whatever it is; it counts as taken. */
  tree(key: string): Tree | undefined {
    const entry = this.#left.get(key);
    this.#left.delete(key);
    return entry === undefined || entry.value.kind === 'empty' ? undefined : entry.value;
  }

  text(key: string): string | undefined {
    const value = this.tree(key);
    if (value === undefined || value.kind === 'scalar') return value?.text;
    this.unmapped(key, value.place, 'must be a single value here');
    return undefined;
  }

  /** One, or a list of them. */
  texts(key: string): string[] {
    const value = this.tree(key);
    const items = value?.kind === 'list' ? value.items : value ? [value] : [];
    return items.flatMap((item) => {
      if (item.kind === 'scalar') return item.text;
      this.unmapped(key, item.place, 'must be a list of single values here');
      return [];
    });
  }

  flag(key: string): boolean | undefined {
    const text = this.text(key);
    return text === undefined ? undefined : text === 'true';
  }

  /** A map of single values, `a: {b: 1}` as `a.b: 1`. */
  flat(key: string): Record<string, string> {
    const value = this.tree(key);
    const flat: Record<string, string> = {};
    const visit = (tree: Tree, name: string) => {
      if (tree.kind === 'scalar') flat[name] = tree.text;
      else if (tree.kind === 'map')
        for (const [inner, entry] of tree.entries) visit(entry.value, name === '' ? inner : `${name}.${inner}`);
      else if (tree.kind === 'list')
        this.unmapped(key, tree.place, `${name} is a list, and labels are texts: ${JSON.stringify(plainValue(tree))}`);
    };
    if (value) visit(value, '');
    return flat;
  }

  has(key: string): boolean {
    return this.#left.has(key);
  }

  /** Where an option stands that was not taken yet. */
  placeOf(key: string): FilePlace {
    return this.#left.get(key)?.place ?? this.place;
  }

  unmapped(key: string, place: FilePlace, why: string): void {
    this.#report.unmapped(this.name(key), place, why);
  }

  note(key: string, place: FilePlace, why: string): void {
    this.#report.note(this.name(key), place, why);
  }

  /** Takes an option, where it is there, and says why there is nothing in its place. */
  refuse(key: string, why: string): void {
    if (!this.has(key)) return;
    this.unmapped(key, this.placeOf(key), why);
    this.tree(key);
  }

  /** Takes options that need no counterpart. */
  needless(keys: readonly string[], why: string): void {
    for (const key of keys.filter((one) => this.has(one))) {
      this.note(key, this.placeOf(key), why);
      this.tree(key);
    }
  }

  /** What is left is said. */
  end(): void {
    for (const inner of this.#inner) inner.end();
    for (const [key, { place }] of this.#left) this.unmapped(key, place, 'has no counterpart that is known here');
    this.#left.clear();
  }
}

const GO_UNITS: Record<string, number> = { ns: 1e-6, us: 1e-3, µs: 1e-3, ms: 1, s: 1000, m: 60_000, h: 3_600_000 };

/** Of Go's durations (`1h30m`, seconds where there is no unit), as ours are written; undefined: it is none. */
export function durationOf(text: string): string | undefined {
  if (/^\d+$/.test(text)) return written(Number(text) * 1000);
  if (!/^(\d+(\.\d+)?(ns|us|µs|ms|s|m|h))+$/.test(text)) return undefined;
  let total = 0;
  for (const [, digits, unit] of text.matchAll(/(\d+(?:\.\d+)?)(ns|us|µs|ms|s|m|h)/g))
    total += Number(digits) * GO_UNITS[unit!]!;
  return written(total);
}

function written(ms: number): string {
  for (const [unit, of] of [
    ['d', 86_400_000],
    ['h', 3_600_000],
    ['m', 60_000],
    ['s', 1000],
  ] as const) {
    if (ms >= of && ms % of === 0) return `${ms / of}${unit}`;
  }
  return `${Math.round(ms)}ms`;
}

/** Bytes, or with a unit. */
export function sizeOf(text: string): string {
  return /^\d+$/.test(text)
    ? `${text}B`
    : text.replace(/\s+/g, '').replace(/([KMG])i?b$/i, (_, unit) => `${unit.toUpperCase()}iB`);
}

const POSIX: Record<string, string> = {
  space: '\\s',
  digit: '\\d',
  word: '\\w',
  alpha: 'A-Za-z',
  alnum: 'A-Za-z0-9',
  upper: 'A-Z',
  lower: 'a-z',
  xdigit: '0-9A-Fa-f',
  blank: ' \\t',
};

/** Of Go's regular expressions (RE2) as JavaScript writes them; what has no such form is left, and refused by `validate`. */
export function patternOf(text: string): string {
  return text
    .replace(/\[:(\w+):\]/g, (all, name) => POSIX[name] ?? all)
    .replace(/^\[(\\[sdw])\]|(?<=[^\\])\[(\\[sdw])\]/g, '$1$2')
    .replace(/\\A/g, '^')
    .replace(/\\z/g, '$')
    .replace(/\(\?P</g, '(?<');
}
