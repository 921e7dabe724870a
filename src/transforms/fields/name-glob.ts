/** Names of fields with `*` for any characters, dots among them: `debug.*`, `*_token`. */
import { type Grammar, grammar, Wrong, WrongAt } from '../../config/option.ts';
import { fieldName } from '../field.ts';

const LONGEST = 256;

export interface NameGlob {
  readonly text: string;
  /** `exact`: a name, with what is below it. `below`: all below a name. `any`: what matches. */
  readonly kind: 'exact' | 'below' | 'any';
  /** The name, but of `any`. */
  readonly name: string;
}

/** One, or a list. */
export function globsOption(example: string): Grammar<readonly NameGlob[]> {
  const label = 'name, or list of names';
  return grammar({ label, json: { type: ['string', 'array'] }, example }, (value) => {
    if (!Array.isArray(value)) return [nameGlob(value, [])];
    if (value.length === 0) throw new Wrong('is an empty list: leave the step out');
    return value.map((one, i) => nameGlob(one, [i]));
  });
}

/** Throws WrongAt. */
function nameGlob(value: unknown, path: readonly (string | number)[]): NameGlob {
  if (typeof value !== 'string') throw new WrongAt(path, 'must be the name of a field, * in it for any characters');
  const text = value;
  if (!text.includes('*')) return { text, kind: 'exact', name: fieldName(text, path) };
  if (text.length > LONGEST) throw new WrongAt(path, `is longer than ${LONGEST} characters`);
  if (!text.isWellFormed()) throw new WrongAt(path, 'has half a character, as no name has');
  const name = text.slice(0, -2);
  if (text.endsWith('.*') && !name.includes('*')) return { text, kind: 'below', name: fieldName(name, path) };
  return { text, kind: 'any', name: '' };
}

/** Whether the field of this name is meant. */
export function globMeans(name: string, { kind, name: of, text }: NameGlob): boolean {
  if (kind === 'any') return matches(name, text);
  return name.startsWith(`${of}.`) || (kind === 'exact' && name === of);
}

/** Whether all that there may be below this name is meant. */
export function globMeansAll(name: string, glob: NameGlob): boolean {
  return glob.kind !== 'any' && (name === glob.name || name.startsWith(`${glob.name}.`));
}

/** In linear time for each star. */
function matches(name: string, glob: string): boolean {
  const [first, ...rest] = glob.split('*') as [string, ...string[]];
  const last = rest.pop()!;
  if (!name.startsWith(first) || name.length < first.length + last.length || !name.endsWith(last)) return false;
  let at = first.length;
  const end = name.length - last.length;
  for (const part of rest) {
    const found = name.indexOf(part, at);
    if (found < 0 || found + part.length > end) return false;
    at = found + part.length;
  }
  return true;
}
