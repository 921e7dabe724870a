/**
 * Conditions, as they are written:
 *
 *   condition  {line: test} | [condition, ...]: any of them | {not: condition}; of a map all must hold
 *   test       text: the line is it | [text, ...]: one of them | {contains|starts|ends: text or [text, ...], not: test}
 *
 * Letters are told apart by case. `line` is the line as it goes out: decoded, unwrapped, joined.
 */

import { either, nearest } from '../config/errors.ts';
import { grammar, Wrong, WrongAt } from '../config/option.ts';
import { NEEDLES_BYTES } from '../kernel/needles.ts';

export type Condition =
  | { line: 'contains' | 'starts' | 'ends' | 'is'; literals: readonly string[] }
  | { not: Condition }
  | { all: readonly Condition[] }
  | { any: readonly Condition[] };

const TESTS = ['contains', 'starts', 'ends'] as const;
const MOST_TEXTS = 64;
const LONGEST_TEXT = 256;
/** Each is a pass over the lines. */
const MOST_TESTS = 32;
const EXAMPLE = '{line: {contains: kube-probe}}';

/** For the documentation of the verbs that take one. */
export const CONDITION_TEXT =
  'A condition is {line: TEST}, a list of conditions (any of them) or {not: CONDITION}. A TEST is a text or a list (the line is one of them) ' +
  `or a map of contains, starts, ends (each a text or a list of which one is enough) and not; of a map all must hold. Case matters. At most ${MOST_TEXTS} texts of at most ${LONGEST_TEXT} bytes in a list.`;

/** The option of a verb that takes a condition. */
export function condition() {
  return grammar<Condition>(
    {
      label: 'condition',
      json: { type: ['object', 'array'] },
      example: EXAMPLE,
    },
    (value) => {
      const reader = new Reader();
      return reader.condition(value, []);
    },
  );
}

type Path = readonly (string | number)[];

class Reader {
  #tests = 0;

  condition(value: unknown, path: Path): Condition {
    if (Array.isArray(value)) return any(this.#each(value, path, (item, at) => this.condition(item, at)));
    const map = asMap(value, path, `must be a condition, for example ${EXAMPLE}`);
    const parts = Object.entries(map).map(([key, inner]): Condition => {
      const at = [...path, key];
      if (key === 'line') return this.#test(inner, at);
      if (key === 'not') return { not: this.condition(inner, at) };
      throw new WrongAt(at, `is not known: a condition is about line in this version, for example ${EXAMPLE}`);
    });
    return all(parts, path, `needs line, for example ${EXAMPLE}`);
  }

  #test(value: unknown, path: Path): Condition {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return this.#literals('is', value, path);
    const parts = Object.entries(value).map(([key, inner]): Condition => {
      const at = [...path, key];
      if (key === 'not') return { not: this.#test(inner, at) };
      const test = TESTS.find((name) => name === key);
      if (test) return this.#literals(test, inner, at);
      const near = nearest(key, [...TESTS, 'not']);
      throw new WrongAt(
        at,
        `is no test of a line: ${near ? `did you mean ${near}?` : `use ${either([...TESTS, 'not'])}`}`,
      );
    });
    return all(parts, path, 'needs a test, for example {contains: kube-probe}');
  }

  #literals(line: 'contains' | 'starts' | 'ends' | 'is', value: unknown, path: Path): Condition {
    if (++this.#tests > MOST_TESTS) {
      throw new WrongAt(path, `is one test too many: at most ${MOST_TESTS} in a condition; put texts into one list`);
    }
    const list = Array.isArray(value) ? value : [value];
    const literals = this.#each(list, path, (item, at) => text(item, Array.isArray(value) ? at : path));
    if (literals.length > MOST_TEXTS) {
      throw new WrongAt(
        path,
        `has ${literals.length} texts: at most ${MOST_TEXTS} in a list; make a second step of the rest`,
      );
    }
    const bytes = literals.reduce((sum, one) => sum + Buffer.byteLength(one), 0);
    if (bytes > NEEDLES_BYTES) {
      throw new WrongAt(path, `is ${bytes} bytes: at most ${NEEDLES_BYTES} in a list; make a second step of the rest`);
    }
    return { line, literals: [...new Set(literals)] };
  }

  #each<T>(items: readonly unknown[], path: Path, read: (item: unknown, at: Path) => T): T[] {
    if (items.length === 0) throw new WrongAt(path, 'is an empty list: it would match nothing; leave the step out');
    return items.map((item, i) => read(item, [...path, i]));
  }
}

function text(value: unknown, path: Path): string {
  if (typeof value !== 'string') throw new WrongAt(path, 'must be a text');
  if (value === '') throw new WrongAt(path, 'is empty: every line holds nothing');
  if (!value.isWellFormed()) throw new WrongAt(path, 'has half a character, as no line has');
  const bytes = Buffer.byteLength(value);
  if (bytes > LONGEST_TEXT)
    throw new WrongAt(path, `is ${bytes} bytes long: at most ${LONGEST_TEXT}; a part of it will do`);
  return value;
}

function asMap(value: unknown, path: Path, wrong: string): object {
  if (typeof value === 'object' && value !== null) return value;
  throw path.length === 0 ? new Wrong(`${wrong}, not {}`) : new WrongAt(path, `${wrong}, not {}`);
}

function all(parts: Condition[], path: Path, none: string): Condition {
  if (parts.length === 0) throw path.length === 0 ? new Wrong(none) : new WrongAt(path, none);
  return parts.length === 1 ? parts[0]! : { all: parts };
}

function any(parts: Condition[]): Condition {
  return parts.length === 1 ? parts[0]! : { any: parts };
}
