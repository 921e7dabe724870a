/**
 * Conditions, as they are written:
 *
 *   condition  {line: test, FIELD: test, ...}: all of them | [condition, ...]: any of them | {not: condition}
 *   test       value | [value, ...]: one of them | a map, of which all must hold:
 *              {contains|starts|ends|glob|matches: text or [text, ...], gt|gte|lt|lte: number, exists: true or false, not: test}
 *
 * Letters are told apart by case. `line` is the line as it goes out: decoded, unwrapped, joined. A field that is not there
 * passes no test but `exists: false`, and what is under a `not`.
 */

import { either, nearest } from '../config/errors.ts';
import { grammar, Wrong, WrongAt } from '../config/option.ts';
import { NEEDLES_BYTES } from '../kernel/needles.ts';
import { PatternError } from '../kernel/process/regex/parse.ts';
import { globSource, Pattern } from '../kernel/process/regex.ts';
import { fieldName } from './field.ts';
import type { FieldNames } from './names.ts';

export type TextTest = 'contains' | 'starts' | 'ends' | 'is';
export type NumberTest = 'gt' | 'gte' | 'lt' | 'lte';

/** Of one field, or of the line (null), with its name where it stands. */
export type Test = { of: string | null; path: Path } & (
  | { test: TextTest; literals: readonly string[] }
  | { test: NumberTest; number: string }
  | { test: 'matches'; pattern: string }
  | { test: 'exists' }
);

export type Condition = Test | { not: Condition } | { all: readonly Condition[] } | { any: readonly Condition[] };

type Path = readonly (string | number)[];

const TEXTS: readonly TextTest[] = ['contains', 'starts', 'ends'];
const ORDERS: readonly NumberTest[] = ['gt', 'gte', 'lt', 'lte'];
const PATTERNS = ['glob', 'matches'] as const;
const OF_LINE = [...TEXTS, ...PATTERNS, 'not'];
const OF_FIELD = [...TEXTS, ...PATTERNS, ...ORDERS, 'exists', 'not'];
const MOST_TEXTS = 64;
const LONGEST_TEXT = 256;
/** Each is a pass over the lines. */
const MOST_TESTS = 32;
const EXAMPLE = '{line: {contains: kube-probe}}';

/** For the documentation of the verbs that take one. */
export const CONDITION_TEXT =
  'A condition is a map of fields and line, each with a TEST (all must hold), a list of conditions (any of them) or {not: CONDITION}. A TEST is a value or a list (it is one of them) ' +
  'or a map of contains, starts, ends, glob (of the whole, with * and ?), matches (a regular expression, found anywhere in it), each one or a list of which one is enough, ' +
  'gt, gte, lt, lte (numbers), exists (true or false) and not; of a map all must hold. A field that is not there passes no test but exists: false and what is under a not. ' +
  `Case matters. At most ${MOST_TEXTS} texts of at most ${LONGEST_TEXT} bytes in a list.`;

/** The option of a verb that takes a condition. */
export function condition() {
  return grammar<Condition>(
    {
      label: 'condition',
      json: { type: ['object', 'array'] },
      example: EXAMPLE,
      // 200 is no other text than 200.0 where they are compared as numbers.
      numbers: (key) => !isOne(ORDERS, key ?? ''),
      empty: 'for a field that is not there write {exists: false}, for an empty text quotes',
    },
    (value) => {
      const reader = new Reader();
      return reader.condition(value, []);
    },
  );
}

/** What a line must hold: a text, or a test. */
export function lineTest() {
  return grammar<Condition>(
    { label: 'text, or a test of a line', json: { type: ['string', 'object'] }, example: 'Out of memory' },
    (value) => {
      const test = typeof value === 'object' ? value : { contains: value };
      try {
        return new Reader().condition({ line: test }, []);
      } catch (error) {
        if (!(error instanceof WrongAt)) throw error;
        // Its place without the key that is not written.
        const at = error.path.slice(typeof value === 'object' ? 1 : 2);
        throw at.length === 0 && error.character === undefined
          ? new Wrong(error.message)
          : new WrongAt(at, error.message, error.character);
      }
    },
  );
}

/** All tests of a condition. */
export function* testsOf(condition: Condition): Iterable<Test> {
  if ('not' in condition) yield* testsOf(condition.not);
  else if ('all' in condition) for (const one of condition.all) yield* testsOf(one);
  else if ('any' in condition) for (const one of condition.any) yield* testsOf(one);
  else yield condition;
}

/** Tells the names which fields a condition is about. */
export function readFields(condition: Condition, names: FieldNames): void {
  for (const test of testsOf(condition)) {
    if (test.of !== null) names.read(test.of, ...test.path);
    if (test.test === 'matches') names.tables = true;
  }
}

class Reader {
  #tests = 0;

