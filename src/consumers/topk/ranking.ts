/** A ranking: which records it wants, what it takes of one, and the name that this goes to. */
import { matchesWildcard } from '../../config/wildcards.ts';
import { SEPARATOR } from './keys.ts';

export type Aggregate = 'sum' | 'count' | 'max' | 'min';

export interface RankingOptions {
  name: string;
  /** The metric's name; `*` stands for any characters. */
  metric: string;
  /** Fields of the record whose values are the name. */
  by: readonly string[];
  value: Aggregate;
  /** The number that is taken. Null: `value`; with count: none needs to be there. */
  field: string | null;
}

/** Bytes of a name: a longer one is cut. */
const LONGEST_NAME = 1024;
type Json = Readonly<Record<string, unknown>>;

export class Ranking {
  readonly options: RankingOptions;
  readonly name: string;
  /** How Redis puts two values together. */
  readonly op: 'sum' | 'max' | 'min';
  readonly #by: readonly (readonly string[])[];
  readonly #field: readonly string[] | null;
  /** Names that were cut. */
  cutNames = 0;

  constructor(options: RankingOptions) {
    this.options = options;
    this.name = options.name;
    this.op = options.value === 'count' ? 'sum' : options.value;
    this.#by = options.by.map((field) => field.split('.'));
    const field = options.field ?? (options.value === 'count' ? null : 'value');
    this.#field = field?.split('.') ?? null;
  }

  wants(metric: string): boolean {
    return matchesWildcard(this.options.metric, metric);
  }

  /** The number of a record; null: it has none. */
  valueOf(record: Json): number | null {
    if (this.#field === null) return 1;
    const value = fieldOf(record, this.#field);
    // 1e999 is valid JSON, and infinite.
    if (typeof value !== 'number' || !Number.isFinite(value)) return null;
    return this.options.value === 'count' ? 1 : value;
  }

  nameOf(record: Json): string {
    let name = '';
    for (let i = 0; i < this.#by.length; i++) {
      if (i > 0) name += SEPARATOR;
      name += text(fieldOf(record, this.#by[i]!));
    }
    // A character has at most three bytes a code unit.
    return name.length * 3 <= LONGEST_NAME ? name : this.#cut(name);
  }

  /** Cut names that are equal then are one name: the sum over all stays what it is. */
  #cut(name: string): string {
    const bytes = Buffer.from(name);
    if (bytes.length <= LONGEST_NAME) return name;
    this.cutNames++;
    let end = LONGEST_NAME;
    while ((bytes[end]! & 0xc0) === 0x80) end--;
    return bytes.toString('utf8', 0, end);
  }
}

/** A dotted name is the same field as its nested form; the longest key that is there is taken. */
export function fieldOf(record: Json, path: readonly string[], from = 0): unknown {
  for (let to = path.length; to > from; to--) {
    const key = to === from + 1 ? path[from]! : path.slice(from, to).join('.');
    if (!Object.hasOwn(record, key)) continue;
    const value = record[key];
    if (to === path.length) return value;
    if (typeof value !== 'object' || value === null || Array.isArray(value)) continue;
    const inner = fieldOf(value as Json, path, to);
    if (inner !== undefined) return inner;
  }
  return undefined;
}

/** What a value is as a part of a name. A tag that was sent twice is an array, and reads as JSON. */
function text(value: unknown): string {
  if (value === undefined || value === null) return '';
  const plain = typeof value === 'string' ? value : typeof value === 'object' ? JSON.stringify(value) : String(value);
  return plain.includes(SEPARATOR) ? plain.replaceAll(SEPARATOR, ' ') : plain;
}
