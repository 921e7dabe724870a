/**
 * The syntax of `include` and `exclude`.
 *
 *   *      anything within a name, a leading dot apart     ?      one character
 *   **     any directories, hidden ones apart              [a-z]  one of these, [!a-z] none, [[:digit:]] a digit
 *   {a,b}  either                                          \x     x itself
 *
 * `//`, `/./` and a slash at the end of a path mean nothing.
 */
import { Wrong } from './option.ts';

export const ANYWHERE = Symbol('**');
/** What a name has to be. */
export type GlobSegment = string | RegExp | typeof ANYWHERE;

/** Braces within braces. */
const DEEPEST = 20;
const MOST = 4096;
const LONGEST = 65_536;
/** Bytes of a name, in any file system. */
const LONGEST_NAME = 255;

/** Throws Wrong where it could not be read, or means more than can be looked for. */
export function checkGlob(pattern: string): void {
  if (pattern.includes('\0')) throw new Wrong('must not hold a NUL');
  if (pattern.length > LONGEST) throw new Wrong(`is longer than ${LONGEST} characters`);
  let braces = 0;
  for (let i = 0; i < pattern.length; i++) {
    const c = pattern[i];
    if (c === '\\') i++;
    else if (c === '[') {
      const end = classEnd(pattern, i);
      if (end === null) throw new Wrong('has a [ that is not closed; a literal one is written \\[');
      checkClass(pattern.slice(i, end));
      i = end - 1;
    } else if (c === '{') {
      if (++braces > DEEPEST) throw new Wrong(`has braces within braces, more than ${DEEPEST} deep`);
    } else if (c === '}' && --braces < 0) throw new Wrong('has a } without its {; a literal one is written \\}');
  }
  if (braces > 0) throw new Wrong('has a { that is not closed; a literal one is written \\{');
  if (/(^|[^\\])(\\\\)*\\$/.test(pattern)) throw new Wrong('ends in a lone \\');
  for (const one of alternatives(pattern)) namesOf(one).forEach(checkName);
}

/** A wildcard stands for a byte at least, `*` for none. */
function checkName(name: string): void {
  const literal = !/[*?[\]\\]/.test(name);
  const bytes = literal ? Buffer.byteLength(name) : partsOf(name).filter((part) => part !== '*').length;
  if (bytes > LONGEST_NAME) throw new Wrong(`has a name that is longer than ${LONGEST_NAME} bytes, as no file has`);
}

/** `ab[c-d]*` -> `a`, `b`, `[c-d]`, `*` */
export function partsOf(name: string): string[] {
  return name.match(/\\.|\[[!^]?\]?(?:\[:[a-z]+:\]|[^\]])*\]|./gsu) ?? [];
}

function checkClass(text: string): void {
  try {
    new RegExp(classOf(text), 'u');
  } catch {
    throw new Wrong(`has ${text}, which names no characters: from lower to higher, as [a-z]`);
  }
}

/** `a{b,c{d,e}}` -> `ab`, `acd`, `ace`. Braces without a comma stay as they are. Throws Wrong where there are too many. */
export function alternatives(pattern: string): string[] {
  let all = [''];
  let from = 0;
  const add = (ends: readonly string[]) => {
    if (all.length * ends.length > MOST) {
      throw new Wrong(`stands for more than ${MOST} patterns: write fewer alternatives, or * and exclude the rest`);
    }
    all = ends.length === 1 ? all.map((text) => text + ends[0]) : all.flatMap((text) => ends.map((end) => text + end));
  };
  for (let i = 0; i < pattern.length; i++) {
    if (pattern[i] === '\\') i++;
    else if (pattern[i] === '{') {
      const cuts = cutsOf(pattern, i);
      if (!cuts) continue;
      add([pattern.slice(from, i)]);
      const parts = cuts.slice(1).map((cut, k) => pattern.slice(cuts[k]! + 1, cut));
      add(parts.flatMap(alternatives));
      i = cuts.at(-1)!;
      from = i + 1;
    }
  }
  add([pattern.slice(from)]);
  return all;
}