  condition(value: unknown, path: Path): Condition {
    if (Array.isArray(value)) return any(each(value, path, (item, at) => this.condition(item, at)));
    const map = asMap(value, path, `must be a condition, for example ${EXAMPLE}`);
    const parts = Object.entries(map).map(([key, inner]): Condition => {
      const at = [...path, key];
      if (key === 'not') return { not: this.condition(inner, at) };
      return this.#test({ of: key === 'line' ? null : fieldName(key, at), path: at }, inner, at);
    });
    return all(parts, path, `needs a field or line, for example ${EXAMPLE}`);
  }

  /** `about`: what it is of. */
  #test(about: Pick<Test, 'of' | 'path'>, value: unknown, path: Path): Condition {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) {
      return this.#literals(about, 'is', value, path);
    }
    const parts = Object.entries(value).map(([key, inner]): Condition => {
      const at = [...path, key];
      if (key === 'not') return { not: this.#test(about, inner, at) };
      if (isOne(TEXTS, key)) return this.#literals(about, key, inner, at);
      if (isOne(PATTERNS, key)) return this.#patterns(about, key, inner, at);
      if (about.of === null && OF_FIELD.includes(key))
        throw new WrongAt(at, `is a test of a field: of a line use ${either(OF_LINE)}`);
      if (about.of === null) throw new WrongAt(at, unknown(key, OF_LINE, 'is no test of a line'));
      if (isOne(ORDERS, key)) return { ...about, test: key, number: this.#counted(number(inner, at), at) };
      if (key === 'exists') {
        const test: Test = { ...about, test: key };
        return this.#counted(bool(inner, at), at) ? test : { not: test };
      }
      throw new WrongAt(
        at,
        unknown(key, OF_FIELD, `is no test; a field within ${about.of} is written ${about.of}.${key}`),
      );
    });
    return all(parts, path, 'needs a test, for example {contains: kube-probe}');
  }

  #literals(about: Pick<Test, 'of' | 'path'>, test: TextTest, value: unknown, path: Path): Condition {
    const list = Array.isArray(value) ? value : [value];
    const literals = each(list, path, (item, at) => text(item, about, test, Array.isArray(value) ? at : path));
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
    return this.#counted({ ...about, test, literals: [...new Set(literals)] }, path);
  }

  #patterns(about: Pick<Test, 'of' | 'path'>, test: 'glob' | 'matches', value: unknown, path: Path): Condition {
    const list = Array.isArray(value) ? value : [value];
    const tests = each(list, path, (item, i): Condition => {
      const at = Array.isArray(value) ? i : path;
      if (typeof item === 'object' && item !== null) throw new WrongAt(at, 'must be a text');
      const pattern = test === 'glob' ? globSource(String(item)) : String(item);
      if (pattern === '') throw new WrongAt(at, 'is empty: it would match anything');
      return this.#counted({ ...about, test: 'matches', pattern: patternOf(pattern, at).source }, at);
    });
    return any(tests);
  }

  #counted<T>(test: T, path: Path): T {
    if (++this.#tests <= MOST_TESTS) return test;
    throw new WrongAt(path, `is one test too many: at most ${MOST_TESTS} in a condition; put texts into one list`);
  }
}

function each<T>(items: readonly unknown[], path: Path, read: (item: unknown, at: Path) => T): T[] {
  if (items.length === 0) throw new WrongAt(path, 'is an empty list: it would match nothing; leave the step out');
  return items.map((item, i) => read(item, [...path, i]));
}

function isOne<T extends string>(list: readonly T[], key: string): key is T {
  return list.includes(key as T);
}

function unknown(key: string, known: readonly string[], wrong: string): string {
  const near = nearest(key, known);
  return `${wrong}: ${near ? `did you mean ${near}?` : `use ${either(known)}`}`;
}

function patternOf(source: string, path: Path): Pattern {
  try {
    return new Pattern(source, { search: true });
  } catch (error) {
    if (!(error instanceof PatternError)) throw error;
    throw new WrongAt(path, error.message, error.index);
  }
}

function text(value: unknown, about: Pick<Test, 'of'>, test: TextTest, path: Path): string {
  if (typeof value === 'object' && value !== null) throw new WrongAt(path, 'must be a text');
  const literal = String(value);
  if (literal === '' && !(test === 'is' && about.of !== null)) {
    throw new WrongAt(path, `is empty: every ${about.of === null ? 'line' : 'text'} holds nothing`);
  }
  if (!literal.isWellFormed()) throw new WrongAt(path, 'has half a character, as no line has');
  const bytes = Buffer.byteLength(literal);
  if (bytes > LONGEST_TEXT)
    throw new WrongAt(path, `is ${bytes} bytes long: at most ${LONGEST_TEXT}; a part of it will do`);
  return literal;
}

const NUMBER = /^-?\d{1,64}(\.\d{1,64})?([eE][+-]?\d{1,3})?$/;

function number(value: unknown, path: Path): string {
  const written = String(value);
  if (!NUMBER.test(written)) throw new WrongAt(path, 'must be a number, for example 500, not {}');
  return written;
}

function bool(value: unknown, path: Path): boolean {
  const written = String(value);
  if (written !== 'true' && written !== 'false') throw new WrongAt(path, 'must be true or false, not {}');
  return written === 'true';
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
