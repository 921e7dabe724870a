/** Options of a verb or a format that are written as one word, or as a map: `time: ts`, `time: {field: ts, zone: UTC}`. */
import { either, nearest } from '../config/errors.ts';
import { Wrong, WrongAt } from '../config/option.ts';

/** The values of a map by key; of one word: the value of `first`. Throws WrongAt. */
export function writtenOptions(value: unknown, first: string, known: readonly string[]): Record<string, unknown> {
  if (typeof value === 'string') return { [first]: value };
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new Wrong(`must be ${first}, or a map with ${either(known)}, not {}`);
  }
  for (const key of Object.keys(value)) {
    if (known.includes(key)) continue;
    const near = nearest(key, known);
    throw new WrongAt([key], `is not known: ${near ? `did you mean ${near}?` : `use ${either(known)}`}`);
  }
  return value as Record<string, unknown>;
}

/** What `read` makes of the text at `key`; what it finds wrong has its place. Undefined: there is none. */
export function textOption<T>(options: Record<string, unknown>, key: string, read: (text: string) => T): T | undefined {
  const value = options[key];
  if (value === undefined) return undefined;
  if (typeof value !== 'string') throw new WrongAt([key], 'must be a text');
  try {
    return read(value);
  } catch (error) {
    throw within(key, error);
  }
}

/** The texts at `key`, one or a list. */
export function textsOption<T>(
  options: Record<string, unknown>,
  key: string,
  read: (text: string) => T,
): readonly T[] | undefined {
  const value = options[key];
  if (!Array.isArray(value)) {
    const one = textOption(options, key, read);
    return one === undefined ? undefined : [one];
  }
  if (value.length === 0) throw new WrongAt([key], 'is an empty list');
  return value.map((_, i) => {
    try {
      return textOption({ [i]: value[i] }, String(i), read)!;
    } catch (error) {
      throw error instanceof WrongAt ? new WrongAt([key, i], error.message, error.character) : error;
    }
  });
}

/** What `read` makes of each entry of a map; throws WrongAt. */
export function entriesOf<T>(
  value: unknown,
  example: string,
  read: (key: string, value: unknown, path: readonly string[]) => T,
): T[] {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new Wrong(`must be a map, for example ${example}, not {}`);
  }
  const entries = Object.entries(value);
  if (entries.length === 0) throw new Wrong(`is empty: write for example ${example}`);
  return entries.map(([key, inner]) => read(key, inner, [key]));
}

/** What is wrong with a text, at its key. */
function within(key: string, error: unknown): unknown {
  if (error instanceof WrongAt) return new WrongAt([key, ...error.path], error.message, error.character);
  return error instanceof Wrong ? new WrongAt([key], error.message) : error;
}