/** Where the brace at `open`, its commas and the brace that closes it are; null: there is no comma. */
function cutsOf(pattern: string, open: number): number[] | null {
  const cuts = [open];
  let depth = 0;
  for (let i = open; i < pattern.length; i++) {
    const c = pattern[i];
    if (c === '\\') i++;
    else if (c === '{') depth++;
    else if (c === ',' && depth === 1) cuts.push(i);
    else if (c === '}' && --depth === 0) return cuts.length > 1 ? [...cuts, i] : null;
  }
  return null;
}

/** True of an exclude that is often there in case, and has nothing to leave out: `*.gz`. */
export function isPrecaution(exclude: string): boolean {
  return !exclude.includes('/') && /[*?[]/.test(exclude);
}

/** The names that a path or a pattern consists of. */
export function namesOf(path: string): string[] {
  const names = path.split('/').filter((name) => name !== '' && name !== '.');
  return names.filter((name, i) => name !== '**' || names[i - 1] !== '**');
}

/** `hidden`: wildcards also stand for a dot at the beginning. */
export function segmentOf(name: string, hidden = false): GlobSegment {
  if (name === '**') return ANYWHERE;
  if (!/[*?[\]\\]/.test(name)) return name;
  /** What stands between the stars. */
  const parts: string[] = [];
  let source = /^[*?[]/.test(name) && !hidden ? '(?!\\.)' : '';
  for (let i = 0; i < name.length; i++) {
    const c = name[i]!;
    const end = c === '[' ? classEnd(name, i) : null;
    if (c === '*') {
      if (name[i + 1] === '*') continue;
      parts.push(source);
      source = '';
    } else if (c === '?') source += '.';
    else if (end !== null) {
      source += classOf(name.slice(i, end));
      i = end - 1;
    } else if (c === '\\' && i + 1 < name.length) source += literal(name[++i]!);
    else source += literal(c);
  }
  return new RegExp(`^${joinedByStars([...parts, source])}$`, 'su');
}

/**
 * Where a part first fits after the one before is as good a place as any, if another star follows: so it is taken for
 * good (a lookahead is not gone back into), and many stars cost no more than the name's length times the pattern's.
 */
function joinedByStars([first = '', ...rest]: string[]): string {
  const last = rest.pop();
  if (last === undefined) return first;
  return `${first}${rest.map((part, i) => `(?=(.*?${part}))\\${i + 1}`).join('')}.*${last}`;
}

function literal(c: string): string {
  return /[\\^$.*+?()[\]{}|/]/.test(c) ? `\\${c}` : c;
}

/** Those of POSIX, within brackets. */
const CLASSES: Readonly<Record<string, string>> = {
  alnum: 'A-Za-z0-9',
  alpha: 'A-Za-z',
  blank: ' \\t',
  digit: '0-9',
  lower: 'a-z',
  punct: '!-\\/:-@\\[-`{-~',
  space: '\\s',
  upper: 'A-Z',
  xdigit: '0-9A-Fa-f',
};
const POSIX = /\[:([a-z]+):\]/y;

/** Behind the bracket that closes the one at `open`; null: none does. One that comes first is meant itself. */
function classEnd(text: string, open: number): number | null {
  let at = open + 1;
  if (text[at] === '!' || text[at] === '^') at++;
  if (text[at] === ']') at++;
  for (; at < text.length; at++) {
    if (text[at] === ']') return at + 1;
    POSIX.lastIndex = at;
    const posix = POSIX.exec(text);
    if (posix && posix[1]! in CLASSES) at += posix[0].length - 1;
  }
  return null;
}

/** `[!a-z]` as a part of a regular expression. */
function classOf(text: string): string {
  const inner = text.slice(1, -1).replace(/^!/, '^');
  const parts = inner.split(/(\[:[a-z]+:\])/);
  return `[${parts.map((part) => CLASSES[part.slice(2, -2)] ?? part.replace(/[\\[\]]/g, '\\$&')).join('')}]`;
}
