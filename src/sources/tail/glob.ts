/**
 * The patterns of `include` and `exclude`.
 *
 *   *      anything within a name, a leading dot apart     ?      one character
 *   **     any directories, hidden ones apart              [a-z]  one of these, [!a-z] none of these
 *   {a,b}  either                                          \x     x itself
 *
 * A pattern is a row of segments, and a directory stands at those places in the rows that its path has reached; the
 * places say whether to look into it at all. So nothing is listed that no pattern can match.
 */
type Segment = string | RegExp | typeof ANYWHERE;
const ANYWHERE = Symbol('**');

/** Patterns of compressed files. */
const PACKED = /\.(gz|zst)$/;

/** True if compressed files are read. */
export function packs(patterns: readonly string[]): boolean {
  return patterns.some((pattern) => braces(pattern).some((one) => PACKED.test(one)));
}

/** How far a path has come: pairs of (pattern, segment). */
export type Places = readonly (readonly [pattern: number, segment: number])[];

export class Glob {
  readonly #patterns: Segment[][];
  /** Patterns that end in .gz or .zst. */
  readonly #packed = new Set<number>();

  /** Absolute patterns. */
  constructor(patterns: readonly string[]) {
    const all = patterns.flatMap(braces);
    this.#patterns = all.map((p) => p.split('/').filter(Boolean).map(segment));
    for (const [i, pattern] of all.entries()) if (PACKED.test(pattern)) this.#packed.add(i);
  }

  /** The places of `/`. */
  root(): Places {
    return this.#reach(this.#patterns.map((_, i) => [i, 0]));
  }

  /** Where a child of a directory at these places stands. Empty: nothing below it can match. */
  into(places: Places, name: string): Places {
    const next: [number, number][] = [];
    for (const [pattern, at] of places) {
      const want = this.#patterns[pattern]![at];
      if (want === undefined) continue;
      if (want === ANYWHERE) {
        if (!name.startsWith('.')) next.push([pattern, at]);
      } else if (fits(want, name)) next.push([pattern, at + 1]);
    }
    return this.#reach(next);
  }

  /** True if a path at these places is matched completely. */
  matched(places: Places): boolean {
    return places.some(([pattern, at]) => {
      const segments = this.#patterns[pattern]!;
      return at === segments.length || (at === segments.length - 1 && segments[at] === ANYWHERE);
    });
  }

  /** True if a path at these places may have more below it. */
  opens(places: Places): boolean {
    return places.some(([pattern, at]) => at < this.#patterns[pattern]!.length);
  }

  /** The names that are looked for below a directory at these places; null: names have to be listed. */
  names(places: Places): string[] | null {
    const names = new Set<string>();
    for (const [pattern, at] of places) {
      const want = this.#patterns[pattern]![at];
      if (want === undefined) continue;
      if (typeof want !== 'string') return null;
      names.add(want);
    }
    return [...names];
  }

  matches(path: string): boolean {
    return this.matched(this.#walk(path));
  }

  /** True if a pattern that itself ends in .gz or .zst matches: the file is decompressed. */
  unpacks(path: string): boolean {
    return this.matched(this.#walk(path).filter(([pattern]) => this.#packed.has(pattern)));
  }

  #walk(path: string): Places {
    let places = this.root();
    for (const name of path.split('/')) if (name !== '') places = this.into(places, name);
    return places;
  }

  /** `**` may also stand for nothing: a place before it is a place behind it, too. */
  #reach(places: [number, number][]): Places {
    for (let i = 0; i < places.length; i++) {
      const [pattern, at] = places[i]!;
      if (this.#patterns[pattern]![at] === ANYWHERE && at + 1 < this.#patterns[pattern]!.length) {
        if (!places.some(([p, s]) => p === pattern && s === at + 1)) places.push([pattern, at + 1]);
      }
    }
    return places;
  }
}

/** `exclude`: a pattern without a slash is matched against the name, others against the whole path. */
export class Excludes {
  readonly #names: Segment[];
  readonly #paths: Glob;

  constructor(patterns: readonly string[]) {
    const all = patterns.flatMap(braces);
    this.#names = all.filter((p) => !p.includes('/')).map((p) => segment(p));
    this.#paths = new Glob(all.filter((p) => p.includes('/')));
  }

  has(path: string): boolean {
    const name = path.slice(path.lastIndexOf('/') + 1);
    return this.#names.some((want) => want === ANYWHERE || fits(want, name)) || this.#paths.matches(path);
  }
}

function fits(want: Exclude<Segment, typeof ANYWHERE>, name: string): boolean {
  return typeof want === 'string' ? want === name : want.test(name);
}

function segment(text: string): Segment {
  if (text === '**') return ANYWHERE;
  if (!/[*?[\]\\]/.test(text)) return text;
  /** What stands between the stars. */
  const parts: string[] = [];
  let source = /^[*?[]/.test(text) ? '(?!\\.)' : '';
  for (let i = 0; i < text.length; i++) {
    const c = text[i]!;
    const close = c === '[' ? text.indexOf(']', text[i + 1] === '!' || text[i + 1] === '^' ? i + 3 : i + 2) : -1;
    if (c === '*') {
      parts.push(source);
      source = '';
    } else if (c === '?') source += '.';
    else if (close > 0) {
      const inner = text.slice(i + 1, close);
      source += `[${inner.replace(/[\\[\]]/g, '\\$&').replace(/^[!^]/, '^')}]`;
      i = close;
    } else if (c === '\\' && i + 1 < text.length) source += literal(text[++i]!);
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

/** `a{b,c{d,e}}` -> `ab`, `acd`, `ace`. Braces without a comma stay as they are. */
function braces(text: string): string[] {
  for (let open = text.indexOf('{'); open >= 0; open = text.indexOf('{', open + 1)) {
    if (text[open - 1] === '\\') continue;
    const commas: number[] = [];
    let depth = 0;
    for (let i = open; i < text.length; i++) {
      if (text[i] === '\\') i++;
      else if (text[i] === '{') depth++;
      else if (text[i] === ',' && depth === 1) commas.push(i);
      else if (text[i] === '}' && --depth === 0) {
        if (commas.length === 0) break;
        const cuts = [open, ...commas, i];
        return cuts
          .slice(1)
          .flatMap((cut, k) => braces(text.slice(0, open) + text.slice(cuts[k]! + 1, cut) + text.slice(i + 1)));
      }
    }
  }
  return [text];
}
